"""Every activation of the table, as numbers: against the oracle, against torch, and at the special values.

Rows come from the table; a new row is tested here without a line, but must have its oracle in reference.py.  Arrays
(layouts, dtypes, out=) are the business of test_activations_arrays.py, equal bits of test_activations_bits.py, parameters of
unusual size of test_activations_parameters.py.
"""

import functools

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import reference
import strategies as fs
import subjects
import ulp
from subjects import compute

ROWS = pytest.mark.parametrize("name", subjects.table())
KIND = pytest.mark.parametrize("kind", ["value", "derivative"])
DTYPE = pytest.mark.parametrize("dtype", fs.FLOATS)


@ROWS
def test_row_has_an_oracle(name):
    assert name in reference.ORACLES, f"the table's row {name} has no oracle line in tests/reference.py"
    assert reference.ORACLES[name].parameters == subjects.defaults_of(name)


def test_oracle_has_a_row():
    assert set(reference.ORACLES) == set(subjects.table())
    assert set(reference.GATED) == set(subjects.gated())
    learned = {name for name, row in subjects.table().items() if row["n_gradient"] > 1}
    assert set(reference.LEARNED) == learned


@ROWS
@KIND
def test_row_is_documented(name, kind):
    row = subjects.table()[name]
    function = subjects.fastact_function(name, kind)
    text = getattr(function, "func", function).__doc__
    assert row["formula" if kind == "value" else "derivative"] in text
    for section in ("Parameters", "Returns", "Examples"):
        assert section in text


@functools.cache
def exact(name, kind, dtype, parameters):
    """Points and the reference's head and tail; for float32 the reference is float64 arithmetic, and the tail 0."""
    x = ulp.stratified(dtype, 40_000 if dtype == np.float32 else 2_000, seed=11)
    bent = np.random.default_rng(12).uniform(-25, 25, 20_000 if dtype == np.float32 else 2_000).astype(dtype)
    x = np.concatenate([x, bent, bent / 16, fs.special_values(dtype)])
    if dtype == np.float32:
        return x, reference.evaluate(reference.NUMPY, name, kind, x, *parameters), 0.0
    return x, *reference.head_and_tail(name, kind, x, *parameters)


def check_bound(name, kind, dtype, parameters):
    given = tuple(parameters.values())
    x, head, tail = exact(name, kind, dtype, given)
    got = compute(name, kind, x, None, parameters)
    assert got.dtype == dtype
    worst = ulp.Worst()
    worst.add(x, got, head, tail, reference.derivative_roots(name, *given) if kind == "derivative" else ())
    assert worst.within(np.dtype(dtype).name, kind), worst


@ROWS
@KIND
@DTYPE
def test_error_keeps_the_bound(isa, name, kind, dtype):
    check_bound(name, kind, dtype, {})


@pytest.mark.parametrize("name", [name for name, row in subjects.table().items() if row["n_parameter"]])
@KIND
@DTYPE
def test_error_keeps_the_bound_for_other_parameters(isa, name, kind, dtype):
    for parameters in subjects.parameter_sets(name)[1:]:
        check_bound(name, kind, dtype, parameters)


@ROWS
@DTYPE
def test_vjp_multiplies_the_derivative_by_g(isa, name, dtype):
    x, head, _ = exact(name, "derivative", dtype, ())
    counted = np.isfinite(x) & ~ulp.near_root(x, reference.derivative_roots(name))
    counted &= np.abs(head) < np.sqrt(np.finfo(dtype).max)  # so that times g nothing overflows
    x, head = x[counted], head[counted]
    g = fs.values(x.size, dtype, "plain", 13)
    want = np.where(head == 0, 0, head * g)
    bound = ulp.BOUNDS[np.dtype(dtype).name, "derivative"]
    allowed = bound * np.abs(g) * ulp.ulp_of(head, np.dtype(dtype)) + ulp.ulp_of(want, np.dtype(dtype))
    wrong = np.abs(compute(name, "derivative", x, g) - want) > allowed
    assert not wrong.any(), (x[wrong][:5], g[wrong][:5])


@ROWS
@DTYPE
def test_special_values(isa, name, dtype):
    x = fs.special_values(dtype)
    want = reference.evaluate(reference.MPFR, name, "value", x).astype(np.float64)
    got = compute(name, "value", x)
    assert np.array_equal(np.isnan(got), ~subjects.has_value(name, x))
    edges = np.isinf(x) | (x == 0)
    assert np.array_equal(got[edges], want[edges].astype(dtype), equal_nan=True)
    signed = (edges | (got == 0)) & ~np.isnan(got)
    assert np.array_equal(np.signbit(got[signed]), np.signbit(want[signed])), list(zip(x, got, want, strict=True))


@ROWS
@DTYPE
def test_nan_in_nan_out(isa, name, dtype):
    x = np.array([0.75, np.nan, 0.25 if name in subjects.PARTIAL else -0.75, np.nan], dtype)
    assert np.array_equal(np.isnan(compute(name, "value", x)), np.isnan(x))
    assert np.isnan(compute(name, "derivative", x)[[1, 3]]).all()
    g = np.array([np.nan, 1, 1, 1], dtype)
    assert np.isnan(compute(name, "derivative", x, g)[0])


@pytest.mark.parametrize("name", ["silu", "gelu", "gelu_tanh"])
@DTYPE
def test_the_negative_tail_ends_in_negative_zero(isa, name, dtype):
    x = np.array([-np.inf, np.finfo(dtype).min, -0.0] * 9, dtype)
    got = compute(name, "value", x)
    assert np.array_equal(got, np.zeros_like(x))
    assert np.signbit(got).all()


@DTYPE
def test_relu_keeps_the_sign_of_zero(isa, dtype):
    got = compute("relu", "value", np.array([-0.0, 0.0] * 20, dtype))
    assert np.array_equal(np.signbit(got), [True, False] * 20)


@ROWS
@KIND
@DTYPE
def test_subnormals_are_computed(isa, name, kind, dtype):
    x = fs.values(3000, dtype, "tiny", 21)
    want = reference.evaluate(reference.MPFR, name, kind, x).astype(np.float64)
    got = compute(name, kind, x)
    assert (ulp.errors(got, want) <= ulp.BOUNDS[np.dtype(dtype).name, kind] + 0.5).all()


@DTYPE
def test_kinks_are_those_of_torch(isa, dtype):
    zero = np.array([0.0, -0.0] * 10, dtype)
    g = np.full_like(zero, 3)
    assert np.array_equal(compute("relu", "derivative", zero, g), np.zeros_like(zero))
    assert np.array_equal(compute("elu", "derivative", zero, g, {"alpha": 0.5}), np.full_like(zero, 1.5))
    slope = compute("leaky_relu", "derivative", zero, g, {"negative_slope": 0.25})
    assert np.array_equal(slope, np.full_like(zero, 0.75))


# name, x, slope there
KINKS = [
    *(("relu6", x, 0) for x in (0.0, -0.0, 6)),
    *(("hardtanh", x, 0) for x in (-1, 1)),
    *(("hardsigmoid", x, 0) for x in (-3, 3)),
    *(("hardshrink", x, 0) for x in (-0.5, 0.5)),
    *(("softshrink", x, 0) for x in (-0.5, 0.5)),
    *(("squared_relu", x, 0) for x in (0.0, -0.0)),
    *(("celu", x, 1) for x in (0.0, -0.0)),
    ("hardswish", -3, 0),
    ("hardswish", 3, 1),
]


@pytest.mark.parametrize(("name", "x", "slope"), KINKS)
@DTYPE
def test_slope_at_a_kink(isa, name, x, slope, dtype):
    x = np.full(35, x, dtype)
    got = compute(name, "derivative", x, np.full_like(x, 3))
    assert np.array_equal(got, np.full_like(x, 3 * slope))
    if slope == 0:
        for g in (np.inf, -np.inf, np.nan):
            assert np.array_equal(compute(name, "derivative", x, np.full_like(x, g)), np.zeros_like(x))


@pytest.mark.parametrize("side", [-1, 1])
@DTYPE
def test_beside_a_kink_the_slope_is_that_of_its_side(isa, dtype, side):
    kinks = {"relu6": 6, "hardtanh": 1, "hardsigmoid": 3, "hardshrink": 0.5, "softshrink": 0.5}
    for name, kink in kinks.items():
        x = np.nextafter(np.full(35, kink, dtype), dtype(kink + side))
        for sign in (1, -1) if name != "relu6" else (1,):
            inside = side < 0
            sloped = not inside if "shrink" in name else inside
            assert (compute(name, "derivative", sign * x) > 0).all() == sloped, name


@DTYPE
@pytest.mark.parametrize("g", [np.inf, -np.inf, np.nan])
def test_a_branch_without_slope_ignores_g(isa, dtype, g):
    x = np.array([-1, -0.0, 0.0, -np.inf, 1] * 8, dtype)
    got = compute("relu", "derivative", x, np.full_like(x, g))
    assert np.array_equal(got[x <= 0], np.zeros(32, dtype))
    assert np.array_equal(got[x > 0], np.full(8, g, dtype), equal_nan=True)


@DTYPE
def test_softplus_beyond_its_threshold_is_the_identity(isa, dtype):
    x = np.array([19.5, 20.5, 300.0, -3.0] * 5, dtype)
    beyond = x > 20
    parameters = {"beta": 1.0, "threshold": 20.0}
    assert np.array_equal(compute("softplus", "value", x, None, parameters)[beyond], x[beyond])
    assert np.array_equal(compute("softplus", "derivative", x, None, parameters)[beyond], np.ones(10, dtype))
    exactly = compute("softplus", "value", np.full(9, 20.5))
    assert (exactly > 20.5).all()


# Rows whose derivative torch computes in float64 with a constant of float32 (1/6, 1/alpha).
SINGLE_IN_TORCH = {"hardsigmoid": 2.0**-24, "celu": 2.0**-17}


def torch_value_and_gradient(name, x, g, parameters):
    """torch's results in float64 from the very numbers that fastact was given."""
    import torch

    rounded = {key: float(x.dtype.type(value)) for key, value in parameters.items()}
    tensor = torch.from_numpy(x.astype(np.float64)).requires_grad_()
    value = subjects.torch_function(name)(tensor, **rounded)
    value.backward(torch.from_numpy(g.astype(np.float64)))
    return value.detach().numpy(), tensor.grad.numpy()


def same(got, want):
    """Where both are nan, or the same number once `want` is rounded."""
    with np.errstate(over="ignore"):
        return (np.isnan(got) & np.isnan(want)) | (got == want.astype(got.dtype))


@ROWS
@hypothesis.given(data=st.data())
def test_value_and_gradient_follow_torch(isa, name, data):
    if subjects.torch_function(name) is None:
        pytest.skip(f"torch has no {name}")
    parameters = data.draw(st.sampled_from(subjects.parameter_sets(name)))
    x = data.draw(fs.arrays(kind=st.sampled_from(["plain", "wide", "tiny"])))
    g = fs.values(x.size, x.dtype.type, "plain", data.draw(fs.seeds)).reshape(x.shape)
    defaults = subjects.defaults_of(name)
    native = x.astype(x.dtype.newbyteorder("="))
    value, gradient = torch_value_and_gradient(name, native, g, {**defaults, **parameters})
    # torch's own float64 formulas lose up to an ULP of 1 + |x| in the tails; see docs/differences.md.
    floor = np.maximum(2.0**-50 * (1 + np.abs(native.astype(float))), np.finfo(native.dtype).smallest_subnormal)
    share = 16 * np.finfo(native.dtype).eps
    got = compute(name, "value", x, None, parameters)
    assert got.dtype == native.dtype
    assert got.shape == x.shape
    assert (same(got, value) | (np.abs(got - value) <= share * np.abs(value) + floor)).all()
    share = max(share, SINGLE_IN_TORCH.get(name, 0))
    slope = compute(name, "derivative", x, g, parameters)
    assert slope.shape == x.shape
    with np.errstate(invalid="ignore"):
        near = np.abs(slope - gradient) <= share * np.abs(gradient) + (floor + share) * (1 + np.abs(g))
    assert (same(slope, gradient) | near).all()


@ROWS
@KIND
@hypothesis.given(data=st.data())
def test_any_array_keeps_the_bound(isa, name, kind, data):
    parameters = data.draw(st.sampled_from(subjects.parameter_sets(name)))
    x = data.draw(fs.arrays())
    got = compute(name, kind, x, None, parameters)
    flat, given = np.ascontiguousarray(x).ravel(), tuple(parameters.values())
    flat = flat.astype(flat.dtype.newbyteorder("="))
    roots = reference.derivative_roots(name, *given) if kind == "derivative" else ()
    worst = ulp.Worst()
    if flat.dtype == np.float32:
        worst.add(flat, np.ravel(got), reference.evaluate(reference.NUMPY, name, kind, flat, *given), 0.0, roots)
    else:
        worst.add(flat, np.ravel(got), *reference.head_and_tail(name, kind, flat, *given), roots)
    assert worst.within(flat.dtype.name, kind) or not flat.size, worst


@ROWS
def test_vjp_is_the_slope_of_the_value(name):
    x = np.linspace(-6, 6, 241) + 0.013  # past every kink
    x, step = x[subjects.has_value(name, x)], 1e-5
    measured = (compute(name, "value", x + step) - compute(name, "value", x - step)) / (2 * step)
    assert np.allclose(compute(name, "derivative", x), measured, rtol=1e-6, atol=1e-9)


@DTYPE
def test_hardtanh_clips_like_numpy(isa, dtype):
    x = fs.special_values(dtype)
    for bounds in ((-2.5, 0.5), (0.0, np.inf), (1, -1), (np.nan, 1), (-1, np.nan)):
        low, high = np.array(bounds, dtype)
        got = compute("hardtanh", "value", x, None, {"min_val": low, "max_val": high})
        assert np.array_equal(got, np.clip(x, low, high), equal_nan=True), bounds


@DTYPE
def test_celu_keeps_its_limits_in_alpha(isa, dtype):
    x = np.array([-2.0, -30.0, 0.0, -0.0, 3.0, -np.inf] * 6, dtype)
    for alpha in (np.finfo(dtype).max, np.inf):
        got = compute("celu", "value", x, None, {"alpha": alpha})
        assert np.allclose(got[np.isfinite(x)], x[np.isfinite(x)], rtol=1e-6)
        assert np.array_equal(compute("celu", "derivative", x, None, {"alpha": alpha})[:5], np.ones(5))
    tiny = np.finfo(dtype).tiny
    got = compute("celu", "value", x, None, {"alpha": tiny})
    assert np.array_equal(got, np.where(x > 0, x, np.where(x < 0, -tiny, x)))
    rising = compute("celu", "value", x[:5], None, {"alpha": -0.5})
    assert np.allclose(rising, np.minimum(0, -0.5 * np.expm1(x[:5] / dtype(-0.5))) + np.maximum(0, x[:5]), rtol=1e-5)
    assert np.isneginf(compute("celu", "value", x[5:6], None, {"alpha": -0.5})).all()


@DTYPE
def test_softsign_has_no_slope_at_infinity_whatever_g(isa, dtype):
    x = np.array([np.inf, -np.inf] * 20, dtype)
    for g in (1, 1e38, np.finfo(dtype).max):
        assert np.array_equal(compute("softsign", "derivative", x, np.full_like(x, g)), np.zeros_like(x))
