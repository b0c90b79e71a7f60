"""glu and vjp.glu: halves of an axis, layouts, dtypes, errors.  Accuracy is the gated row's, tested with its kin."""

import numpy as np
import pytest
import strategies as fs
import torch

import fastact as fa

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


@pytest.mark.parametrize("call", [fa.glu, lambda x, axis=-1: fa.vjp.glu(x, 1.0, axis)])
def test_errors(call):
    with pytest.raises(
        ValueError, match=r"got 5 elements along axis -1 of an array of shape \(2, 5\): expected an even"
    ):
        call(np.ones((2, 5)))
    with pytest.raises(np.exceptions.AxisError):
        call(np.ones((2, 4)), 2)
    with pytest.raises(np.exceptions.AxisError):
        call(1.0)
    with pytest.raises(TypeError):
        call(np.ones(4, complex))
