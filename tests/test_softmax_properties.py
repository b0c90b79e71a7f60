"""What softmax, its family and cross-entropy must keep whatever the numbers: sums, shifts, order, permutations, threads, and
sizes beyond 32 bits."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import strategies
import ulp

import fastact as fa

MILLIONS = 1 << 22


@st.composite
def rows(draw, dtype=None):
    """A row of finite numbers, of any length and spread."""
    dtype = draw(strategies.dtypes) if dtype is None else dtype
    n = draw(st.sampled_from([1, 2, 3, 10, 31, 33, 100, 1000, 1024, 1025, 3000]))
    random = np.random.default_rng(draw(strategies.seeds))
    return (random.normal(size=n) * draw(st.sampled_from([0.0, 0.01, 1, 10, 100]))).astype(dtype)


@hypothesis.given(x=rows())
def test_rows_sum_to_one(isa, x):
    eps = np.finfo(x.dtype).eps
    assert abs(fa.softmax(x).astype(np.longdouble).sum() - 1) <= eps
    assert abs(np.exp(fa.log_softmax(x).astype(np.longdouble)).sum() - 1) <= eps * (1 + np.log(x.size) + np.ptp(x))


@hypothesis.given(seed=strategies.seeds, exponent=st.integers(0, 100), sign=st.sampled_from([-1, 1]))
def test_shifts_by_exact_amounts_change_nothing_much(isa, seed, exponent, sign):
    """Multiples of the spacing at the shift, so that x + shift is exact; up to 1e30."""
    shift = np.float32(sign * 2.0**exponent)
    steps = np.random.default_rng(seed).integers(0, 20, 200)
    x = (steps * max(float(np.spacing(abs(shift))), 2.0**-3)).astype(np.float32)
    moved = x + shift
    assert ((moved - shift) == x).all()
    a, b = fa.softmax(x), fa.softmax(moved)
    with np.errstate(divide="ignore", invalid="ignore"):
        assert (np.abs(a - b) <= 2 * np.spacing(np.maximum(a, b))).all()
    np.testing.assert_allclose(fa.log_softmax(moved), fa.log_softmax(x), rtol=3e-7, atol=0)


@hypothesis.given(x=rows())
def test_order_is_kept(isa, x):
    order = np.argsort(x, kind="stable")
    for function in (fa.softmax, fa.log_softmax):
        assert (np.diff(function(x)[order]) >= 0).all()
    assert (np.diff(fa.softmin(x)[order]) <= 0).all()


@hypothesis.given(x=rows(), seed=strategies.seeds)
def test_permutations_permute(isa, x, seed):
    order = np.random.default_rng(seed).permutation(x.size)
    for function in (fa.softmax, fa.log_softmax):
        a, b = function(x)[order], function(x[order])
        assert (np.abs(a - b) <= 2 * np.spacing(np.abs(a))).all()


@hypothesis.given(x=rows(dtype=np.float32), data=st.data())
def test_gradients_of_cross_entropy_sum_to_nothing(isa, x, data):
    target = data.draw(st.integers(0, x.size - 1))
    gradient = fa.value_and_grad.cross_entropy(x, target)[1].astype(np.float64)
    assert abs(gradient.sum()) <= 2.0**-23
    assert (gradient[np.arange(x.size) != target] >= 0).all()
    assert gradient[target] <= 0


def adversarial_rows(n):
    """Long rows of float32, each with the spread or the pattern that breaks some way of computing."""
    random = np.random.default_rng(n)
    yield "one dominant", np.where(np.arange(n) == n // 3, 30, random.normal(0, 1, n))
    yield "all equal", np.full(n, 2.7)
    yield "infinities", np.where(np.arange(n) % 7 == 0, -np.inf, random.normal(0, 3, n))
    yield "subnormal gaps", -88 - random.random(n) * 15 + 88 * (np.arange(n) == 5)
    yield "extremes", random.choice([-3e38, 3e38, 0], n)
    yield "rising", np.linspace(-60, 60, n)
    yield "late maximum", np.where(np.arange(n) == n - 1, 9, -5)


@pytest.mark.parametrize("n", [5000, 100_000])
def test_adversarial_rows(isa, n):
    for family, row in adversarial_rows(n):
        x = row.astype(np.float32)
        below = x.astype(np.longdouble) - x.max()
        others = np.exp(below)
        others[np.argmax(x)] = 0
        rest = others.sum()
        with np.errstate(under="ignore"):
            for function, want in ((fa.softmax, np.exp(below) / (1 + rest)), (fa.log_softmax, below - np.log1p(rest))):
                errors = ulp.errors(function(x), want.astype(np.float64))
                assert errors.max() <= 1.0, (family, function.__name__, int(errors.argmax()))


def test_four_million():
    x = np.random.default_rng(0).normal(0, 3, MILLIONS).astype(np.float32)
    terms = np.exp(x.astype(np.float64) - 20)
    total = terms.sum()
    assert ulp.errors(fa.softmax(x), terms / total).max() <= 1.0
    assert abs(fa.logsumexp(x) - (20 + np.log(total))) <= np.spacing(np.float32(20))


def everything(shape, spoiler):
    """Results of all row functions on one array, as a list."""
    random = np.random.default_rng(1)
    x, target = random.normal(0, 3, shape).astype(np.float32), random.integers(0, shape[1], shape[0])
    x[0, shape[1] // 2] = 25
    x[-1, -1] = spoiler
    results = [function(x) for function in (fa.softmax, fa.log_softmax, fa.logsumexp)]
    probabilities = random.random(shape).astype(np.float32)
    vjps = [fa.vjp.softmax(y=results[0], g=x), fa.vjp.log_softmax(y=results[1], g=x), fa.vjp.logsumexp(x, results[2])]
    losses = [*fa.value_and_grad.cross_entropy(x, target), *fa.value_and_grad.cross_entropy(x, probabilities)]
    return [*results, fa.softmax(x, 0), *vjps, *losses]


@pytest.mark.parametrize("spoiler", [0, np.inf, np.nan, -1e30, 1e30])
@pytest.mark.parametrize("shape", [(1, 300_000), (3, 100_003), (300, 1000), (70_000, 3)])
def test_threads_do_not_show(shape, spoiler):
    with fa.num_threads(1):
        want = everything(shape, spoiler)
    for threads in (2, 3, 8):
        with fa.num_threads(threads):
            for a, b in zip(everything(shape, spoiler), want, strict=True):
                np.testing.assert_array_equal(a, b)


def long_results(x, step):
    """Results over rows long enough to be shared by threads, read and written in steps."""
    wide = np.zeros((x.shape[0], x.shape[1] * step), x.dtype)
    rows, into = wide[:, ::step], np.zeros_like(wide)[:, ::step]
    rows[...] = x
    target, n = np.array([0, x.shape[1] - 1])[: len(x)], x.shape[1]
    for function in (fa.softmax, fa.log_softmax, fa.softmin):
        yield function(rows)
        yield function(rows, out=into)
    yield fa.logsumexp(rows)
    for options in ({}, {"reduction": "sum"}, {"ignore_index": 0}, {"label_smoothing": 0.1}):
        yield from fa.value_and_grad.cross_entropy(rows, target, **options)
    weight = np.linspace(0.5, 2, n)
    yield from fa.value_and_grad.cross_entropy(rows, target, weight=weight, reduction="none", label_smoothing=0.1)
    yield fa.cross_entropy(rows, target)
    yield fa.softmax(rows, out=rows)


@pytest.mark.parametrize("dtype", [np.float16, *strategies.FLOATS])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("spoiler", [0, np.inf, -1e4])
def test_long_rows_are_shared_in_the_bits_of_one_thread(dtype, step, spoiler):
    x = np.random.default_rng(3).normal(0, 3, (2, 140_001)).astype(dtype)
    x[0, 70_000], x[-1, -1] = 20, spoiler
    for rows in (x[:1], x):
        with fa.num_threads(1):
            want = [result.copy() for result in long_results(rows, step)]
        for threads in (2, 3, 8):
            with fa.num_threads(threads):
                for position, (a, b) in enumerate(zip(long_results(rows, step), want, strict=True)):
                    np.testing.assert_array_equal(a, b, err_msg=f"{len(rows)} rows, {threads} threads, {position}")


@pytest.mark.parametrize("bad", [3, -1, -101, 2**40])
def test_nothing_is_written_for_a_target_out_of_range(bad):
    logits = np.arange(12.0).reshape(4, 3)
    before, target = logits.copy(), np.array([0, 1, bad, 2])
    for module in (fa, fa.value_and_grad):
        for reduction in ("mean", "sum", "none"):
            with pytest.raises(IndexError, match=f"class {bad} at position 2: expected 0 <= class < 3"):
                module.cross_entropy(logits, target, reduction=reduction, weight=[1, 2, 3])
    np.testing.assert_array_equal(logits, before)


def available_memory():
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 0


@pytest.mark.skipif(available_memory() < 6 << 30, reason="needs 6 GB")
def test_more_elements_than_32_bits_count():
    x = np.zeros((2**21 + 3, 1024), np.float16)  # the zeros take no memory until written
    x[-1] = 1
    result = fa.logsumexp(x)
    assert result[0] == np.float16(np.log(1024))
    assert result[-1] == np.float16(1 + np.log(1024))
    target = np.full(len(x), -100)
    target[-1] = 1023
    assert fa.cross_entropy(x, target) == np.float16(np.log(1024))
