"""Rows that stand side by side in memory: their bits are those of the same rows one after the other."""

import ml_dtypes
import numpy as np
import pytest

import fastact as fa

N = (1, 2, 3, 5, 17, 31, 32, 33, 100, 1023, 1025, 5000)
WIDTHS = (2, 5, 15, 16, 17, 33, 64, 65, 130)


def logits(dtype, n, width, random):
    """(2, n, width), in which some rows are out of a short row's reach, masked, certain or not numbers."""
    x = random.normal(0, 3, (2, n, width)) * random.choice([0.1, 1, 10], width)
    top = random.integers(0, n, width)
    x[0, top, np.arange(width)] += random.choice([0, 15, 30], width)
    x[1, n // 2 :, 1::7] = -np.inf
    if random.integers(2):
        x[1, :, width // 2] = 7e4 if dtype == np.float16 else 3e5
        x[1, n // 2, width - 1] = random.choice([np.nan, np.inf])
        x[0, :, width // 3] = -np.inf
    with np.errstate(over="ignore"):
        return x.astype(dtype)


def layouts(x):
    """The same numbers, otherwise in memory."""
    yield x
    yield np.asfortranarray(x)
    yield np.ascontiguousarray(x[:, ::-1])[:, ::-1]
    wide = np.zeros((*x.shape[:2], x.shape[2] + 3), x.dtype)
    wide[..., 1:-2] = x
    yield wide[..., 1:-2]


def same(got, want):
    got, want = (np.asarray(a).astype(np.float64) for a in (got, want))
    np.testing.assert_array_equal(got, want)
    assert np.array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(want[~np.isnan(want)]))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("n", N)
def test_rows_side_by_side_have_the_bits_of_contiguous_ones(isa, dtype, n):
    for width in WIDTHS if n < 200 else WIDTHS[3::3]:
        random = np.random.default_rng([n, width])
        x = logits(dtype, n, width, random)
        rows = np.ascontiguousarray(np.moveaxis(x, 1, 2))
        target = random.integers(0, n, (2, width))
        target[random.integers(0, 3, target.shape) == 0] = -100
        want = [function(rows, axis=2) for function in (fa.softmax, fa.log_softmax)]
        sums = fa.logsumexp(rows, axis=2)
        losses, slopes = fa.value_and_grad.cross_entropy(rows, target, axis=2, reduction="none")
        mean, shares = fa.value_and_grad.cross_entropy(rows, target, axis=2)
        for laid in layouts(x):
            for function, expected in zip((fa.softmax, fa.log_softmax), want, strict=True):
                same(np.moveaxis(np.asarray(function(laid, axis=1)), 1, 2), expected)
            same(fa.logsumexp(laid, axis=1), sums)
            same(fa.cross_entropy(laid, target, axis=1, reduction="none"), losses)
            each, gradient = fa.value_and_grad.cross_entropy(laid, target, axis=1, reduction="none")
            same(each, losses)
            same(np.moveaxis(gradient, 1, 2), slopes)
            total, gradient = fa.value_and_grad.cross_entropy(laid, target, axis=1)
            same(total, mean)
            same(np.moveaxis(gradient, 1, 2), shares)
        for function, expected in zip((fa.softmax, fa.log_softmax), want, strict=True):
            inside = x.copy()
            function(inside, axis=1, out=inside)
            same(np.moveaxis(inside, 1, 2), expected)


@pytest.mark.parametrize("n", [3, 21, 60])
def test_side_by_side_beside_options_and_threads(n):
    random = np.random.default_rng(n)
    x = random.normal(0, 3, (3, n, 40_000 // n + 7)).astype(np.float32)
    target = random.integers(0, n, (3, x.shape[2]))
    rows, weight = np.ascontiguousarray(np.moveaxis(x, 1, 2)), random.uniform(0.1, 2, n).astype(np.float32)
    for options in ({}, {"weight": weight}, {"label_smoothing": 0.1}, {"reduction": "sum"}, {"ignore_index": 1}):
        want, slopes = fa.value_and_grad.cross_entropy(rows, target, axis=2, **options)
        for threads in (1, 3):
            with fa.num_threads(threads):
                loss, gradient = fa.value_and_grad.cross_entropy(x, target, axis=1, **options)
                assert loss == want
                same(np.moveaxis(gradient, 1, 2), slopes)
                same(fa.logsumexp(x, axis=1), fa.logsumexp(rows, axis=2))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 3, 32, 100, 1500])
def test_derivatives_side_by_side_have_the_bits_of_contiguous_ones(isa, dtype, n):
    for width in WIDTHS[::2]:
        random = np.random.default_rng([n, width])
        x, g = (random.normal(0, 3, (2, n, width)).astype(dtype) for _ in range(2))
        for name in ("softmax", "log_softmax"):
            y, function = getattr(fa, name)(x, axis=1), getattr(fa.vjp, name)
            rows = [np.ascontiguousarray(np.moveaxis(a, 1, 2)) for a in (y, g)]
            want = function(y=rows[0], g=rows[1], axis=2)
            for first, second in zip(layouts(y), (*list(layouts(g))[1:], g), strict=True):
                same(np.moveaxis(function(y=first, g=second, axis=1), 1, 2), want)
            same(
                np.moveaxis(function(y=y, g=g[:, :1] + 0 * g[:, :1], axis=1), 1, 2),
                function(y=rows[0], g=np.broadcast_to(rows[1][..., :1], rows[1].shape), axis=2),
            )
        upper = g[:, 0]
        want = fa.vjp.logsumexp(np.ascontiguousarray(np.moveaxis(x, 1, 2)), g=upper, axis=2)
        for laid in layouts(x):
            same(np.moveaxis(fa.vjp.logsumexp(laid, g=upper, axis=1), 1, 2), want)
