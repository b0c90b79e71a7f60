"""Small pieces of code that run on fastact and on torch, which must agree; each stands for a difference once found."""

import copy

import numpy as np
import pytest
import torch

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn

CHANGES = {
    "x += 1.5 of integers": lambda m: m.tensor([1, 2]).__iadd__(1.5),
    "x /= 2 of integers": lambda m: m.tensor([4, 2]).__itruediv__(2),
    "x += a larger shape": lambda m: m.ones(2).__iadd__(m.ones(2, 2)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_place_that_does_not_fit_is_refused(name):
    for module in (torch, ft):
        with pytest.raises(RuntimeError):
            CHANGES[name](module)


def power_in_place(m):
    x = y = m.tensor([3.0, 2.0])
    x **= 2
    return y


def gradient_of_norm_at_zero(m):
    x = m.zeros(3, requires_grad=True)
    (x.norm() + x.norm(dim=0, keepdim=True).sum()).backward()
    return x.grad


def gradient_of_norm(m):
    x = m.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    (x.norm(dim=1) * m.tensor([1.0, 2.0])).sum().backward()
    return x.grad


def gather_of_fewer_rows(m):
    x = m.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x.gather(1, m.tensor([[0, 0, 1]]))
    (y * m.tensor([[1.0, 2.0, 3.0]])).sum().backward()
    return m.cat([y.detach().reshape(-1), x.grad.reshape(-1)])


def gradient_of_copy(m):
    x = m.ones(2, requires_grad=True)
    (x * x).sum().backward()
    other = copy.deepcopy(x)
    x.grad.zero_()
    return other.grad


def cat_of_nothing(m, dim=1):
    empty, x = m.zeros(0, requires_grad=True), m.tensor([[1.0, 2.0]], requires_grad=True)
    y = m.cat([empty, x, m.zeros(0), x], dim)
    (y * y).sum().backward()
    assert empty.grad.shape == (0,)
    return m.cat([m.zeros(0), y.detach(), x.grad], -1)


VALUES = [
    power_in_place, gradient_of_norm_at_zero, gradient_of_norm, gather_of_fewer_rows, gradient_of_copy, cat_of_nothing,
    lambda m: m.cat([m.zeros(0), m.zeros(0)], 1), lambda m: m.cat([m.tensor([1.0]), m.zeros(0)]),
    lambda m: m.ones(2, 3).sum(()), lambda m: m.ones(2, 3).sum(dim=[]), lambda m: m.ones(2, 3).mean(dim=()),
    lambda m: m.tensor([1, 5]).clamp(max=2.5), lambda m: m.tensor([1, 5]).clamp(2, 4),
    lambda m: m.tensor([2, 4]).reciprocal(), lambda m: m.reciprocal(m.tensor([2, 4])),
    lambda m: m.tensor([200, 200], dtype=m.uint8).sum(),
    lambda m: m.where(m.tensor([True, False]), 1.0, 0.0),
    lambda m: m.where(m.tensor([True, False]), m.tensor([1, 2]), 0.5),
    lambda m: m.where(m.tensor([True, False]), m.tensor([1, 2]), 0),
]  # fmt: skip


@pytest.mark.parametrize("function", VALUES)
def test_value_and_dtype_are_torchs(function):
    got, expected = function(ft), function(torch)
    assert str(expected.dtype) == f"torch.{got.dtype}"
    assert got.shape == tuple(expected.shape)
    np.testing.assert_allclose(got.detach(), expected.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("data", ["abc", None, {1, 2}, [object()], np.array(["a"]), np.array([1], object)])
def test_what_is_no_number_makes_no_tensor(data):
    with pytest.raises((TypeError, RuntimeError)):
        torch.tensor(data)
    with pytest.raises(TypeError, match="expected numbers"):
        ft.tensor(data)


def test_tensors_are_native():
    assert ft.tensor(np.array([1.5], ">f4")).dtype.isnative


@pytest.mark.parametrize("module", [ft, torch])
def test_no_grad_over_a_generator_holds_inside_it_only(module):
    @module.no_grad()
    def modes():
        sent = yield module.is_grad_enabled()
        yield sent, module.is_grad_enabled()
        return 7

    def outer():
        return (yield from modes())

    steps = outer()
    assert next(steps) is False and module.is_grad_enabled()
    assert steps.send("hello") == ("hello", False) and module.is_grad_enabled()
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == 7 and module.is_grad_enabled()


def test_keys_that_do_not_fit_have_torchs_names():
    for module in (nn, torch.nn):
        result = module.Linear(2, 3).load_state_dict({"other": 1}, strict=False)
        assert (result.missing_keys, result.unexpected_keys) == (["weight", "bias"], ["other"])


def through_a_view(m, x):
    x.view(-1)[0] = 5.0


def through_a_row(m, x):
    x[1].zero_()


def through_a_detached_view(m, x):
    x.detach().T[0].mul_(2)


def of_the_base_of_a_view(m, x):
    x.mul_(2)


@pytest.mark.parametrize("module", [torch, ft])
@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.T, lambda x: x[:, :1], lambda x: x.view(4, 1).detach()])
@pytest.mark.parametrize("change", [through_a_view, through_a_row, through_a_detached_view, of_the_base_of_a_view])
def test_a_change_of_shared_memory_is_noticed_by_the_backward_pass(module, view, change):
    x = module.tensor([[1.0, 2.0], [3.0, 4.0]])
    kept = view(x)
    weight = module.ones(kept.shape, requires_grad=True)
    result = (weight * kept).sum()
    change(module, x)
    with pytest.raises(RuntimeError, match="place"):
        result.backward()
    (weight * kept).sum().backward()


def test_a_copy_shares_nothing():
    x, weight = ft.ones(2), ft.ones(2, requires_grad=True)
    result = (weight * x.clone()).sum() + (weight * x.data).sum()
    x.zero_()
    result.backward()


@pytest.mark.parametrize("dim", [1, -2, 2])
def test_a_number_has_one_axis_at_most(dim):
    for x, functional in ((ft.tensor(2.0), F), (torch.tensor(2.0), torch.nn.functional)):
        for call in (
            functional.softmax,
            functional.log_softmax,
            lambda x, d: x.softmax(d),
            lambda x, d: x.log_softmax(d),
        ):
            with pytest.raises(IndexError):
                call(x, dim)
    assert F.softmax(ft.tensor(2.0), -1).item() == ft.tensor(3.0).softmax(0).item() == 1.0
