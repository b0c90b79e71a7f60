"""The tables of csrc/tables that csrc/activations_fitted.h uses: what is fitted, how is coefficients.py's.

Run by tools/coefficients.py.  A float32 table of intervals in log t has four to an octave, numbered by bits(t) >> 21.
"""

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


def tanhshrink_f64():
    third = float(mp.mpf(1) / 3)
    low = mp.mpf(1) / 3 - third
    hi = mp.mpf("0.5625")
    c, error, z = series(lambda z: shrink_cubic(z) + low, lambda z: 1 / (shrink_cubic(z) + mp.mpf(1) / 3), 0, hi, 15)
    return f"""/* (t - tanh t)/t^3 - THIRD as a polynomial in z = t*t <= {float(hi)}, lowest power first.
 * Error relative to all of it {bound(error, z, "z")}.
 * Written by tools/coefficients.py tanhshrink_f64. */
{define("TANHSHRINK_F64_THIRD", third, "")}""" + array("fa_tanhshrink_f64", c)


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
    slope = 2 / mp.sqrt(mp.pi)
    head = float(slope)

    def rest(z):
        return (mp.erf(mp.sqrt(z)) / mp.sqrt(z) if z > mp.mpf(2) ** -60 else slope * (1 - z / 3)) - head

    c, error, z = series(rest, lambda z: 1 / (rest(z) + head), 0, 1, 13)
    c2, error2, t = series(lambda t: -mp.log(mp.erfc(t)), mp.erfc, 1, mp.mpf("5.95"), 19)
    return (
        f"""/* erf(t)/t - SLOPE as a polynomial in z = t*t <= 1, lowest power first; error relative to all of it
 * {bound(error, z, "z")}.  -log(1 - erf t) as one in t, 1 <= t <= 5.95; error of erf
 * {bound(error2, t, "t")}.
 * Written by tools/coefficients.py erf_f64. */
{define("ERF_F64_SLOPE", head, "")}"""
        + array("fa_erf_f64", c)
        + array("fa_erf_log_f64", c2)
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
    "logit": logit,
}
