"""Drawn shapes, layouts and models: what torch computes of them, values and gradients, fastact computes."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn

SHAPES = ((), (1,), (0,), (3,), (1, 3), (3, 1), (2, 3), (0, 3), (3, 0), (2, 1, 3), (2, 3, 4), (1, 1, 1), (2, 0, 3))
# x and c are leaves; c broadcasts against x or not
CALLS = """
x + c; x - c; x * c; x / (c * c + 1); t.maximum(x, c); t.minimum(x, c); x.lerp(c, 0.3); t.logaddexp(x, c); t.where(x > 0, x, c)
x.clamp(min=c); x.clamp(c, c + 1); x.clamp(-0.5, 0.5); x.masked_fill(x > 0, c.sum()); x.abs() ** 1.5; 2.0**x; x**2; x @ c; x.matmul(c)
x.sum(); x.sum(-1); x.sum(0, keepdim=True); x.mean(); x.mean((0, -1)); x.var(); x.std(0); x.std(-1, unbiased=False); x.prod(); x.prod(0)
x.amax(0); x.amin(); x.max(-1)[0]; x.norm(); x.norm(1); x.norm(3, -1); x.norm(float("inf"), 0); x.cumsum(0); x.cumprod(-1)
x.logsumexp(0); x.softmax(-1); x.log_softmax(0); F.softmin(x, dim=0); F.normalize(x, dim=-1); F.cosine_similarity(x, c, dim=-1)
x[0]; x[..., 0]; x[None]; x[::2]; x[..., 1:]; x[x > 0]; x[[0, 0]]; x[:, 0]; x.flip(0); x.roll(1); x.T; x.unsqueeze(-1); x.squeeze()
x.reshape(-1); x.flatten(); x.transpose(0, -1); x.expand(2, *x.shape); x.repeat(2, 2); x.tile(2); x.triu(); x.diag(); t.cat([x, x * 2])
t.cat([x, x], -1); t.stack([x, c], -1); t.outer(x, c); x.gather(0, t.zeros(x.shape, dtype=t.int64)); t.einsum("...i,...i->...", x, c)
F.relu(x); F.gelu(x); F.silu(x); F.softplus(x); F.elu(x); F.glu(x); F.layer_norm(x, x.shape[-1:]); F.rms_norm(x, x.shape[-1:], eps=1e-6)
x.half().double(); x.double().sum(); (x * x).sum() * x; x.detach() * x; x.clone(); x.contiguous(); F.linear(c, x); F.mse_loss(x, x * 2)
F.cross_entropy(x, c.softmax(min(1, x.ndim - 1))); F.kl_div(x, x.sigmoid(), reduction="batchmean"); F.huber_loss(x, x * 3, delta=0.4)
"""
CALLS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(";")]
ACTIVATIONS = ("ReLU", "GELU", "SiLU", "Tanh", "ELU", "LeakyReLU", "Softplus", "PReLU", "Hardswish", "Identity")


def laid(t, array, layout):
    """A leaf with these elements, lying in memory in one of three ways."""
    if layout == "strided" and array.ndim:
        return t.tensor(np.repeat(array, 2, -1))[..., ::2]
    if layout == "turned" and array.ndim == 2:
        return t.tensor(np.ascontiguousarray(array.T)).T
    return t.tensor(array)


def outcome(t, functional, text, arrays, layout):
    """Value and gradients, or the exception."""
    x, c = (laid(t, array, layout).requires_grad_() for array in arrays)
    try:
        y = eval(text, {"x": x, "c": c, "t": t, "F": functional})
        weights = np.random.default_rng(1).normal(size=tuple(y.shape))
        (y * t.tensor(weights)).sum().backward()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return error
    return [np.asarray(part) for part in (y.detach(), *(p.grad for p in (x, c) if p.grad is not None))]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CALLS), st.sampled_from(SHAPES), st.data())
def test_what_torch_computes_is_computed_alike(text, shape, data):
    other = data.draw(st.sampled_from([shape, *SHAPES]))
    layout = data.draw(st.sampled_from(["in order", "strided", "turned"]))
    generator = np.random.default_rng(data.draw(st.integers(0, 9)))
    arrays = [generator.normal(size=size) for size in (shape, other)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        theirs = outcome(torch, torch.nn.functional, text, arrays, layout)
        ours = outcome(ft, F, text, arrays, layout)
    if isinstance(theirs, Exception):
        return
    assert not isinstance(ours, Exception), ours
    assert len(ours) == len(theirs)
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine.shape == expected.shape and mine.dtype == expected.dtype
        np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-10)


@st.composite
def layers(draw, width):
    """Classes and arguments of the layers of a Sequential."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["Linear", "Linear", "Linear", "LayerNorm", "activation"]))
        if kind == "Linear":
            out = draw(st.sampled_from([1, 3, 64, 300]))
            made.append((kind, (width, out, draw(st.booleans()))))
            width = out
        elif kind == "LayerNorm" and width > 1:
            made.append((kind, (width,)))
        if kind != "LayerNorm" and draw(st.booleans()):
            made.append((draw(st.sampled_from(ACTIVATIONS)), ()))
    return made or [("Identity", ())]


def passes(t, model, x, way):
    """Gradients of input and parameters after one of several kinds of backward pass, and the output."""
    x = t.tensor(x, requires_grad=True)
    y = model(x)
    weights = t.tensor(np.random.default_rng(5).normal(size=tuple(y.shape)))
    loss = (y * weights).sum() + ((y * y.detach()).sum() if way == "output used twice" else 0)
    loss = loss + (model(x) * y).sum() if way == "model used twice" else loss
    if way == "twice":
        loss.backward(retain_graph=True)
    before = y.detach().numpy().copy()
    loss.backward()
    if way == "two passes":
        model(x).sum().backward()
    assert way != "twice" or np.array_equal(before, y.detach().numpy())
    return [y.detach(), x.grad, *(parameter.grad for parameter in model.parameters())]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_drawn_models_have_torchs_gradients(data):
    width = data.draw(st.sampled_from([1, 8, 257]))
    chosen = data.draw(layers(width))
    lead = data.draw(st.sampled_from([(4,), (1,), (0,), (128,), (2, 3), ()]))
    way = data.draw(st.sampled_from(["once", "twice", "output used twice", "model used twice", "two passes"]))
    theirs, ours = (
        library.Sequential(*(getattr(library, name)(*args) for name, args in chosen)).double()
        for library in (torch.nn, nn)
    )
    generator = np.random.default_rng(3)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.tensor(generator.normal(size=tuple(parameter.shape)) / parameter.shape[-1] ** 0.5))
    ours.load_state_dict(theirs.state_dict())
    x = generator.normal(size=(*lead, width))
    for mine, expected in zip(passes(ft, ours, x, way), passes(torch, theirs, x, way), strict=True):
        assert (mine is None) == (expected is None)
        if mine is not None:
            expected = np.asarray(expected)
            np.testing.assert_allclose(
                np.asarray(mine), expected, rtol=1e-9, atol=1e-9 * (1 + np.abs(expected).max(initial=0))
            )
