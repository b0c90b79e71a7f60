"""Measure the accuracy that docs/accuracy.md states: `make accuracy`, or `python tools/accuracy.py --help`.

Here: the command line and the sweeps of functions of one operand.  What
spares the float64 sweeps most of their 160-bit arithmetic is in accuracy_screen.py; functions of two operands are in
accuracy_pairs.py, float16 and bfloat16 in accuracy_halves.py, what spares float32 a sweep where no result has changed in accuracy_digest.py, rows (softmax, …) in accuracy_rows.py; the page is written by accuracy_page.py; what a ULP is and which bound holds is in tests/ulp.py, the mathematics in tests/reference.py.
"""

import argparse
import dataclasses
import functools
import multiprocessing
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tools")]

import accuracy_digest  # noqa: E402
import accuracy_halves  # noqa: E402
import accuracy_page  # noqa: E402
import accuracy_pairs  # noqa: E402
import accuracy_rows  # noqa: E402
import accuracy_screen  # noqa: E402
import numpy as np  # noqa: E402
import reference  # noqa: E402
import subjects  # noqa: E402
import ulp  # noqa: E402

KINDS = ("value", "derivative")
SPAN = 1 << 24
CHUNK = 1 << 14
# Between these numbers the error is largest, and stratified points are too few to show how large: searches look closer there.
CLOSER = {("gelu", "derivative", "float64"): (-8.0, -5.0)}
SEARCHES, ROUNDS, PER_ROUND, KEPT = 8, 6, 1 << 13, 16
# So many inputs of a half type are printed; the page lists all.
SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Job:
    """A part of a sweep of one function: bit patterns from start in steps of stride, a set of points, or a search between
    two numbers."""

    library: str
    name: str
    kind: str
    dtype: str = "float32"
    parameters: tuple = ()
    start: int = 0
    stride: int = 1
    points: int = 0
    between: tuple = ()
    vary_g: bool = False
    finite: bool = False


def run(job):
    """The worst case of one job.

    Returns
    -------
    ulp.Worst
    """
    function = subjects.bind(job.library, job.name, job.kind, dict(job.parameters))
    worst = ulp.Worst()
    if job.between:
        return _search(job, function, worst)
    if job.dtype == "float64" or job.points:
        points = ulp.stratified(job.dtype, job.points, seed=job.start)
        parts = -(-points.size // CHUNK)
        chunks = (points[i::parts] for i in range(parts))
    else:
        chunks = (
            np.arange(
                first,
                min(first + CHUNK * job.stride, job.start + SPAN),
                job.stride,
                np.uint32,
            ).view(np.float32)
            for first in range(job.start, job.start + SPAN, CHUNK * job.stride)
        )
    given = tuple(dict(job.parameters).values())
    roots = reference.derivative_roots(job.name, *given) if job.kind == "derivative" else ()
    screen = accuracy_screen.Screen(worst, functools.partial(_exact, job), roots)
    for number, x in enumerate(chunks):
        _measure(job, function, x, roots, worst, number, screen)
    return worst


def _search(job, function, worst):
    """Look ever closer around the worst points so far: what rounds badly there does so at many of their neighbours."""
    random = np.random.default_rng(job.start)
    low, high = job.between
    centres, radius = np.array([(low + high) / 2]), (high - low) / 2
    errors, points = np.zeros(0), np.zeros(0)
    for _ in range(ROUNDS):
        x = random.choice(centres, job.points // ROUNDS) + random.uniform(-radius, radius, job.points // ROUNDS)
        g = np.ones_like(x)
        got = function(x) if job.kind == "value" else function(x, g)
        head, tail = _exact(job, reference.MPFR, x, g)
        worst.add(x, got, head, tail)
        errors, points = np.append(errors, ulp.errors(got, head, tail)), np.append(points, x)
        centres, radius = points[np.argsort(errors)[-KEPT:]], radius / 64
    return worst


def _exact(job, m, x, g):
    """The reference in numbers of m as head and tail (see `reference.split`)."""
    exact = reference.evaluate(m, job.name, job.kind, x, *dict(job.parameters).values())
    if job.vary_g:
        with m.context():
            exact = np.where(exact == 0, 0, exact * m.array(g))
    return reference.split(exact, m)


def _measure(job, function, x, roots, worst, number, screen):
    g = np.ones_like(x)
    if job.vary_g:
        random = np.random.default_rng([number, job.start])
        g = (random.choice([-1, 1], x.size) * np.exp2(random.uniform(-30, 30, x.size))).astype(x.dtype)
    if job.finite:
        x = np.where(np.isfinite(x), x, 0)
    with np.errstate(all="ignore"):
        got = function(x) if job.kind == "value" else function(x, g)
        if got.dtype != x.dtype:
            raise TypeError(f"{job.library} {job.name} gives {got.dtype} for {x.dtype}")
        if job.dtype == "float64":
            screen.add(x, got, g)
            return
        head = reference.evaluate(reference.NUMPY, job.name, job.kind, x, *dict(job.parameters).values())
        if job.vary_g:
            head = np.where(head == 0, 0, head * g)
    worst.add(x, got, head, 0.0, roots, g)


def jobs_of(library, name, kind, options):
    """The jobs that make up the sweep of one function; peers are asked for finite inputs only."""
    common = {
        "library": library,
        "name": name,
        "kind": kind,
        "dtype": options.dtype,
        "finite": library != "fastact",
        "vary_g": options.vary_g and kind == "derivative",
    }
    default = 40_000 if options.sample and options.dtype == "float64" else 1_000_000 if options.sample else 0
    points = options.points or default or (10_000_000 if options.dtype == "float64" else 0)
    if options.parameters:
        share = points or 1_000_000
        random = np.random.default_rng(0)
        return [
            Job(**common, parameters=random_parameters(name, options.dtype, random), start=i, points=share)
            for i in range(options.parameters if subjects.table()[name]["n_parameter"] else 0)
        ]
    if points:
        share = min(points, 1_000_000)
        jobs = [Job(**common, start=i, points=share) for i in range(-(-points // share))]
        return jobs if options.points or options.sample or library != "fastact" else jobs + closer(common)
    stride = options.stride if library == "fastact" else max(options.stride, options.peer_stride)
    return [Job(**common, start=start, stride=stride) for start in range(0, 1 << 32, SPAN)]


def closer(common):
    """The searches of `CLOSER` for a function."""
    between = CLOSER.get((common["name"], common["kind"], common["dtype"]))
    return [
        Job(**common, start=seed, points=ROUNDS * PER_ROUND, between=between)
        for seed in range(SEARCHES if between else 0)
    ]


def random_parameters(name, dtype, random):
    """Pairs (name, value): finite defaults times 2**-6 to 2**6, infinite ones beyond where rounding decides."""
    defaults = subjects.defaults_of(name)
    low, high = (20, 60) if dtype == "float32" else (40, 80)
    return tuple(
        (key, float(random.uniform(low, high) if np.isinf(value) else value * 2 ** random.uniform(-6, 6)))
        for key, value in defaults.items()
    )


def expected_count(jobs):
    """How many inputs the jobs must have compared."""
    return sum(_count(job) for job in jobs)


def _count(job):
    if job.between:
        return job.points
    return ulp.stratified(job.dtype, job.points).size if job.points else -(-SPAN // job.stride)


def specials_hold(function, name, kind):
    """Whether 0, -0, inf, -inf and nan give exactly the reference's results, the sign of a zero value included."""
    x = np.array(ulp.SPECIALS, np.float32)
    got = function(x) if kind == "value" else function(x, np.ones_like(x))
    want = reference.evaluate(reference.NUMPY, name, kind, x)
    same_sign = (kind == "derivative") | np.isnan(want) | (np.signbit(got) == np.signbit(want))
    return bool(np.all(ulp.errors(got, want) <= ulp.BOUNDS["float32", kind]) and np.all(same_sign))


def sweep(pool, library, name, kind, options):
    """Sweep one function and print its line.

    Returns
    -------
    dict or None
        The line's figures, None where the library has no such function.
    """
    function = subjects.bind(library, name, kind)
    if function is None:
        return None
    begin = time.perf_counter()
    worst, jobs = ulp.Worst(), jobs_of(library, name, kind, options)
    if not jobs:
        return None
    full = library == "fastact" and is_full(options)
    known = accuracy_digest.unchanged(pool, name, kind) if full and options.unchanged else None
    if known:
        worst = ulp.Worst(**{field.name: known[field.name] for field in dataclasses.fields(ulp.Worst)})
    else:
        for part in pool.imap_unordered(run, jobs):
            worst.merge(part)
    ok = worst.within(options.dtype, kind) and worst.count == expected_count(jobs)
    if library == "fastact":
        ok &= specials_hold(function, name, kind)
    line = {"digest": known["digest"] if known else accuracy_digest.of(pool, name, kind)} if full else {}
    line |= {
        "library": library,
        "name": name,
        "kind": kind,
        "dtype": options.dtype,
        "ok": ok,
        "bound": ulp.BOUNDS[options.dtype, kind],
        "root_bound": ulp.ROOT_BOUNDS[options.dtype],
        "seconds": time.perf_counter() - begin,
        **dataclasses.asdict(worst),
    }
    print(describe(line) + " every result as in the last full sweep" * bool(known), flush=True)
    return line


def is_full(options):
    """Whether all float32 inputs are swept, with the default parameters."""
    narrowed = options.sample or options.points or options.parameters or options.vary_g
    return options.dtype == "float32" and options.stride == 1 and not narrowed


def describe(line):
    """One line of the report."""
    text = f"{line['library']:<12}{accuracy_page.label(line):<30} {line['dtype']:<9}{line['ulp']:>12.5g} ULP (bound {round(line['bound'], 7)})"
    text += f" {'ok' if line['ok'] else 'MISSED':<7}"
    if line["x"] is not None:
        text += f" at {line['x']!r} ({float(line['x']).hex()}): {line['got']!r} for {line['want']!r}"
    if line["partner"] is not None:
        text += f" with x = {line['partner']!r}"
    if line["root_x"] is not None:
        share = line["at_root"] / line["root_bound"]
        text += f"; beside the root {share:.2f} of the bound at {line['root_x']!r}"
    text += f"  [{line['count']:,} inputs" + (f", {line['seconds']:.0f} s]" if "seconds" in line else "]")
    if "differing" in line:
        text += f" {line['n_differing']:,} not correctly rounded"
        text += "".join(f"\n    {case}" for case in line["differing"][:SHOWN])
    return text


OPTIONS = (
    ("--all", {"action": "store_true", "help": "every row of the table, as where no name is given"}),
    ("--function", {"action": "append", "default": [], "metavar": "NAME", "help": "the same as NAME alone"}),
    ("--kind", {"choices": (*KINDS, "both"), "default": "both"}),
    ("--dtype", {"choices": ("float32", "float64", *accuracy_halves.DTYPES), "default": "float32"}),
    ("--isa", {"help": "instruction set, as FASTACT_ISA takes it"}),
    ("--sample", {"action": "store_true", "help": "stratified points of every binade, in seconds"}),
    ("--points", {"type": int, "default": 0, "help": "how many stratified points"}),
    ("--stride", {"type": int, "default": 1, "help": "every n-th of all float32 inputs"}),
    ("--peer-stride", {"type": int, "default": 64, "help": "the same for peers"}),
    ("--vary-g", {"action": "store_true", "help": "random g from 2**-30 to 2**30 in the vjp, rather than 1"}),
    (
        "--parameters",
        {"type": int, "default": 0, "metavar": "N", "help": "N random sets of parameters, on --points each"},
    ),
    (
        "--unchanged",
        {"action": "store_true", "help": "float32: no second sweep where all results are those of the last one"},
    ),
    ("--peers", {"action": "store_true", "help": "measure the installed peers too"}),
    ("--library", {"action": "append", "choices": ("fastact", *subjects.PEERS), "help": "measure this library alone"}),
    ("--rows", {"action": "store_true", "help": "softmax and its family instead"}),
    ("--page", {"action": "store_true", "help": "write the figures to docs/accuracy.md"}),
    ("--processes", {"type": int, "default": 0, "help": "as many as there are processors where 0"}),
)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("functions", nargs="*", metavar="NAME", help="rows of the table; all where none is named")
    for name, settings in OPTIONS:
        parser.add_argument(name, **settings)
    return parser.parse_args(arguments)


def chosen_names(options):
    """The rows to sweep; exits where one is unknown."""
    known = accuracy_rows.FUNCTIONS if options.rows else tuple(subjects.every_row())
    names = options.functions + options.function
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit(f"no function {', '.join(unknown)}: expected one of {', '.join(known)}")
    without = sorted(set(names or known) - set(reference.ORACLES) - set(reference.GATED)) if not options.rows else []
    if without:
        sys.exit(f"no oracle for {', '.join(without)}: add a line to tests/reference.py")
    return list(known if options.all or not names else names)


def chosen_libraries(options):
    """fastact, and the peers that are installed where they are asked for; names those missing."""
    wanted = options.library or ["fastact", *(subjects.PEERS if options.peers else ())]
    missing = [peer for peer in subjects.missing_peers() if peer in wanted]
    for peer in missing:
        print(f"{peer}: not installed, not measured")
    return [library for library in wanted if library not in missing]


def sweep_all(pool, names, libraries, kinds, options):
    """The lines of all elementwise sweeps that are asked for, printed as they come."""
    lines = []
    if options.dtype in accuracy_halves.DTYPES:
        for found in pool.imap(accuracy_halves.run, accuracy_halves.jobs_of(names, libraries, options.dtype, kinds)):
            lines += found
            print(*map(describe, found), sep="\n", end="\n" * bool(found), flush=True)
        return lines
    for name in names:
        for kind in kinds if name in reference.ORACLES else ():
            found = (sweep(pool, library, name, kind, options) for library in libraries)
            lines += [line for line in found if line]
        if accuracy_pairs.has_pairs(name) and "fastact" in libraries and not options.parameters:
            found = accuracy_pairs.sweep(pool, name, options)
            lines += found
            print(*map(describe, found), sep="\n", flush=True)
    return lines


def main(arguments=None):
    """Run the sweeps the command line asks for.

    Returns
    -------
    int
        1 if fastact misses a bound, else 0.
    """
    options = parse(arguments)
    os.environ["FASTACT_NUM_THREADS"] = "1"
    if options.isa:
        os.environ["FASTACT_ISA"] = options.isa
    names, libraries = chosen_names(options), chosen_libraries(options)
    kinds = KINDS if options.kind == "both" else (options.kind,)
    lines = []
    if options.rows:
        for library in libraries:
            lines += accuracy_rows.sweep(library, options.dtype, options.sample, names)
    else:
        with multiprocessing.get_context("spawn").Pool(options.processes or None) as pool:
            lines = sweep_all(pool, names, libraries, kinds, options)
    if options.page:
        accuracy_page.record([{**line, "isa": options.isa} for line in lines], options.isa)
    return int(any(not line["ok"] for line in lines if line["library"] == "fastact"))


if __name__ == "__main__":
    sys.exit(main())
