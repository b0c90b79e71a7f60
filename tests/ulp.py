"""How accuracy is counted: errors in ULPs, the bounds promised, and the points at which they are checked.

Shared by the tests and by tools/accuracy.py, so that both mean the same by "pass".  The mathematics of the functions is
in reference.py; running them is the caller's.  Whatever is not a number where one is expected is an infinite error.
"""

import dataclasses

import numpy as np

# (dtype, kind) -> largest error allowed in ULPs; "derivative" is the vjp.
BOUNDS = {
    ("float32", "value"): 1.0,
    ("float32", "derivative"): 2.0,
    ("float64", "value"): 1.5,
    ("float64", "derivative"): 3.0,
}
ROOT_RADIUS = 0.1
# Within ROOT_RADIUS of a root x != 0 of f', the absolute error allowed in units of |g|.
ROOT_BOUNDS = {"float32": 2.0**-25, "float64": 2.0**-54}
SPECIALS = (0.0, -0.0, np.inf, -np.inf, np.nan)
BITS = {"float32": np.uint32, "float64": np.uint64}


def ulp_of(head, dtype):
    """The ULP of head once rounded to dtype: the distance to the next number away from 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype == np.float32:
            exponent = np.maximum(head.astype(np.float32).view(np.uint32) >> 23 & 0xFF, 1).astype(np.uint64)
            return ((exponent + np.uint64(1023 - 150)) << np.uint64(52)).view(np.float64)
        return np.spacing(np.abs(head))


def raw_errors(got, head, tail=0.0):
    """|got - reference| in ULPs, nan where nan or inf is involved: the fast path, see `errors`.

    Parameters
    ----------
    got : ndarray of float32 or float64
    head, tail : ndarray of float64
        The reference: for a float32 got, head alone, unrounded; for float64, head rounded and tail in ULPs of head.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return np.abs((got.astype(np.float64) - head) / ulp_of(head, got.dtype) - tail)


def errors(got, head, tail=0.0):
    """`raw_errors`, but nan beside nan and equal infinities count 0, any other meeting of nan or inf counts inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = head.astype(got.dtype)
        same = (np.isnan(got) & np.isnan(rounded)) | (np.isinf(rounded) & (got == rounded))
    raw = raw_errors(got, head, tail)
    either = ~np.isfinite(got) | ~np.isfinite(rounded)
    return np.where(same, 0.0, np.where(either | np.isnan(raw), np.inf, raw))


def may_exceed(limit, got, head, tail=0.0):
    """Where errors may be above limit: a correctly rounded result is off by half a ULP at most, an exact one by none."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = head.astype(got.dtype)
    apart = got != rounded
    if limit < 0.5:
        apart |= (rounded != head) | (tail != 0)
    return np.flatnonzero(apart)


def near_root(x, roots):
    """True where x lies within ROOT_RADIUS of one of the roots."""
    near = np.zeros(np.shape(x), bool)
    for root in roots:
        near |= (x >= root - ROOT_RADIUS) & (x <= root + ROOT_RADIUS)
    return near


@dataclasses.dataclass
class Worst:
    """The largest error met so far, in ULPs, and beside roots the largest absolute error in units of |g|."""

    count: int = 0
    ulp: float = 0.0
    x: float | None = None
    got: float | None = None
    want: float | None = None
    at_root: float = 0.0
    root_x: float | None = None
    partner: float | None = None

    def add(self, x, got, head, tail=0.0, roots=(), g=1.0, partner=None):
        """Count the results got at x against the reference; g scales what is allowed beside roots.

        partner is the other operand of functions of two, kept beside the worst x.
        """
        if got.shape != x.shape or head.shape != x.shape:
            raise ValueError(f"{x.size} inputs, {got.shape} results, {head.shape} references: shapes must agree")
        self.count += x.size
        apart = may_exceed(self.ulp, got, head, tail)
        if apart.size < x.size // 4:
            x, got, head, tail, g, partner = (a[apart] if np.ndim(a) else a for a in (x, got, head, tail, g, partner))
        if raw_errors(got, head, tail).max(initial=0.0) <= self.ulp:
            return
        found = errors(got, head, tail)
        near = near_root(x, roots)
        if near.any():
            # A partner may be so small that its product's ULP is the smallest subnormal number: there ULPs count.
            counted = near & (found > 1.0) if partner is not None else near
            self._add_beside_roots(x, got, head, counted, g)
            found = np.where(near, 0.0, found)
        i = int(np.argmax(found))
        if found[i] > self.ulp:
            self.ulp, self.x, self.got, self.want = (
                float(found[i]),
                float(x[i]),
                float(got[i]),
                float(head[i]),
            )
            self.partner = None if partner is None else float(partner[i])

    def _add_beside_roots(self, x, got, head, near, g):
        with np.errstate(invalid="ignore"):
            absolute = np.where(near, np.abs(got.astype(np.float64) - head) / np.abs(g), 0.0)
        absolute = np.where(np.isnan(absolute), np.inf, absolute)
        i = int(np.argmax(absolute))
        if absolute[i] > self.at_root:
            self.at_root, self.root_x = float(absolute[i]), float(x[i])

    def merge(self, other):
        """Take in the count and the worst cases of another part of the same sweep."""
        self.count += other.count
        if other.ulp > self.ulp:
            self.ulp, self.x, self.got, self.want = (
                other.ulp,
                other.x,
                other.got,
                other.want,
            )
            self.partner = other.partner
        if other.at_root > self.at_root:
            self.at_root, self.root_x = other.at_root, other.root_x

    def within(self, dtype, kind):
        """Whether something was counted and all of it keeps the bounds."""
        return self.count > 0 and self.ulp <= BOUNDS[str(dtype), kind] and self.at_root <= ROOT_BOUNDS[str(dtype)]


def stratified(dtype, count, seed=0):
    """About count inputs: the ends and random members of every binade of both signs, subnormals, inf and nan.

    For float64 half of them lie between 2**-40 and 2**11, where functions bend.
    """
    dtype = np.dtype(dtype)
    bits = BITS[dtype.name]
    mantissa = np.finfo(dtype).nmant
    exponents = 1 << (dtype.itemsize * 8 - mantissa - 1)
    bias = exponents // 2 - 1
    random = np.random.default_rng(seed)
    strata = np.arange(2 * exponents)
    bent = np.add.outer([0, exponents], np.arange(bias - 40, bias + 11)).ravel()
    parts = [
        _in_binades(strata, max(1, count // 2 // strata.size), mantissa, random),
        _in_binades(bent, max(1, count // 2 // bent.size), mantissa, random),
    ]
    first = strata.astype(bits) << bits(mantissa)
    ends = [
        first,
        first + bits(1),
        first + bits((1 << mantissa) - 1),
        first + bits((1 << mantissa) - 2),
    ]
    return np.concatenate([*(p.astype(bits) for p in parts), *ends]).view(dtype)


def _in_binades(strata, each, mantissa, random):
    high = strata.astype(np.uint64) << np.uint64(mantissa)
    return (high[:, None] + random.integers(0, 1 << mantissa, (strata.size, each), np.uint64)).ravel()
