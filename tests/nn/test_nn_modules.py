"""Modules, losses and `nn.functional` against torch, on Tensors and on plain arrays."""

import copy
import inspect
from collections import OrderedDict

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.exceptions import AxisError

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn

RANDOM = np.random.default_rng(7)


def twins(make, dtype="float64"):
    """The same model in both libraries, with the same weights."""
    ours, theirs = make(nn).to(getattr(ft, dtype)), make(torch.nn).to(getattr(torch, dtype))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def perceptron(library):
    return library.Sequential(library.Linear(6, 5), library.Tanh(), library.Linear(5, 4, bias=False))


@pytest.mark.parametrize("shape", [(6,), (7, 6), (2, 3, 6), (0, 6)])
def test_linear_follows_torch_on_any_leading_axes(shape):
    ours, theirs = twins(lambda library: library.Linear(6, 4))
    x = RANDOM.normal(size=shape)
    a, b = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), atol=1e-14)
    (y * y).sum().backward()
    (z * z).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-13)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), atol=1e-13)


@pytest.mark.parametrize("bias", [(1,), ()], ids=str)
def test_a_bias_that_is_repeated_gets_a_gradient_of_its_shape(bias):
    arrays = RANDOM.normal(size=(7, 6)), RANDOM.normal(size=(4, 6)), RANDOM.normal(size=bias)
    ours, theirs = ([t.tensor(part, requires_grad=True) for part in arrays] for t in (ft, torch))
    (F.linear(*ours) ** 2).sum().backward()
    (torch.nn.functional.linear(*theirs) ** 2).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad.shape == mine.shape
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), atol=1e-13)


def test_linear_gradients_by_finite_differences():
    layer = nn.Linear(3, 2, dtype=ft.float64)
    x = RANDOM.normal(size=(4, 3))
    (layer(x) ** 2).sum().backward()
    for parameter in layer.parameters():
        for place in np.ndindex(parameter.shape):
            sides = []
            for step in (1e-6, -2e-6):
                with ft.no_grad():
                    parameter[place] += step
                    sides.append((layer(x) ** 2).sum().item())
            with ft.no_grad():
                parameter[place] += 1e-6
            assert parameter.grad[place].item() == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-6, abs=1e-7)


def test_linear_takes_arrays_lists_and_integers():
    layer = nn.Linear(2, 3)
    for x in (np.array([[1.0, 2.0]]), [[1, 2]], np.array([[1, 2]]), ft.tensor([[1, 2]]), [[1.0, 2.0]]):
        y = layer(x)
        assert isinstance(y, ft.Tensor) and y.dtype == np.float32 and y.shape == (1, 3)
    with pytest.raises(ValueError, match=r"shape \(1, 3\) does not fit a weight of shape \(3, 2\).*length 2"):
        layer(np.ones((1, 3)))
    plain = F.linear(np.ones((1, 2)), np.ones((3, 2)), np.ones(3))
    assert type(plain) is np.ndarray and plain.tolist() == [[3, 3, 3]]


def test_initial_weights_have_torchs_law():
    ft.manual_seed(0)
    layer = nn.Linear(100, 400)
    for values in (layer.weight.detach().numpy(), layer.bias.detach().numpy()):
        assert values.dtype == np.float32 and np.abs(values).max() <= 0.1
        assert abs(values.mean()) < 0.01 and values.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.06)
    ft.manual_seed(0)
    np.testing.assert_array_equal(nn.Linear(100, 400).weight.detach().numpy(), layer.weight.detach().numpy())


def test_names_states_and_text_are_those_of_torch():
    def make(library):
        class Net(library.Module):
            def __init__(self):
                super().__init__()
                self.first = library.Linear(3, 4)
                self.rest = library.Sequential(OrderedDict(act=library.ReLU(), out=library.Linear(4, 2, bias=False)))
                self.list = library.ModuleList([library.Flatten(), library.Identity(), library.Softmax(dim=1)])

            def forward(self, x):
                return self.rest(self.first(x))

        return Net()

    ours, theirs = make(nn), make(torch.nn)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert repr(ours) == repr(theirs)
    x = RANDOM.normal(size=(5, 3)).astype(np.float32)
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_allclose(ours(x).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), atol=1e-6)
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus", "Softmax",
                                  "LogSoftmax", "Linear", "Flatten", "CrossEntropyLoss", "Sequential"])  # fmt: skip
def test_torch_finds_its_arguments(name):
    arguments = {"Softmax": (1,), "LogSoftmax": (1,), "Linear": (3, 2)}.get(name, ())
    ours, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
    if name != "GELU":
        assert repr(ours) == repr(theirs)
    if name in F.ACTIVATIONS:
        defaults = inspect.signature(getattr(torch.nn, name)).parameters
        assert all(defaults[key].default == value for key, value in ours.defaults.items())


def test_states_that_do_not_fit_say_what_is_wrong():
    model = perceptron(nn)
    state = model.state_dict()
    with pytest.raises(RuntimeError, match=r"missing \['0.weight'\], unexpected \['other'\]"):
        model.load_state_dict({**{k: v for k, v in state.items() if k != "0.weight"}, "other": ft.zeros(1)})
    with pytest.raises(RuntimeError, match=r"0.bias is \(3,\), expected \(5,\)"):
        model.load_state_dict({**state, "0.bias": ft.zeros(3)})
    assert model.load_state_dict({"0.bias": ft.zeros(5)}, strict=False)[0] == ["0.weight", "2.weight"]
    assert model[0].bias.tolist() == [0] * 5


def test_module_behaviour():
    model = perceptron(nn)
    assert len(model) == 3 and isinstance(model[1], nn.Tanh) and len(model[:2]) == 2
    assert all(not part.training for part in model.eval().modules()) and model.train().training
    model.double()
    assert all(parameter.dtype == np.float64 for parameter in model.parameters())
    model(RANDOM.normal(size=(2, 6))).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    twin = copy.deepcopy(model)
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert twin[0].weight is not model[0].weight and twin[0].weight.tolist() == model[0].weight.tolist()
    model.requires_grad_(False)
    assert not model(np.ones(6)).requires_grad
    with pytest.raises(TypeError, match="'weight' is a parameter of Linear"):
        model[0].weight = ft.zeros(5, 6)
    tied = nn.Sequential(model[0], model[0])
    assert len(list(tied.parameters())) == 2 and len(tied.state_dict()) == 4
    with pytest.raises(NotImplementedError, match="has no forward"):
        nn.Module()(1)


def test_buffers_belong_to_the_state_but_are_not_trained():
    module = nn.Module()
    module.register_buffer("count", ft.zeros(2))
    assert list(module.state_dict()) == ["count"] and list(module.parameters()) == []
    module.load_state_dict({"count": np.ones(2)})
    assert module.count.tolist() == [1, 1]
    for give in (lambda: module.register_buffer("q", 3), lambda: setattr(module, "count", np.ones(2))):
        with pytest.raises(TypeError, match=r"is a buffer of Module; assign a tensor or None, got (int|ndarray)"):
            give()
    module.count = None
    assert list(module.state_dict()) == []


@pytest.mark.parametrize("library", [ft.nn, torch.nn])
def test_nothing_takes_the_place_of_a_child_but_a_module(library):
    tensor = (ft if library is ft.nn else torch).ones(2)
    module = library.Sequential(OrderedDict(fc=library.Linear(2, 2)))
    for give, error in [
        (lambda: module.register_parameter("w", tensor), TypeError),
        (lambda: module.register_buffer("fc", tensor), KeyError),
        (lambda: setattr(module, "fc", tensor), TypeError),
        (lambda: setattr(module, "fc", 3), TypeError),
    ]:
        with pytest.raises(error):
            give()
    assert list(module.state_dict()) == ["fc.weight", "fc.bias"] and not list(module.buffers())
    module.register_parameter("w", None)
    module.fc = library.Linear(2, 2, bias=False)
    assert list(module.state_dict()) == ["fc.weight"]
    module.fc = None
    assert not list(module.state_dict())


def test_what_is_refused_in_the_place_of_a_child_is_named():
    module = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="register_parameter takes an nn.Parameter or None, got Tensor"):
        module.register_parameter("w", ft.ones(2))
    with pytest.raises(KeyError, match="Sequential has '0' already: give the buffer another name"):
        module.register_buffer("0", ft.ones(2))
    with pytest.raises(TypeError, match="'0' is a module of Sequential; assign one, got Tensor"):
        setattr(module, "0", ft.ones(2))


LOSS_OPTIONS = [
    {}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.1}, {"weight": [0.2, 1.0, 3.0]},
    {"weight": [0.2, 1.0, 3.0], "label_smoothing": 0.3, "reduction": "none"},
]  # fmt: skip


@pytest.mark.parametrize("options", LOSS_OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 4), (2, 3, 2, 2)], ids=str)
@pytest.mark.parametrize("kind", ["indices", "probabilities", "probabilities with gradient"])
def test_cross_entropy_follows_torch(shape, kind, options):
    x = RANDOM.normal(size=shape)
    axis = 1 if len(shape) > 1 else 0
    if kind == "indices":
        t = np.asarray(RANDOM.integers(0, 3, shape[:axis] + shape[axis + 1 :]))
        if t.ndim:
            t[t == 2] = -100
            t[..., 0] = 1
    else:
        t = RANDOM.uniform(0.1, 1, shape)
    wants = kind.endswith("gradient")
    weight = {"weight": options["weight"]} if "weight" in options else {}
    a, s = ft.tensor(x, requires_grad=True), ft.tensor(t, requires_grad=wants)
    b, u = torch.tensor(x, requires_grad=True), torch.tensor(t, requires_grad=wants)
    mine = nn.CrossEntropyLoss(**{**options, **{k: ft.tensor(np.array(v)) for k, v in weight.items()}})(a, s)
    other = torch.nn.CrossEntropyLoss(**{**options, **{k: torch.tensor(np.array(v)) for k, v in weight.items()}})(b, u)
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), atol=1e-13)
    scale = RANDOM.uniform(0.5, 1.5, mine.shape)
    mine.backward(scale)
    other.backward(torch.tensor(scale))
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-13)
    if wants:
        np.testing.assert_allclose(s.grad.numpy(), u.grad.numpy(), atol=1e-13)


@pytest.mark.parametrize(
    "options", [{}, {"reduction": "sum"}, {"reduction": "none", "weight": [0.2, 1.0, 3.0]}], ids=str
)
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 4)], ids=str)
def test_nll_loss_follows_torch(shape, options):
    x, axis = RANDOM.normal(size=shape), 1 if len(shape) > 1 else 0
    t = np.asarray(RANDOM.integers(0, 3, shape[:axis] + shape[axis + 1 :]))
    weight = {"weight": np.array(options["weight"])} if "weight" in options else {}
    a, b = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    mine = nn.NLLLoss(**{**options, **weight})(nn.LogSoftmax(dim=axis)(a), ft.tensor(t))
    tensors = {key: torch.tensor(value) for key, value in weight.items()}
    other = torch.nn.NLLLoss(**{**options, **tensors})(torch.nn.LogSoftmax(dim=axis)(b), torch.tensor(t))
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), atol=1e-13)
    mine.sum().backward()
    other.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-13)


def test_the_notebooks_last_cell_sends_gradients_both_ways():
    ours, theirs = twins(lambda library: library.Linear(5, 3))
    x = RANDOM.normal(size=(4, 5))
    y, z = ours(x), theirs(torch.tensor(x))
    nn.CrossEntropyLoss()(y, y).backward()
    torch.nn.CrossEntropyLoss()(z, z).backward()
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), atol=1e-14)
    one_sided = ours(x)
    ours.zero_grad()
    nn.CrossEntropyLoss()(one_sided, one_sided.detach()).backward()
    assert np.abs(ours.weight.grad.numpy() - theirs.weight.grad.numpy()).max() > 1e-3


def test_losses_take_arrays_and_weak_targets():
    x, t = RANDOM.normal(size=(4, 3)), np.array([0, 2, 1, 0])
    plain = F.cross_entropy(x, t)
    assert not isinstance(plain, ft.Tensor) and plain == pytest.approx(F.cross_entropy(ft.tensor(x), t).item())
    mixed = F.cross_entropy(ft.tensor(x, dtype=ft.float32), [0, 2, 1, 0])
    assert isinstance(mixed, ft.Tensor) and mixed.dtype == np.float32
    assert F.cross_entropy(ft.tensor(x, dtype=ft.float32), np.eye(3)[t]).dtype == np.float32
    with pytest.raises(TypeError, match="meet"):
        F.cross_entropy(ft.tensor(x), ft.tensor(np.eye(3)[t], dtype=ft.float32))
    with pytest.raises(IndexError, match="3"):
        F.cross_entropy(ft.tensor(x), ft.tensor([0, 3, 1, 0]))


@pytest.mark.parametrize("name", ["MSELoss", "L1Loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_regression_losses_follow_torch(name, reduction):
    x, t = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(4, 3))
    a, b = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    mine, other = (
        getattr(nn, name)(reduction=reduction)(a, t),
        getattr(torch.nn, name)(reduction=reduction)(b, torch.tensor(t)),
    )
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy())
    mine.sum().backward()
    other.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy())
    with pytest.raises(ValueError, match="got a target of shape"):
        getattr(nn, name)()(a, t[:, :1])


def test_softmax_of_plain_integers_and_of_a_missing_axis():
    expected = [0.09003057, 0.24472847, 0.66524096]
    for x in (np.array([1000, 1001, 1002]), [1000, 1001, 1002], (1000.0, 1001.0, 1002.0)):
        y = F.softmax(x, dim=0)
        assert type(y) is np.ndarray
        np.testing.assert_allclose(y, expected, rtol=1e-6)
    y = nn.Softmax(dim=0)(ft.tensor([1000, 1001, 1002]))
    assert isinstance(y, ft.Tensor) and y.dtype == np.float32
    for x in (np.array([1, 2, 3]), ft.tensor([1.0, 2.0])):
        with pytest.raises(AxisError, match="dim=1 is out of range for an input of 1 axes: expected 0 or -1"):
            F.softmax(x, dim=1)
        with pytest.raises(IndexError):
            nn.Softmax(dim=1)(x)
    with pytest.warns(UserWarning, match="without dim takes dim=1"):
        assert F.softmax(np.zeros((2, 3))).sum(1).tolist() == [1, 1]


@pytest.mark.parametrize("name", F.ACTIVATIONS)
def test_functions_take_arrays_lists_and_numbers(name):
    function = getattr(F, name)
    given = {"threshold": (0.7, -2.0)}.get(name, ())
    assert isinstance(function(ft.tensor([0.5]), *given), ft.Tensor)
    for x in (np.array([0.5, -1.0]), [0.5, -1.0], 0.5, [1, 2]):
        y = function(x, *given)
        assert not isinstance(y, ft.Tensor)
        np.testing.assert_allclose(
            y, getattr(torch.nn.functional, name)(torch.tensor(x, dtype=torch.float64), *given), rtol=1e-5
        )
    assert function(ft.tensor([0.5]), *given, inplace=True).shape == (1,)
    if given:
        with pytest.raises(TypeError, match="threshold needs value"):
            function(0.5, 1.0)
        with pytest.raises(TypeError, match="Threshold needs threshold and value"):
            nn.Threshold()
    with pytest.raises(TypeError):
        function(0.5, 1, 2, 3, 4)
    with pytest.raises(TypeError):
        function(0.5, slope=3)


@given(st.lists(st.integers(0, 5), min_size=1), st.integers(6, 9))
def test_one_hot_is_that_of_torch(indices, classes):
    for count in (-1, classes):
        expected = torch.nn.functional.one_hot(torch.tensor(indices), count).numpy()
        np.testing.assert_array_equal(F.one_hot(indices, count), expected)
    assert isinstance(F.one_hot(ft.tensor(indices)), ft.Tensor)


def test_one_hot_refuses_what_has_no_row():
    for indices, classes in (([0, 3], 3), ([-1], 3), ([0.5], -1), (np.empty(0, int), -1)):
        with pytest.raises((ValueError, TypeError), match="one_hot"):
            F.one_hot(indices, classes)
    with pytest.raises(ValueError, match="one_hot got index -1; with 1 classes it must be from 0 to 0"):
        F.one_hot(ft.tensor([-1]))
