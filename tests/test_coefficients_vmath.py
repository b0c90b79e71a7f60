"""csrc/vmath.h holds what tools/coefficients_vmath.py makes, and a scale table as accurate as its comment says."""

import pathlib
import re

import coefficients_vmath
import mpmath as mp
import numpy as np
import pytest

VMATH = (pathlib.Path(__file__).parents[1] / "csrc" / "vmath.h").read_text()
NUMBERS = {float.fromhex(word) for word in re.findall(r"-?0x[0-9a-f.]+p[+-]?\d+", VMATH)} | {0.0, 0.5, -0.5, 1.0}


@pytest.fixture(scope="module")
def fits():
    return coefficients_vmath.fits()


@pytest.mark.parametrize("name", ["exp, float32", "exp, float64", "log1p, float32", "log1p, float64"])
def test_polynomials_are_what_the_tool_makes(fits, name):
    coefficients, _, dtype = fits[name]
    assert not {float(dtype(float(c))) for c in coefficients} - NUMBERS


def test_the_table_of_logarithms_is_what_the_tool_makes():
    for column in coefficients_vmath.log_table():
        assert not {float(np.float32(float(value))) for value in column} - NUMBERS


def test_the_scales_of_exp_share_a_factor():
    words = re.search(r"step\[8\] = \{([^}]*)\}", VMATH)[1].split(",")
    bits = [(int(word, 16) + (k << 20)) for k, word in enumerate(words)]
    scales = np.array(bits, np.uint32).view(np.float32)
    factor = mp.exp(mp.mpf(float.fromhex("0x1.7374dea9e56d1p-5")))
    errors = [abs(float(s) / (factor * mp.mpf(2) ** (mp.mpf(k) / 8)) - 1) for k, s in enumerate(scales)]
    assert max(errors) < 2.0**-27
