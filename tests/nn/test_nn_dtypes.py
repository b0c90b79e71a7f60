"""Dtypes of tensors and modules: bfloat16 there and back, integers where gradients are wanted, weak operands."""

import numpy as np
import pytest
import torch

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn

pytest.importorskip("ml_dtypes")
BFLOAT16 = np.dtype("bfloat16")


def test_bfloat16_modules_come_back():
    model = nn.Sequential(
        nn.Linear(3, 3), nn.LayerNorm(3), nn.GELU(), nn.BatchNorm1d(3), nn.RMSNorm(3), nn.Linear(3, 2)
    )
    model.to(BFLOAT16)
    (model(ft.randn(5, 3).to(BFLOAT16)) * 1.3).exp2().mean().backward()
    assert {p.grad.dtype for p in model.parameters()} == {BFLOAT16}
    model.float()
    for _, value in [*model.named_parameters(), *model.named_buffers()]:
        assert value.dtype in (np.float32, np.int64)
    assert all(p.grad.dtype == np.float32 for p in model.parameters())


def test_bfloat16_leaves_are_differentiated():
    leaf = ft.ones(1000).to(BFLOAT16).requires_grad_()
    total = leaf.sum()
    total.backward()
    assert total.dtype == leaf.grad.dtype == BFLOAT16 and total.item() == 1000 and leaf.grad[0].item() == 1
    assert nn.Linear(2, 2, dtype=BFLOAT16).weight.requires_grad


@pytest.mark.parametrize(
    "of",
    [
        lambda x: x * 1.5, lambda x: x * np.array([1.5, 2.5]), lambda x: x @ x, lambda x: x.norm(), lambda x: x.var(),
        lambda x: x.mean(), lambda x: x.clamp(0.5, 0.7), lambda x: F.softmax(x, 0), lambda x: F.dropout(x),
        lambda x: ft.where(x > 1, x, 1.5), lambda x: ft.logsumexp(x, 0), lambda x: F.mse_loss(x, [1.0, 2.0]),
        lambda x: ft.einsum("i,i", x, [1.5, 2.5]), lambda x: ft.einsum("i,j->ij", x, x),
    ],
)  # fmt: skip
def test_bfloat16_stays(of):
    leaf = ft.tensor([1.0, 2.0]).to(BFLOAT16).requires_grad_()
    found = of(leaf)
    found.sum().backward()
    assert found.dtype == leaf.grad.dtype == BFLOAT16


def test_numbers_beside_bfloat16_are_not_rounded_first():
    numbers = np.linspace(-3, 3, 101)
    ours, theirs = ft.tensor(numbers).to(BFLOAT16) * 1.3, torch.tensor(numbers).bfloat16() * 1.3
    assert ours.float().tolist() == theirs.float().tolist()


def test_bfloat16_does_not_meet_float32():
    x = ft.ones(1, 2).to(BFLOAT16)
    for meet in (nn.Linear(2, 2), lambda x: x + ft.ones(2)):
        with pytest.raises(TypeError, match=r"meet.*convert one"):
            meet(x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_rms_norm_takes_torchs_eps(dtype):
    x = np.array([[1e-3, -2e-3, 3e-3, 1e-4]])
    ours = F.rms_norm(ft.tensor(x).to(dtype), (4,))
    theirs = torch.nn.functional.rms_norm(torch.tensor(x).to(getattr(torch, dtype)), (4,))
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours.numpy().astype(float), theirs.double().numpy(), rtol=1e-2)


@pytest.mark.parametrize(
    "make",
    [
        lambda library: library.nn.Linear(2, 2, dtype=library.int64),
        lambda library: library.nn.Embedding(2, 2, dtype=library.int64),
        lambda library: library.nn.Parameter(library.tensor([1, 2])),
        lambda library: library.nn.Linear(2, 2).to(library.int64),
    ],
)
def test_integers_are_no_parameters(make):
    with pytest.raises((RuntimeError, TypeError)) as theirs:
        make(torch)
    with pytest.raises(theirs.type, match=r"int64.*\.float\(\)|got int64: expected a floating dtype"):
        make(ft)


def test_integers_may_be_frozen():
    assert nn.Parameter(ft.tensor([1, 2]), requires_grad=False).tolist() == [1, 2]
    assert nn.Embedding.from_pretrained(ft.tensor([[1, 2]]))(ft.tensor([0])).tolist() == [[1, 2]]


@pytest.mark.parametrize("weak", [1.5, [1.5], np.array([1.5]), np.float64(1.5), np.array([1.5], np.float16)])
def test_weak_floats_are_float32_beside_integers(weak):
    x = ft.tensor([2])
    for found in (x * weak, weak * x, x < weak, ft.where(x > 0, x, weak), F.mse_loss(x, np.broadcast_to(weak, 1))):
        assert found.dtype in (np.float32, np.bool_)
    assert ft.cat([x, np.array([1.5])]).dtype == np.float32 and x.clamp(max=1).dtype == np.int64


PLACES = np.array([[0, 1], [1, 0]])
BESIDE = {
    **{
        name: (lambda f, a, t: f(a, t))
        for name in ("add", "sub", "subtract", "div", "divide", "mm", "inner", "max", "min")
    },
    **{name: (lambda f, a, t: f(a[0], t[0])) for name in ("dot", "outer", "isclose")},
    **{name: (lambda f, a, t: f(a, t, t)) for name in ("lerp", "addcmul", "addcdiv", "addmm", "clamp")},
    **{name: (lambda f, a, t: f(a, 0, PLACES, t)) for name in ("scatter", "scatter_add")},
    **{name: (lambda f, a, t: f((a, t))) for name in ("hstack", "vstack", "column_stack")},
    "mv": lambda f, a, t: f(a, t[0]),
    "bmm": lambda f, a, t: f(a[None], t[None]),
    "index_add": lambda f, a, t: f(a, 0, PLACES[0], source=t),
    "masked_fill": lambda f, a, t: f(a, a > 1, t[0, 0]),
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_in_front_take_the_dtype_of_the_tensor(name, dtype):
    """In front of the tensor or behind it, an array gives what the same numbers give as a tensor."""
    a, b = (
        np.array([[0.1, 1.7], [2.3, 0.4]], np.float64 if dtype == np.float32 else np.float32),
        np.array([[1.5, 2.5], [3, 4]]),
    )
    tensors, call = [ft.tensor(part.astype(dtype), requires_grad=True) for part in (a, b)], BESIDE[name]
    expected, found = call(getattr(ft, name), *tensors), call(getattr(ft, name), a, tensors[1])
    assert isinstance(found, ft.Tensor) and found.dtype == expected.dtype and found.tolist() == expected.tolist()
    if name in ("hstack", "vstack", "column_stack"):
        assert call(getattr(ft, name), tensors[1], a).dtype == dtype
    if found.requires_grad:
        found.sum().backward()
        assert tensors[1].grad.dtype == dtype


def test_lists_and_numbers_in_front_take_the_dtype_of_the_tensor():
    t = ft.tensor([1.0, 2.0], dtype=ft.float64)
    for first in (2.5, np.float32(2.5), [2.5, 2.5], [2, 2], np.array([True, False])):
        assert ft.add(first, t).dtype == ft.sub(first, t).dtype == ft.div(first, t).dtype == np.float64
    assert ft.add(0.1, t)[0].item() == 1.1
    assert ft.bincount(np.array([0, 1, 1]), t.new_ones(3)).tolist() == [1, 2]
    array = np.ones((2, 2))
    for product in (ft.addmm(t, array, array), t.addmm(array.tolist(), array), ft.addmm(array, array, t.diag())):
        assert product.dtype == np.float64 and product.requires_grad is False
    assert ft.tensor([1]).addmm(array * 0.5, array).tolist() == [[2, 2], [2, 2]]
    assert isinstance(ft.addmm(array, array, array), np.ndarray)


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_uint8_tensors_are_masks():
    for t in (ft, torch):
        x = t.arange(12.0).reshape(3, 4).requires_grad_(True)
        mask, rows, y = (x > 6).byte(), t.tensor([1, 0, 3], dtype=t.uint8), x.detach().clone()
        assert x[mask].tolist() == [7, 8, 9, 10, 11] and x[rows].shape == x[rows, :].shape == (2, 4)
        x[mask].sum().backward()
        assert x.grad.sum().item() == 5 and x.grad[1, 3].item() == 1
        y[mask] = t.zeros(5)
        assert y.sum().item() == 21
    assert x.detach().numpy()[np.array([1, 0, 1], np.uint8)].shape == (3, 4)


def test_quantiles_of_integers_are_float32():
    for numbers in ([1, 2, 3, 4], ft.tensor([1, 2, 3, 4]), np.arange(1, 5, dtype=np.uint8)):
        assert ft.quantile(numbers, 0.5).item() == 2.5 and ft.quantile(numbers, 0.5).dtype == np.float32
    assert ft.tensor([True, False]).quantile(ft.tensor([0.25, 1.0]), 0, True).tolist() == [[0.25], [1]]


def test_floor_division_does_not_detach():
    x = ft.tensor([5.0], requires_grad=True)
    for divide in (lambda: x // 2, lambda: 2 // x, lambda: ft.floor_divide(x, 2)):
        with pytest.raises(TypeError, match=r"floor_divide.*detach\(\)"):
            divide()
    with ft.no_grad():
        assert (x // 2).item() == 2 and not (x.detach() // 2).requires_grad
