"""glu and vjp.glu: halves of an axis, layouts, dtypes, errors.  Accuracy is the gated row's, tested with its kin."""

import numpy as np
import pytest
import strategies as fs
import torch

import fastact as fa
import fastact.torch

SHAPES = [((8,), 0), ((3, 8), -1), ((6, 5), 0), ((2, 4, 7), 1), ((0, 4), 1), ((3, 0), -1)]


@pytest.mark.parametrize("shape, axis", SHAPES)
@pytest.mark.parametrize("dtype", fs.FLOATS)
def test_agrees_with_torch(shape, axis, dtype):
    x = np.random.default_rng(0).normal(0, 3, shape).astype(dtype)
    tensor = torch.tensor(x, requires_grad=True)
    want = torch.nn.functional.glu(tensor, axis)
    g = np.random.default_rng(1).normal(0, 1, want.shape).astype(dtype)
    want.backward(torch.tensor(g))
    got, gradient = fa.glu(x, axis), fa.vjp.glu(x, g, axis)
    assert (got.dtype, gradient.dtype) == (dtype, dtype)
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, want.detach().numpy(), tolerance, tolerance)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), tolerance, tolerance)


def test_the_first_half_is_gated_by_the_second():
    x = np.array([[2.0, -3.0, np.inf, -np.inf]])
    assert np.array_equal(fa.glu(x), [[2.0, -0.0]])
    assert np.array_equal(fa.glu(x), fa._glu(x[:, :2], x[:, 2:]))


@pytest.mark.parametrize("order", ["C", "F"])
def test_layout_does_not_matter(order):
    x = np.random.default_rng(2).normal(0, 3, (12, 10)).astype(np.float32)
    y = np.array(x, order=order)
    for axis in (0, 1):
        assert np.array_equal(fa.glu(y, axis), fa.glu(x.copy(), axis))
        assert np.array_equal(fa.glu(y.T, axis), fa.glu(x, 1 - axis).T)
        assert np.array_equal(fa.vjp.glu(y.T, 1.0, axis), fa.vjp.glu(x, 1.0, 1 - axis).T)


@pytest.mark.parametrize("dtype, result", [(np.float16, np.float16), (np.int8, np.float32), (np.int64, np.float64)])
def test_dtypes(dtype, result):
    x = np.arange(8).astype(dtype)
    assert fa.glu(x).dtype == fa.vjp.glu(x, 1.0).dtype == result
    assert fa.glu(list(range(8))).dtype == np.float64


@pytest.mark.parametrize("x", [np.ones(4, np.float16), np.ones(4, np.float32), np.ones(4), np.ones(4, np.int8)])
@pytest.mark.parametrize("g", [np.ones(2), np.float64(1), np.ones(2, np.float16), np.int8([1, 1]), [1.0, 2.0]])
def test_g_promotes_as_elsewhere(x, g):
    want = fa.vjp.sigmoid(x[:2], g).dtype
    got = fa.vjp.glu(x, g)
    assert got.dtype == want
    assert np.array_equal(got, fa.vjp.glu(x.astype(want), np.asarray(g, want)))


@pytest.mark.parametrize("g", [1j, np.array([1, 2], object), ["a", "b"], np.array(["2020"], "M8[Y]"), np.longdouble(1)])
def test_g_that_is_no_real_number_is_named(g):
    for x in (np.ones(4), np.ones(4, np.float16)):
        with pytest.raises(TypeError, match=r"vjp\.glu\(\) got g of dtype .* expected bool, integers, float16"):
            fa.vjp.glu(x, g)


@pytest.mark.filterwarnings("ignore:__array_wrap__")
def test_arrays_of_other_kinds_stay_what_they_are():
    class Marked(np.ndarray):
        pass

    x, g = np.float32([1, -2, 0.5, 3]), np.float32([1, 2])
    masked = np.ma.masked_array(x, [0, 1, 0, 0])
    want = fa.vjp.glu(x, g)
    assert fa.glu(masked).mask.tolist() == [False, True]
    assert fa.vjp.glu(masked, g).mask.tolist() == [False, True, False, True]
    assert fa.vjp.glu(x, np.ma.masked_array(g, [1, 0])).mask.tolist() == [True, False, True, False]
    assert type(fa.vjp.glu(x.view(Marked), g)) is Marked
    for make in (torch.tensor, fastact.torch.tensor):
        assert type(fa.glu(make(x))) is type(make(x))
        assert type(fa.vjp.glu(make(x), make(g))) is type(make(x))
        assert np.array_equal(np.asarray(fa.vjp.glu(make(x), make(g))), want)


@pytest.mark.parametrize("call", [fa.glu, lambda x, axis=-1: fa.vjp.glu(x, 1.0, axis)])
def test_errors(call):
    with pytest.raises(
        ValueError, match=r"got 5 elements along axis -1 of an array of shape \(2, 5\): expected an even"
    ):
        call(np.ones((2, 5)))
    for axis in (None, 0.0):
        with pytest.raises(TypeError, match=rf"^glu\(\) got axis={axis}: expected an int"):
            fa.glu([1.0, 2.0], axis=axis)
    with pytest.raises(np.exceptions.AxisError):
        call(np.ones((2, 4)), 2)
    with pytest.raises(np.exceptions.AxisError):
        call(1.0)
    with pytest.raises(TypeError):
        call(np.ones(4, complex))


def test_what_has_labels_is_refused():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1.0, 2.0, 3.0, 5.0])
    for call in (lambda: fa.glu(series), lambda: fa.vjp.glu(series, np.ones(2)), lambda: fa.glu(series.to_frame(), 0)):
        with pytest.raises(TypeError, match="aligned by their labels"):
            call()


def test_a_gradient_of_another_shape_is_named():
    with pytest.raises(
        ValueError, match=r"vjp.glu\(\) got g of shape \(4, 6\): expected that of glu's result, \(4, 3\)"
    ):
        fa.vjp.glu(np.ones((4, 6)), np.ones((4, 6)))
    with pytest.raises(
        ValueError, match=r"vjp.glu\(\) got g of shape \(2, 3\): expected that of glu's result, \(1, 3\)"
    ):
        fa.vjp.glu(np.ones((2, 3)), np.ones((2, 3)), axis=0)
