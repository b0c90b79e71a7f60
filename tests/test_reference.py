"""The oracle itself is proven here: its three number namespaces against each other, its derivatives against its values.

Nothing in this file runs fastact.
"""

import mpmath
import numpy as np
import pytest
import reference
import ulp

KINDS = ("value", "derivative")
ROWS = pytest.mark.parametrize("name", reference.ORACLES)
KIND = pytest.mark.parametrize("kind", KINDS)


def sample(dtype, count):
    """Stratified finite points."""
    x = ulp.stratified(dtype, count, seed=7)
    return x[np.isfinite(x)]


@ROWS
@KIND
def test_float64_forms_do_not_cancel(name, kind):
    x = sample(np.float32, 12_000)
    got = reference.evaluate(reference.NUMPY, name, kind, x)
    head, _ = reference.head_and_tail(name, kind, x)
    near = ulp.near_root(x, reference.derivative_roots(name)) if kind == "derivative" else np.zeros(x.shape, bool)
    assert np.array_equal(np.isnan(got), np.isnan(head))
    got, head, near = (a[np.isfinite(head)] for a in (got, head, near))
    visible = ~near & (np.abs(head) >= 2.0**-151)
    assert np.abs(got - head)[near].max(initial=0) < 2.0**-50
    assert np.abs(got[visible] / head[visible] - 1).max(initial=0) < 2.0**-43
    assert np.abs(got[~near & ~visible]).max(initial=0) < 2.0**-150
    assert visible.sum() > 2000


@ROWS
@KIND
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mpfr_agrees_with_mpmath(name, kind, dtype):
    x = np.random.default_rng(3).choice(sample(dtype, 20_000), 300)
    x = np.concatenate([x, np.array([-40, -3, -1.3, -0.75, -0.1, 0.2, 4.5, 30], dtype)])
    fast = reference.evaluate(reference.MPFR, name, kind, x)
    slow = reference.evaluate(reference.MPMATH, name, kind, x)
    for point, a, b in zip(x, fast, slow, strict=True):
        with mpmath.workdps(60):
            a = mpmath.mpf(a) if isinstance(a, int | float) else mpmath.mpf(str(a))
            if mpmath.isnan(a) or mpmath.isinf(a):
                assert str(a) == str(mpmath.mpf(b))
                continue
            assert abs(a - b) <= abs(b) * mpmath.mpf(2) ** -90 + mpmath.mpf(2) ** -1200, point


@ROWS
@pytest.mark.parametrize("point", [-12.3, -2.0, -1.1, -0.3, 0.4, 1.7, 9.2])
def test_derivative_is_that_of_the_value(name, point):
    parameters = [float(p) * 1.5 for p in reference.ORACLES[name].parameters.values()]
    oracle = reference.ORACLES[name]
    if np.isnan(reference.evaluate(reference.NUMPY, name, "value", np.array([point]))[0]):
        pytest.skip(f"{name} has no value there")
    with reference.MPMATH.context():

        def value(t):
            return oracle.value(reference.MPMATH, np.array([t], object), *parameters)[0]

        slope = mpmath.diff(value, mpmath.mpf(point), h=mpmath.mpf(10) ** -20)
        given = oracle.derivative(reference.MPMATH, np.array([mpmath.mpf(point)], object), *parameters)[0]
        assert abs(slope - given) < mpmath.mpf(10) ** -12


@ROWS
def test_known_limits(name):
    for sign in (1, -1):
        x = np.array([np.nan, sign * np.inf, sign * 2.0**100])
        nan, limit, far = reference.evaluate(reference.NUMPY, name, "value", x)
        assert np.isnan(nan)
        assert np.array_equal(
            limit, far if np.isnan(far) or abs(far) < 2.0**90 else np.copysign(np.inf, far), equal_nan=True
        )


@pytest.mark.parametrize("name", ["silu", "gelu", "gelu_tanh"])
def test_negative_infinity_gives_negative_zero(name):
    got = reference.evaluate(reference.NUMPY, name, "value", np.array([-np.inf, -3e38, -0.0], np.float32))
    assert np.array_equal(got, [0, 0, 0])
    assert np.signbit(got).all()


def test_roots_of_derivatives():
    assert reference.derivative_roots("gelu") == pytest.approx([-0.7517915246935645])
    assert reference.derivative_roots("silu") == pytest.approx([-1.2784645427610738])
    for name in ("relu", "elu", "tanh", "softplus", "leaky_relu", "sigmoid"):
        assert reference.derivative_roots(name) == ()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors_are_counted_in_ulps(dtype):
    want = np.array([1.0, 3.0, 1e-45 if dtype == np.float32 else 5e-324, 0.0])
    got = want.astype(dtype)
    head = got.astype(np.float64)
    assert np.array_equal(ulp.errors(got, head), [0, 0, 0, 0])
    one_up = np.nextafter(got, dtype(np.inf))
    assert np.array_equal(ulp.errors(one_up, head), [1, 1, 1, 1])
    assert np.array_equal(ulp.errors(got, head, 0.25), [0.25] * 4)


def test_no_number_where_one_is_expected_is_an_infinite_error():
    got = np.array([np.nan, 1, np.nan, np.inf, np.inf, -np.inf, 3e38], np.float32)
    head = np.array([1, np.nan, np.nan, 3e38, 1e39, 1e39, np.inf])
    assert np.array_equal(ulp.errors(got, head), [np.inf, np.inf, 0, np.inf, 0, np.inf, np.inf])


def test_worst_keeps_the_largest_error_and_refuses_other_shapes():
    worst = ulp.Worst()
    x = np.array([1, 2, 3], np.float32)
    assert not worst.within("float32", "value")
    worst.add(x, x, x.astype(float))
    assert worst.within("float32", "value")
    worst.add(
        x,
        np.nextafter(x, np.array([1, 9, 3], np.float32)) + np.float32([0, 5e-7, 0]),
        x.astype(float),
    )
    assert (worst.x, worst.ulp) == (2.0, 3.0)
    assert not worst.within("float32", "value")
    with pytest.raises(ValueError, match="shapes must agree"):
        worst.add(x, x[:2], x.astype(float))
    broken = ulp.Worst()
    broken.add(x, np.full(3, np.nan, np.float32), x.astype(float))
    assert broken.ulp == np.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("most", [0, 1, 3])
def test_worst_passes_over_no_error(dtype, most):
    random = np.random.default_rng(most)
    worst, largest = ulp.Worst(), 0.0
    for _ in range(40):
        got = ulp.stratified(dtype, 1_000, seed=int(random.integers(99)))
        with np.errstate(invalid="ignore"):
            head, tail = got.astype(np.float64), random.uniform(-0.5, 0.5, got.size)
            if dtype == np.float32:
                head, tail = head + tail * ulp.ulp_of(head, got.dtype), 0.0
            few = random.random(got.size) < 0.02
            for _ in range(int(random.integers(most + 1))):
                got = np.where(few, np.nextafter(got, dtype(0)), got)
        worst.add(got, got, head, tail)
        largest = max(largest, ulp.errors(got, head, tail).max())
        assert worst.ulp == largest


def test_beside_a_root_the_absolute_error_counts():
    x = np.array([-0.75, 5.0], np.float32)
    head = np.array([1e-9, 1.0])
    for wrong, held in ((2.0**-26, True), (2.0**-24, False)):
        worst = ulp.Worst()
        worst.add(x, (head + np.array([wrong, 0])).astype(np.float32), head, roots=(-0.7518,))
        assert worst.ulp < 1
        assert worst.within("float32", "derivative") == held


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stratified_points_reach_every_binade(dtype):
    x = ulp.stratified(dtype, 50_000)
    bits = x.view(ulp.BITS[np.dtype(dtype).name])
    shift = np.finfo(dtype).nmant
    assert np.unique(bits >> bits.dtype.type(shift)).size == 2 << (bits.dtype.itemsize * 8 - shift - 1)
    assert np.isnan(x).any()
    assert np.isinf(x).sum() == 2
    assert (x == 0).sum() >= 2
