"""The tables of csrc/tables that csrc/activations_fitted.h uses: what is fitted, how is coefficients.py's.

Run by tools/coefficients.py.  A float32 table of intervals in log t has four to an octave, numbered by bits(t) >> 21.
"""

import itertools

import mpmath as mp
import numpy as np
from coefficients import (
    chebyshev,
    constant,
    edges,
    evaluate,
    exact_base,
    fit,
    interval_header,
    least_squares,
    literal,
    polynomial,
    single,
    table_lines,
    worst,
)

FIVE = "value = base + r*(c1 + r*(c2 + ...)), from rows (b, base, c1 ... c5)"


def define(name, value, suffix="f"):
    return f"#define FA_{name} {literal(value, suffix)}\n"


def array(name, items, kind="double"):
    suffix = "f" if kind == "float" else ""
    lines = table_lines([literal(x, suffix) for x in items], 8 if kind == "float" else 4)
    return f"static const {kind} {name}[{len(items)}] = {{\n{lines}}};\n"


def bound(error, at, name):
    return f"at most 2^{float(mp.log(error, 2)):.2f}, at {name} = {float(at):.9g}"


def series(f, weight, lo, hi, count):
    """f(z) on [lo, hi] by `count` coefficients from the constant one, as doubles; the worst weighted error and its z."""
    c = near_minimax(f, weight, mp.mpf(lo), mp.mpf(hi), count)
    return c, *worst(f, lambda z: evaluate(c, range(count), z), weight, lo, hi, 200)


def near_minimax(f, weight, lo, hi, count):
    """The fit of `series`: least squares at Chebyshev's points, each coefficient rounded before those above it."""
    nodes = chebyshev(lo, hi, 3 * count)
    weights = [weight(z) for z in nodes]
    matrix = mp.matrix([[w * z**p for p in range(count)] for z, w in zip(nodes, weights, strict=True)])
    exact = least_squares(matrix, mp.matrix([w * f(z) for z, w in zip(nodes, weights, strict=True)]))
    return [float(x) for x in exact]


def float_base(f, lo, hi, top=mp.inf):
    """exact_base for a float; one bit less where f(b) lies beyond the power of two above the middle's."""
    b, base = exact_base(f, lo, hi, top, 24)
    return (b, base) if base == single(base) else exact_base(f, lo, hi, top, 23)


def shrink(t):
    """t - tanh(t)"""
    return t - mp.tanh(t)


def shrink_cubic(z):
    """(t - tanh t)/t**3 - 1/3 of z = t*t, by its series near 0."""
    if z < mp.mpf(2) ** -40:
        return z * (-mp.mpf(2) / 15 + z * 17 / 315)
    t = mp.sqrt(z)
    return shrink(t) / t**3 - mp.mpf(1) / 3


def tanhshrink_f32():
    rows, errors = {}, []
    for k in range(32):
        lo = mp.mpf(2) ** (k // 4 - 4) * (1 + mp.mpf(k % 4) / 4)
        if lo < 8:
            hi = lo + mp.mpf(2) ** (k // 4 - 6)
            b, base = float_base(shrink, lo, hi)
            c, *error = fit(shrink, constant(base), shrink, lo, hi, b, 5)
            errors.append(tuple(error))
            row = [b, base, *c]
        else:  # t - 1; the middle of what tanh is from here on
            row = [0.0, single(-mp.tanh(8) / 2 - mp.mpf(1) / 2), 1.0, 0.0, 0.0, 0.0, 0.0]
        rows[(np.float32(lo).view(np.int32) >> 21) & 31] = row
    error, t = max(errors)
    body = " \\\n".join("    R(" + ", ".join(literal(c) for c in rows[k]) + ")" for k in range(32))
    third = single(mp.mpf(1) / 3)
    low = mp.mpf(1) / 3 - third
    c = polynomial(lambda z: shrink_cubic(z) + low, constant(1), mp.mpf(0), mp.mpf(2) ** -8, range(3), single)
    error2, z = worst(lambda z: shrink_cubic(z) + low, lambda z: evaluate(c, range(3), z), constant(3), 0, 2**-8)
    return (
        f"""/* tanhshrink: {FIVE},
 * r = t - b, 1/16 <= t; from 8 on c1 = 1 and b = 0.  The row is (bits(t) >> 21) & 31, four to an octave.
 * Error before rounding {bound(error, t, "t")} (relative).
 * Below 1/16: t^3*(THIRD + C0 + z*(C1 + z*C2)), z = t*t, relative error {bound(error2, z, "z")}.
 * Written by tools/coefficients.py tanhshrink_f32. */
{define("TANHSHRINK_F32_THIRD", third)}"""
        + "".join(define(f"TANHSHRINK_F32_C{i}", x) for i, x in enumerate(c))
        + f"#define FA_TANHSHRINK_F32_ROWS(R) \\\n{body}\n"
    )


ROWS = 16


def wide_edges(scale, start, each):
    """The ends of the 16 intervals of u = scale*t + start, `each` to an octave, as values of t."""
    u = [mp.mpf(2) ** (k // each) * (1 + mp.mpf(k % each) / each) for k in range(64)]
    above = [x for x in u if x > start][:ROWS]
    return [(x - start) / scale for x in [start, *above]]


def wide_base(f, lo, hi, top):
    """A double b in the middle with f(b) <= top, f(b) and the slope there very close to doubles: (b, f(b))."""
    middle = (lo + hi) / 2
    if f(middle) > top:
        middle = mp.findroot(lambda t: f(t) - top, middle / 2) - mp.mpf(2) ** -30
    best = (mp.inf, 0.0, 0.0)
    for i in range(400):
        b = float(middle - i * (hi - lo) / 4000)
        y, slope = mp.taylor(f, b, 1)
        miss = abs(y - float(y)) + abs(slope - float(slope)) * (hi - lo) / 2
        best = min(best, (miss, b, float(y)))
    return best[1], best[2]


def wide_fit(f, size, lo, hi, powers, b):
    """f(t) by coefficients of these powers of t - b; the worst error relative to size(t), and its t.

    The first is rounded before the others are fitted.
    """
    lo = mp.mpf(lo or hi * mp.mpf(2) ** -40)
    nodes = chebyshev(lo, mp.mpf(hi), 2 * len(powers))

    def solved(known):
        free = powers[len(known) :]
        matrix = mp.matrix([[(t - b) ** p / size(t) for p in free] for t in nodes])
        rest = [f(t) - evaluate(known, powers[: len(known)], t - b) for t in nodes]
        with mp.workprec(400):
            found = least_squares(matrix, mp.matrix([y / size(t) for t, y in zip(nodes, rest, strict=True)]))
        return [float(x) for x in found]

    first = solved([])[:1]
    c = first + solved(first)
    error, t = worst(f, lambda t: evaluate(c, powers, t - b), lambda t: 1 / abs(size(t)), lo, hi, 100)
    return c, error, t


def wide_header(name, what, scale, start, each, rows, error):
    """A table of 16 rows of doubles, in the order of its row numbers."""
    shift = 53 - each.bit_length()
    first = int(np.float64(start).view(np.int64)) >> shift
    order = [rows[(k - first) % ROWS] for k in range(ROWS)]
    body = ["    R(" + ", ".join(literal(c, "") for c in (*row, *[0.0] * (16 - len(row)))) + ")" for row in order]
    return (
        f"""/* {what}
 * The row is (bits(u) >> LOW) & 15, u = SCALE*t + FROM.  Error before rounding {bound(*error, "t")} (relative).
 * Written by tools/coefficients.py {name}. */
#define FA_{name.upper()}_SCALE {scale}
#define FA_{name.upper()}_FROM {start}
#define FA_{name.upper()}_LOW {shift}
#define FA_{name.upper()}_TERMS {len(rows[0]) - 2}
#define FA_{name.upper()}_ROWS(R) \\
"""
        + " \\\n".join(body)
        + "\n"
    )


def tanhshrink_f64():
    """u grows with z = t*t; the first row is of z too."""
    scale, start, each, terms = 0.753, 1.09375, 2, 13
    squares = wide_edges(scale, start, each)
    third = float(mp.mpf(1) / 3)
    low = mp.mpf(1) / 3 - third
    c, *error = wide_fit(
        lambda z: shrink_cubic(z) + low, lambda z: shrink_cubic(z) + mp.mpf(1) / 3, 0, squares[1], range(terms), 0
    )
    rows, errors = [[0.0, 0.0, *c]], [(error[0], mp.sqrt(error[1]))]
    for lo, hi in itertools.pairwise(mp.sqrt(z) for z in squares[1:]):
        b, base = wide_base(shrink, lo, hi, mp.inf)
        c, *error = wide_fit(lambda t, base=base: shrink(t) - base, shrink, lo, hi, range(1, terms + 1), b)
        rows.append([b, base, *c])
        errors.append(tuple(error))
    what = """tanhshrink t = base + r*(c0 + r*(c1 + ...)), rows (b, base, c0, ...), r = t - b, t <= TOP;
 * in the first, u < FIRST, t^3*(THIRD + c0 + z*(c1 + ...)), z = t*t."""
    header = wide_header("tanhshrink_f64", what, scale, start, each, rows, max(errors))
    return (
        header.replace("u = SCALE*t", "u = SCALE*z")
        + define("TANHSHRINK_F64_FIRST", 1.5, "")
        + define("TANHSHRINK_F64_TOP", 18.3, "")
        + define("TANHSHRINK_F64_THIRD", third, "")
    )


def erf_f32():
    """base is t itself in the first two intervals, so that erf t = t + t*(0.128 + ...) rounds once."""
    scale = "3.8"
    ends = edges(mp.mpf(scale))
    rows, errors = [], []
    for i in range(32):
        lo, hi = ends[i : i + 2]
        if i < 2:
            b, base, c = 0.0, mp.inf, fit(mp.erf, lambda r: r, mp.erf, lo, hi, 0, 5)
        else:
            b, base = float_base(mp.erf, lo, hi, lo * (1 - mp.mpf(2) ** -20))
            c = fit(mp.erf, constant(base), mp.erf, lo, hi, b, 5)
        rows.append([b, base, *c[0]])
        errors.append(c[1:])
    return interval_header(
        "erf_f32", f"erf: {FIVE};\n * where base is INFINITY, t stands for it.", scale, rows, *max(errors)
    )


def erf_f64():
    """base is t itself in the first rows, as in erf_f32."""
    scale, start, each, terms = 0.5055, 1, 8, 12
    rows, errors = [], []
    for lo, hi in itertools.pairwise(wide_edges(scale, start, each)):
        b, base = (0.0, mp.inf) if lo < 0.4 else wide_base(mp.erf, lo, hi, lo * (1 - mp.mpf(2) ** -20))
        c, *error = wide_fit(lambda t, base=base: mp.erf(t) - min(base, t), mp.erf, lo, hi, range(1, terms + 1), b)
        rows.append([b, base, *c])
        errors.append(tuple(error))
    what = """erf t = base + r*(c0 + r*(c1 + ...)), rows (b, base, c0, ...), r = t - b; where base is INFINITY, t stands for it."""
    return wide_header("erf_f64", what, scale, start, each, rows, max(errors))


EXP_STEPS = 41_949_267  # the best of all below 2**26


def exp_f64():
    """16 steps an octave by powers that share a factor 1 + EXP_STEPS*2^-52, which brings them all near a double."""
    exact = [mp.mpf(2) ** (mp.mpf(i) / 16) for i in range(16)]
    factor = 1 + EXP_STEPS * mp.mpf(2) ** -52
    off = max(abs(x * 2**52 - mp.nint(x * 2**52)) for x in (y * factor for y in exact))
    powers = [float(x * factor) for x in exact]
    step = mp.log(2) / 16
    high = mp.floor(step * 2**42) / 2**42
    c, error, r = series(lambda r: mp.exp(r) / factor - 1, lambda r: 1, -step / 2, step / 2, 7)
    bits = [int(np.float64(x).view(np.int64)) - (i << 48) for i, x in enumerate(powers)]
    return (
        f"""/* exp(y) = s*(1 + p): n = round(y*STEPS), r = y - n*(HIGH + LOW), s the double of bits POWERS[n & 15] + (n << 48), off by at
 * most {float(off):.3f} of 2^-52 times its power of two; p a polynomial in r, lowest power first, absolute error
 * {bound(error, r, "r")}.
 * Written by tools/coefficients.py exp_f64. */
{define("EXP_F64_STEPS", float(1 / step), "")}#define FA_EXP_F64_HIGH {literal(high, "")} /* 38 bits: n*HIGH is exact */
{define("EXP_F64_LOW", float(step - high), "")}"""
        + array("fa_exp_f64", c)
        + f"""static const int64_t fa_exp_f64_powers[16] = {{
{table_lines([f"{b:#x}" for b in bits], 4)}}};
"""
    )


def logit_series(z):
    """(2 atanh(s) - 2s)/s**3 of z = s*s"""
    if z < mp.mpf(2) ** -30:
        return mp.mpf(2) / 3 + z * 2 / 5
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / s**3


def logit():
    """Both dtypes: s = (n - h)/(n + h), 2/3 <= n/h <= 3/2."""
    hi = mp.mpf("0.04003")
    c = polynomial(logit_series, lambda z: z, mp.mpf(0), hi, range(3), single)
    error, z = worst(logit_series, lambda z: evaluate(c, range(3), z), lambda z: z / 2, 0, hi)
    c2, error2, z2 = series(logit_series, lambda z: z / 2, 0, hi, 9)
    return (
        f"""/* (2 atanh(s) - 2s)/s^3 as a polynomial in z = s*s <= {float(hi)}, lowest power first; error relative to 2 atanh(s):
 * float32 {bound(error, z, "z")}; float64 {bound(error2, z2, "z")}.
 * Written by tools/coefficients.py logit. */
#ifdef FA_REAL_F32
"""
        + array("fa_logit", c, "float")
        + "#else\n"
        + array("fa_logit", c2)
        + "#endif\n"
    )


HEADERS = {
    "tanhshrink_f32": tanhshrink_f32,
    "tanhshrink_f64": tanhshrink_f64,
    "erf_f32": erf_f32,
    "erf_f64": erf_f64,
    "exp_f64": exp_f64,
    "logit": logit,
}
