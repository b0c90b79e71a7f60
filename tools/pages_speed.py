"""docs/bench.json: what pages show of a run of `make bench`, a few figures a cell instead of every round.

`condense` makes it of a result file; `lines` picks one function's cells.  What a cell is to reach stands in bench/targets.py.
"""

import json
import statistics

from bench import report
from bench.cells import Cell, cell_from_dict
from bench.targets import best_peer, ratios, reached, targets

# The cells that a page shows: (label, suite, elements).
SHOWN = (
    ("value, 1,024", "elementwise", 1024),
    ("value, 65,536", "elementwise", 65536),
    ("derivative, 65,536", "vjp", 65536),
)


def _figures(result):
    """One cell of docs/bench.json."""
    best, found = best_peer(result), ratios(result)
    cell = cell_from_dict(result["cell"])
    verdicts = [(target, reached(target, result)) for target in targets(cell)]
    return {
        "cell": result["cell"],
        "seconds": statistics.median(result["times"]["fastact"]),
        "best": [best[0], best[1].median, best[1].low, best[1].high] if best else None,
        "torch": found["torch"].median if "torch" in found else None,
        "targets": [f"{target}: {'met' if met[1] else 'missed'}" for target, met in verdicts if met],
    }


def _is_shown(cell: Cell):
    return cell.output == "given" and any((cell.suite, cell.size) == shown[1:] for shown in SHOWN)


def condense(path):
    """The contents of docs/bench.json, from a result file of `make bench`."""
    run = json.loads(path.read_text(encoding="utf-8"))
    machine = {key: run["machine"][key] for key in ("processor", "isa", "versions")}
    cells = [result for result in run["cells"] if "times" in result and _is_shown(cell_from_dict(result["cell"]))]
    return {"machine": machine, "settings": run["settings"], "cells": [_figures(result) for result in cells]}


def lines(kept, name):
    """(label, figures) of each cell of one function that was measured, in the order of SHOWN."""
    found = {
        (c["cell"]["suite"], *c["cell"]["shape"]): c for c in kept.get("cells", ()) if c["cell"]["function"] == name
    }
    return [(label, found[suite, size]) for label, suite, size in SHOWN if (suite, size) in found]


def ratio_of(label, figures):
    """What counts in a cell: the best peer's time over fastact's, for derivatives torch's backward kernel's."""
    if label.startswith("derivative"):
        return figures["torch"]
    return figures["best"][1] if figures["best"] else None


def row(label, figures):
    """The cells of a line of a page's table."""
    best = figures["best"]
    spread = f"{best[1]:.2f} ({best[2]:.2f} to {best[3]:.2f})" if best else "-"
    torch = f"{figures['torch']:.2f}" if figures["torch"] else "-"
    seconds = report.seconds_text(figures["seconds"])
    return (label, seconds, best[0] if best else "-", spread, torch, "; ".join(figures["targets"]) or "-")
