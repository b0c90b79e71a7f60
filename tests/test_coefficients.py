"""The tables of csrc/tables are what tools/coefficients.py makes, and say what they claim. What kernels make of them is not here."""

import math
import pathlib
import re

import coefficients
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
TABLES = ROOT / "csrc" / "tables"
MAKERS = coefficients.makers()


def test_every_table_has_its_maker():
    assert {path.stem for path in TABLES.glob("*.h")} == set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_table_is_what_the_tool_makes(name):
    assert (TABLES / f"{name}.h").read_text() == MAKERS[name]()


def rows_of(name):
    text = (TABLES / f"{name}.h").read_text()
    rows = [
        [math.inf if c == "INFINITY" else float.fromhex(c.strip().rstrip("f")) for c in line.split(",")]
        for line in re.findall(r"R\((.*)\) ?\\?$", text.split("_ROWS(R)")[1], re.M)
    ]
    scale = float(re.search(r"_SCALE ([\d.]+)", text)[1])
    bound = 2 ** float(re.search(r"at most 2\^(-[\d.]+)", text)[1])
    return rows, scale, bound


def test_rows_follow_the_header():
    """Evaluate tanh's table as its header says, in float64: the error stays below the one it states."""
    rows, scale, bound = rows_of("tanh_f32")
    assert len(rows) == 32
    t = np.linspace(1e-3, 15 / scale - 1e-3, 20_001)
    index = ((scale * t + 1).astype(np.float32).view(np.int32) >> 20) & 31
    b, base, c3, c5 = np.array(rows)[index].T
    r, c1 = t - b, (1 - base**2).astype(np.float32).astype(float)
    c2 = (-base * c1).astype(np.float32)
    c4 = (c5.astype(np.float32).view(np.int32) << 16).view(np.float32)
    value = np.minimum(base, t) + r * np.polynomial.polynomial.polyval(r, [c1, c2, c3, c4, c5], tensor=False)
    assert abs(value / np.tanh(t) - 1).max() <= bound * 1.1


def test_polynomial_rounds_each_coefficient_into_the_next():
    """The fit of exp to the third power is within 2 of the best such error, 2^-12.5 on [-1/4, 1/4]."""
    c = coefficients.polynomial(coefficients.mp.exp, lambda r: 1, -0.25, 0.25, range(4), coefficients.single)
    r = np.linspace(-0.25, 0.25, 1001)
    error = abs(np.polynomial.polynomial.polyval(r, c) - np.exp(r)).max()
    assert 0.25**4 / 24 / 8 * 0.9 < error < 0.25**4 / 24 / 8 * 2
    assert c == [coefficients.single(x) for x in c]
