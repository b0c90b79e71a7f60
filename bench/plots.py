"""Plots of a result file: speed-up over each peer, and nanoseconds an element against size with the limit.

``python -m bench.plots RESULT.json`` draws them again without measuring.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from bench.cells import Cell, cell_from_dict
from bench.environment import PEERS
from bench.targets import ratios

COLOURS = dict(
    zip(PEERS, ("tab:blue", "tab:cyan", "tab:red", "tab:green", "tab:purple", "tab:brown", "tab:olive"), strict=True)
)
SPEEDUP_SIZE = 65536


def _measured(results: list[dict], suite: str) -> list[tuple[Cell, dict]]:
    pairs = [(cell_from_dict(result["cell"]), result) for result in results if "times" in result]
    return [(cell, result) for cell, result in pairs if cell.suite == suite and cell.output == "given"]


def _speedup(pairs: list[tuple[Cell, dict]], title: str, path: Path) -> Path | None:
    """One row a function, one dot a peer; a line marks equal speed."""
    from matplotlib import pyplot

    if not pairs:
        return None
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.3 * len(pairs)), layout="constrained")
    for row, (_, result) in enumerate(pairs):
        for name, value in ratios(result).items():
            if result["roles"][name] == "peer":
                low, high = value.median - value.low, value.high - value.median
                label = name if name not in axes.get_legend_handles_labels()[1] else None
                axes.errorbar(
                    value.median,
                    row,
                    xerr=[[low], [high]],
                    fmt="o",
                    color=COLOURS.get(name, "black"),
                    label=label,
                    ms=5,
                )
    axes.axvline(1.0, color="black", lw=0.8)
    axes.set(xscale="log", yticks=range(len(pairs)), xlabel="peer's time / fastact's time", title=title)
    axes.set_yticklabels([cell.function for cell, _ in pairs])
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def _by_size(pairs: list[tuple[Cell, dict]], path: Path) -> Path | None:
    """A panel a function: nanoseconds an element against size."""
    from matplotlib import pyplot

    functions = list(dict.fromkeys(cell.function for cell, _ in pairs))
    if not functions:
        return None
    n_columns = min(4, len(functions))
    n_rows = -(-len(functions) // n_columns)
    figure, grid = pyplot.subplots(
        n_rows, n_columns, figsize=(3.6 * n_columns, 2.8 * n_rows), squeeze=False, layout="constrained", sharex=True
    )
    for axes in grid.flat[len(functions) :]:
        axes.set_visible(False)
    for axes, function in zip(grid.flat, functions, strict=False):
        for name in ("fastact", *PEERS, "limit"):
            points = sorted(
                (cell.size, statistics.median(result["times"][name]) / cell.size * 1e9)
                for cell, result in pairs
                if cell.function == function and name in result["times"]
            )
            if points:
                style = {"fastact": ("black", "-"), "limit": ("grey", "--")}.get(name, (COLOURS.get(name), ":"))
                axes.loglog(*zip(*points, strict=True), color=style[0], ls=style[1], marker=".", label=name)
        axes.set_title(function, fontsize="medium")
        axes.grid(alpha=0.3)
        axes.tick_params(labelbottom=True)
    shown = {name: handle for axes in grid.flat for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside right upper")
    figure.supxlabel("elements")
    figure.supylabel("ns per element")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def draw(path: Path) -> list[str]:
    """Draws what a result file holds, beside it.

    Parameters
    ----------
    path : Path
        A result file of ``python -m bench``.

    Returns
    -------
    list of str
        Lines that say which pictures were drawn, or why none was.
    """
    try:
        import matplotlib
    except ImportError:
        return ["plots: missing matplotlib; pip install matplotlib, then python -m bench.plots " + str(path)]
    matplotlib.use("agg")
    results = json.loads(path.read_text())["cells"]
    elementwise = _measured(results, "elementwise")
    middle = [pair for pair in elementwise if pair[0].size == SPEEDUP_SIZE]
    drawn = [
        _speedup(middle, f"values, float32, {SPEEDUP_SIZE:,} elements", path.with_suffix(".speedup.png")),
        _speedup(_measured(results, "vjp"), "vjps, float32, 65,536 elements", path.with_suffix(".vjp.png")),
        _by_size(elementwise, path.with_suffix(".sizes.png")),
    ]
    return [f"plot: {picture}" for picture in drawn if picture]


if __name__ == "__main__":
    print(*draw(Path(sys.argv[1])), sep="\n")
