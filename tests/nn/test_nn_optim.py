"""Optimizers: fifty steps beside torch from the same weights, states, groups and errors."""

import platform

import numpy as np
import pytest
import torch

import fastact.torch as ft
from fastact import nn, optim

ALGORITHMS = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD momentum": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.01}),
    "SGD nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "SGD maximize": ("SGD", {"lr": 0.001, "maximize": True, "weight_decay": 0.1}),
    "Adam": ("Adam", {"lr": 0.01}),
    "Adam amsgrad": ("Adam", {"lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.05, "amsgrad": True}),
    "Adam maximize": ("Adam", {"lr": 0.001, "maximize": True}),
    "Adagrad": ("Adagrad", {"lr": 0.05}),
    "Adagrad decaying": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.02, "initial_accumulator_value": 0.3, "eps": 1e-6},
    ),
    "Adagrad maximize": ("Adagrad", {"lr": 0.001, "maximize": True}),
    "AdamW": ("AdamW", {"lr": 0.02}),
    "AdamW amsgrad": ("AdamW", {"lr": 0.02, "weight_decay": 0.2, "amsgrad": True}),
}
STEPS = 50


def make_model(library):
    return library.Sequential(library.Linear(6, 8), library.GELU(), library.Linear(8, 3))


def problem(seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(16, 6)), generator.integers(0, 3, 16)


def torch_losses(algorithm, options, dtype, state):
    model = make_model(torch.nn).to(dtype)
    model.load_state_dict(state)
    x, t = (torch.tensor(part) for part in problem())
    optimizer = getattr(torch.optim, algorithm)(model.parameters(), **options)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x.to(dtype)), t)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return np.array(losses), model.state_dict()


def our_losses(algorithm, options, dtype, state):
    model = make_model(nn).to(dtype)
    model.load_state_dict(state)
    x, t = (ft.tensor(part) for part in problem())
    optimizer = getattr(optim, algorithm)(model.parameters(), **options)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.to(dtype)), t)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return np.array(losses), model.state_dict()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_fifty_steps_follow_torch(name):
    algorithm, options = ALGORITHMS[name]
    torch.manual_seed(1)
    state = make_model(torch.nn).double().state_dict()
    exact, exact_state = torch_losses(algorithm, options, torch.float64, state)
    ours, our_state = our_losses(algorithm, options, ft.float64, state)
    assert abs(ours[-1] - ours[0]) > 1e-3
    np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-9)
    for key, value in exact_state.items():
        np.testing.assert_allclose(our_state[key].numpy(), value.numpy(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_float32_is_as_near_to_float64_as_torchs(name):
    algorithm, options = ALGORITHMS[name]
    torch.manual_seed(2)
    state = {key: value.float() for key, value in make_model(torch.nn).state_dict().items()}
    exact, _ = torch_losses(algorithm, options, torch.float64, {key: value.double() for key, value in state.items()})
    theirs, _ = torch_losses(algorithm, options, torch.float32, state)
    ours, our_state = our_losses(algorithm, options, ft.float32, state)
    assert all(value.dtype == np.float32 for value in our_state.values())
    assert np.abs(ours - exact).max() <= 2 * max(np.abs(theirs - exact).max(), np.finfo(np.float32).eps)


@pytest.mark.parametrize("algorithm", ["SGD", "Adam", "AdamW", "Adagrad"])
@pytest.mark.parametrize("layout", ["large", "transposed", "strided", "read-only gradient", "scalar"])
def test_parameters_of_any_layout(algorithm, layout):
    generator = np.random.default_rng(3)
    values, gradient = generator.normal(size=(2, 37, 41))
    if layout == "transposed":
        ours = nn.Parameter(ft.from_numpy(values.copy().T).T)
    elif layout == "strided":
        ours = nn.Parameter(ft.from_numpy(np.repeat(values, 2, axis=1)[:, ::2]))
    elif layout == "scalar":
        values, gradient = values[0, 0], gradient[0, 0]
        ours = nn.Parameter(np.array(values))
    else:
        ours = nn.Parameter(values.copy())
    theirs = torch.nn.Parameter(torch.tensor(values))
    mine = getattr(optim, algorithm)([ours], lr=0.1, weight_decay=0.1)
    other = getattr(torch.optim, algorithm)([theirs], lr=0.1, weight_decay=0.1)
    for scale in (1.0, -2.0, 0.5):
        ours.grad = (
            np.broadcast_to(gradient * scale, values.shape) if layout == "read-only gradient" else gradient * scale
        )
        theirs.grad = torch.tensor(gradient * scale)
        mine.step()
        other.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=1e-14)


def test_groups_have_settings_of_their_own():
    a, b, frozen = (nn.Parameter(np.ones(2)) for _ in range(3))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    optimizer.add_param_group({"params": [frozen], "lr": 5.0})
    ((a + b) * 1.0).sum().backward()
    optimizer.step()
    assert a.tolist() == [0.9, 0.9] and b.tolist() == [0, 0] and frozen.tolist() == [1, 1]
    optimizer.param_groups[1]["lr"] = 0.5
    optimizer.step()
    assert b.tolist() == [-0.5, -0.5]


def test_zero_grad():
    parameter = nn.Parameter(np.ones(2))
    optimizer = optim.SGD([parameter], lr=0.1)
    (parameter * 2).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert parameter.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert parameter.grad is None
    optimizer.step()
    assert parameter.tolist() == [1, 1]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_state_continues_where_it_stopped(name):
    algorithm, options = ALGORITHMS[name]

    def steps(parameter, optimizer, count):
        for _ in range(count):
            optimizer.zero_grad()
            (parameter * parameter * 0.5).sum().backward()
            optimizer.step()

    first = nn.Parameter(np.array([1.0, -2.0, 3.0]))
    optimizer = getattr(optim, algorithm)([first], **options)
    steps(first, optimizer, 5)
    second = nn.Parameter(first.detach().numpy().copy())
    resumed = getattr(optim, algorithm)([second], lr=77.0)
    resumed.load_state_dict(optimizer.state_dict())
    steps(first, optimizer, 5)
    steps(second, resumed, 5)
    assert first.tolist() == second.tolist()
    assert resumed.param_groups[0]["lr"] == options["lr"]


def test_states_travel_to_and_from_torch():
    ours, theirs = nn.Parameter(np.array([1.0, 2.0])), torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    other = torch.optim.Adam([theirs], lr=0.1)
    (theirs * theirs).sum().backward()
    other.step()
    mine = optim.Adam([ours], lr=0.1)
    mine.load_state_dict(other.state_dict())
    assert mine.state_dict()["state"][0]["step"] == 1
    np.testing.assert_allclose(mine.state_dict()["state"][0]["exp_avg"].numpy(), other.state[theirs]["exp_avg"].numpy())
    assert set(mine.state_dict()["state"][0]) == set(other.state_dict()["state"][0])


def test_sums_of_adagrad_begin_at_once_and_travel_to_and_from_torch():
    ours, theirs = nn.Parameter(np.array([1.0, 2.0])), torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    mine, other = (
        library.Adagrad([part], lr=0.1, initial_accumulator_value=0.5)
        for library, part in ((optim, ours), (torch.optim, theirs))
    )
    assert set(mine.state_dict()["state"][0]) == set(other.state_dict()["state"][0])
    assert mine.state_dict()["state"][0]["sum"].tolist() == [0.5, 0.5]
    for _ in range(2):
        for part, optimizer in ((ours, mine), (theirs, other)):
            optimizer.zero_grad()
            (part * part).sum().backward()
            optimizer.step()
        mine.load_state_dict(other.state_dict())
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-14)
    later = nn.Parameter(np.ones(3))
    mine.add_param_group({"params": [later], "initial_accumulator_value": 2.0})
    later.grad = np.ones(3)
    mine.step()
    np.testing.assert_allclose(later.tolist(), 1 - 0.1 / (np.sqrt(3) + 1e-10), rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.SGD([p], lr=-1), ValueError, "lr=-1"),
        (lambda p: optim.SGD([p], lr=float("nan")), ValueError, "lr=nan"),
        (lambda p: optim.SGD([p], lr=1, momentum=-0.1), ValueError, "momentum=-0.1"),
        (lambda p: optim.SGD([p], lr=1, nesterov=True), ValueError, "nesterov"),
        (lambda p: optim.SGD([p], lr=1, weight_decay=-1), ValueError, "weight_decay=-1"),
        (lambda p: optim.Adam([p], betas=(1.0, 0.9)), ValueError, r"betas\[0\]=1.0"),
        (lambda p: optim.Adam([p], betas=(0.5, -0.9)), ValueError, r"betas\[1\]=-0.9"),
        (lambda p: optim.Adam([p], eps=-1), ValueError, "eps=-1"),
        (lambda p: optim.Adagrad([p], lr_decay=-1), ValueError, "lr_decay=-1"),
        (lambda p: optim.Adagrad([p], initial_accumulator_value=-1), ValueError, "initial_accumulator_value=-1"),
        (lambda p: optim.Adam([]), ValueError, "no parameters"),
        (lambda p: optim.Adam(p), TypeError, "one tensor"),
        (lambda p: optim.Adam([1.0]), TypeError, "trains tensors, got float"),
        (lambda p: optim.Adam([p * 2]), ValueError, "leaves"),
        (lambda p: optim.Adam([p, p]), ValueError, "twice"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(nn.Parameter(np.ones(2)))


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("steps", [1, 3])
def test_settings_and_states_that_no_step_can_take_are_refused(name, steps):
    kind, options = ALGORITHMS[name]
    parameters = [nn.Parameter(np.ones(3, np.float32)) for _ in range(2)]
    optimizer = getattr(optim, kind)(parameters, **options)
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = np.ones(3)
        optimizer.step()
    before = parameters[0].tolist()
    for number, beta in enumerate(optimizer.param_groups[0].get("betas", ())):
        betas = [0.5, 0.5]
        for betas[number] in (1.0, 1.5):
            optimizer.param_groups[0]["betas"] = tuple(betas)
            with pytest.raises(ValueError, match=rf"betas\[{number}\]={betas[number]} is invalid"):
                optimizer.step()
        optimizer.param_groups[0]["betas"] = (beta, beta)
    state = optimizer.state_dict()
    for step in (-1, -7):
        for values in state["state"].values():
            values["step"] = step
        optimizer.load_state_dict(state)
        if optimizer.state_dict()["state"][0].get("step") == step:
            with pytest.raises(ValueError, match=f"a state has step={step}: it counts the steps done, from 0"):
                optimizer.step()
    assert parameters[0].tolist() == parameters[1].tolist() == before


@pytest.mark.parametrize("options", [("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {"amsgrad": True})], ids=str)
@pytest.mark.parametrize(
    "change", [lambda p: np.ones(3), lambda p: np.ones(5000, np.float32), lambda p: np.ones((3, 1), np.float32)]
)
def test_a_parameter_changed_under_its_state_is_refused(options, change):
    parameter = nn.Parameter(np.ones(3, np.float32))
    optimizer = getattr(optim, options[0])([parameter], lr=0.1, **options[1])
    parameter.grad = np.ones(3)
    optimizer.step()
    parameter.data = change(parameter)
    with pytest.raises(RuntimeError, match="changed after the optimizer began"):
        optimizer.step()
    parameter.grad = np.ones(parameter.shape)
    with pytest.raises(RuntimeError, match="changed after the optimizer began"):
        optimizer.step()
    assert parameter.tolist() == change(parameter).tolist()


def test_closures_are_called_and_their_loss_returned():
    parameter = nn.Parameter(np.array([2.0]))
    optimizer = optim.SGD([parameter], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (parameter * parameter).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4 and parameter.tolist() == [1]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64", "aarch64", "arm64"), reason="no mode that flushes")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_that_decay_end_at_zero_and_leave_the_processor_as_it_was(dtype):
    parameter = nn.Parameter(np.ones(40, dtype))
    optimizer = optim.Adam([parameter], lr=0.1, betas=(0.3, 0.3))
    parameter.grad = np.full(40, 1e-3, dtype)
    optimizer.step()
    parameter.grad = np.zeros(40, dtype)
    for _ in range(700):
        optimizer.step()
    assert not optimizer.state[parameter]["exp_avg"].any() and not optimizer.state[parameter]["exp_avg_sq"].any()
    smallest = np.nextafter(dtype(0), dtype(1))
    assert np.multiply(smallest, np.ones(8, dtype)).all()


def test_backward_leaves_the_processor_as_it_was():
    layer = nn.Linear(3, 2)
    layer(np.ones((4, 3))).sum().backward()
    assert np.multiply(np.float32(1e-45), np.ones(8, np.float32)).all()
