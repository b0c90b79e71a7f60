"""Every operation that the tape records: value and gradient against torch in float64, and against finite differences."""

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

import fastact as fa
import fastact.torch as ft
from fastact import _core, nn
from fastact._tensor_rules import LINEAR, TABLE

A = np.random.default_rng(0).uniform(0.3, 2.0, (3, 4)) * np.where(np.arange(12).reshape(3, 4) % 2, 1, -1)
B = np.random.default_rng(1).uniform(0.4, 1.9, (3, 4))
ROW = np.random.default_rng(2).uniform(0.5, 1.5, 4)
SQUARE = np.random.default_rng(3).normal(size=(4, 2))
BATCH = np.random.default_rng(4).normal(size=(2, 3, 4))

# name: (the operation, written once for both libraries, operands); positive operands where the domain asks for them
OPERATIONS = {
    "add": (lambda t, a, b: a + b, A, ROW),
    "radd": (lambda t, a: 2.5 + a, A),
    "sub": (lambda t, a, b: a - b, A, ROW),
    "rsub": (lambda t, a: 1 - a, A),
    "mul": (lambda t, a, b: a * b, A, ROW),
    "div": (lambda t, a, b: a / b, ROW, A),
    "rdiv": (lambda t, a: 3 / a, A),
    "pow": (lambda t, a, b: a**b, B, ROW),
    "square by pow": (lambda t, a: a**2, A),
    "power zero": (lambda t, a: (a * 0) ** 0 + a**0, A),
    "rpow": (lambda t, a: 2.0**a, A),
    "remainder": (lambda t, a, b: a % b, A, B),
    "neg": (lambda t, a: -a, A),
    "abs": (lambda t, a: abs(a), A),
    "matmul": (lambda t, a, b: a @ b, A, SQUARE),
    "matmul batched": (lambda t, a, b: a @ b, BATCH, SQUARE),
    "matmul both batched": (lambda t, a, b: a @ b.transpose(1, 2), BATCH, BATCH),
    "matmul broadcast": (lambda t, a, b: a @ b.transpose(1, 2), A, BATCH),
    "matvec": (lambda t, a, b: a @ b, A, ROW),
    "vecmat": (lambda t, a, b: a @ b, ROW, SQUARE),
    "vecvec": (lambda t, a, b: a @ b, ROW, ROW * 2),
    "batched matvec": (lambda t, a, b: a @ b, BATCH, ROW),
    "vec batched": (lambda t, a, b: a @ b.transpose(1, 2), ROW, BATCH),
    "exp": (lambda t, a: t.exp(a), A),
    "log": (lambda t, a: t.log(a), B),
    "log2": (lambda t, a: a.log2(), B),
    "log10": (lambda t, a: a.log10(), B),
    "log1p": (lambda t, a: a.log1p(), B),
    "expm1": (lambda t, a: a.expm1(), A),
    "sqrt": (lambda t, a: a.sqrt(), B),
    "square": (lambda t, a: a.square(), A),
    "reciprocal": (lambda t, a: a.reciprocal(), A),
    "sin": (lambda t, a: a.sin(), A),
    "cos": (lambda t, a: a.cos(), A),
    "tan": (lambda t, a: a.tan(), A),
    "tanh": (lambda t, a: t.tanh(a), A),
    "maximum": (lambda t, a, b: t.maximum(a, b), A, B),
    "maximum of equals": (lambda t, a: t.maximum(a, a * 1), A),
    "minimum": (lambda t, a, b: t.minimum(a, b), A, ROW),
    "clamp": (lambda t, a: a.clamp(-0.5, 0.5), A),
    "sum": (lambda t, a: a.sum(), A),
    "sum dim": (lambda t, a: a.sum(1), BATCH),
    "sum dims": (lambda t, a: a.sum((0, 2)), BATCH),
    "sum keepdim": (lambda t, a: a.sum(-1, keepdim=True) * a, BATCH),
    "mean": (lambda t, a: a.mean(), A),
    "mean dim": (lambda t, a: a.mean(0), BATCH),
    "var": (lambda t, a: a.var(1), A),
    "std": (lambda t, a: a.std(), A),
    "norm": (lambda t, a: a.norm(), A),
    "max": (lambda t, a: a.max(), A),
    "max dim": (lambda t, a: a.max(1).values, BATCH),
    "min dim": (lambda t, a: a.min(-1, keepdim=True)[0], BATCH),
    "amax of equals": (lambda t, a: (a * 0).amax(1), A),
    "reshape": (lambda t, a: a.reshape(4, -1), A),
    "view": (lambda t, a: a.view(12) * 2, A),
    "flatten": (lambda t, a: a.flatten(1) * 2, BATCH),
    "transpose": (lambda t, a: a.transpose(0, 2) * 2, BATCH),
    "permute": (lambda t, a: a.permute(2, 0, 1) * 2, BATCH),
    "T": (lambda t, a: a.T * 2, A),
    "unsqueeze": (lambda t, a: a.unsqueeze(1) * 2, A),
    "squeeze": (lambda t, a: a.unsqueeze(1).squeeze() * 2, A),
    "expand": (lambda t, a: a.expand(2, 3, 4) * 2, A),
    "index row": (lambda t, a: a[1], A),
    "index slice": (lambda t, a: a[:, 1:3], A),
    "index ellipsis": (lambda t, a: a[..., None, 0], BATCH),
    "index list twice": (lambda t, a: a[[0, 2, 0]], A),
    "index pairs": (lambda t, a: a[t.arange(3), t.tensor([1, 1, 0])], A),
    "index mask": (lambda t, a: a[a > 0], A),
    "gather": (lambda t, a: a.gather(1, t.tensor([[0, 0], [1, 3], [2, 2]])), A),
    "masked_fill": (lambda t, a: a.masked_fill(a > 0, -7.0), A),
    "where": (lambda t, a, b: t.where(a > 0, a, b), A, ROW),
    "cat": (lambda t, a, b: t.cat([a, b, a], 0), A, B),
    "stack": (lambda t, a, b: t.stack([a, b], 1), A, B),
    "clone": (lambda t, a: a.clone() * 2, A),
    "used twice": (lambda t, a: a * a + a, A),
    "sigmoid": (lambda t, a: t.sigmoid(a), A),
    "relu": (lambda t, a: t.relu(a), A),
    "softmax": (lambda t, a: t.softmax(a, dim=1), A),
    "softmax axis 0": (lambda t, a: t.softmax(a, dim=0), BATCH),
    "log_softmax": (lambda t, a: t.log_softmax(a, dim=-1), A),
}


def torch_result(function, operands):
    leaves = [torch.tensor(operand, requires_grad=True) for operand in operands]
    result = function(torch, *leaves)
    result.backward(torch.tensor(weights(result.shape)))
    return result.detach().numpy(), [leaf.grad.numpy() for leaf in leaves]


def weights(shape):
    return np.random.default_rng(9).uniform(0.5, 1.5, tuple(shape))


@pytest.mark.parametrize("name", OPERATIONS)
def test_value_and_gradient_are_those_of_torch(name):
    function, *operands = OPERATIONS[name]
    leaves = [ft.tensor(operand, requires_grad=True) for operand in operands]
    result = function(ft, *leaves)
    value, gradients = torch_result(function, operands)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result.detach().numpy(), value, rtol=1e-13, atol=1e-15)
    result.backward(weights(result.shape))
    for leaf, gradient in zip(leaves, gradients, strict=True):
        np.testing.assert_allclose(leaf.grad.numpy(), gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", OPERATIONS)
def test_float32_stays_float32(name):
    function, *operands = OPERATIONS[name]
    leaves = [ft.tensor(operand, dtype=ft.float32, requires_grad=True) for operand in operands]
    result = function(ft, *leaves)
    result.sum().backward()
    assert result.dtype == np.float32
    assert all(leaf.grad.dtype == np.float32 and leaf.grad.shape == leaf.shape for leaf in leaves)


def finite_difference(function, operands, which):
    gradient, step = np.empty_like(operands[which]), 1e-6
    for place in np.ndindex(gradient.shape):
        sides = []
        for sign in (1, -1):
            moved = [operand.copy() for operand in operands]
            moved[which][place] += sign * step
            sides.append(float(np.sum(function(*moved))))
        gradient[place] = (sides[0] - sides[1]) / (2 * step)
    return gradient


@pytest.mark.parametrize("row", [*LINEAR, *TABLE], ids=lambda row: row[0].__name__)
def test_every_rule_of_the_table_by_finite_differences(row):
    ufunc = row[0]
    largest = 0.8 if ufunc in (np.arcsin, np.arccos) else 1.4
    operands = [np.random.default_rng(5 + i).uniform(0.2, largest, (3, 3)) for i in range(ufunc.nin)]
    leaves = [ft.tensor(operand, requires_grad=True) for operand in operands]
    ufunc(*leaves).sum().backward()
    for which, leaf in enumerate(leaves):
        expected = finite_difference(ufunc, operands, which)
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-7, atol=1e-7)


# torch's class: parameters other than the defaults; the classes that are not here have none
PARAMETERS = {
    "LeakyReLU": {"negative_slope": 0.3},
    "ELU": {"alpha": 0.7},
    "CELU": {"alpha": 0.7},
    "GELU": {"approximate": "tanh"},
    "Softplus": {"beta": 2.0, "threshold": 4.0},
    "Hardtanh": {"min_val": -0.7, "max_val": 2.0},
    "Hardshrink": {"lambd": 0.9},
    "Softshrink": {"lambd": 0.9},
    "Threshold": {"threshold": 0.2, "value": -3.0},
    "PReLU": {"num_parameters": 3, "init": 0.4},
    "GLU": {"dim": 1},
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 0},
    "Softmin": {"dim": 1},
}
DEFAULTS = {
    "Threshold": {"threshold": 0.1, "value": 20.0},
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 1},
    "Softmin": {"dim": 0},
}


# Modules whose gradient torch computes in float64 with a constant of float32 (1/6, 1/alpha).
SINGLE_IN_TORCH = {"Hardsigmoid": 2.0**-24, "CELU": 2.0**-17}


def same(ours, theirs, x):
    """Value, gradient of the input and of the parameters agree with torch's."""
    leaf, other = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(leaf), theirs(other)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-10, atol=1e-14)
    y.backward(weights(y.shape))
    z.backward(torch.tensor(weights(z.shape)))
    share = SINGLE_IN_TORCH.get(type(ours).__name__, 1e-10)
    np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy(), rtol=share, atol=1e-14)
    for mine, parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), parameter.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("options", [PARAMETERS, DEFAULTS], ids=["given", "defaults"])
@pytest.mark.parametrize("name", nn.activations.__all__)
def test_activation_modules_follow_torch(name, options):
    ours, theirs = (getattr(library, name)(**options.get(name, {})).double() for library in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    same(
        ours,
        theirs,
        np.linspace(-30, 30, 240).reshape(1, 240) if name == "GLU" else np.linspace(-30, 30, 243).reshape(81, 3),
    )
    same(ours, theirs, np.random.default_rng(0).normal(size=(2, 4 if name == "GLU" else 3, 4)))
    if name in nn.activations.CLASSES and name not in ("Sigmoid", "Tanh", "LogSigmoid", "Tanhshrink", "GELU", "Softplus",
                                                       "Softsign", "Hardshrink", "Softshrink"):  # fmt: skip
        getattr(nn, name)(**options.get(name, {}), inplace=True)


TABLE_OF_ACTIVATIONS = {row["name"]: row for row in _core.activation_table() if hasattr(fa, row["name"])}


def arguments_of(row):
    """Operands of an activation: arrays away from kinks, and values for its parameters."""
    generator = np.random.default_rng(len(row["name"]))
    arrays = [generator.uniform(0.11, 0.89, (3, 4)) for _ in range(row["n_input"])]
    words = [word for word in row["parameters"].split(", ") if word]
    parameters = [float(word.partition("=")[2] or 0.05 + i / 3) for i, word in enumerate(words)]
    learned = row["n_gradient"] - row["n_input"]
    return arrays + [np.full(4, value) for value in parameters[:learned]], parameters[learned:]


@pytest.mark.parametrize("name", TABLE_OF_ACTIVATIONS)
def test_every_function_of_the_table_by_its_vjp_and_by_finite_differences(name):
    row, function = TABLE_OF_ACTIVATIONS[name], getattr(fa, name)
    arrays, parameters = arguments_of(row)
    leaves = [ft.tensor(array, requires_grad=True) for array in arrays]
    y = function(*leaves, *parameters)
    assert isinstance(y, ft.Tensor)
    np.testing.assert_array_equal(y.detach().numpy(), function(*arrays, *parameters))
    y.sum().backward()
    for which, leaf in enumerate(leaves):
        expected = finite_difference(lambda *operands: function(*operands, *parameters), arrays, which)
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-7, atol=1e-8)
    given = row["n_input"]
    exact = getattr(fa.vjp, name)(*arrays[:given], np.ones((3, 4)), *arrays[given:], *parameters)
    np.testing.assert_array_equal(leaves[0].grad.numpy(), exact[0] if isinstance(exact, tuple) else exact)


def test_a_parameter_without_gradient_refuses_one():
    slope = ft.tensor(0.3, requires_grad=True)
    with pytest.raises(TypeError, match="leaky_relu has no derivative with respect to its operand 1"):
        fa.leaky_relu(ft.tensor([-1.0]), slope).backward()


shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3)


@given(shapes, st.sampled_from(["add", "mul", "sub", "maximum"]))
def test_broadcast_gradients_have_the_shape_of_their_operand(shapes, name):
    generator = np.random.default_rng(sum(shapes.result_shape))
    a, b = (generator.normal(size=shape) for shape in shapes.input_shapes)
    x, y = ft.tensor(a, requires_grad=True), ft.tensor(b, requires_grad=True)
    u, v = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    getattr(ft, name)(x, y).sum().backward()
    getattr(torch, name)(u, v).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), u.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(y.grad.numpy(), v.grad.numpy(), atol=1e-12)


def test_numpy_functions_reach_the_tape():
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = -np.sum(np.array([0.0, 1.0, 0.0]) * np.log(np.exp(x) / np.sum(np.exp(x))))
    loss.backward()
    assert isinstance(loss, ft.Tensor)
    np.testing.assert_allclose(x.grad.numpy(), fa.softmax(np.array([1.0, 2.0, 3.0])) - [0, 1, 0], atol=1e-6)
    assert np.add.reduce(x).item() == 6 and np.mean(x).item() == 2 and np.max(x).item() == 3
