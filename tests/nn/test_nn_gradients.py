"""Every module and every loss: gradients of inputs and parameters against finite differences in float64."""

import numpy as np
import pytest

import fastact as fa
import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn

RANDOM = np.random.default_rng(41)
NUMBERS = RANDOM.uniform(0.15, 0.85, (4, 6)) * RANDOM.choice([-1, 1], (4, 6)) * 1.3
TARGETS = NUMBERS + RANDOM.choice([-1, 1], (4, 6)) * RANDOM.uniform(0.1, 0.6, (4, 6))
SHARES, OTHER_SHARES = RANDOM.uniform(0.1, 0.9, (4, 6)), RANDOM.uniform(0.1, 0.9, (4, 6))
CLASSES = np.array([0, 5, -100, 3])
ROW = RANDOM.uniform(0.5, 2.0, 6)

# name: how a module is made, where no arguments would not do
MODULES = {
    "Unflatten": lambda: nn.Unflatten(1, (2, 3)),
    "BatchNorm1d": lambda: nn.BatchNorm1d(6),
    "Embedding": None,
    "LayerNorm": lambda: nn.LayerNorm(6),
    "Linear": lambda: nn.Linear(6, 3),
    "LogSoftmax": lambda: nn.LogSoftmax(dim=1),
    "PReLU": lambda: nn.PReLU(6),
    "RMSNorm": lambda: nn.RMSNorm(6),
    "Sequential": lambda: nn.Sequential(nn.Linear(6, 5), nn.SiLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2)),
    "Softmax": lambda: nn.Softmax(dim=1),
    "Softmin": lambda: nn.Softmin(dim=0),
    "Threshold": lambda: nn.Threshold(0.1, -2.0),
    "Dropout": lambda: nn.Dropout(0.4),
    "ModuleList": None,
}
LOSSES = {
    "CrossEntropyLoss": (NUMBERS, CLASSES, {"label_smoothing": 0.2, "weight": ROW}),
    "NLLLoss": (NUMBERS, CLASSES, {"weight": ROW}),
    "BCELoss": (SHARES, OTHER_SHARES, {"weight": ROW}),
    "BCEWithLogitsLoss": (NUMBERS, OTHER_SHARES, {"weight": ROW, "pos_weight": ROW + 1}),
    "KLDivLoss": (NUMBERS, OTHER_SHARES, {}),
}
LIKE_MODULES = [
    name
    for name in nn.__all__
    if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module) and name not in nn.losses.LOSSES
    and name != "Module"
]  # fmt: skip


def check(function, arrays, tolerance=2e-7):
    """The gradients of a weighted sum of ``function(*tensors)`` are its differences."""
    weights = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(function(*arrays)))
    leaves = [ft.tensor(array, requires_grad=True) for array in arrays]
    (function(*leaves) * weights).sum().backward()
    for which, leaf in enumerate(leaves):
        expected = np.empty_like(arrays[which])
        for place in np.ndindex(expected.shape):
            sides = []
            for step in (1e-6, -1e-6):
                moved = [array.copy() for array in arrays]
                moved[which][place] += step
                sides.append(float(np.sum(np.asarray(function(*moved)) * weights)))
            expected[place] = (sides[0] - sides[1]) / 2e-6
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=tolerance, atol=tolerance)


def as_function(module):
    """The module as a function of its input and of the arrays of its parameters."""
    names = [name for name, _ in module.named_parameters()]

    def function(x, *values):
        owners = []
        for name, value in zip(names, values, strict=True):
            *path, last = name.split(".")
            owner = module
            for part in path:
                owner = getattr(owner, part)
            owners.append((owner, last, owner.__dict__[last]))
            owner.__dict__[last] = value if isinstance(value, ft.Tensor) else ft.tensor(value)
        ft.manual_seed(2)  # for dropout
        result = module(x if isinstance(x, ft.Tensor) else ft.tensor(x))
        for owner, last, before in owners:
            owner.__dict__[last] = before
        return result if isinstance(x, ft.Tensor) else result.detach().numpy()

    return function


@pytest.mark.parametrize("name", LIKE_MODULES)
def test_gradients_of_every_module(name):
    if name in ("ModuleList", "ModuleDict", "ParameterList"):
        with pytest.raises(NotImplementedError, match="forward"):
            getattr(nn, name)()(NUMBERS)
        return
    if name == "Embedding":
        table, index = RANDOM.normal(size=(5, 3)), np.array([[0, 1], [1, 4]])
        check(lambda weight: F.embedding(index, weight), [table])
        return
    ft.manual_seed(1)
    module = MODULES.get(name, getattr(nn, name))().double()
    check(as_function(module), [NUMBERS, *(parameter.detach().numpy().copy() for parameter in module.parameters())])


def test_gradients_of_batch_norm_outside_of_training():
    module = nn.BatchNorm1d(6).double()
    module(NUMBERS)
    module.eval()
    check(as_function(module), [NUMBERS, ROW, ROW + 1])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", nn.losses.LOSSES)
def test_gradients_of_every_loss(name, reduction):
    x, t, options = LOSSES.get(name, (NUMBERS, TARGETS, {}))
    loss = getattr(nn, name)(reduction=reduction, **options)
    if t.dtype.kind == "i":
        check(lambda input: loss(input, t), [x])
    else:
        check(loss, [x, t, *([SHARES + 0.1] if name == "GaussianNLLLoss" else [])])


@pytest.mark.parametrize("axis", [0, 1])
def test_gradients_of_fastacts_own_losses_and_rows(axis):
    check(lambda x, t: fa.cross_entropy(x, t, axis=axis), [NUMBERS, OTHER_SHARES])
    check(lambda x, t: fa.probability_cross_entropy(x, t, axis=axis), [SHARES, OTHER_SHARES])
    check(lambda x: fa.logsumexp(x, axis=axis), [NUMBERS])
    check(lambda x: fa.logsumexp(x, axis=axis, keepdims=True), [NUMBERS])
    check(lambda x, w, b: fa.linear_cross_entropy(x, w, CLASSES, bias=b), [NUMBERS, RANDOM.normal(size=(6, 6)), ROW])
    for function in (fa.softmax, fa.log_softmax, fa.softmin):
        check(lambda x, function=function: function(x, axis=axis), [NUMBERS])


def test_gradients_of_functions_without_a_module():
    check(lambda x: F.normalize(x, dim=1), [NUMBERS])
    check(lambda x: F.normalize(x, p=3.0, dim=0), [NUMBERS])
    check(lambda x, w: F.layer_norm(x, 6, w), [NUMBERS, ROW])
