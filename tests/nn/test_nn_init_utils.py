"""nn.init and nn.utils: laws of the random fills, gains, and gradients that are clipped as torch clips them."""

import math

import numpy as np
import pytest
import torch

import fastact.torch as ft
from fastact import nn
from fastact.nn import init, utils

SHAPE = (300, 200)
# name: (arguments, mean, standard deviation)
LAWS = {
    "uniform_": ((-1.0, 3.0), 1.0, 4 / math.sqrt(12)),
    "normal_": ((2.0, 0.5), 2.0, 0.5),
    "trunc_normal_": ((0.0, 1.0, -1.0, 1.0), 0.0, 0.5396),
    "xavier_uniform_": ((2.0,), 0.0, 2 * math.sqrt(2 / 500)),
    "xavier_normal_": ((), 0.0, math.sqrt(2 / 500)),
    "kaiming_uniform_": ((math.sqrt(5),), 0.0, math.sqrt(2 / 6 / 200)),
    "kaiming_normal_": ((0, "fan_out", "relu"), 0.0, math.sqrt(2 / 300)),
}


@pytest.mark.parametrize("name", LAWS)
def test_random_fills_have_torchs_law(name):
    arguments, mean, deviation = LAWS[name]
    ft.manual_seed(1)
    ours = nn.Parameter(np.zeros(SHAPE, np.float32))
    assert getattr(init, name)(ours, *arguments) is ours
    torch.manual_seed(1)
    theirs = getattr(torch.nn.init, name)(torch.empty(SHAPE), *arguments)
    values = ours.detach().numpy()
    for found in (values, theirs.numpy()):
        assert found.mean() == pytest.approx(mean, abs=0.02 * deviation)
        assert found.std() == pytest.approx(deviation, rel=0.02)
    assert np.abs(values).max() == pytest.approx(np.abs(theirs.numpy()).max(), rel=0.3)


def test_exact_fills():
    x = nn.Parameter(np.empty((3, 4)))
    assert init.ones_(x).tolist() == np.ones((3, 4)).tolist() and not init.zeros_(x).detach().numpy().any()
    assert init.constant_(x, 7)[0, 0].item() == 7 and init.eye_(x).tolist() == np.eye(3, 4).tolist()
    for shape in ((3, 5), (5, 3), (4, 2, 3)):
        q = init.orthogonal_(ft.zeros(shape, dtype=ft.float64), 2.0).numpy().reshape(shape[0], -1)
        product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
        np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"])
def test_gains_are_torchs(name):
    assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    if name == "leaky_relu":
        assert init.calculate_gain(name, 0.3) == torch.nn.init.calculate_gain(name, 0.3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.calculate_gain("swish"), "'swish': choose one of"),
        (lambda: init.xavier_uniform_(ft.zeros(3)), "at least 2 axes"),
        (lambda: init.kaiming_normal_(ft.zeros(3, 3), mode="fan"), "mode='fan'"),
        (lambda: init.eye_(ft.zeros(3)), "fills matrices"),
        (lambda: init.orthogonal_(ft.zeros(3)), "at least 2 axes"),
    ],
)
def test_fills_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_gradients_are_clipped_as_torch_clips_them(norm_type, max_norm):
    generator = np.random.default_rng(5)
    gradients = [generator.normal(size=shape) for shape in ((3, 4), (4,), ())]
    ours, theirs = (
        [library.Parameter(make(np.ones_like(g))) for g in gradients]
        for library, make in ((nn, ft.tensor), (torch.nn, torch.tensor))
    )
    for mine, other, gradient in zip(ours, theirs, gradients, strict=True):
        mine.grad, other.grad = ft.tensor(gradient), torch.tensor(gradient)
    ours.append(nn.Parameter(np.ones(2)))  # has no gradient
    norm = utils.clip_grad_norm_(ours, max_norm, norm_type)
    assert norm.item() == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item(), rel=1e-13)
    for mine, other in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-13)
    utils.clip_grad_value_(ours, 0.1)
    torch.nn.utils.clip_grad_value_(theirs, 0.1)
    for mine, other in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-13)


def test_clipping_at_the_edges():
    x = nn.Parameter(np.ones(2))
    assert utils.clip_grad_norm_([x], 1.0).item() == 0 and utils.clip_grad_norm_(x, 1.0).item() == 0
    x.grad = np.array([np.inf, 1.0])
    with pytest.raises(RuntimeError, match="inf, so they cannot be clipped"):
        utils.clip_grad_norm_([x], 1.0, error_if_nonfinite=True)
    x.grad = np.broadcast_to(4.0, 2)
    utils.clip_grad_norm_([x], 1.0)
    np.testing.assert_allclose(x.grad.numpy(), np.sqrt([0.5, 0.5]), rtol=1e-6)


def test_parameters_as_one_vector():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (11,) and vector.requires_grad
    utils.vector_to_parameters(vector.detach() * 2, model.parameters())
    np.testing.assert_allclose(utils.parameters_to_vector(model.parameters()).tolist(), (vector * 2).tolist())
