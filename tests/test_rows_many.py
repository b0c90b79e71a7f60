"""Many rows at a time, in vector lanes or staged together, have the bits of each row by itself, wherever they stand."""

import ml_dtypes
import numpy as np
import pytest

import fastact as fa

DTYPES = (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)
N = (1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 96, 97, 200)
MAPS = (fa.softmax, fa.softmin, fa.log_softmax)


def rows_of(dtype, n, count, random):
    """Rows of which some are certain, masked, equal, far from 0 or not numbers."""
    x = random.normal(0, 3, (count, n)) * random.choice([0.1, 1, 10], (count, 1))
    x[1::7, random.integers(n)] += 40
    x[2::9, n // 2 :] = -np.inf
    x[3::11] = x[3::11, :1]
    if random.integers(2):
        x[4::13] *= 1e4
        x[5::17, 0] = random.choice([np.nan, np.inf])
    with np.errstate(over="ignore"):
        return x.astype(dtype)


def same(got, want):
    got, want = (np.asarray(a).astype(np.float64) for a in (got, want))
    np.testing.assert_array_equal(got, want)
    assert np.array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(want[~np.isnan(want)]))


def layouts(x):
    """The same rows, with gaps, from the last to the first, and with elements apart."""
    yield x
    gaps = np.zeros((len(x), x.shape[1] + 3), x.dtype)
    gaps[:, 1:-2] = x
    yield gaps[:, 1:-2]
    yield np.ascontiguousarray(x[::-1])[::-1]
    apart = np.zeros((len(x), 2 * x.shape[1]), x.dtype)
    apart[:, ::2] = x
    yield apart[:, ::2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", N)
def test_many_rows_have_the_bits_of_each_by_itself(isa, dtype, n):
    for count in (2, 7, 37, 300):
        x = rows_of(dtype, n, count, np.random.default_rng([n, count]))
        maps = [np.stack([function(row) for row in x]) for function in MAPS]
        sums = np.stack([fa.logsumexp(row) for row in x])
        for laid in layouts(x):
            for function, want in zip(MAPS, maps, strict=True):
                same(function(laid), want)
                same(function(laid, out=np.zeros_like(laid)), want)
            same(fa.logsumexp(laid), sums)
        for function, want in zip(MAPS, maps, strict=True):
            same(function(np.ascontiguousarray(x.T), axis=0).T, want)
            inside = x.copy()
            same(function(inside, out=inside), want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", N)
def test_derivatives_of_many_rows_have_the_bits_of_each_by_itself(isa, dtype, n):
    for count in (2, 7, 37, 300):
        random = np.random.default_rng([n, count])
        x, g = rows_of(dtype, n, count, random), random.normal(0, 1, (count, n)).astype(dtype)
        slopes = (g[:, 0] * random.choice([0, 1, -1, 1e-3], count).astype(dtype)).astype(dtype)
        softmax, log_softmax = fa.softmax(x), fa.log_softmax(x)
        pairs = ((fa.vjp.softmax, softmax), (fa.vjp.log_softmax, log_softmax))
        for function, y in pairs:
            want = np.stack([function(y=a, g=b) for a, b in zip(y, g, strict=True)])
            for first, second in zip(layouts(y), (*list(layouts(g))[1:], g), strict=True):
                same(function(y=first, g=second), want)
        want = np.stack([fa.vjp.logsumexp(a, b) for a, b in zip(x, slopes, strict=True)])
        for laid in layouts(x):
            same(fa.vjp.logsumexp(laid, slopes), want)
        same(fa.vjp.logsumexp(np.ascontiguousarray(x.T), slopes, axis=0).T, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 40, 700])
def test_logarithms_of_probabilities_add_up_to_nothing(isa, dtype, n):
    """Where max and the logarithm of the rest cancel, in some of many rows."""
    random = np.random.default_rng(n)
    shares = random.dirichlet(np.full(n, 2.0), 100) * (1 + random.choice([0, 1e-6, -1e-3, 1], (100, 1)))
    x = np.log(shares).astype(dtype)
    want = np.log(np.exp(x.astype(np.longdouble)).sum(axis=1))
    deepest = 2.0 ** (-34 if dtype == np.float32 else -62) * np.maximum(1, abs(x).max(axis=1))
    for got in (fa.logsumexp(x), fa.logsumexp(np.ascontiguousarray(x.T), axis=0), fa.logsumexp(x[:1])):
        bound = np.maximum(deepest, np.spacing(abs(want).astype(dtype)))[: len(got)]
        assert (abs(got - want[: len(got)]) <= bound).all()


OPTIONS = ({}, {"weight": True}, {"label_smoothing": 0.1}, {"weight": True, "label_smoothing": 0.2})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", N)
@pytest.mark.parametrize("options", OPTIONS)
def test_losses_of_many_rows_have_the_bits_of_each_by_itself(isa, dtype, n, options):
    random = np.random.default_rng(n)
    if "weight" in options:
        options = {**options, "weight": random.uniform(0, 3, n).astype(dtype)}
    for count in (2, 9, 40):
        x, target = rows_of(dtype, n, count, random), random.integers(0, n, count)
        target[::5] = -100
        each = [
            fa.value_and_grad.cross_entropy(row[None], one[None], reduction="none", **options)
            for row, one in zip(x, target, strict=True)
        ]
        losses, slopes = (np.concatenate(parts) for parts in zip(*each, strict=True))
        for laid in (*layouts(x), np.asfortranarray(x)):
            loss, gradient = fa.value_and_grad.cross_entropy(laid, target, reduction="none", **options)
            same(loss, losses)
            same(gradient, slopes)
            same(fa.cross_entropy(laid, target, reduction="none", **options), losses)
        loss, gradient = fa.value_and_grad.cross_entropy(x.T, target, axis=0, reduction="none", **options)
        same(loss, losses)
        same(gradient.T, slopes)
        for threads in (1, 2):
            with fa.num_threads(threads):
                same(
                    fa.value_and_grad.cross_entropy(x, target, **options)[1],
                    fa.value_and_grad.cross_entropy(np.asfortranarray(x), target, **options)[1],
                )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [4, 33, 70])
def test_derivatives_of_what_no_log_softmax_gives(isa, dtype, n):
    """A row's derivative does not depend on the row in the next lane, whatever y is."""
    random = np.random.default_rng(n)
    y, g = random.normal(-1, 1, (37, n)).astype(dtype), random.normal(0, 1, (37, n)).astype(dtype)
    y[::9, 0], y[4::9, 1] = 46, -1e5
    want = np.stack([fa.vjp.log_softmax(y=a, g=b) for a, b in zip(y, g, strict=True)])
    same(fa.vjp.log_softmax(y=y, g=g), want)
    same(fa.vjp.log_softmax(y=np.ascontiguousarray(y.T), g=np.ascontiguousarray(g.T), axis=0).T, want)


@pytest.mark.parametrize("scale", [1e-300, 1e-305, 1e-308, 1e-311])
def test_derivatives_near_the_smallest_numbers(isa, scale):
    random = np.random.default_rng(0)
    y, g = fa.softmax(random.normal(0, 1, (37, 37))), random.normal(0, scale, (37, 37))
    want = np.stack([fa.vjp.softmax(y=a, g=b) for a, b in zip(y, g, strict=True)])
    same(fa.vjp.softmax(y=y, g=g), want)
    same(fa.vjp.softmax(y=np.ascontiguousarray(y.T), g=np.ascontiguousarray(g.T), axis=0).T, want)


@pytest.mark.parametrize("function", [fa.vjp.softmax, fa.vjp.log_softmax])
def test_derivatives_of_columns_leave_their_operands_alone(function):
    """Wherever the heap puts what is staged: here beside g, which once was taken for it."""
    n, rows = 2, 769
    random = np.random.default_rng(0)
    y = random.random((n, 800))[:, :rows]
    for _ in range(10):
        pairs = [[np.empty(12_288, np.uint8), np.empty((n, 800))] for _ in range(64)]
        for pair in pairs:
            pair[1][...] = random.standard_normal((n, 800))
            g, before = pair[1], pair[1].copy()
            pair[0] = None
            want = function(y=y.copy(), g=g[:, :rows].copy(), axis=0)
            same(function(y=y, g=g[:, :rows], axis=0), want)
            same(g, before)
