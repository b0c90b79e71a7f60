"""Functions of (x, gate), and those whose parameter has a gradient: value and both derivatives against the oracle.

What they share with functions of x alone (layouts, pickling, …) is tested for those, by the same machinery.
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

import fastact as fa
import fastact.vjp

LEARNED = [name for name, row in subjects.table().items() if row["n_gradient"] > 1]
PAIRS = pytest.mark.parametrize("name", [*subjects.gated(), *LEARNED])
GATED = pytest.mark.parametrize("name", subjects.gated())
DTYPE = pytest.mark.parametrize("dtype", fs.FLOATS)


def compute(name, x, other, g):
    """The value, and the vjp by each operand."""
    vjp = getattr(fastact.vjp, name)
    both = vjp(x, other, g) if name in subjects.gated() else vjp(x, g, other)
    return getattr(fa, name)(x, other), *both


def pairs(dtype, size, seed):
    """x and other of all kinds beside each other; products that overflow are not asked for."""
    random = np.random.default_rng(seed)
    spread = np.finfo(dtype).maxexp * 0.45
    parts = []
    for kind in ("plain", "wide", "tiny", "sprinkled"):
        parts.append([fs.values(size, dtype, kind, seed), fs.values(size, dtype, "plain", seed + 1)])
        parts.append([fs.values(size, dtype, "plain", seed + 2), fs.values(size, dtype, kind, seed + 3)])
    for _ in range(2):
        scale = [random.choice([-1, 1], size) * np.exp2(random.uniform(-spread, spread, size)) for _ in "xy"]
        parts.append([s.astype(dtype) for s in scale])
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@functools.cache
def pairs_and_exact(name, dtype):
    """x, other and what is exact of them: computed once for all instruction sets, as it takes most of the time."""
    x, other = pairs(dtype, 20_000 if dtype == np.float32 else 2_000, 5)
    return x, other, reference.evaluate_pair(reference.MPFR, name, x, other)


def check(name, dtype, x, other, got, wanted=None):
    if wanted is None:
        wanted = reference.evaluate_pair(reference.MPFR, name, x, other)
    for kind, mine, exact in zip(("value", "derivative", "derivative"), got, wanted, strict=True):
        assert mine.dtype == dtype
        head, tail = reference.split(exact)
        if dtype == np.float32:
            tail = 0.0
        errors = ulp.errors(mine, head, tail)
        beside = ulp.near_root(other, gate_roots(name)) & (kind == "derivative")
        with np.errstate(invalid="ignore"):
            absolute = np.abs(mine.astype(np.float64) - head) <= ulp.ROOT_BOUNDS[np.dtype(dtype).name] * np.abs(x)
        worst = int(np.argmax(np.where(beside & absolute, 0, errors)))
        bound = ulp.BOUNDS[np.dtype(dtype).name, kind]
        assert errors[worst] <= bound or (beside & absolute)[worst], (
            kind, errors[worst], x[worst], other[worst], mine[worst], head[worst])  # fmt: skip


def gate_roots(name):
    """Where the derivative by the gate passes through 0."""
    inner = {"swiglu": "silu", "geglu": "gelu"}.get(name)
    return reference.derivative_roots(inner) if inner else ()


@PAIRS
@DTYPE
def test_error_keeps_the_bound(isa, name, dtype):
    x, other, exact = pairs_and_exact(name, dtype)
    check(name, dtype, x, other, compute(name, x, other, np.ones_like(x)), exact)


@PAIRS
@DTYPE
def test_special_values(isa, name, dtype):
    special = fs.special_values(dtype)
    special = special[np.abs(special) != np.finfo(dtype).max]
    x, other = (a.ravel() for a in np.meshgrid(special, special))
    value = compute(name, x, other, np.ones_like(x))[0]
    want = reference.evaluate_pair(reference.MPFR, name, x, other)[0].astype(dtype)
    assert np.array_equal(np.isnan(value), np.isnan(want))
    infinite = np.isinf(want) | np.isinf(value)
    assert np.array_equal(value[infinite], want[infinite])


@PAIRS
@hypothesis.given(x=fs.arrays(kind="plain"), seed=fs.seeds)
def test_layouts_and_broadcasting(isa, name, x, seed):
    other = fs.values(x.shape[-1] if x.ndim else 1, x.dtype.newbyteorder("=").type, "plain", seed)
    other = other if x.ndim else other[0]
    flat = np.array(x, x.dtype.newbyteorder("="), order="C")
    full = np.array(np.broadcast_to(other, x.shape))
    for got, want in zip(compute(name, x, other, x), compute(name, flat, full, flat), strict=True):
        assert got.shape == x.shape
        assert np.array_equal(got, want)


@PAIRS
@pytest.mark.parametrize("n", [1, 15, 16, 17, 256, 257, 1000])
def test_in_place(isa, name, n):
    for dtype in fs.FLOATS:
        x, other = (a[:n] for a in pairs(dtype, 1000, 9))
        function = getattr(fa, name)
        want = function(x, other)
        for k in range(2):
            given = [x.copy(), other.copy()]
            result = function(*given, out=given[k])
            assert result is given[k]
            assert np.array_equal(result, want, equal_nan=True)


@PAIRS
def test_both_derivatives_come_as_a_tuple_of_the_broadcast_shape(name):
    x, other = np.ones((3, 4), np.float32), np.ones(4, np.float32)
    value, *both = compute(name, x, other, np.float32(1))
    assert value.shape == (3, 4)
    assert [d.shape for d in both] == [(3, 4), (3, 4)]


@GATED
def test_a_gated_function_is_a_ufunc(name):
    function, vjp = getattr(fa, name), getattr(fastact.vjp, name)
    assert (type(function), function.nin, function.nout) == (np.ufunc, 2, 1)
    assert (type(vjp), vjp.nin, vjp.nout) == (np.ufunc, 3, 2)


@GATED
@pytest.mark.parametrize("g", [np.inf, np.nan])
def test_a_closed_gate_ignores_g(isa, name, g):
    if name != "reglu":
        pytest.skip("only a rectifier closes")
    x, gate = np.ones(40, np.float32), np.linspace(-2, 0, 40, dtype=np.float32)
    for derivative in getattr(fastact.vjp, name)(x, gate, np.float32(g)):
        assert np.array_equal(derivative, np.zeros(40, np.float32))


def test_a_missing_parameter_is_named():
    with pytest.raises(TypeError, match="weight"):
        fa.prelu(np.ones(3))
    with pytest.raises(TypeError, match="value"):
        fa.threshold(np.ones(3), 1.0)
    with pytest.raises(TypeError, match="weight"):
        fastact.vjp.prelu(np.ones(3), np.ones(3))


@hypothesis.given(data=st.data())
def test_prelu_broadcasts_a_weight_a_channel(data):
    x = data.draw(fs.arrays(shape=(4, 3), kind="plain", dtype=np.float32, layout="contiguous"))
    weight = np.float32([0.1, 0.2, 0.3])
    assert np.array_equal(fa.prelu(x, weight), np.where(x > 0, x, weight * x))
