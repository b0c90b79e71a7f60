"""Make every table of csrc/tables: fit, round, measure, write.

    python tools/coefficients.py            write all headers
    python tools/coefficients.py tanh_f32   write one
    python tools/coefficients.py --check    compare instead of writing; exit 1 on a difference

An interval table has 32 rows: on its interval the function is base + r*(c1 + r*(c2 + ...)), r = t - b.  The row's number
is the exponent and the upper three mantissa bits of u = scale*t + 1, so the intervals double in width when u does.  Needs mpmath and NumPy; nothing here is read when fastact is built or run.
"""

import itertools
import pathlib
import sys

import mpmath as mp
import numpy as np

mp.mp.prec = 160
TABLES = pathlib.Path(__file__).parents[1] / "csrc" / "tables"


def single(x):
    return float(np.float32(x))


def chebyshev(lo, hi, n):
    return [(lo + hi) / 2 + (hi - lo) / 2 * mp.cos((2 * i + 1) * mp.pi / (2 * n)) for i in range(n)]


def least_squares(matrix, right):
    """Solve the small overdetermined system by its normal equations; 160 bits make that harmless."""
    transposed = matrix.T
    return mp.lu_solve(transposed * matrix, transposed * right)


def polynomial(f, weight, lo, hi, powers, rounding):
    """Coefficients of sum(c[p] * r**p) close to f(r) on [lo, hi], errors multiplied by weight(r).

    Each coefficient is rounded in turn, the lowest power first, and those after it are fitted to what remains.
    """
    nodes = chebyshev(mp.mpf(lo), mp.mpf(hi), 4 * len(powers) + 4)
    weights = [weight(r) for r in nodes]
    rest = [f(r) for r in nodes]
    fixed = []
    for i in range(len(powers)):
        matrix = mp.matrix([[w * r**p for p in powers[i:]] for r, w in zip(nodes, weights, strict=True)])
        right = mp.matrix([w * y for w, y in zip(weights, rest, strict=True)])
        fixed.append(rounding(least_squares(matrix, right)[0]))
        rest = [y - mp.mpf(fixed[-1]) * r ** powers[i] for r, y in zip(nodes, rest, strict=True)]
    return fixed


def worst(f, approximation, weight, lo, hi, n=60):
    """Largest weighted error on n points of [lo, hi], and where."""
    points = [mp.mpf(lo) + (mp.mpf(hi) - lo) * i / (n - 1) for i in range(n)]
    return max((abs(f(r) - approximation(r)) * weight(r), r) for r in points)


def evaluate(coefficients, powers, r):
    return sum(mp.mpf(c) * r**p for c, p in zip(coefficients, powers, strict=True))


def edges(scale):
    """The 33 ends of the intervals of u = scale*t + 1, u in [1, 16], as values of t."""
    return [(mp.mpf(2) ** octave * (1 + mp.mpf(j) / 8) - 1) / scale for octave in range(4) for j in range(8)] + [
        mp.mpf(15) / scale
    ]


def exact_base(f, lo, hi, top, bits):
    """A float b in the middle with f(b) <= top and very close to a number of `bits` bits: (b, that number)."""
    middle = (lo + hi) / 2
    if f(middle) > top:
        middle = mp.findroot(lambda t: f(t) - top, middle / 2)
    step = mp.mpf(2) ** (mp.floor(mp.log(abs(f(middle)), 2)) + 1 - bits)
    taylor = [c / step for c in mp.taylor(f, middle, 12)]
    whole = mp.floor(taylor[0])
    taylor[0] -= whole
    steps = np.polynomial.Polynomial([float(c) for c in taylor])
    offset = np.linspace(-float(hi - lo) / 4, float(hi - lo) / 4, 4001)
    numbers = np.unique(np.rint(np.linspace(*np.sort(steps(offset[[0, -1]])), 4000)))
    order = np.argsort(steps(offset))
    nearest = (float(middle) + np.interp(numbers, steps(offset)[order], offset[order])).astype(np.float32)
    b = np.concatenate([np.nextafter(nearest, np.float32(to)) for to in (0, 99)] + [nearest]).astype(float)
    y = steps(b - float(middle)) + float((mp.mpf(float(middle)) - middle) * taylor[1])
    miss = np.where(np.rint(y) <= float(mp.floor(top / step) - whole), abs(y - np.rint(y)), np.inf)
    best = int(np.argmin(miss))
    return float(b[best]), float((whole + int(np.rint(y[best]))) * step)


def constant(value):
    return lambda r: value


def fit(f, base, size, lo, hi, b, degree, first=1):
    """c[first] ... c[degree] of f(b + r) - base(r) on lo <= b + r <= hi; error relative to size(t), and its worst t."""

    def value(r):
        return f(b + r) - base(r)

    def weight(r):
        return 1 / abs(size(b + r))

    c = polynomial(value, weight, lo - b, hi - b, range(first, degree + 1), single)
    start = lo or hi / 1000
    error, r = worst(value, lambda r: evaluate(c, range(first, degree + 1), r), weight, start - b, hi - b)
    return c, error, b + r


def rising_table(f, scale, bits, degree=5):
    """Rows of an f that is close to t in the first two intervals, where base is t itself.

    min(base, t) chooses: so f(b) must lie below its interval.  c1 > 0 of the first row gives -0 the right sign.
    """
    ends = edges(scale)
    c, *error = fit(f, lambda r: r, f, ends[0], ends[1], 0, degree, 2)
    c1, *error1 = fit(f, lambda r: r, f, ends[1], ends[2], 0, degree)
    rows, errors = [[0.0, mp.inf, 2.0**-40, *c], [0.0, mp.inf, *c1]], [tuple(error), tuple(error1)]
    for lo, hi in itertools.pairwise(ends[2:]):
        b, base = exact_base(f, lo, hi, lo * (1 - mp.mpf(2) ** -20), bits(lo))
        c, *error = fit(f, constant(base), f, lo, hi, b, degree)
        rows.append([b, base, *c])
        errors.append(tuple(error))
    return rows, *max(errors)


def rooted_table(f, scale, root, bits, degree=5):
    """Rows of an f with a root, which is the b of its interval, so that the result is 0 there and exact beside it."""
    ends = edges(scale)
    rows, errors = [], []
    for lo, hi in itertools.pairwise(ends):
        b, base = (single(root), 0.0) if lo < root < hi else exact_base(f, lo, hi, mp.inf, bits)
        size = constant(mp.mpf(1) / 8) if lo < root < hi else f
        c, *error = fit(f, constant(base), size, lo, hi, b, degree)
        rows.append([b, base, *c])
        errors.append(tuple(error))
    return rows, *max(errors)


def literal(x, suffix="f"):
    if mp.isinf(x):
        return "INFINITY"
    digits, exponent = float(x).hex().split("p")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{digits}p{exponent}{suffix}"


FIVE = """value = base + r*(c1 + r*(c2 + ...)), from rows (b, base, c1 ... c5);
 * where base is INFINITY, t stands for it."""


def interval_header(name, what, scale, rows, error, t):
    lines = [
        f"/* {what}",
        f" * r = t - b, 0 <= t <= {float(15 / mp.mpf(scale)):.6g}; the row is (bits(u) >> 20) & 31, u = {scale}*t + 1.",
        f" * Error before rounding at most 2^{float(mp.log(error, 2)):.2f} (relative), at t = {float(t):.9g}.",
        f" * Written by tools/coefficients.py {name}. */",
        f"#define FA_{name.upper()}_SCALE {scale}",
        f"#define FA_{name.upper()}_ROWS(R) \\",
    ]
    body = ["    R(" + ", ".join(literal(c) for c in row) + ")" for row in rows[8:] + rows[:8]]
    return "\n".join(lines) + "\n" + " \\\n".join(body) + "\n"


def bfloat16(x):
    return float(np.uint32((int(np.float32(x).view(np.uint32)) + 0x8000) & 0xFFFF0000).view(np.float32))


def carrying(passenger):
    """Rounding to floats whose lower 16 bits are the upper 16 of a bfloat16."""
    low = int(np.float32(passenger).view(np.uint32)) >> 16

    def rounding(x):
        upper = int(np.float32(x).view(np.uint32)) & 0xFFFF0000
        floats = [float(np.uint32(upper + step | low).view(np.float32)) for step in (-0x10000, 0, 0x10000)]
        return min(floats, key=lambda y: abs(y - x))

    return rounding


def tanh_row(lo, hi):
    """b, base, c3, c5 carrying c4, then the error and its t.  The first row: base 1 makes c1 and c2 vanish."""
    first = lo == 0
    b, base = (0.0, 1.0) if first else exact_base(mp.tanh, lo, hi, lo * (1 - mp.mpf(2) ** -20), 24)
    drop = single(mp.mpf(base) ** 2 - 1)
    taylor = [0 if first else base, 1 if first else -drop, single(base * drop)]

    def rest(r, known):
        return mp.tanh(b + r) - evaluate(known, range(len(known)), r)

    def weight(r):
        return 1 / mp.tanh(b + r)

    def fitted(powers, rounding):
        return polynomial(lambda r: rest(r, taylor), weight, lo - b, hi - b, powers, rounding)[0]

    taylor.append(fitted([3, 5] if first else [3, 4, 5], single))
    taylor.append(0.0 if first else fitted([4, 5], bfloat16))
    taylor.append(fitted([5], carrying(taylor[4])))
    error, r = worst(lambda r: rest(r, taylor), lambda r: 0, weight, (lo or hi / 1000) - b, hi - b)
    return [b, base, taylor[3], taylor[5]], (error, b + r)


def tanh_f32():
    scale = mp.mpf("1.6575")
    ends = edges(scale)
    rows, errors = zip(*itertools.starmap(tanh_row, itertools.pairwise(ends)), strict=True)
    what = """tanh: value = min(base, t) + r*(c1 + r*(c2 + r*(c3 + r*(c4 + r*c5)))), from rows (b, base, c3, c5);
 * c1 = 1 - base*base, c2 = -base*c1, and c4 is the float whose upper 16 bits are the lower 16 of c5."""
    return interval_header("tanh_f32", what, "1.6575", list(rows), *max(errors))


def twice_mills(t):
    """2*Phi(-t)*exp(t*t/2)"""
    return mp.erfc(t / mp.sqrt(2)) * mp.exp(t * t / 2)


def gelu_f32():
    """base has so few bits that its product with the 4 bits of exp's step is exact in x minus it, up to 3.7."""
    scale, what = "1.03125", "2*t*Phi(-t)*exp(t*t/2): " + FIVE

    def bits(t):
        return 12 if t < 1.9 or t > 4 else 10 if t < 2.5 else 8

    return interval_header("gelu_f32", what, scale, *rising_table(lambda t: t * twice_mills(t), mp.mpf(scale), bits))


def gelu_slope(t):
    """gelu'(-t)*2*exp(t*t/2)"""
    return twice_mills(t) - t * mp.sqrt(2 / mp.pi)


def d_gelu_f32():
    scale, what = "1.03125", "2*(Phi(-t) - t*phi(t))*exp(t*t/2): " + FIVE
    root = mp.findroot(gelu_slope, 0.75)
    return interval_header("d_gelu_f32", what, scale, *rooted_table(gelu_slope, mp.mpf(scale), root, 12))


def mapped_polynomial(f, k, largest, degree):
    """Coefficients in w = (t - k)/(t + k) of f(t), 0 <= t <= largest, then the rest of the first; worst error, its t."""

    def of(w):
        return f(k * (1 + w) / (1 - w))

    top = mp.mpf(largest - k) / (largest + k)
    nodes = chebyshev(mp.mpf(-1), top, degree + 1)
    matrix = mp.matrix([[w**p for p in range(degree + 1)] for w in nodes])
    exact = mp.lu_solve(matrix, mp.matrix([of(w) for w in nodes]))
    c = [float(x) for x in exact]
    low = exact[0] - c[0]
    error, w = worst(of, lambda w: low + evaluate(c, range(degree + 1), w), lambda w: 1 / abs(of(w)), -1, top, 200)
    return c + [float(low)], error, k * (1 + w) / (1 - w)


def gelu_f64():
    root = mp.findroot(gelu_slope, 0.75)
    limit = mp.floor(mp.sqrt(2 / mp.pi) * 2**40) / 2**40  # short, so that its differences are exact
    parts = []
    for name, what, f in (
        (
            "fa_gelu_f64",
            "((t + 4)*2*Phi(-t)*exp(t*t/2) - LIMIT)*(t + 4)/8",
            lambda t: ((t + 4) * twice_mills(t) - limit) * (t + 4) / 8,
        ),
        ("fa_d_gelu_f64", "2*(Phi(-t) - t*phi(t))*exp(t*t/2)/(ROOT - t)", lambda t: gelu_slope(t) / (root - t)),
    ):
        c, error, t = mapped_polynomial(f, 4, 39.5, 24)
        parts.append(f"""/* {what}, 0 <= t <= 39.5, as a polynomial in w = (t - 4)/(t + 4), lowest power first;
 * the last number is what the first lost by rounding.
 * Relative error before rounding at most 2^{float(mp.log(error, 2)):.2f}, at t = {float(t):.9g}. */
static const double {name}[26] = {{
{table_lines([literal(x, "") for x in c], 4)}}};
""")
    head = float(root)
    return f"""/* Written by tools/coefficients.py gelu_f64. */
#define FA_GELU_F64_LIMIT {literal(limit, "")}
#define FA_D_GELU_F64_ROOT {literal(head, "")}
#define FA_D_GELU_F64_ROOT_LOW {literal(root - head, "")}
""" + "".join(parts)


def gauss_f32():
    """exp(-q/2), q >= 0: 8 steps an octave, spaced linearly so that a step is a shift of its number."""
    step = mp.log(2) / 4
    rest = [2 * mp.log(1 + mp.mpf(k) / 8) - k * step for k in range(8)]
    lo, hi = -step / 2, step / 2 + max(rest)
    c = polynomial(lambda r: mp.expm1(-r / 2), lambda r: 1, lo, hi, range(1, 5), single)
    error, r = worst(lambda r: mp.expm1(-r / 2), lambda r: evaluate(c, range(1, 5), r), lambda r: 1, lo, hi)
    high = mp.floor(step * 2**15) / 2**15
    ratio = mp.mpf(single(step / high - 1))
    magic = 0xC00000 + 0xBF0  # the low 12 bits: the sign and the biased exponent of -1/2
    shift = magic * high - single(magic * high)
    rest = [single(r - shift * (1 + ratio)) for r in rest]
    return f"""/* -exp(-q/2)/2, q >= 0: z = q*STEPS + MAGIC has n = -round(q*4/ln 2) in its low bits; m = z*HIGH - OFFSET is exactly
 * n*HIGH + {literal(shift, "")}, r = q + m + m*RATIO + fa_gauss_rest[z & 7], {float(lo):.6f} <= r <= {float(hi):.6f}.
 * The result is s*(1 + p): s = -2^(e-1)*(1 + k/8), n = 8e + k, is the float of bits z << 20, and
 * p = expm1(-r/2) = r*(C1 + r*(C2 + r*(C3 + r*C4))), absolute error at most 2^{float(mp.log(error, 2)):.2f}, at r = {float(r):.6f}.
 * Written by tools/coefficients.py gauss_f32. */
#define FA_GAUSS_STEPS {literal(single(-1 / step))}
#define FA_GAUSS_MAGIC {literal(magic)}
#define FA_GAUSS_HIGH {literal(high)} /* 13 bits: n*HIGH is exact */
#define FA_GAUSS_OFFSET {literal(single(magic * high))}
#define FA_GAUSS_RATIO {literal(ratio)}
#define FA_GAUSS_C1 {literal(c[0])}
#define FA_GAUSS_C2 {literal(c[1])}
#define FA_GAUSS_C3 {literal(c[2])}
#define FA_GAUSS_C4 {literal(c[3])}
static const float fa_gauss_rest[8] = {{
{table_lines([literal(r) for r in rest])}}};
"""


def rational(f, hi, numerator, denominator):
    """f(z) on [0, hi] as (n0 + n1*z + ...)/(1 + d1*z + ...): the coefficients of both, worst relative error, its z."""
    nodes = chebyshev(mp.mpf(0), mp.mpf(hi), numerator + denominator + 1)
    matrix = mp.matrix(
        [[z**p for p in range(numerator + 1)] + [-f(z) * z**p for p in range(1, denominator + 1)] for z in nodes]
    )
    c = [float(x) for x in mp.lu_solve(matrix, mp.matrix([f(z) for z in nodes]))]
    n, d = c[: numerator + 1], [1.0, *c[numerator + 1 :]]

    def quotient(z):
        return evaluate(n, range(len(n)), z) / evaluate(d, range(len(d)), z)

    return n, d[1:], *worst(f, quotient, lambda z: 1 / abs(f(z)), mp.mpf(hi) / 1000, hi, 200)


def tanh_f64():
    n, d, error, z = rational(lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 0.78, 3, 3)
    step = mp.log(2) / 32
    high = mp.floor(step * 2**46) / 2**46
    c = polynomial(lambda r: mp.expm1(2 * r), lambda r: 1, -step / 2, step / 2, range(1, 7), float)
    error2, r = worst(
        lambda r: mp.expm1(2 * r), lambda r: evaluate(c, range(1, 7), r), lambda r: 1, -step / 2, step / 2
    )
    bits = [int(np.float64(mp.exp(2 * k * step)).view(np.int64)) - (k << 48) for k in range(16)]
    return f"""/* tanh t = t + t*z*N(z)/D(z), z = t*t <= 0.78, N and D from their constant term on, that of D being 1; relative error of
 * the quotient before rounding at most 2^{float(mp.log(error, 2)):.2f}, at z = {float(z):.6f}.
 * exp(2t) = s*(1 + p): n = round(t*STEPS), r = t - n*(HIGH + LOW), s the double of bits POWERS[n & 15] + (n << 48),
 * p = expm1(2r) by its coefficients from r on, absolute error at most 2^{float(mp.log(error2, 2)):.2f}, at r = {float(r):.6f}.
 * Written by tools/coefficients.py tanh_f64. */
#define FA_TANH_F64_STEPS {literal(float(1 / step), "")}
#define FA_TANH_F64_HIGH {literal(high, "")} /* 41 bits: n*HIGH is exact */
#define FA_TANH_F64_LOW {literal(float(step - high), "")}
static const double fa_tanh_f64_n[4] = {{
{table_lines([literal(x, "") for x in n], 4)}}};
static const double fa_tanh_f64_d[3] = {{
{table_lines([literal(x, "") for x in d], 4)}}};
static const double fa_tanh_f64_p[6] = {{
{table_lines([literal(x, "") for x in c], 4)}}};
static const int64_t fa_tanh_f64_powers[16] = {{
{table_lines([f"{b:#x}" for b in bits], 4)}}};
"""


def table_lines(items, each=8):
    return "".join("    " + ", ".join(items[i : i + each]) + ",\n" for i in range(0, len(items), each))


HEADERS = {
    "tanh_f32": tanh_f32,
    "tanh_f64": tanh_f64,
    "gelu_f32": gelu_f32,
    "d_gelu_f32": d_gelu_f32,
    "gauss_f32": gauss_f32,
    "gelu_f64": gelu_f64,
}


def makers():
    """What makes each table: those here, and those of coefficients_fitted.py, which imports this file."""
    import coefficients_fitted

    return HEADERS | coefficients_fitted.HEADERS


def main(arguments):
    check = "--check" in arguments
    headers = makers()
    names = [a for a in arguments if a != "--check"] or list(headers)
    different = []
    for name in names:
        path, text = TABLES / f"{name}.h", headers[name]()
        if check and path.read_text() != text:
            different.append(path.name)
        elif not check:
            path.write_text(text)
    for name in different:
        print(f"{name} is not what tools/coefficients.py makes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
