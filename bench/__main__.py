"""The command line: ``python -m bench [suite ...] [--function gelu] [--size 1024] [--quick] [--isa avx2]``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import report
from bench.cells import SUITES, Cell, default_cells, select
from bench.environment import ROOT, cores, machine, start_worker
from bench.subject import function_names
from bench.timing import ROUND_SECONDS, ROUNDS

RESULTS = ROOT / "bench" / "results"


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="fastact against its peers and the memory")
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"which of {', '.join(SUITES)}; all by default")
    parser.add_argument("--function", action="append", default=[], help="only this function (repeatable)")
    parser.add_argument("--size", action="append", type=int, default=[], help="only this many elements (repeatable)")
    parser.add_argument(
        "--output", choices=("given", "allocated"), help="only the table with given buffers, or the other"
    )
    parser.add_argument("--isa", help="hold fastact to an instruction set; avx2 holds the peers too, where they can be")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--round-ms", type=float, default=ROUND_SECONDS * 1e3, help="length of a round in milliseconds")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: leave out the time of others, on a busy machine"
    )
    parser.add_argument("--quick", action="store_true", help="3 rounds of 2 ms: a look, not a result")
    parser.add_argument("--core", type=int, help="first core to run on; by default the last ones allowed")
    parser.add_argument("--json", type=Path, help="result file; by default a dated one in bench/results")
    parser.add_argument("--no-plots", action="store_true")
    parser.add_argument("--list", action="store_true", help="print the chosen cells and stop")
    options = parser.parse_args(argv)
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    if options.quick:
        options.rounds, options.round_ms = 3, 2.0
    return options


def run(cells: list[Cell], options: argparse.Namespace) -> Iterator[dict]:
    """Measures the cells, one process for each number of threads, and yields results as they come.

    A process that dies costs the cell it was at; another one measures the rest.
    """
    for threads in sorted({cell.threads for cell in cells}):
        remaining = [cell.as_dict() for cell in cells if cell.threads == threads]
        while remaining:
            order = {"cells": remaining, "rounds": options.rounds, "clock": options.clock}
            with start_worker(threads, options.isa, options.core) as process:
                process.stdin.write(json.dumps(order | {"round_seconds": options.round_ms * 1e-3}))
                process.stdin.close()
                for text in process.stdout:
                    remaining = remaining[1:]
                    yield json.loads(text)
            if remaining:
                yield {"cell": remaining[0], "error": f"the measuring process ended with status {process.returncode}"}
                remaining = remaining[1:]


def _introduction(facts: dict, options: argparse.Namespace) -> str:
    missing = [name for name, version in facts["versions"].items() if version == "missing"]
    lines = [
        f"{facts['processor']}, {facts['cores']} cores, load {facts['load']}",
        f"fastact {facts['commit']}, isa {facts['isa']}",
        ", ".join(f"{name} {version}" for name, version in facts["versions"].items() if version != "missing"),
        f"missing peers: {', '.join(missing) or 'none'}",
        f"{options.rounds} rounds of at least {options.round_ms:g} ms by the {options.clock} clock",
        f"one-thread cells on core {cores(1, options.core)}",
    ]
    if options.isa == "avx2":
        lines.append("held to AVX2: torch, NumPy, JAX, numba; AVX-512 kernels of onnxruntime are shown, not counted")
    elif options.isa:
        lines.append(f"fastact is held to {options.isa}; the peers are not")
    return "\n".join(lines)


def _print_as_they_come(results: Iterator[dict]) -> list[dict]:
    collected, shown = [], None
    for result in results:
        collected.append(result)
        if "absent" in result:
            continue
        cell = report.cell_from_dict(result["cell"])
        if (cell.suite, cell.output) != shown:
            shown = (cell.suite, cell.output)
            print(report.header(cell))
        print(report.line(result), flush=True)
    return collected


def _save(results: list[dict], facts: dict, options: argparse.Namespace) -> Path:
    path = options.json or RESULTS / time.strftime("bench-%Y%m%d-%H%M%S.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"rounds": options.rounds, "round_ms": options.round_ms, "quick": options.quick, "clock": options.clock}
    path.write_text(json.dumps({"machine": facts, "settings": settings, "cells": results}, indent=1))
    return path


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark; the exit status is 1 if a cell broke, whatever the ratios."""
    options = arguments(argv)
    start = time.perf_counter()
    cells = select(default_cells(function_names()), options.suites, options.function, options.size, options.output)
    if options.list:
        print("\n".join(f"{c.suite} {c.function} {report.shape_text(c)} {c.dtype} {c.output}" for c in cells))
        return 0
    facts = machine(options.isa)
    print(_introduction(facts, options))
    results = _print_as_they_come(run(cells, options))
    print("", *report.note_lines(results), *report.absent_lines(results), *report.summary(results), sep="\n")
    path = _save(results, facts, options)
    print(f"results: {path}")
    if not options.no_plots:
        from bench.plots import draw

        print(*draw(path), sep="\n")
    print(f"run time: {time.perf_counter() - start:.0f} s")
    return int(any("error" in result for result in results))


if __name__ == "__main__":
    sys.exit(main())
