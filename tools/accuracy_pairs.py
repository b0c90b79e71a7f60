"""Sweeps of functions of two operands: x and gate, or x and a learned parameter.  Called by accuracy.py.

All pairs are more than can be counted, so that stratified numbers of all binades meet each other in random order.
"""

import dataclasses

import numpy as np
import reference
import subjects
import ulp

SHARE = 1 << 18
DEFAULT = {"float32": 1_000_000_000, "float64": 10_000_000}
SAMPLE = {"float32": 1_000_000, "float64": 20_000}
CHUNK = 1 << 14
FARTHEST = 30.0


def has_pairs(name):
    """Whether a row has two operands with gradients."""
    return name in reference.GATED or name in reference.LEARNED


def kinds(name):
    """What a pair gives: the value and the derivatives by each operand, as accuracy.json calls them."""
    if name in reference.GATED:
        return ("value", "derivative", "derivative by gate")
    (parameter,) = subjects.parse_parameters(subjects.every_row()[name]["parameters"])
    return (f"value of any {parameter}", f"derivative of any {parameter}", f"derivative by {parameter}")


def bounded_as(kind):
    """The kind of `ulp.BOUNDS` that bounds it."""
    return kind.split()[0]


def compute(name, x, other, g):
    """The value, and the vjp by each operand."""
    import fastact

    vjp = getattr(fastact.vjp, name)
    both = vjp(x, other, g) if name in reference.GATED else vjp(x, g, other)
    return getattr(fastact, name)(x, other), *both


def roots(name):
    """For each of `kinds`, where it passes through 0 as the second operand moves."""
    return (), (), reference.gate_roots(name) if name in reference.GATED else ()


@dataclasses.dataclass(frozen=True)
class Job:
    """A part of a sweep: so many pairs, made from a seed."""

    name: str
    dtype: str
    pairs: int
    seed: int
    vary_g: bool = False


def beside(x, other):
    """other as it may stand beside x: small where x is infinite, so that no inf * 0 is met that comes of an exponential alone."""
    with np.errstate(all="ignore"):
        small = np.clip(other.astype(np.float64), -FARTHEST, FARTHEST).astype(other.dtype)
        return np.where(np.isinf(x) & np.isfinite(other), small, other)


def pairs_of(job):
    """x, other and g."""
    random = np.random.default_rng([job.seed, 1])
    x = ulp.stratified(job.dtype, job.pairs, seed=2 * job.seed)
    other = beside(x, random.permutation(ulp.stratified(job.dtype, job.pairs, seed=2 * job.seed + 1)))
    g = np.ones_like(x)
    if job.vary_g:
        g = (random.choice([-1, 1], x.size) * np.exp2(random.uniform(-30, 30, x.size))).astype(x.dtype)
    return x, other, g


def run(job):
    """The worst cases of one job.

    Returns
    -------
    list of ulp.Worst
        One for each of `kinds`.
    """
    x, other, g = pairs_of(job)
    worst = [ulp.Worst() for _ in kinds(job.name)]
    for start in range(0, x.size, CHUNK):
        _measure(job, worst, *(a[start : start + CHUNK] for a in (x, other, g)))
    return worst


def _measure(job, worst, x, other, g):
    m = reference.NUMPY if job.dtype == "float32" else reference.MPFR
    wanted = reference.evaluate_pair(m, job.name, x, other)
    factors = (None, g, g) if job.vary_g else (None, None, None)
    with np.errstate(all="ignore"):
        found = compute(job.name, x, other, g)
    for into, got, exact, factor, places in zip(worst, found, wanted, factors, roots(job.name), strict=True):
        if got.dtype != x.dtype:
            raise TypeError(f"{job.name} gives {got.dtype} for {x.dtype}")
        with m.context():
            scaled = exact if factor is None else np.where(exact == 0, 0, exact * m.array(factor))
            head, tail = (scaled, 0.0) if m is reference.NUMPY else reference.split(scaled)
            allowed = np.abs(x.astype(np.float64) * g)
        into.add(other, got, head, tail, places, allowed, partner=x)


def sweep(pool, name, options):
    """Sweep one row over pairs of operands.

    Returns
    -------
    list of dict
        A line for each of `kinds` that the options ask for.
    """
    count = options.points or (SAMPLE if options.sample else DEFAULT)[options.dtype]
    shares = [min(SHARE, count - start) for start in range(0, count, SHARE)]
    jobs = [Job(name, options.dtype, share, seed, options.vary_g) for seed, share in enumerate(shares)]
    worst = [ulp.Worst() for _ in kinds(name)]
    for part in pool.imap_unordered(run, jobs):
        for whole, piece in zip(worst, part, strict=True):
            whole.merge(piece)
    sizes = {share: ulp.stratified(options.dtype, share).size for share in set(shares)}
    expected = sum(sizes[share] for share in shares)
    lines = []
    for kind, found in zip(kinds(name), worst, strict=True):
        if options.kind in ("both", bounded_as(kind)):
            lines.append(_line(name, kind, options.dtype, found, expected))
    return lines


def _line(name, kind, dtype, found, expected):
    bound = ulp.BOUNDS[dtype, bounded_as(kind)]
    root_bound = ulp.ROOT_BOUNDS[dtype]
    ok = found.count == expected and found.within(dtype, bounded_as(kind))
    head = {"library": "fastact", "name": name, "kind": kind, "dtype": dtype, "ok": ok, "bound": bound}
    return head | {"root_bound": root_bound, **dataclasses.asdict(found)}
