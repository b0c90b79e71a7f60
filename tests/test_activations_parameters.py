"""Activations with parameters of any size and sign, and with those that are no numbers."""

import numpy as np
import pytest
import reference
import strategies as fs
import subjects
import ulp
from subjects import compute

KIND = pytest.mark.parametrize("kind", ["value", "derivative"])
DTYPE = pytest.mark.parametrize("dtype", fs.FLOATS)


def spread_parameters(name, dtype, size):
    """x and the parameter of every size and both signs, such that what they give is large, small, or just not 0."""
    random, limits = np.random.default_rng(31), np.finfo(dtype)
    every = random.uniform(np.log2(float(limits.smallest_subnormal)), limits.maxexp, size)
    exponents = np.concatenate([every, random.uniform(-6, 6, size)])
    parameter = (random.choice([-1, 1], 2 * size) * np.exp2(exponents)).astype(dtype)
    y = random.uniform(-2, 2, 2 * size) * -np.log(limits.smallest_subnormal)
    with np.errstate(all="ignore"):
        x = {"elu": -abs(y), "celu": y * parameter, "softplus": y / parameter}[name].astype(dtype)
    x[~np.isfinite(x)] = -1
    return np.append(x, dtype([-np.inf] * 4)), np.append(parameter, dtype([500, 1e10, 1e-3, 1e-38]))


@pytest.mark.parametrize("name", ["elu", "celu", "softplus"])
@KIND
@DTYPE
def test_parameters_of_any_size_keep_the_bound(isa, name, kind, dtype):
    x, parameter = spread_parameters(name, dtype, 10_000 if dtype == np.float32 else 2_000)
    got = compute(name, kind, x, None, {list(subjects.defaults_of(name))[0]: parameter})
    m = reference.MPFR
    with m.context():
        wanted = getattr(reference.ORACLES[name], kind)(m, m.array(x), m.array(parameter))
    head, tail = reference.split(wanted)
    worst = ulp.Worst()
    worst.add(x, got, head, 0.0 if dtype == np.float32 else tail, partner=parameter)
    assert worst.within(np.dtype(dtype).name, kind), worst


@DTYPE
def test_softplus_of_a_beta_of_almost_nothing(isa, dtype):
    tiny = float(np.finfo(dtype).smallest_subnormal)
    x = np.array([1.0, -1.0, 0.0, -np.inf] * 5, dtype)
    for beta in (tiny, -tiny, 100 * tiny):
        got = compute("softplus", "value", x, None, {"beta": beta})
        limit = 0 if beta > 0 else -np.inf
        want = [*[np.copysign(np.inf, beta)] * 3, 0 if beta > 0 else limit]
        assert np.array_equal(got, np.array(want * 5, dtype)), (beta, got[:4])
    assert np.array_equal(compute("softplus", "value", x[:3], None, {"beta": 0.0}), np.full(3, np.inf, dtype))


@pytest.mark.parametrize("beta", [0.5, 1.0469941, 1.1, 7.0, 2.0**20, 2.0**29, 1.3566e36])
def test_softplus_of_any_beta_is_accurate_deep_down(isa, beta):
    """Where the low part of e^(beta x) is subnormal, the value is not."""
    random = np.random.default_rng(3)
    beta = np.float32(beta)
    x = (random.uniform(-105, -55, 200_000) / beta).astype(np.float32)
    wide = x.astype(np.longdouble) * beta
    want = np.log1p(np.exp(wide)) / beta
    got = compute("softplus", "value", x, None, {"beta": float(beta)})
    assert ulp.errors(got, want.astype(np.float64)).max() <= 1.0


# name, its parameters, x, value, derivative times 5
NAN_PARAMETERS = [
    ("elu", (np.nan,), [-3, -0.0, 0, 2], [np.nan] * 3 + [2], [np.nan] * 3 + [5]),
    ("celu", (np.nan,), [-3, -0.0, 0, 2], [np.nan] * 3 + [2], [np.nan] * 3 + [5]),
    ("leaky_relu", (np.nan,), [-3, -0.0, 0, 2], [np.nan] * 3 + [2], [np.nan] * 3 + [5]),
    ("softcap", (np.nan,), [-3, 0, 2], [np.nan] * 3, [np.nan] * 3),
    ("softplus", (np.nan, 20), [-3, 0, 2], [np.nan] * 3, [np.nan] * 3),
    ("softplus", (1, np.nan), [-np.inf, 300], [0, 300], [0, 5]),
    ("hardtanh", (np.nan, 1), [-3, 0, 2], [np.nan] * 3, [np.nan] * 3),
    ("hardtanh", (-1, np.nan), [-3, 0, 2], [np.nan] * 3, [np.nan] * 3),
    ("softshrink", (np.nan,), [-np.inf, 0, 2], [np.nan] * 3, [np.nan] * 3),
    ("hardshrink", (np.nan,), [-np.inf, 0, 2, np.nan], [-np.inf, 0, 2, np.nan], [5, 5, 5, np.nan]),
    ("threshold", (np.nan, 7), [-np.inf, 0, 2, np.nan], [-np.inf, 0, 2, np.nan], [5, 5, 5, np.nan]),
    ("threshold", (0, np.nan), [-1, 2], [np.nan, 2], [0, 5]),
]


@pytest.mark.parametrize(("name", "parameters", "x", "value", "slope"), NAN_PARAMETERS)
@DTYPE
def test_nan_parameters_count_where_they_enter(isa, name, parameters, x, value, slope, dtype):
    x, named = np.array(x * 9, dtype), dict(zip(subjects.defaults_of(name), parameters, strict=True))
    assert np.array_equal(compute(name, "value", x, None, named), np.array(value * 9, dtype), equal_nan=True)
    got = compute(name, "derivative", x, np.full_like(x, 5), named)
    assert np.array_equal(got, np.array(slope * 9, dtype), equal_nan=True)


@DTYPE
def test_softshrink_of_a_negative_bound_keeps_its_formula(isa, dtype):
    x = np.array([-2, -1, -0.5, 0, 0.5, 1, 2] * 5, dtype)
    want = np.where(x > -1, x + 1, np.where(x < 1, x - 1, 0))
    assert np.array_equal(compute("softshrink", "value", x, None, {"lambd": -1.0}), want)
    assert np.array_equal(compute("softshrink", "derivative", x, None, {"lambd": -1.0}), np.ones_like(x))
