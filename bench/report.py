"""The table in the terminal: one line a cell, with the ratios over each peer, the limit, and the target's verdict."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from bench.cells import Cell, Mi, cell_from_dict
from bench.environment import PEERS
from bench.targets import GROUP_TARGET, best_peer, group_means, ratios, reached, targets, times_limit

SHORT = {"onnxruntime": "ort", "torch fused": "fused", "torch from x": "from x"}
COLUMNS = {
    "training": ("numpy", "torch", "torch fused", "jax", "products"),
    "threads": ("fastact@1", "torch", "torch@1"),
    "linear": ("torch", "products"),
    "vjp": ("numpy", "torch", "torch from x", "jax", "numexpr", "numba"),
    "import": ("decimal",),
    "halves": ("torch",),
}
TITLES = {
    "elementwise": "values, float32",
    "vjp": "vjps, float32 (torch: its backward kernel; from x: with the forward pass it needs)",
    "float64": "values, float64",
    "halves": "values, float16 and bfloat16",
    "rows": "rows, float32",
    "linear": "tokens × features × classes, float32 (products: the three matrix products alone)",
    "training": "one training step, Adam, float32",
    "import": "import beyond import numpy",
    "threads": "two threads, float32 (@1: the same on one)",
}


def seconds_text(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def shape_text(cell: Cell) -> str:
    """The shape as people write it: 65,536 or 128×1000 or 784→10."""
    if cell.suite == "training":
        return "→".join(map(str, cell.shape)) + f" /{cell.batch}"
    parts = [
        f"{n // Mi} Mi" if n >= Mi and n % Mi == 0 else f"{n:,}" if len(cell.shape) == 1 else str(n) for n in cell.shape
    ]
    dtype = f" {cell.dtype}" if cell.suite == "halves" else ""
    return "×".join(parts) + (f" axis {cell.axis}" if cell.axis != -1 else "") + dtype


def _columns(cell: Cell) -> tuple[str, ...]:
    return COLUMNS.get(cell.suite, PEERS)


def header(cell: Cell) -> str:
    """Two lines over the cells of a suite."""
    output = {"given": "results into given buffers", "allocated": "everybody allocates"}[cell.output]
    output = "" if cell.suite in ("linear", "training", "import") else f", {output}"
    names = "".join(f"{SHORT.get(name, name):>10}" for name in _columns(cell))
    return (
        f"\n{TITLES[cell.suite]}{output}; ratios are the other's time over fastact's\n"
        f"{'function':<29}{'shape':>21}{'fastact':>10}{'× limit':>9}{names}{'best peer':>20}  targets"
    )


def _verdicts(cell: Cell, result: dict) -> str:
    texts = []
    for target in targets(cell):
        found = reached(target, result)
        if found is None:
            texts.append(f"{target}: not measured")
        else:
            texts.append(f"{target}: {'MET' if found[1] else f'MISSED ({found[0]:.2f})'}")
    return "; ".join(texts)


def line(result: dict) -> str:
    """One cell."""
    cell = cell_from_dict(result["cell"])
    label = f"{cell.function:<29}{shape_text(cell):>21}"
    if "absent" in result:
        return f"{label}  absent: {result['absent']}"
    if "error" in result:
        return f"{label}  FAILED: {result['error'].strip().splitlines()[-1]}"
    found, scaled, best = ratios(result), times_limit(result), best_peer(result)
    columns = "".join(f"{found[name].median:>10.2f}" if name in found else f"{'–':>10}" for name in _columns(cell))
    best_text = f"{best[1].median:.2f} ({best[1].low:.2f}–{best[1].high:.2f})" if best else "–"
    time = seconds_text(statistics.median(result["times"]["fastact"]))
    limit = f"{scaled.median:.2f}" if scaled else "–"
    text = f"{label}{time:>10}{limit:>9}{columns}{best_text:>20}  {_verdicts(cell, result)}"
    wrong = ", ".join(f"{name} by {error:.2g}" for name, error in result["disagree"].items())
    return text + (f"  DISAGREES: {wrong}" if wrong else "")


def absent_lines(results: Iterable[dict]) -> list[str]:
    """What fastact lacks, one line a suite and reason."""
    missing: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if "absent" in result:
            names = missing.setdefault((result["cell"]["suite"], result["absent"]), [])
            if result["cell"]["function"] not in names:
                names.append(result["cell"]["function"])
    return [f"absent ({suite}): {', '.join(names)}: {reason}" for (suite, reason), names in missing.items()]


def note_lines(results: Iterable[dict]) -> list[str]:
    """Which peers could not take part and why, each reason once."""
    where: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for name, reason in result.get("notes", {}).items():
            cells = where.setdefault((name, reason), [])
            if result["cell"]["function"] not in cells:
                cells.append(result["cell"]["function"])
    return [f"{name}: {reason} ({', '.join(functions)})" for (name, reason), functions in sorted(where.items())]


def summary(results: list[dict]) -> list[str]:
    """Geometric means, counts of targets met, and the cells that missed theirs."""
    cells = [cell_from_dict(result["cell"]) for result in results]
    lines = [
        f"geometric mean, {name}: {mean:.2f} (target ≥ {GROUP_TARGET:g}: {'MET' if mean >= GROUP_TARGET else 'MISSED'})"
        for name, mean in group_means(results, cells).items()
    ]
    met, missed = 0, []
    for cell, result in zip(cells, results, strict=True):
        for target in targets(cell) if "times" in result else ():
            found = reached(target, result)
            if found is None:
                continue
            met += found[1]
            if not found[1]:
                missed.append(f"  {cell.suite} {cell.function} {shape_text(cell)}: {found[0]:.2f}, target {target}")
    return [*lines, f"targets met: {met} of {met + len(missed)}", *missed]
