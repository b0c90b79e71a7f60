"""Dropout, embeddings and normalisations beside torch: values, gradients, running figures, and what they refuse."""

import numpy as np
import pytest
import torch

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn
from fastact.nn import _functional_layers as layers

RANDOM = np.random.default_rng(11)

# name: (how to make it, from either library), shapes of inputs
NORMALISATIONS = {
    "LayerNorm": (lambda t: t.LayerNorm(6), [(6,), (5, 6), (2, 3, 6)]),
    "LayerNorm of two axes": (lambda t: t.LayerNorm((3, 6), eps=1e-3), [(3, 6), (2, 3, 6)]),
    "LayerNorm without bias": (lambda t: t.LayerNorm(6, bias=False), [(5, 6)]),
    "LayerNorm without weights": (lambda t: t.LayerNorm(6, elementwise_affine=False), [(5, 6)]),
    "RMSNorm": (lambda t: t.RMSNorm(6), [(6,), (5, 6), (2, 3, 6)]),
    "RMSNorm with eps": (lambda t: t.RMSNorm((3, 6), eps=1e-2), [(2, 3, 6)]),
    "BatchNorm1d": (lambda t: t.BatchNorm1d(6), [(5, 6), (2, 6, 4)]),
    "BatchNorm1d without bias": (lambda t: t.BatchNorm1d(6, bias=False), [(5, 6)]),
    "BatchNorm1d averaging": (lambda t: t.BatchNorm1d(6, momentum=None), [(5, 6)]),
    "BatchNorm1d without weights": (lambda t: t.BatchNorm1d(6, affine=False, eps=1e-2), [(5, 6)]),
    "BatchNorm1d without history": (lambda t: t.BatchNorm1d(6, track_running_stats=False), [(5, 6), (2, 6, 4)]),
}
CASES = [(name, shape) for name, (_, shapes) in NORMALISATIONS.items() for shape in shapes]


def twins(make):
    """The same layer in both libraries, float64, with weights that are not ones and zeros."""
    ours, theirs = make(nn).double(), make(torch.nn).double()
    for parameter in theirs.parameters():
        parameter.data = torch.tensor(RANDOM.normal(size=tuple(parameter.shape)))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_normalisations_follow_torch(name, shape, training):
    ours, theirs = twins(NORMALISATIONS[name][0])
    assert repr(ours) == repr(theirs)
    ours.train(training)
    theirs.train(training)
    for _ in range(3):
        x = RANDOM.normal(2.0, 3.0, shape)
        a, b = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = ours(a), theirs(b)
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), atol=1e-12)
        weights = RANDOM.normal(size=shape)
        y.backward(weights)
        z.backward(torch.tensor(weights))
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-12)
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), atol=1e-11)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), atol=1e-12)


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm", "BatchNorm1d"])
def test_float32_normalisations_are_as_near_as_torchs(name):
    x = RANDOM.normal(100.0, 1.0, (64, 6))
    exact = getattr(torch.nn, name)(6).double()(torch.tensor(x.astype(np.float32)).double()).detach().numpy()
    theirs = getattr(torch.nn, name)(6)(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    ours = getattr(nn, name)(6)(ft.tensor(x, dtype=ft.float32))
    assert ours.dtype == np.float32
    assert np.abs(ours.detach().numpy() - exact).max() <= 2 * np.abs(theirs - exact).max() + 1e-7


def test_normalisations_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=r"layer_norm of \(4,\) got an input of shape \(2, 3\)"):
        nn.LayerNorm(4)(ft.zeros(2, 3))
    with pytest.raises(ValueError, match=r"BatchNorm1d\(4\) got an input of shape \(2, 3\)"):
        nn.BatchNorm1d(4)(ft.zeros(2, 3))
    with pytest.raises(ValueError, match="one value for each channel.*larger batches"):
        nn.BatchNorm1d(4)(ft.zeros(1, 4))
    with pytest.raises(TypeError, match="meet"):
        nn.LayerNorm(4)(ft.zeros(2, 4, dtype=ft.float64))
    assert nn.LayerNorm(4)([[1, 2, 3, 4]]).dtype == np.float32
    plain = F.layer_norm(np.arange(4.0), 4)
    assert type(plain) is np.ndarray and plain.dtype == np.float64


def test_dropout_thins_out_in_training_alone():
    ft.manual_seed(3)
    x = ft.ones(200, 100, requires_grad=True)
    layer = nn.Dropout(0.3)
    y = layer(x)
    values = y.detach().numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(1) / np.float32(0.7)}
    assert np.mean(values == 0) == pytest.approx(0.3, abs=0.01)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)
    assert layer.eval()(x) is x and nn.Dropout(0.0)(x) is x
    assert not nn.Dropout(1.0)(x).detach().numpy().any()
    assert type(F.dropout(np.ones(4))) is np.ndarray
    ft.manual_seed(3)
    np.testing.assert_array_equal(nn.Dropout(0.3)(x).detach().numpy(), values)
    for wrong in (-0.1, 1.5):
        with pytest.raises(ValueError, match="probability from 0 to 1"):
            nn.Dropout(wrong)
        with pytest.raises(ValueError, match="probability from 0 to 1"):
            F.dropout(x, wrong)


def test_dropout_draws_its_mask_in_one_place(monkeypatch):
    monkeypatch.setattr(layers, "draw_kept", lambda shape, p: np.arange(np.prod(shape)).reshape(shape) % 2 == 0)
    assert nn.Dropout(0.5)(ft.ones(4)).tolist() == [2, 0, 2, 0]


@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 1}, {"padding_idx": -1}, {"scale_grad_by_freq": True}, {"max_norm": 0.9}], ids=str
)
@pytest.mark.parametrize("shape", [(), (7,), (3, 4)], ids=str)
def test_embedding_follows_torch(options, shape):
    ours, theirs = twins(lambda t: t.Embedding(5, 3, **options))
    index = np.asarray(RANDOM.integers(0, 5, shape))
    y, z = ours(ft.tensor(index)), theirs(torch.tensor(index))
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), atol=1e-12)
    weights = RANDOM.normal(size=y.shape)
    y.backward(weights)
    z.backward(torch.tensor(weights))
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), atol=1e-12)


def test_embedding_refuses_what_has_no_row():
    layer = nn.Embedding(4, 2, padding_idx=3)
    assert repr(layer) == repr(torch.nn.Embedding(4, 2, padding_idx=3)) and layer.weight[3].tolist() == [0, 0]
    for wrong in (4, -1):
        with pytest.raises(IndexError, match=f"index {wrong} for a weight of 4 rows"):
            layer(ft.tensor([0, wrong]))
    with pytest.raises(TypeError, match="integer indices"):
        layer(ft.tensor([0.5]))
    with pytest.raises(ValueError, match="padding_idx=4"):
        nn.Embedding(4, 2, padding_idx=4)
    frozen = nn.Embedding.from_pretrained(ft.ones(3, 2))
    assert not frozen.weight.requires_grad and frozen([1]).tolist() == [[1, 1]]
