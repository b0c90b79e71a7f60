"""The page about the trainer has a measured row for each training step of the benchmark, by a tool that runs."""

import trainer_page

from bench.cells import TRAINING


def test_every_step_of_the_benchmark_has_its_row():
    text = trainer_page.PAGE.read_text(encoding="utf-8")
    measured = trainer_page.MARKS.search(text)[0]
    for widths, batch in TRAINING:
        assert f"| ({'→'.join(map(str, widths))}) × {batch} |" in measured


def test_the_parts_of_a_step_are_measured(monkeypatch):
    monkeypatch.setattr(trainer_page, "SECONDS", 0.0)
    found = trainer_page.measure((5, 3), 4)
    assert set(found) == {*trainer_page.PARTS, "products forward", "products backward"}
    assert all(value >= 0 for value in found.values())
