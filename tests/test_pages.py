"""The pages of the activations are what tools/pages.py makes of the table and of docs/*.json, and their examples run."""

import doctest
import json

import numpy as np
import pages
import pages_figures
import pages_rows
import pages_speed
import pytest
import subjects

MADE = pages.texts()
DRAWN = pages.pictures()


def test_every_row_of_the_table_has_a_page_and_a_picture_in_the_overview():
    rows = subjects.every_row()
    names = [name.lstrip("_") for name in rows]
    assert [name for name in MADE if name != "activations.md"] == [f"activations/{name}.md" for name in names]
    overview = (pages.DOCS / "activations.md").read_text(encoding="utf-8")
    assert [name for name in names if f"(activations/{name}.md)" not in overview] == []
    for name, row in zip(names, rows.values(), strict=True):
        text = (pages.DOCS / "activations" / f"{name}.md").read_text(encoding="utf-8")
        assert row["source"] in text
        assert f"({name}.svg)" in text


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_what_the_tool_makes(name):
    committed = (pages.DOCS / name).read_text(encoding="utf-8")
    assert committed == MADE[name], "stale: run make pages"


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_shows_the_curves_of_today(name):
    path = pages.DOCS / name
    assert not pages_figures.is_stale(path, DRAWN[name][0]), "stale: run make pages"
    assert path.stat().st_size < 30_000
    assert path.read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_no_page_is_left_of_a_row_that_is_gone():
    assert pages.stray() == []


@pytest.mark.parametrize("name", [name for name in MADE if name.startswith("activations/")])
def test_the_example_of_a_page_runs(name):
    text = (pages.DOCS / name).read_text(encoding="utf-8").replace("```\n", "\n")
    parsed = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert len(parsed.examples) >= 5
    complaints = []
    doctest.DocTestRunner(verbose=False).run(parsed, out=complaints.append)
    assert not complaints, "".join(complaints)


def test_other_curves_make_a_picture_stale(monkeypatch, tmp_path):
    (row,) = (row for row in pages_rows.all_rows() if row.name == "silu")
    path = tmp_path / "silu.svg"
    assert pages_figures.is_stale(path, [row])
    pages_figures.draw_one(path, row)
    assert not pages_figures.is_stale(path, [row])
    monkeypatch.setattr(pages_rows.Row, "call", lambda self, x, is_vjp=False: (x * 1.01,) if is_vjp else x)
    assert pages_figures.is_stale(path, pages_rows.all_rows()[:1])


def test_drawing_twice_gives_the_same_file(tmp_path):
    rows = pages_rows.all_rows()[:3]
    for name in ("a.svg", "b.svg"):
        pages_figures.draw_all(tmp_path / name, rows)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def run_of(times):
    """A result file of the benchmark with one cell."""
    cell = {"suite": "elementwise", "function": "silu", "shape": [1024]}
    roles = {"fastact": "fastact", "torch": "peer", "numpy": "peer"}
    made = {"cell": cell, "times": times, "roles": roles, "limit_scale": 1.0, "disagree": {}, "notes": {}}
    machine = {"processor": "a processor", "isa": "best", "versions": {}, "system": "not told"}
    return {"machine": machine, "settings": {"rounds": 3}, "cells": [made, {"cell": cell, "absent": "gone"}]}


@pytest.mark.parametrize(("ours", "ratio", "verdict"), [(1e-7, "2.00", "met"), (4e-7, "0.50", "missed")])
def test_the_speed_on_a_page_is_that_of_the_run(tmp_path, ours, ratio, verdict):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_of({"fastact": [ours] * 3, "torch": [2e-7] * 3, "numpy": [8e-7] * 3})))
    kept = pages_speed.condense(path)
    assert "system" not in kept["machine"]
    (row,) = (row for row in pages_rows.all_rows() if row.name == "silu")
    text = pages.page(row, {}, kept)
    assert f"| torch | {ratio} ({ratio} to {ratio}) | {ratio} | ≥ 1 × best: {verdict} |" in text
    assert f"| {ratio} | - | - |" in pages.overview([row], {}, kept)
    assert "Not measured yet" not in text.partition("## Speed")[2]


def test_where_a_function_has_no_value_nothing_is_drawn(monkeypatch):
    def logit(self, x, is_vjp=False):
        with np.errstate(all="ignore"):
            return (1 / (x * (1 - x)),) if is_vjp else np.log(x / (1 - x))

    monkeypatch.setattr(pages_rows.Row, "call", logit)
    row = pages_rows.Row("relu", subjects.every_row()["relu"])
    assert 0 < row.curves[0][0] < row.curves[0][-1] < 1
    assert np.isfinite(row.curves).all()
    assert row.points == [0.2, 0.3, 0.5, 0.7, 0.8]
