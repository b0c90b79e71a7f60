"""The pictures of docs/: value and derivative of one activation, and of all on one sheet.  matplotlib is needed here alone.

A picture carries the digest of the curves it was drawn from, so that `is_stale` needs no drawing.
"""

import re

import numpy as np
import pages_rows

VALUE, SLOPE, GREY = "#1f5fa8", "#d1603d", "#b8b8b8"
SETTINGS = {
    "svg.hashsalt": "fastact",
    "svg.fonttype": "none",
    "path.simplify_threshold": 0.2,
    "font.family": "sans-serif",
    "font.size": 9,
}
TALLEST = 6.0


def is_stale(path, rows):
    """Whether the picture is missing or was drawn from other curves."""
    return not path.exists() or pages_rows.digest(rows) not in path.read_text(encoding="utf-8")


def _limits(row):
    """The part of y that is worth showing."""
    curves = np.concatenate(row.curves[1:])
    curves = curves[np.isfinite(curves)]
    reach = max(TALLEST, np.abs(row.curves[0]).max())
    low, high = max(curves.min(), -reach), min(curves.max(), reach)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _save(figure, path, rows):
    """Write an SVG without dates or versions, with as many digits as a screen shows."""
    described = {"Date": None, "Creator": None, "Description": f"curves {pages_rows.digest(rows)}"}
    figure.savefig(path, format="svg", metadata=described)
    text = path.read_text(encoding="utf-8")
    text = re.sub(r' d="[^"]*"', lambda found: re.sub(r"(\d\.\d)\d+", r"\1", found[0]), text)
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def draw_one(path, row):
    """The picture of one row."""
    from matplotlib import figure as drawing
    from matplotlib import rc_context

    with rc_context(SETTINGS):
        figure = drawing.Figure(figsize=(5.2, 3.4), layout="constrained")
        axes = figure.add_subplot()
        x, value, slope = row.curves
        by = "gate" if row.is_gated else "x"
        axes.plot(x, value, color=VALUE, linewidth=1.8, label=row.title)
        axes.plot(x, slope, color=SLOPE, linewidth=1.4, linestyle="--", label=f"derivative by {by}")
        axes.axhline(0, color=GREY, linewidth=0.7, zorder=0)
        axes.axvline(0, color=GREY, linewidth=0.7, zorder=0)
        axes.set(xlabel=by, xlim=(x[0], x[-1]), ylim=_limits(row))
        fixed = {"x": 1, **row.given} if row.is_gated else row.given
        axes.set_title(", ".join([row.title, *(f"{name} = {number:g}" for name, number in fixed.items())]))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        _save(figure, path, [row])


def draw_all(path, rows, columns=6):
    """One sheet with a panel for each row, all in one pair of axes and in three lines, so that the file stays small."""
    from matplotlib import figure as drawing
    from matplotlib import rc_context

    count = -(-len(rows) // columns)
    with rc_context(SETTINGS | {"path.simplify_threshold": 0.25}):
        figure = drawing.Figure(figsize=(1.5 * columns, 1.4 * count))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-0.1, 1.15 * columns - 0.05), ylim=(-1.3 * (count - 1) - 0.1, 1.25))
        axes.set_axis_off()
        places = [(1.15 * (number % columns), -1.3 * (number // columns)) for number in range(len(rows))]
        panels = [_panel(row, *place) for row, place in zip(rows, places, strict=True)]
        for (color, width), line in zip(
            ((GREY, 0.6), (SLOPE, 1.0), (VALUE, 1.5)), zip(*panels, strict=True), strict=True
        ):
            axes.plot(*np.concatenate(line, axis=1), color=color, linewidth=width, clip_on=False)
        for row, (left, bottom) in zip(rows, places, strict=True):
            axes.text(left + 0.5, bottom + 1.05, row.title, ha="center")
        _save(figure, path, rows)


def _panel(row, left, bottom):
    """The axes, the derivative and the value of one row in a unit square at (left, bottom), each ended by a gap."""
    low, high = _limits(row)
    x, value, slope = (curve[::4] for curve in row.curves)
    across = left + (x - x[0]) / (x[-1] - x[0])
    zero, middle = bottom - low / (high - low), left - x[0] / (x[-1] - x[0])
    lines = [np.array([[left, left + 1, np.nan], [zero, zero, np.nan]])]
    if x[0] < 0 < x[-1]:
        upright = np.array([[middle, middle, np.nan], [bottom, bottom + 1, np.nan]])
        lines = [np.concatenate([*lines, upright], axis=1)]
    for curve in (slope, value):
        up = np.where(np.isfinite(curve), bottom + (np.clip(curve, low, high) - low) / (high - low), np.nan)
        lines.append(np.append([across, up], [[np.nan], [np.nan]], axis=1))
    return lines
