"""The notebooks in examples/ are what their source says, run, and still print what they show."""

import math
import re

import nbformat
import pytest
from notebooks import EXAMPLES, LANGUAGES, make_notebook, read_source, run_notebook

SOURCE = EXAMPLES / "output_layer.source.md"
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?")


def stored(language):
    """Return the notebook of a language as it lies in the repository."""
    return nbformat.read(EXAMPLES / f"output_layer{LANGUAGES[language]}.ipynb", as_version=4)


def shown(notebook):
    """Return what each code cell shows: everything it prints, and "picture" for each of its pictures."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
            found.append([printed] + ["picture" for output in cell.outputs if "data" in output])
    return found


def assert_same_text(text, expected):
    """Compare words exactly and numbers nearly: matrix products and NumPy's own exp differ between machines."""
    tolerance = 0.2 if "ULP" in expected else 1e-4
    assert NUMBER.sub("#", text) == NUMBER.sub("#", expected)
    for number, expected_number in zip(NUMBER.findall(text), NUMBER.findall(expected), strict=True):
        assert math.isclose(float(number), float(expected_number), rel_tol=tolerance, abs_tol=2e-6), (text, expected)


@pytest.mark.parametrize("language", LANGUAGES)
def test_notebook_is_made_from_its_source(language):
    notebook, made = stored(language), make_notebook(read_source(SOURCE), language)
    nbformat.validate(notebook)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in made.cells
    ], "run `make notebooks`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_notebook_runs_and_prints_what_it_shows(language):
    expected = shown(stored(language))
    run = shown(run_notebook(make_notebook(read_source(SOURCE), language)))
    assert [len(outputs) for outputs in run] == [len(outputs) for outputs in expected]
    for outputs, expected_outputs in zip(run, expected, strict=True):
        for text, expected_text in zip(outputs, expected_outputs, strict=True):
            assert_same_text(text, expected_text)


def test_twins_have_the_same_cells_and_speak_their_language():
    english, korean = stored("en"), stored("ko")
    assert [cell.cell_type for cell in english.cells] == [cell.cell_type for cell in korean.cells]
    assert shown(english) == shown(korean)
    for one, other in zip(english.cells, korean.cells, strict=True):
        if one.cell_type == "markdown":
            assert re.search("[가-힣]", other.source)
            assert not re.search("[가-힣]", one.source)


@pytest.mark.parametrize(
    "line",
    [
        "inf [nan nan nan]",
        "RuntimeWarning: overflow encountered in exp",
        "[0.09003057 0.24472847 0.66524096] 1.0",
        "tensor([0.0900, 0.2447, 0.6652])",
        "AxisError: ",
        "fc.weight (3, 5)",
        "0 warnings from fastact",
        "both sides: True",
        "left side alone: True",
    ],
)
def test_notebook_shows(line):
    assert any(line in text for outputs in shown(stored("en")) for text in outputs)
