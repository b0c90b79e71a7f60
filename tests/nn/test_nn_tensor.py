"""Tensor: dtypes, conversions, text, what it refuses, and the graph's life."""

import copy
import gc
import importlib
import pickle
import subprocess
import sys
import threading

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.exceptions import AxisError

import fastact as fa
import fastact.torch as ft


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"), ([1.0, 2.0], "float32"), (3, "int64"), ([1, 2], "int64"), (True, "bool"), ([], "float32"),
        (np.array([1.0]), "float64"), (np.float64(2), "float64"), ([np.float64(2)], "float64"),
        (np.array([1], np.int8), "int8"), ([[1, 2.5]], "float32"),
    ],
)  # fmt: skip
def test_dtypes_of_new_tensors_are_torchs(data, dtype):
    assert ft.tensor(data).dtype == np.dtype(dtype)
    assert torch.tensor(data).dtype == getattr(torch, dtype)


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(2)
    copied, shared = ft.tensor(array), ft.from_numpy(array)
    array[0] = 5
    assert copied.tolist() == [0, 0] and shared.tolist() == [5, 0]


def test_weak_operands_take_the_dtype_of_the_tensor():
    x = ft.tensor([1.0, 2.0])
    for other in (np.array([1.0, 2.0]), [1.0, 2.0], np.float64(2), 2.0, 3, True, np.array([1, 2]), ft.tensor([1, 2])):
        assert (x * other).dtype == np.float32
        assert (other * x).dtype == np.float32
    assert (ft.tensor([1, 2]) / 2).dtype == np.float32
    assert np.exp(ft.tensor([1, 2])).dtype == np.float32
    assert (ft.tensor([1, 2]) + 1).dtype == np.int64
    assert isinstance(np.array([1.0, 2.0]) @ x, ft.Tensor)


def test_tensors_of_different_floating_dtypes_refuse_each_other():
    x, y = ft.tensor([1.0]), ft.tensor([1.0], dtype=ft.float64)
    with pytest.raises(TypeError, match=r"float32 and float64 meet; convert one of them with .to\(\)"):
        x + y
    with pytest.raises(TypeError, match="float64 tensor meets a layer of float32"):
        ft.nn.Linear(1, 1)(y)


def test_shapes_that_do_not_meet_say_what_to_do():
    x = ft.ones(2, 3)
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2,\) do not meet in add: .* unsqueeze an axis"):
        x + ft.ones(2)
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2, 3\) do not meet in a matrix product: .*transpose"):
        x @ x
    with pytest.raises(ValueError, match="negative integer powers"):
        ft.tensor([2]) ** -1


def test_a_tensor_that_requires_grad_does_not_become_an_array():
    x = ft.tensor([1.0], requires_grad=True)
    for convert in (np.asarray, lambda t: t.numpy(), lambda t: np.concatenate([t, t])):
        with pytest.raises(RuntimeError, match="detach"):
            convert(x)
    np.testing.assert_array_equal(np.asarray(x.detach()), [1.0])
    with pytest.raises(TypeError, match="no derivative is known"):
        np.arcsinh(x * 0.5)
    with pytest.raises(TypeError, match="not differentiated"):
        np.add(x, 1, out=np.empty(1))
    with pytest.raises(TypeError, match="not differentiated"):
        np.multiply.accumulate(x)


def test_undifferentiated_calls_work_without_gradients():
    x, out = ft.tensor([1.0, 2.0]), np.empty(2, np.float32)
    assert np.add(x, 1, out=out) is out and out.tolist() == [2, 3]
    assert isinstance(np.arcsin(x * 0.1), ft.Tensor)
    assert np.multiply.accumulate(x).tolist() == [1, 2]
    assert [part.tolist() for part in np.modf(x)] == [[0, 0], [1, 2]]


ALONG = {
    **dict.fromkeys(("std", "var", "prod", "max", "min", "amax", "amin", "argmin", "median", "logsumexp", "norm"), ()),
    **dict.fromkeys(("all", "any", "sum", "mean", "argmax"), ()),
    "quantile": (0.5,),
}
ALONG_ONLY = {
    **dict.fromkeys(
        ("cumsum", "cumprod", "softmax", "log_softmax", "sort", "argsort", "unsqueeze", "squeeze", "unbind"), ()
    ),
    **{"topk": (2,), "count_nonzero": (), "diff": (1,), "chunk": (2,), "split": (2,)},
}


def listed(value):
    return [part.tolist() for part in value] if isinstance(value, (tuple, list)) else value.tolist()


@pytest.mark.parametrize("name", [*ALONG, *ALONG_ONLY])
def test_axis_and_keepdims_are_synonyms_everywhere(name):
    x = ft.tensor(np.arange(6.0).reshape(2, 3) + 1)
    more, method = (ALONG | ALONG_ONLY)[name], getattr(x, name)
    assert listed(method(*more, axis=1)) == listed(method(*more, dim=1))
    if name in ALONG:
        by_numpy, by_torch = method(*more, axis=1, keepdims=True), method(*more, dim=1, keepdim=True)
        assert listed(by_numpy) == listed(by_torch)
        assert listed(getattr(ft, name)(x, *more, axis=0)) == listed(getattr(ft, name)(x, *more, dim=0))
    with pytest.raises(TypeError):
        method(*more, dim=1, axis=1)


def test_synonyms():
    x = ft.tensor(np.arange(6.0).reshape(2, 3))
    for name in ("sum", "mean", "argmax"):
        by_dim, by_axis = getattr(x, name)(dim=1, keepdim=True), getattr(x, name)(axis=1, keepdims=True)
        assert by_dim.tolist() == by_axis.tolist() and by_dim.shape == (2, 1)
    assert x.max(dim=1).values.tolist() == x.max(axis=1).values.tolist() == [2, 5]
    with pytest.raises(TypeError, match="twice"):
        x.sum(dim=0, axis=0)


@pytest.mark.parametrize(
    "call", [lambda x: x.sum(2), lambda x: x.unsqueeze(5), lambda x: x.argmax(-3), lambda x: x.max(2)]
)
def test_a_bad_dim_says_what_is_allowed(call):
    with pytest.raises(AxisError, match="expected -"):
        call(ft.zeros(2, 2))
    assert issubclass(AxisError, IndexError)


def test_gradients_accumulate_and_can_be_forgotten():
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    for count in (1, 2):
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), count * np.array([2.0, 4.0]))
    x.grad.zero_()
    assert x.grad.tolist() == [0, 0]
    x.grad = None
    assert x.grad is None


def test_leaves_do_not_share_their_gradients():
    a, b = ft.zeros(3, requires_grad=True), ft.zeros(3, requires_grad=True)
    (a + b).backward(ft.ones(3))
    a.grad.add_(5)
    assert b.grad.tolist() == [1, 1, 1]
    given = np.ones(3, np.float32)
    a.grad = None
    (a + 0).backward(given)
    a.grad.zero_()
    assert given.tolist() == [1, 1, 1]
    a.grad = np.broadcast_to(np.float32(2), 3)
    (a * 3).backward(ft.ones(3))
    assert a.grad.tolist() == [5, 5, 5]


def test_second_backward_needs_retain_graph():
    x = ft.tensor(3.0, requires_grad=True)
    y = x * x
    z = y * 2
    z.backward()
    for again in (z, y, y + 1):
        with pytest.raises(RuntimeError, match="retain_graph=True"):
            again.backward()
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12 + 6 + 6


@pytest.mark.parametrize(
    "call",
    [
        lambda: ft.tensor([1.0]).sum().backward(),
        lambda: (ft.ones(2, requires_grad=True) * 2).backward(),
        lambda: (ft.ones(2, requires_grad=True) * 2).backward(ft.ones(3)),
        lambda: ft.tensor([1, 2], requires_grad=True),
        lambda: ft.ones(2, requires_grad=True).__iadd__(1),
        lambda: ft.ones(2, requires_grad=True).fill_(1),
        lambda: ft.ones(2, requires_grad=True).__setitem__(0, 1),
        lambda: ft.ones(2).__setitem__(0, ft.tensor(1.0, requires_grad=True)),
        lambda: bool(ft.ones(2) > 0),
    ],
)
def test_what_torch_refuses_is_refused(call):
    with pytest.raises((RuntimeError, ValueError)):
        call()


def test_a_changed_operand_is_noticed():
    x, w = ft.ones(2), ft.ones(2, requires_grad=True)
    loss = (x * w).sum()
    x.mul_(3)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    layer = ft.nn.Linear(2, 1)
    loss = layer(x).sum()
    loss.backward(retain_graph=True)
    ft.optim.SGD(layer.parameters(), lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_in_place_changes_under_no_grad():
    w = ft.ones(2, requires_grad=True)
    (w * 3).sum().backward()
    same = w
    with ft.no_grad():
        w -= 0.5 * w.grad
    assert w is same and w.tolist() == [-0.5, -0.5] and w.requires_grad and w.is_leaf
    total = ft.tensor(0.0)
    total += (w * w).sum()
    assert total.requires_grad


def test_no_grad_nests_decorates_and_stays_in_its_thread():
    x = ft.ones(1, requires_grad=True)
    with ft.no_grad():
        assert not (x * 2).requires_grad
        with ft.enable_grad():
            assert (x * 2).requires_grad
        seen = []
        worker = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        worker.start()
        worker.join()
        assert seen == [True] and not (x * 2).requires_grad
    assert (x * 2).requires_grad
    for decorate in (ft.no_grad(), ft.no_grad):
        assert not decorate(lambda t: t * 2)(x).requires_grad
    with pytest.raises(ZeroDivisionError), ft.no_grad():
        1 / 0  # noqa: B018
    assert ft.is_grad_enabled()


def test_retain_grad_and_leaves():
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    (y * y).backward()
    assert y.grad.item() == 12 and x.grad.item() == 36
    assert x.is_leaf and not y.is_leaf and x.grad_fn is None and "Multiply" in repr(y.grad_fn)
    assert y.detach().is_leaf and not y.detach().requires_grad


def test_long_graphs_and_their_release():
    x = ft.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1
    y = x
    for _ in range(200_000):
        y = y + 1.0
    del y
    gc.collect()


def test_integers_and_comparisons_carry_no_gradient():
    x = ft.tensor([1.0, -1.0], requires_grad=True)
    for constant in (x > 0, x == 1, x.argmax(), x.long(), np.isnan(x)):
        assert not constant.requires_grad
    assert (x == None) is False  # noqa: E711
    assert hash(x) == hash(x) and {x: 1}[x] == 1


def test_conversions():
    x = ft.tensor([1.5, 2.5], requires_grad=True)
    y = x.to(ft.float64)
    (y * y).sum().backward()
    assert y.dtype == np.float64 and x.grad.dtype == np.float32 and x.grad.tolist() == [3, 5]
    assert x.to("cpu") is x and x.cpu() is x and x.to(ft.device("cpu"), ft.float32) is x
    assert x.long().tolist() == [1, 2] and x.double().dtype == np.float64 and x.bool().dtype == bool
    assert float(ft.tensor(2.5)) == 2.5 and int(ft.tensor(2)) == 2 and [1, 2, 3][ft.tensor(1)] == 2
    assert len(x) == 2 and [part.item() for part in x] == [1.5, 2.5] and f"{ft.tensor(0.12345):.2f}" == "0.12"
    with pytest.raises(RuntimeError, match="CPU only"):
        x.to("cuda")


def test_copies_and_pickles():
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin.tolist() == [1, 2] and twin.requires_grad and twin is not x
        assert not np.shares_memory(twin.detach().numpy(), x.detach().numpy())
    with pytest.raises(RuntimeError, match="leaves"):
        copy.deepcopy(x * 2)


numbers = st.one_of(
    st.floats(-1000, 1000, width=32), st.integers(-50, 50).map(float), st.floats(width=32), st.sampled_from([0.0, 1e-5])
)


@given(st.lists(numbers, min_size=1, max_size=8))
def test_text_is_that_of_torch(values):
    assert repr(ft.tensor(values)) == repr(torch.tensor(values))
    assert repr(ft.tensor(values[0])) == repr(torch.tensor(values[0]))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3), np.eye(3, dtype=np.float32), np.zeros((2, 2, 2)), np.array([True, False]),
        np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32), np.arange(2000), np.array(7), np.array(7.5),
        np.array([-1, 20, 300]), np.array([np.nan, 1.5, -np.inf]), np.empty(0, np.float32),
        np.random.default_rng(0).normal(size=30).astype(np.float32),
    ],
)  # fmt: skip
def test_text_of_arrays_is_that_of_torch(array):
    assert repr(ft.from_numpy(array)) == repr(torch.from_numpy(array)).replace("torch.", "")


@pytest.mark.parametrize("spec", ["", ".3f", ">10.2e", "d", "x"])
@pytest.mark.parametrize("data", [0.1, 7, True, [1.5, 2.5]], ids=str)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_formats_are_those_of_torch(data, spec, requires_grad):
    def text(t):
        value = t.tensor(data).requires_grad_(requires_grad and isinstance(data, float))
        try:
            return f"{value:{spec}}"
        except (TypeError, ValueError) as error:
            return type(error)

    assert text(ft) == text(torch)
    assert f"{ft.nn.Parameter(0.5)}" == repr(ft.nn.Parameter(0.5))


def test_functions_of_fastact_give_tensors_and_differentiate():
    x = np.random.default_rng(0).normal(size=(3, 4))
    leaf, other = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    fa.logsumexp(leaf, axis=1).sum().backward()
    torch.logsumexp(other, 1).sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy(), atol=1e-14)
    leaf.grad = other.grad = None
    (fa.softmax(leaf, axis=0) * ft.from_numpy(x)).sum().backward()
    (torch.softmax(other, 0) * torch.from_numpy(x)).sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy(), atol=1e-14)
    with pytest.raises(TypeError, match="not differentiated"):
        fa.softmax(leaf, where=np.ones((3, 4), bool))


def test_bfloat16_is_a_floating_dtype_that_gradients_pass():
    code = "import fastact.torch as t\ntry: t.bfloat16\nexcept AttributeError as e: print(e)\nimport ml_dtypes; print(t.bfloat16)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "import ml_dtypes first" in done.stdout and done.stdout.endswith("bfloat16\n")
    importlib.import_module("ml_dtypes")  # which gives NumPy the dtype
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    y = x.to(ft.bfloat16)
    assert y.requires_grad and y.dtype.name == "bfloat16"
    (y * y).float().sum().backward()
    assert x.grad.dtype == ft.float32 and x.grad.tolist() == [2.0, 4.0]
