"""Sweeps in float16 and bfloat16: which of all 65,536 inputs do not give the correctly rounded result.  Called by accuracy.py.

fastact computes in float32 and rounds once, so that a result may be off where the exact value lies within float32's error
of the middle between two numbers; each such input is listed.  Of two operands every number meets others, in random order.
"""

import dataclasses

import accuracy_pairs
import ml_dtypes
import numpy as np
import reference
import subjects
import ulp

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
# (bits of the fraction, exponent of the smallest normal number)
FORMATS = {"float16": (10, -14), "bfloat16": (7, -126)}
PEERS = {"float16": ("torch", "jax", "scipy"), "bfloat16": ("jax",)}
MEETINGS = 16
SHOWN_PAIRS = 8
# Where float64's own rounding could decide which number is nearest, MPFR does.
DOUBTFUL = 2.0**-36


@dataclasses.dataclass(frozen=True)
class Job:
    """One function of one library in one dtype."""

    library: str
    name: str
    kind: str
    dtype: str


def half_ulp(head, dtype):
    """The distance between numbers of a half type at head."""
    fraction, smallest = FORMATS[dtype]
    with np.errstate(invalid="ignore"):
        exponent = np.frexp(np.where(np.isfinite(head), head, 1.0))[1] - 1
    return np.exp2(np.maximum(exponent, smallest) - float(fraction))


def rounded_once(head, dtype, exact):
    """head (float64) rounded to a half type, to even in the middle.

    Parameters
    ----------
    exact : callable
        Gives for positions the values by MPFR, as `reference.split` has them.
    """
    step = half_ulp(head, dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = head / step
        nearest = np.rint(scaled)
        off = np.abs(scaled - np.floor(scaled) - 0.5)
        doubtful = np.flatnonzero(np.isfinite(scaled) & (off <= DOUBTFUL * np.maximum(1, np.abs(scaled))))
        if doubtful.size:
            value, tail = exact(doubtful)
            scaled = value / step[doubtful]
            middle = (scaled - np.floor(scaled) == 0.5) & (tail != 0)
            nearest[doubtful] = np.where(middle, np.floor(scaled) + (tail > 0), np.rint(scaled))
        return (nearest * step).astype(DTYPES[dtype])


def compare(job, x, got, head, exact, roots=(), along=None):
    """The line of a sweep: the worst error, and every input that does not give the correctly rounded result."""
    along = x if along is None else along
    want = rounded_once(head, job.dtype, exact)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    bound = ulp.BOUNDS["float32", accuracy_pairs.bounded_as(job.kind)]
    single = bound * ulp.ulp_of(head, np.dtype(np.float32))
    step = half_ulp(head, job.dtype)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(got.astype(np.float64) - head)
        finite = np.isfinite(got.astype(np.float64)) & np.isfinite(want.astype(np.float64))
        # Beside a root what is more counts against the bound that float32 has there.
        more = finite & (error > 0.5 * step + single) & ulp.near_root(along.astype(np.float64), roots)
        shares = np.where(more, (error - 0.5 * step) / np.abs(x.astype(float)), 0.0)
        errors = np.where(finite & ~more, error / step, np.where(same | more, 0.0, np.inf))
        kept = np.where(finite & ~more, error <= 0.5 * step + single, same | more)
        kept &= shares <= ulp.ROOT_BOUNDS["float32"]
    worst, at_root = int(np.argmax(errors)), int(np.argmax(shares))
    off = np.flatnonzero(~same)
    # Of the 65,536 inputs of one operand all are kept.
    kept_cases = off if along is x else off[:SHOWN_PAIRS]
    return {
        **dataclasses.asdict(job),
        "ok": bool(kept.all()),
        "bound": 0.5 + bound * 2.0 ** (FORMATS[job.dtype][0] - 23),
        "root_bound": ulp.ROOT_BOUNDS["float32"],
        "count": int(x.size),
        "ulp": float(errors[worst]),
        "x": float(along[worst]) if errors[worst] else None,
        "got": float(got[worst]),
        "want": float(head[worst]),
        "at_root": float(shares[at_root]),
        "root_x": float(along[at_root]) if shares[at_root] else None,
        "partner": None if along is x or not errors[worst] else float(x[worst]),
        "differing": [_named(x, along, got, want, i) for i in kept_cases],
        "n_differing": int(off.size),
    }


def _named(x, along, got, want, i):
    inputs = f"{float(x[i]):.9g}" if along is x else f"({float(x[i]):.9g}, {float(along[i]):.9g})"
    return f"{inputs}: {float(got[i]):.9g} for {float(want[i]):.9g}"


def run(job):
    """The lines of one job: one, or for pairs one for each kind; none where a library lacks the function."""
    numbers = np.arange(1 << 16, dtype=np.uint16).view(DTYPES[job.dtype])
    if job.kind == "pairs":
        return _run_pairs(job, numbers)
    function = subjects.bind(job.library, job.name, job.kind)
    if function is None:
        return []
    with np.errstate(all="ignore"):
        x = numbers if job.library == "fastact" else numbers[np.isfinite(numbers.astype(np.float32))]
        got = function(x) if job.kind == "value" else function(x, np.ones_like(x))
    if got.dtype != x.dtype:
        if job.library != "fastact":
            return []
        raise TypeError(f"{job.name} gives {got.dtype} for {x.dtype}")
    single = x.astype(np.float32)
    head = reference.evaluate(reference.NUMPY, job.name, job.kind, single)

    def exact(chosen):
        return reference.head_and_tail(job.name, job.kind, single[chosen])

    roots = reference.derivative_roots(job.name) if job.kind == "derivative" else ()
    return [compare(job, np.asarray(x), np.asarray(got), head.astype(np.float64), exact, roots)]


def _run_pairs(job, numbers):
    random = np.random.default_rng(0)
    x = np.tile(numbers, MEETINGS)
    other = accuracy_pairs.beside(x, np.concatenate([random.permutation(numbers) for _ in range(MEETINGS)]))
    with np.errstate(all="ignore"):
        found = accuracy_pairs.compute(job.name, x, other, np.ones_like(x))
    singles = x.astype(np.float32), other.astype(np.float32)
    heads = reference.evaluate_pair(reference.NUMPY, job.name, *singles)
    lines = []
    for position, kind in enumerate(accuracy_pairs.kinds(job.name)):

        def exact(chosen, position=position):
            given = (s[chosen] for s in singles)
            return reference.split(reference.evaluate_pair(reference.MPFR, job.name, *given)[position])

        head, roots = heads[position].astype(np.float64), accuracy_pairs.roots(job.name)[position]
        lines.append(compare(dataclasses.replace(job, kind=kind), x, found[position], head, exact, roots, other))
    return lines


def jobs_of(names, libraries, dtype, kinds):
    """What to run for these rows."""
    jobs = []
    for name in names:
        for library in libraries:
            if library == "fastact" or library in PEERS[dtype]:
                jobs += [Job(library, name, kind, dtype) for kind in kinds if name not in reference.GATED]
        if accuracy_pairs.has_pairs(name) and "fastact" in libraries:
            jobs.append(Job("fastact", name, "pairs", dtype))
    return jobs
