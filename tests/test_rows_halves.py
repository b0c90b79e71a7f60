"""float16 and bfloat16 rows and losses: the float32 result, rounded once, in the dtype that went in."""

import ml_dtypes
import numpy as np
import pytest

import fastact as fa

HALVES = (np.float16, ml_dtypes.bfloat16)
MAPS = (fa.softmax, fa.log_softmax, fa.softmin, fa.logsumexp)


def assert_rounded(got, want, dtype):
    """got, of dtype, holds the float32 numbers want rounded."""
    assert np.asarray(got).dtype == dtype
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(np.asarray(got, "f4"), np.asarray(want).astype(dtype).astype("f4"))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((3, 5), -1), ((4, 1000), -1), ((70, 40), 0), ((3, 40, 70), 1), ((1025,), 0), ((2, 3, 900), (0, 2)), ((3, 2), 0)],
)
def test_softmax_family(isa, dtype, shape, axis):
    x = (np.random.default_rng(0).normal(size=shape) * 3).astype(dtype)
    for function in MAPS:
        want = function(x.astype("f4"), axis)
        assert_rounded(function(x, axis), want, dtype)
        assert_rounded(function(x[..., ::-1], axis), function(x.astype("f4")[..., ::-1], axis), dtype)
        if isinstance(axis, int):
            assert_rounded(function.gufunc(x, axis=axis), want, dtype)
    out = np.empty(shape, dtype)
    assert fa.softmax(x, axis, out=out) is out
    assert_rounded(out, fa.softmax(x.astype("f4"), axis), dtype)
    assert fa.softmax(x, axis, out=x) is x
    assert_rounded(x, out, dtype)


@pytest.mark.parametrize("dtype", HALVES)
def test_special_rows_and_masks(dtype):
    inf, nan = np.inf, np.nan
    x = np.array([[nan, 1], [inf, 0], [-inf, -inf], [-inf, 2]], dtype)
    np.testing.assert_array_equal(fa.softmax(x).astype("f4"), [[nan, nan], [nan, nan], [nan, nan], [0, 1]])
    np.testing.assert_array_equal(np.float32(fa.logsumexp(x)), [nan, inf, -inf, 2])
    columns = np.zeros((2, 70), dtype)
    columns[:, 64] = [nan, 1]
    np.testing.assert_array_equal(fa.softmax(columns, 0).astype("f4"), fa.softmax(columns.astype("f4"), 0))
    np.testing.assert_array_equal(fa.softmax(x, where=x == 2).astype("f4"), [[0, 0], [0, 0], [0, 0], [0, 1]])
    assert fa.softmax([1, 2], dtype=dtype).dtype == dtype
    assert fa.logsumexp(np.array([1, 2]), dtype=dtype).dtype == dtype


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(isa, dtype, reduction):
    random = np.random.default_rng(1)
    x, probabilities = (random.normal(size=(6, 50)) * 3).astype(dtype), random.random((6, 50)).astype("f4")
    index = random.integers(0, 50, 6)
    calls = [(name, index) for name in ("cross_entropy", "nll_loss")]
    names = (
        "cross_entropy", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits",
        "kl_div",
    )  # fmt: skip
    calls += [(name, target) for name in names for target in (probabilities, probabilities.astype(dtype))]
    for name, target in calls:
        function = getattr(fa.value_and_grad, name)
        loss, gradient = function(x, target, reduction=reduction)
        wide_target = target if target is index else target.astype("f4")
        want_loss, want = function(x.astype("f4"), wide_target, reduction=reduction)
        assert_rounded(loss, want_loss, dtype)
        assert_rounded(gradient, want, dtype)


@pytest.mark.parametrize("dtype", HALVES)
def test_sums_do_not_stall(dtype):
    """Half accumulators would stop at 2048 or 256."""
    assert fa.mse_loss(np.ones(10_000, dtype), np.zeros(10_000), reduction="sum") == dtype(10_000)
    assert fa.logsumexp(np.zeros(30_000, dtype)) == dtype(np.log(30_000))
    assert fa.cross_entropy(np.zeros((5000, 2), dtype), np.zeros(5000, int)) == dtype(np.log(2))


@pytest.mark.parametrize("dtype", HALVES)
def test_derivatives(dtype):
    random = np.random.default_rng(2)
    y, g = fa.softmax(random.normal(size=(4, 60)).astype(dtype)), random.normal(size=(4, 60)).astype(dtype)
    wide = {"y": y.astype("f4"), "g": g.astype("f4")}
    assert_rounded(fa.vjp.softmax(y=y, g=g), fa.vjp.softmax(**wide), dtype)
    assert_rounded(fa.vjp.log_softmax(y=-y, g=g), fa.vjp.log_softmax(y=-wide["y"], g=wide["g"]), dtype)
    assert_rounded(fa.vjp.logsumexp(y, g[:, 0]), fa.vjp.logsumexp(wide["y"], wide["g"][:, 0]), dtype)


@pytest.mark.parametrize("dtype", HALVES)
def test_linear_cross_entropy(dtype):
    random = np.random.default_rng(3)
    x, weight, target = random.normal(size=(8, 6)), random.normal(size=(20, 6)), random.integers(0, 20, 8)
    x, weight = x.astype(dtype), weight.astype(dtype)
    loss, gradients = fa.value_and_grad.linear_cross_entropy(x, weight, target)
    wide_loss, wide = fa.value_and_grad.linear_cross_entropy(x.astype("f4"), weight.astype("f4"), target)
    assert_rounded(loss, wide_loss, dtype)
    for got, want in zip(gradients[:2], wide[:2], strict=True):
        assert_rounded(got, want, dtype)
