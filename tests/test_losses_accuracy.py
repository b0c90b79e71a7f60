"""Losses with weights and smoothing to the last digits, and gradients for products without subnormal numbers."""

import math

import mpmath
import numpy as np
import pytest
import strategies

import fastact as fa
from fastact import _core


def test_a_weighted_mean_divides_by_all_digits_of_the_weights():
    random = np.random.default_rng(0)
    n, weight = 300_000, np.array([2.3666858, 1.13646895, 1.79339564])
    x, target = random.normal(size=(n, 3)), random.integers(0, 3, n)
    each = fa.cross_entropy(x, target, weight=weight, reduction="none")
    want = math.fsum(each) / math.fsum(weight[target])
    for loss in (
        fa.cross_entropy(x, target, weight=weight),
        fa.nll_loss(-each[:, None] / weight[target][:, None] * np.ones(3), target, weight=weight),
    ):
        assert abs(loss - want) <= 2 * np.spacing(want)


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothed_losses_are_accurate_in_float64(smoothing):
    for n, rows in ((2, 3000), (3, 3000), (17, 1000)):
        random = np.random.default_rng(0)
        weight = random.uniform(0.1, 3, n)
        x = random.normal(0, 3, (rows, n))
        target = random.integers(0, n, rows)
        got = fa.cross_entropy(x, target, weight=weight, label_smoothing=smoothing, reduction="none")
        for row, t, loss in zip(x, target, got, strict=True):
            with mpmath.workprec(200):
                exact = [mpmath.mpf(float(value)) for value in row]
                total = mpmath.log(sum(map(mpmath.exp, exact)))
                each = [mpmath.mpf(float(w)) * (total - value) for w, value in zip(weight, exact, strict=True)]
                want = (1 - mpmath.mpf(smoothing)) * each[t] + mpmath.mpf(smoothing) / n * sum(each)
                assert abs(mpmath.mpf(float(loss)) - want) <= 2 * mpmath.mpf(float(np.spacing(float(want))))


@pytest.mark.parametrize("dtype", strategies.FLOATS)
@pytest.mark.parametrize("shape", [(40, 10), (1, 20), (5, 100), (3, 1024), (2, 3000)])
def test_subnormal_slopes_are_kept_out_of_products(isa, dtype, shape):
    """linear_cross_entropy asks for that: each of them takes a hundredfold in a product.  Nothing else changes."""
    random = np.random.default_rng(shape[1])
    least, deepest = np.finfo(dtype).smallest_normal, -np.log(float(np.finfo(dtype).smallest_subnormal))
    x = random.uniform(-deepest, 0, shape).astype(dtype)
    x[:, 3] = 0
    x[:, 7] = 2 - deepest
    x[0] = np.where(np.arange(shape[1]) == 3, 0, 1.5 - deepest)
    target = random.integers(0, 4, shape[0])
    target[0] = 3  # whose slope is what is left of the others
    options = ((_core.CROSS_ENTROPY, None), x, target, True, 1, "sum", None, -100, 0.0)
    loss, gradient = _core.direct_rows(*options, True)
    want, slopes = fa.value_and_grad.cross_entropy(x, target, reduction="sum")
    subnormal = np.abs(slopes) < least
    assert slopes[subnormal].any()
    assert subnormal[0].all()
    np.testing.assert_array_equal(gradient, np.where(subnormal, 0, slopes))
    assert loss == want
