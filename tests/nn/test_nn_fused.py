"""What is fused gives what the parts give: linear layers with their activation, and optimizers over one piece of memory."""

import copy
import gc
import pickle
import tracemalloc

import numpy as np
import pytest

import fastact.torch as ft
from fastact import nn, optim

RANDOM = np.random.default_rng(31)
ACTIVATIONS = ["ReLU", "Tanh", "SiLU", "GELU", "LeakyReLU", "Sigmoid", "Identity", "Softplus"]


class Parts(nn.Module):
    """The modules of a Sequential one after another, so that nothing is fused."""

    def __init__(self, whole):
        super().__init__()
        self.whole = whole

    def forward(self, x):
        for module in self.whole:
            x = module(x)
        return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7,), (5, 7), (300, 7), (2, 3, 7), (0, 7)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_layer_with_its_activation_gives_the_bits_of_the_parts(name, bias, shape, dtype):
    whole = nn.Sequential(nn.Linear(7, 131, bias=bias), getattr(nn, name)(), nn.Linear(131, 3)).to(getattr(ft, dtype))
    results = []
    for model in (whole, Parts(whole)):
        whole.zero_grad()
        x = ft.tensor(
            RANDOM.normal(size=shape) if not results else results[0][0], dtype=getattr(ft, dtype), requires_grad=True
        )
        y = model(x)
        (y * y).sum().backward()
        gradients = [parameter.grad.numpy().copy() for parameter in whole.parameters()]
        results.append([x.detach().numpy(), y.detach().numpy(), x.grad.numpy(), *gradients])
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-13, "atol": 1e-13}
    np.testing.assert_array_equal(results[0][1], results[1][1])
    for fused, parts in zip(results[0][2:], results[1][2:], strict=True):
        np.testing.assert_allclose(fused, parts, **tolerance)


def test_one_node_stands_for_layer_and_activation():
    y = nn.Sequential(nn.Linear(2, 3), nn.ReLU())(ft.ones(1, 2))
    assert repr(y.grad_fn) == "<LinearBackward>"


def test_a_second_pass_through_a_retained_graph_finds_its_values():
    model = nn.Sequential(nn.Linear(4, 50), nn.ReLU())
    loss = model(RANDOM.normal(size=(600, 4))).sum()
    loss.backward(retain_graph=True)
    first = model[0].weight.grad.numpy().copy()
    loss.backward()
    np.testing.assert_allclose(model[0].weight.grad.numpy(), 2 * first, rtol=1e-6)


def test_what_somebody_looks_at_is_not_overwritten():
    first, second = nn.Sequential(nn.Linear(4, 50), nn.ReLU()), nn.Linear(50, 2)
    hidden = first(RANDOM.normal(size=(600, 4)))
    view, before = hidden.detach()[3:], hidden.detach().numpy().copy()
    second(hidden).sum().backward()
    np.testing.assert_array_equal(hidden.detach().numpy(), before)
    hidden = first(RANDOM.normal(size=(600, 4)))
    view, before = hidden.detach()[3:].numpy(), hidden.detach().numpy()[3:].copy()
    loss = second(hidden).sum()
    del hidden
    loss.backward()
    np.testing.assert_array_equal(view, before)


def test_nan_and_signed_zero_pass_through():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    with ft.no_grad():
        model[0].weight.fill_(1.0)
    values = model(np.array([[np.nan], [-0.0], [np.inf], [-np.inf]], np.float32)).detach().numpy().ravel()
    assert np.isnan(values[0]) and values[2] == np.inf and values[3] == 0


def trained(steps, watch=False, algorithm="Adam", **options):
    """A model after some steps, and what was kept of its gradients along the way."""
    ft.manual_seed(5)
    model, kept = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), []
    optimizer = getattr(optim, algorithm)(model.parameters(), lr=0.05, **options)
    x, y = ft.tensor(np.arange(30.0, dtype=np.float32).reshape(10, 3) / 30), ft.tensor(np.arange(10) % 2)
    for step in range(steps):
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(x), y).backward()
        if watch:
            kept += [model[0].weight.grad, model[2].weight.grad[0], model[2].bias.grad.numpy()[1:]]
            kept += [model.state_dict()] if step % 2 else []
            kept.append([np.array(ft.from_numpy(part) if isinstance(part, np.ndarray) else part) for part in kept[-4:-1]
                         if not isinstance(part, (dict, list))])  # fmt: skip
        optimizer.step()
    return model, kept


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("Adam", {"amsgrad": True}),
        ("RMSprop", {"centered": True, "momentum": 0.5}),
    ],
    ids=str,
)
def test_a_group_in_one_piece_steps_as_its_parts_do(algorithm, options):
    together, _ = trained(12, False, algorithm, **options)
    apart, _ = trained(12, True, algorithm, **options)  # somebody holds gradients and values: they cannot move
    for one, other in zip(together.parameters(), apart.parameters(), strict=True):
        np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())
    bases = [parameter.detach().numpy().base for parameter in together.parameters()]
    assert all(base is bases[0] for base in bases) and bases[0] is not None


def test_gradients_that_are_kept_do_not_change():
    parameter, other = nn.Parameter(np.ones((40, 30))), nn.Parameter(np.ones(30))
    optimizer = optim.Adam([parameter, other])
    kept = []
    for scale in range(1, 6):
        optimizer.zero_grad()
        ((parameter * scale).sum() + (other * -scale).sum()).backward()
        kept.append((scale, parameter.grad, other.grad.numpy()[3:]))
        optimizer.step()
        for value, whole, part in kept:
            assert np.all(whole.numpy() == value) and np.all(part == -value)


def test_values_that_are_kept_do_not_change_hands():
    model = nn.Linear(3, 2)
    state, optimizer = model.state_dict(), optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(np.ones((1, 3))).sum().backward()
        optimizer.step()
    np.testing.assert_array_equal(state["weight"].numpy(), model.weight.detach().numpy())  # torch's views are live too


def test_optimizers_follow_one_another_and_can_be_copied():
    model = nn.Linear(3, 2)
    losses = []
    for _ in range(3):
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = (model(np.ones((2, 3))) ** 2).sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        twin = copy.deepcopy(optimizer)
        assert twin.param_groups[0]["params"][0] is not model.weight
        del optimizer, twin
        gc.collect()
    assert losses[-1] < losses[0] / 10
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.weight.detach().numpy(), model.weight.detach().numpy())
    assert (
        copied.weight.detach().numpy().base is None
        or copied.weight.detach().numpy().base is not model.weight.detach().numpy().base
    )


def test_a_model_that_is_converted_or_given_new_values_trains_on():
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for step in range(6):
        if step == 2:
            model.weight.data = ft.zeros(2, 3)
        if step == 4:
            model.double()
        optimizer.zero_grad()
        model(np.ones((1, 3))).sum().backward()
        before = model.weight.detach().numpy().copy()
        optimizer.step()
        np.testing.assert_allclose(model.weight.detach().numpy(), before - 0.1, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["ReLU", "Tanh", "Identity"])
@pytest.mark.parametrize("widths, batch", [((67, 131, 77, 5), 129), ((200, 100, 300, 2), 33), ((90, 128, 64, 40), 128)])
def test_layers_between_layers_lie_turned_and_give_what_the_parts_give(widths, batch, name, dtype):
    pairs = [(nn.Linear(a, b), getattr(nn, name)()) for a, b in zip(widths, widths[1:], strict=False)]
    layers = [module for pair in pairs for module in pair if name != "Identity" or isinstance(module, nn.Linear)]
    whole, values = nn.Sequential(*layers).to(getattr(ft, dtype)), RANDOM.normal(size=(batch, widths[0]))
    results = []
    for model, order in ((whole, "C"), (whole, "F"), (Parts(whole), "C")):
        whole.zero_grad()
        x = ft.from_numpy(np.array(values, dtype, order=order)).requires_grad_()
        y = model(x)
        (y * y).sum().backward()
        results.append(
            [y.detach().numpy(), x.grad.numpy(), *(parameter.grad.numpy() for parameter in whole.parameters())]
        )
    tolerance = 2e-6 if dtype == "float32" else 4e-15
    for turned, by_column, parts in zip(*results, strict=True):
        assert turned.flags.c_contiguous
        for found in (turned, by_column):
            np.testing.assert_allclose(found, parts, rtol=0, atol=tolerance * np.abs(parts).max())


def test_a_retained_graph_of_turned_layers_finds_its_values():
    model = nn.Sequential(nn.Linear(90, 100), nn.ReLU(), nn.Linear(100, 70), nn.ReLU(), nn.Linear(70, 3))
    loss = model(RANDOM.normal(size=(130, 90))).sum()
    loss.backward(retain_graph=True)
    first = [parameter.grad.numpy().copy() for parameter in model.parameters()]
    loss.backward()
    for parameter, once in zip(model.parameters(), first, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), 2 * once, rtol=1e-5, atol=1e-6)


def test_nan_and_zeros_pass_through_turned_layers():
    model = nn.Sequential(nn.Linear(90, 100), nn.ReLU(), nn.Linear(100, 70), nn.ReLU(), nn.Linear(70, 3))
    x = RANDOM.normal(size=(130, 90)).astype(np.float32)
    x[17, 3] = np.nan
    y = model(x)
    assert np.isnan(y.detach().numpy()[17]).all() and np.isfinite(np.delete(y.detach().numpy(), 17, 0)).all()
    with ft.no_grad():
        model[0].weight.fill_(0.0)
        model[0].bias.fill_(-1.0)
    model(np.delete(x, 17, 0)).sum().backward()
    assert not model[0].weight.grad.numpy().any() and not model[0].bias.grad.numpy().any()


def test_a_steady_step_allocates_the_results_of_its_layers_and_keeps_nothing():
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer, criterion = optim.Adam(model.parameters()), nn.CrossEntropyLoss()
    x, t = ft.randn(64, 64), ft.randint(0, 10, (64,))

    def step():
        loss = criterion(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(4):
        step()
    gc.collect()
    tracemalloc.start()
    try:
        step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(10):
            step()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    results = (
        4 * 64 * (64 + 128 + 128 + 10 + 10)
    )  # the turned input, the hidden layer and its gradient, logits and theirs
    assert after - before < 2_000 and peak - before < results + 8_000


def test_a_forward_of_ones_own_is_called_after_a_linear_layer():
    class Doubled(nn.ReLU):
        def forward(self, input):
            return super().forward(input) * 2

    class Shifted(nn.Linear):
        def forward(self, input):
            return super().forward(input) + 1

    x, layers = ft.randn(3, 4), (nn.Linear(4, 5), Doubled(), Shifted(5, 2), nn.GELU(approximate="tanh"))
    expected = x
    for layer in layers:
        expected = layer(expected)
    np.testing.assert_array_equal(nn.Sequential(*layers)(x).detach().numpy(), expected.detach().numpy())


@pytest.mark.parametrize(
    "activation", [nn.GELU("tanh"), nn.LeakyReLU(0.2), nn.ELU(0.5), nn.Softplus(2.0, 5.0), nn.Hardtanh(-2, 3)]
)
def test_activations_with_settings_are_one_node_with_the_layer(activation):
    whole = nn.Sequential(nn.Linear(90, 100), activation, nn.Linear(100, 70), activation, nn.Linear(70, 3)).double()
    results = []
    for model in (whole, Parts(whole)):
        whole.zero_grad()
        y = model(ft.from_numpy(np.linspace(-3, 3, 130 * 90).reshape(130, 90)))
        (y * y).sum().backward()
        results.append([y.detach().numpy(), *(parameter.grad.numpy() for parameter in whole.parameters())])
    for fused, parts in zip(*results, strict=True):
        np.testing.assert_allclose(fused, parts, rtol=0, atol=1e-13 * np.abs(parts).max())
    assert repr(nn.Sequential(nn.Linear(2, 3), activation)(ft.ones(1, 2)).grad_fn) == "<LinearBackward>"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU])
@pytest.mark.parametrize("bias", [True, False])
def test_half_models_differentiate(dtype, activation, bias):
    pytest.importorskip("ml_dtypes")
    model = nn.Sequential(nn.Linear(3, 4, bias=bias), activation(), nn.Linear(4, 1, bias=bias), activation())
    x = ft.tensor(np.random.default_rng(3).normal(size=(5, 3)))
    model.double()(x).sum().backward()
    want = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    for p in model.parameters():
        p.data = p.data.to(getattr(ft, dtype))
    model(x.to(getattr(ft, dtype))).sum().backward()
    for p, exact in zip(model.parameters(), want, strict=True):
        assert p.grad.dtype.name == dtype
        np.testing.assert_allclose(
            p.grad.numpy().astype(np.float64), exact, rtol=0, atol=0.05 * np.abs(exact).max() + 0.02
        )
