"""softmax, log_softmax, softmin and logsumexp: arguments, special values, masks, foreign types, derivatives.

Accuracy and bits are in test_softmax_bits.py."""

import pickle
import warnings

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import strategies
import torch

import fastact as fa

MAPS = {"softmax": torch.softmax, "log_softmax": torch.log_softmax, "softmin": lambda x, d: torch.softmax(-x, d)}
inf, nan = np.inf, np.nan


def tolerance(dtype):
    """torch subtracts the maximum and rounds, also in float64."""
    return {"rtol": max(1e-12, 4 * np.finfo(dtype).eps), "atol": 1e-14, "equal_nan": True}


def as_torch(x):
    return torch.tensor(np.array(x, dtype=np.float64))


@st.composite
def problems(draw):
    x = draw(
        strategies.arrays(shape=strategies.shapes(min_dims=1), kind=st.sampled_from(["plain", "wide", "sprinkled"]))
    )
    return x, draw(strategies.axes(x.ndim))


@pytest.mark.parametrize("name", MAPS)
@hypothesis.given(problem=problems())
def test_map_agrees_with_torch(name, isa, problem):
    x, axis = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = getattr(fa, name)(x, axis)
    assert got.dtype == x.dtype.newbyteorder("=")
    assert got.shape == x.shape
    with np.errstate(over="ignore"):
        want = MAPS[name](as_torch(x), axis).numpy().astype(got.dtype)
    np.testing.assert_allclose(got, want, **tolerance(got.dtype))


@hypothesis.given(problem=problems(), keepdims=st.booleans())
def test_logsumexp_agrees_with_torch(isa, problem, keepdims):
    x, axis = problem
    got = np.asarray(fa.logsumexp(x, axis, keepdims=keepdims))
    want = torch.logsumexp(as_torch(x), axis, keepdim=keepdims).numpy()
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=4 * np.finfo(got.dtype).eps, atol=1e-6 if got.dtype == "f4" else 1e-14)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("axis", [(0, 2), (2, 0), (-1, 1), None, (0, 1, 2), 1])
def test_several_axes_are_one(name, axis):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    axes = (0, 1, 2) if axis is None else tuple(np.atleast_1d(axis) % 3)
    rest = [d for d in range(3) if d not in axes]
    moved = x.transpose(*rest, *sorted(axes)).reshape(*[x.shape[d] for d in rest], -1)
    order = np.argsort([*rest, *sorted(axes)])
    flat = getattr(fa, name)(moved)
    want = flat.reshape([x.shape[d] for d in [*rest, *sorted(axes)]]).transpose(order)
    np.testing.assert_array_equal(getattr(fa, name)(x, axis), want)
    np.testing.assert_array_equal(fa.logsumexp(x, axis), fa.logsumexp(moved))
    assert fa.logsumexp(x, axis, keepdims=True).shape == tuple(1 if d in axes else n for d, n in enumerate(x.shape))


def test_scalars_and_empty_arrays():
    assert fa.softmax(3.0) == 1.0
    assert isinstance(fa.softmax(np.float32(3)), np.float32)
    assert fa.log_softmax(3.0, axis=0) == 0.0
    assert fa.logsumexp(-0.0) == 0.0
    assert not np.signbit(fa.logsumexp(-0.0))
    assert isinstance(fa.logsumexp(np.ones(3, np.float32)), np.float32)
    assert fa.softmax(np.empty((3, 0))).shape == (3, 0)
    assert fa.softmax(np.empty((0, 3))).shape == (0, 3)
    np.testing.assert_array_equal(fa.logsumexp(np.empty((3, 0))), [-inf] * 3)
    assert fa.logsumexp(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_a_bad_axis_is_an_axis_error(shape):
    x = np.zeros(shape)
    for function in (fa.softmax, fa.log_softmax, fa.softmin, fa.logsumexp):
        with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
            function(x, 2)
        with pytest.raises(ValueError, match=r"axis=\(\)"):
            function(x, ())
    with pytest.raises(np.exceptions.AxisError, match="expected -1 to 0"):
        fa.softmax(np.zeros(3), 1)


def test_dtypes():
    for dtype, want in [
        ("?", "f4"),
        ("i1", "f4"),
        ("u2", "f4"),
        ("i4", "f8"),
        ("u8", "f8"),
        ("f2", "f2"),
        (">f4", "f4"),
    ]:
        x = np.array([0, 1, 1], dtype)
        assert fa.softmax(x).dtype == want
        assert fa.logsumexp(x).dtype == want
        np.testing.assert_allclose(
            fa.softmax(x).astype("f8"), fa.softmax([0.0, 1.0, 1.0]), rtol=1e-3 if want == "f2" else 1e-6
        )
    np.testing.assert_allclose(fa.softmax(np.uint8([0, 1, 3, 5])), fa.softmax([0.0, 1.0, 3.0, 5.0]), rtol=1e-6)
    assert fa.softmax(np.arange(3), dtype=np.float32).dtype == np.float32
    assert fa.logsumexp(np.arange(3), dtype="f4").dtype == np.float32
    for dtype in strategies.NOT_REAL:
        with pytest.raises(TypeError, match="expected bool, integers"):
            fa.softmax(np.zeros(3, dtype))
    with pytest.raises(TypeError, match="expected a floating dtype"):
        fa.softmax(np.zeros(3), dtype=int)


@pytest.mark.parametrize("dtype", strategies.FLOATS)
def test_special_values(isa, dtype):
    rows = np.array([[1, nan, 2], [inf, 0, 1], [-inf, -inf, -inf], [inf, nan, 0], [-inf, nan, -inf]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for axis, x in ((1, rows), (0, np.ascontiguousarray(rows.T))):
            assert np.isnan(fa.softmax(x, axis)).all()
            assert np.isnan(fa.log_softmax(x, axis)).all()
            np.testing.assert_array_equal(fa.logsumexp(x, axis), np.array([nan, inf, -inf, nan, nan], dtype))
        np.testing.assert_array_equal(fa.softmax(np.array([-inf, 0, -inf], dtype)), [0, 1, 0])
        np.testing.assert_array_equal(fa.log_softmax(np.array([-inf, 0, -inf], dtype)), [-inf, 0, -inf])
        top = np.finfo(dtype).max
        np.testing.assert_array_equal(fa.softmax(np.array([top, -top, top], dtype)), [0.5, 0, 0.5])
        assert fa.log_softmax(np.array([top, -top], dtype))[1] == -inf
    small = fa.softmax(np.array([0, -95 if dtype == np.float32 else -720], dtype))[1]
    assert 0 < small < np.finfo(dtype).tiny


def test_confident_prediction_keeps_its_loss():
    loss = 2.075041564150623e-09
    assert abs(fa.log_softmax(np.float32([0, -20, -25]))[0] / -loss - 1) < 1.2e-7
    assert abs(fa.log_softmax(np.float64([0, -20, -25]))[0] / -loss - 1) < 1e-15


@hypothesis.given(data=st.data(), dtype=strategies.dtypes)
def test_where_leaves_elements_out(data, dtype):
    shape = data.draw(strategies.shapes(min_dims=2, max_dims=2, min_side=1))
    x = strategies.values(int(np.prod(shape)), dtype, "plain", data.draw(strategies.seeds)).reshape(shape)
    where = data.draw(strategies.masks(shape))
    x[~where] = data.draw(st.sampled_from([nan, inf, 7.0]))
    got = fa.softmax(x, where=where), fa.log_softmax(x, where=where), fa.logsumexp(x, where=where)
    for i, (row, kept) in enumerate(zip(x, where, strict=True)):
        np.testing.assert_allclose(got[0][i][kept], fa.softmax(row[kept]), rtol=1e-6)
        np.testing.assert_array_equal(got[0][i][~kept], 0)
        np.testing.assert_allclose(got[1][i][kept], fa.log_softmax(row[kept]), rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(got[1][i][~kept], -inf)
        np.testing.assert_allclose(got[2][i], fa.logsumexp(row[kept]), rtol=1e-6, atol=1e-7)


def test_where_broadcasts_and_is_checked():
    x = np.zeros((2, 4))
    np.testing.assert_array_equal(fa.softmax(x, where=[True, True, False, False]), [[0.5, 0.5, 0, 0]] * 2)
    np.testing.assert_array_equal(fa.softmin(x, where=[True, True, False, False]), [[0.5, 0.5, 0, 0]] * 2)
    all_left_out = np.array([[True] * 4, [False] * 4])
    np.testing.assert_array_equal(fa.softmax(x, where=all_left_out)[1], 0)
    np.testing.assert_array_equal(fa.logsumexp(x, where=all_left_out)[1], -inf)
    kept_infinite = fa.softmax(np.array([-inf, -inf, 0]), where=[True, True, False])
    np.testing.assert_array_equal(kept_infinite, [nan, nan, 0])
    with pytest.raises(TypeError, match="expected bool"):
        fa.softmax(x, where=[1, 1, 0, 0])
    with pytest.raises(ValueError, match="broadcasts to x"):
        fa.softmax(x, where=[True, False])


def test_masked_arrays():
    x = np.ma.MaskedArray([[1.0, 2.0, nan], [1.0, 2.0, 3.0]], mask=[[0, 0, 1], [1, 1, 1]])
    got = fa.softmax(x)
    assert isinstance(got, np.ma.MaskedArray)
    np.testing.assert_array_equal(got.mask, x.mask)
    np.testing.assert_allclose(got.data[0], [*fa.softmax([1.0, 2.0]), 0])
    total = fa.logsumexp(x)
    assert isinstance(total, np.ma.MaskedArray)
    np.testing.assert_array_equal(total.mask, [False, True])
    np.testing.assert_allclose(total[0], fa.logsumexp([1.0, 2.0]))
    assert fa.logsumexp(x, keepdims=np.True_).shape == (2, 1)


@pytest.mark.parametrize("function", [fa.softmax, fa.log_softmax, fa.softmin])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_out_may_be_x(function, axis):
    x = np.random.default_rng(1).normal(size=(70, 40)).astype(np.float32)
    want = function(x, axis)
    assert function(x, axis, out=x) is x
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize("dtype", [np.float16, *strategies.FLOATS])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_direct_sum_gives_the_same_bits(dtype, axis, keepdims):
    x = np.random.default_rng(5).normal(size=(7, 40)).astype(dtype)
    want = fa.logsumexp(np.asfortranarray(x), axis, keepdims=keepdims)
    np.testing.assert_array_equal(fa.logsumexp(x, axis, keepdims=keepdims), want)
    out = np.empty(np.shape(want), dtype)
    assert fa.logsumexp(x, axis, keepdims=keepdims, out=out) is out
    np.testing.assert_array_equal(out, want)
    g = np.asarray(2 * want)
    np.testing.assert_array_equal(fa.vjp.logsumexp(x, g, axis), fa.vjp.logsumexp(np.asfortranarray(x), g, axis))
    inside = x.copy()
    place = inside.reshape(-1)[: want.size].reshape(np.shape(want))
    fa.logsumexp(inside, axis, keepdims=keepdims, out=place)
    np.testing.assert_array_equal(place, want)


@pytest.mark.parametrize("function", [fa.softmax, fa.log_softmax, fa.softmin])
@pytest.mark.parametrize("axis", [0, 1, -1, -3])
def test_results_have_the_order_of_x(function, axis):
    x = np.random.default_rng(6).normal(size=(5, 6, 40))
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)):
        ordered = x.transpose(order).copy().transpose(np.argsort(order))
        got = function(ordered, axis)
        np.testing.assert_array_equal(got, function(x, axis))
        assert got.strides == ordered.strides
        np.testing.assert_array_equal(fa.logsumexp(ordered, axis, keepdims=True), fa.logsumexp(x, axis, keepdims=True))


@hypothesis.given(pair=strategies.overlapping())
def test_out_may_overlap_x(pair):
    x, out = pair
    want = fa.softmax(x.copy())
    assert fa.softmax(x, out=out) is out
    np.testing.assert_array_equal(out, want)


def test_out_is_checked():
    x = np.zeros((2, 3), np.float32)
    assert fa.softmax(x, out=np.empty((2, 3))).dtype == np.float64
    assert fa.softmax(x, out=(np.empty((2, 3), "f4"),)).shape == (2, 3)
    strided = np.empty((2, 6), np.float32)[:, ::2]
    np.testing.assert_array_equal(fa.softmax(x, out=strided), fa.softmax(x))
    np.testing.assert_array_equal(fa.logsumexp(x, out=np.empty(2, "f4")), fa.logsumexp(x))
    with pytest.raises(ValueError, match="out of shape"):
        fa.softmax(x, out=np.empty((3, 2), "f4"))
    with pytest.raises(TypeError, match=r"numpy\.ndarray"):
        fa.softmax(x, out=[0])
    with pytest.raises(TypeError, match="same_kind"):
        fa.softmax(x, out=np.empty((2, 3), int))
    read_only = np.empty((2, 3), "f4")
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        fa.softmax(x, out=read_only)


class Foreign:
    """Another library's array: it answers ufuncs and is no ndarray."""

    def __init__(self, x):
        self.x, self.ndim, self.calls = x, x.ndim, []

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        self.calls.append((ufunc, kwargs))
        return Foreign(ufunc(*(getattr(i, "x", i) for i in inputs), **kwargs))


@pytest.mark.parametrize("function", [fa.softmax, fa.log_softmax, fa.softmin, fa.logsumexp])
def test_gufuncs_serve_foreign_types(function):
    x = np.random.default_rng(2).normal(size=(3, 4, 5))
    assert isinstance(function.gufunc, np.ufunc)
    assert function.gufunc.signature == ("(n)->()" if function is fa.logsumexp else "(n)->(n)")
    for axis in range(-3, 3):
        np.testing.assert_array_equal(function.gufunc(x, axis=axis), function(x, axis))
    foreign = Foreign(x)
    np.testing.assert_array_equal(function(foreign, 1).x, function(x, 1))
    assert foreign.calls == [(function.gufunc, {"axis": 1})]
    with pytest.raises(TypeError, match="expected one int"):
        function(foreign, (0, 1))
    with pytest.raises(TypeError, match="where="):
        function(foreign, where=np.array(True))


class Plain(np.ndarray):
    def __array_wrap__(self, array, context=None):  # as before NumPy 2
        return np.ndarray.__array_wrap__(self, array, context)


@pytest.mark.parametrize("function", [fa.softmax, fa.log_softmax, fa.softmin, fa.logsumexp])
def test_plain_subclasses_take_every_argument(function, tmp_path):
    x = np.random.default_rng(4).normal(size=(3, 4)).astype(np.float32)
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=x.shape)
    mapped[...] = x
    where = np.arange(4) < 3
    for other in (x.view(Plain), mapped):
        for keywords in ({"axis": None}, {"axis": (0, 1)}, {"where": where}, {"axis": 0, "dtype": np.float64}):
            got = function(other, **keywords)
            np.testing.assert_array_equal(np.asarray(got), function(x, **keywords))
            assert isinstance(got, Plain) == isinstance(other, Plain) or got.ndim == 0
        with pytest.raises(ValueError, match="no axis"):
            function(other, axis=())
        out = np.empty_like(function(x, axis=None))
        assert function(other, axis=None, out=out) is out
    assert function(np.array(2.0).view(Plain), axis=0) == function(2.0, axis=0)


@pytest.mark.parametrize("function", [fa.softmax, fa.logsumexp])
def test_missing_values_of_pandas_are_refused(function):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match="missing values"):
        function(pandas.Series([1, 2, None], dtype="Int64"))
    assert fa.softmax(pandas.Series([1, 1], dtype="Int64")).tolist() == [0.5, 0.5]


class Delegate:
    def __fastact_function__(self, function, args, kwargs):
        return function, args, kwargs


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin", "logsumexp"])
def test_types_may_take_over(name):
    function, delegate = getattr(fa, name), Delegate()
    got, args, kwargs = function(delegate, 1)
    assert got is function
    assert args == (delegate,)
    assert kwargs["axis"] == 1


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin", "logsumexp"])
def test_functions_pickle_by_name(name):
    assert pickle.loads(pickle.dumps(getattr(fa, name))) is getattr(fa, name)
    assert getattr(fa, name).__module__ == "fastact"


@hypothesis.given(problem=problems(), seed=strategies.seeds)
def test_derivatives_agree_with_torch(isa, problem, seed):
    x, axis = problem
    x = np.nan_to_num(x.astype(x.dtype.newbyteorder("=")), nan=0, posinf=5, neginf=-5).clip(-60, 60)
    g = strategies.values(x.size, x.dtype.type, "plain", seed).reshape(x.shape)
    close = {"rtol": 1e-4, "atol": 2e-5} if x.dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}
    for name in ("softmax", "log_softmax"):
        t = as_torch(x).requires_grad_()
        getattr(torch, name)(t, axis).backward(as_torch(g))
        y = getattr(fa, name)(x, axis)
        np.testing.assert_allclose(getattr(fa.vjp, name)(y=y, g=g, axis=axis), t.grad.numpy(), **close)
    t = as_torch(x).requires_grad_()
    total = torch.logsumexp(t, axis)
    reduced = g.sum(axis)
    total.backward(as_torch(reduced))
    np.testing.assert_allclose(fa.vjp.logsumexp(x, reduced, axis), t.grad.numpy(), **close)


@pytest.mark.parametrize("dtype", strategies.FLOATS)
@pytest.mark.parametrize("n", [3, 40, 1100])
def test_derivative_of_logsumexp_at_infinity(isa, dtype, n):
    inf, nan = np.inf, np.nan
    for start in ([0, inf, 2], [inf, -inf, inf], [nan, 1, inf], [-inf, 1, -inf]):
        x = np.full(n, start[0], dtype)
        x[:3] = start
        t = as_torch(x).requires_grad_()
        torch.logsumexp(t, 0).backward(torch.tensor(-2.0, dtype=t.dtype))
        np.testing.assert_allclose(fa.vjp.logsumexp(x, np.array(-2, dtype)), t.grad.numpy(), rtol=1e-5)


def test_derivatives_over_several_axes_and_shapes():
    x = np.random.default_rng(3).normal(size=(2, 3, 4))
    g = np.random.default_rng(4).normal(size=(2, 3, 4))
    for name in ("softmax", "log_softmax"):
        y = getattr(fa, name)(x, (0, 2))
        got = getattr(fa.vjp, name)(y=y, g=g, axis=(0, 2))
        for j in range(3):
            flat = getattr(fa.vjp, name)(y=y[:, j].ravel(), g=g[:, j].ravel())
            np.testing.assert_allclose(got[:, j].ravel(), flat, rtol=1e-14)
    np.testing.assert_allclose(fa.vjp.logsumexp(x, np.ones(3), (0, 2)).sum((0, 2)), 1)
    np.testing.assert_allclose(fa.vjp.logsumexp(x, 2.0, None), 2 * fa.softmax(x, None))
    with pytest.raises(ValueError, match="got g of shape"):
        fa.vjp.softmax(y=x, g=np.zeros(5))
    with pytest.raises(ValueError, match="got g of shape"):
        fa.vjp.logsumexp(x, np.zeros(5))
