"""Gradients handed back, hooks, and passes from several tensors: what torch.autograd gives, fastact.torch.autograd gives."""

import gc
import weakref

import numpy as np
import pytest
import torch

import fastact.torch as ft
from fastact import nn

VALUES = np.random.default_rng(2).normal(size=(3, 4))
# by how they are written for both libraries: x, w leaves; h a result on the way
GRADIENTS = {
    "leaves": "t.autograd.grad((h * w).sum(), [x, w])",
    "a result on the way": "t.autograd.grad((h * h).sum(), h)",
    "a result and its leaf": "t.autograd.grad((h * h).sum(), [h, x])",
    "the output itself": "t.autograd.grad(y, [y, x])",
    "a leaf as output": "t.autograd.grad(x.sum() * 0 + w.sum(), [w, x])",
    "given gradients": "t.autograd.grad([h, y], [x], [t.ones_like(h) * 2, None])",
    "one gradient": "t.autograd.grad(h, x, h.detach())",
    "the same twice": "t.autograd.grad([y, y], [x, x])",
    "unused allowed": "t.autograd.grad(h.sum(), [w, x], allow_unused=True)",
    "unused as zeros": "t.autograd.grad(h.sum(), [w, x], materialize_grads=True)",
    "kept graph": "(t.autograd.grad(y, x, retain_graph=True), t.autograd.grad(y, w))",
    "in two parts": "(lambda g: (h.backward(g), x.grad))(t.autograd.grad(y, h)[0])",
    "without recording": "without(lambda: t.autograd.grad(y, x))",
    "several backward": "(t.autograd.backward([y, h.sum()]), x.grad, w.grad)",
    "several backward with gradients": "(t.autograd.backward([h, w], [h.detach(), t.ones_like(w)]), x.grad, w.grad)",
}
HOOKS = {
    "doubling a leaf": "x.register_hook(lambda g: g * 2)",
    "doubling a result": "h.register_hook(lambda g: g * 2)",
    "two in order": "(h.register_hook(lambda g: g + 1), h.register_hook(lambda g: g * 3))",
    "only looking": "h.register_hook(lambda g: None)",
    "taken away": "h.register_hook(lambda g: g * 2).remove()",
    "a leaf used twice": "w.register_hook(lambda g: g.clamp(-0.1, 0.1))",
    "a kept gradient": "(h.retain_grad(), h.register_hook(lambda g: g * 5))",
}


def graph(t):
    x, w = t.tensor(VALUES, requires_grad=True), t.tensor(VALUES[0].copy(), requires_grad=True)
    h = (x * w).sin()
    return {"t": t, "x": x, "w": w, "h": h, "y": (h * h * w).sum()}


def without(t, call):
    with t.no_grad():
        return call()


def flat(found):
    if isinstance(found, (tuple, list)):
        return [part for inner in found for part in flat(inner)]
    return [None if found is None else np.asarray(found.detach())]


def compare(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            np.testing.assert_allclose(mine, other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_torchs_and_leaves_stay_as_they_were(name):
    found = []
    for t in (ft, torch):
        names = graph(t)
        result = eval(GRADIENTS[name], {**names, "without": lambda call, t=t: without(t, call)})
        found.append([*flat(result), *flat([names["x"].grad, names["w"].grad])])
    compare(*found)


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_are_shown_and_change_what_torchs_do(name):
    found = []
    for t in (ft, torch):
        names, seen = graph(t), []
        names["x"].register_hook(lambda g, seen=seen: seen.append(g.clone()))
        eval(HOOKS[name], names)
        names["y"].backward(retain_graph=True)
        names["y"].backward()
        kept = [names["h"].grad] if name == "a kept gradient" else []
        found.append(flat([names["x"].grad, names["w"].grad, *kept, *seen]))
        assert len(seen) == 2
    compare(*found)


def test_hooks_of_parameters_reach_the_optimizer():
    for flat_group in (False, True):
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        optimizer = ft.optim.SGD(model.parameters(), lr=1.0)
        x = ft.ones(5, 3)
        if flat_group:  # from the second step on gradients are written to one piece of memory
            model(x).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        handles = [parameter.register_hook(lambda g: g * 0) for parameter in model.parameters()]
        before = [parameter.tolist() for parameter in model.parameters()]
        model(x).sum().backward()
        optimizer.step()
        assert [parameter.tolist() for parameter in model.parameters()] == before
        for handle in handles:
            handle.remove()
            handle.remove()
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
        assert [parameter.tolist() for parameter in model.parameters()] != before


def test_a_gradient_seen_by_a_hook_is_not_overwritten():
    layer, seen = nn.Linear(3, 2), []
    optimizer = ft.optim.SGD(layer.parameters(), lr=0.1)
    layer.weight.register_hook(seen.append)
    for scale in (1.0, 2.0, 3.0):
        optimizer.zero_grad()
        layer(ft.full((1, 3), scale)).sum().backward()
        optimizer.step()
    assert [gradient.tolist() for gradient in seen] == [[[s] * 3] * 2 for s in (1.0, 2.0, 3.0)]


def test_gradients_handed_back_are_the_callers_own():
    x = ft.tensor(VALUES, requires_grad=True)
    loss = nn.functional.cross_entropy(x, ft.tensor([0, 1, 2]))
    (first,) = ft.autograd.grad(loss, x, retain_graph=True)
    first.zero_()
    (second,) = ft.autograd.grad(loss, x)
    assert second.abs().sum().item() > 0 and not first.requires_grad


def test_hooks_of_leaves_come_at_the_end_and_torchs_as_soon_as_they_can():
    orders = []
    for t in (ft, torch):
        x, w, order = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True), []
        h = x * 2
        w.register_hook(lambda g, order=order: order.append("leaf"))
        h.register_hook(lambda g, order=order: order.append("result"))
        (h.sin() * w).sum().backward()
        orders.append(order)
    assert orders[0] == ["result", "leaf"] and sorted(orders[1]) == ["leaf", "result"]


def test_a_hook_lives_as_long_as_its_tensor():
    x, hook = ft.ones(2, requires_grad=True), lambda g: None
    x.register_hook(hook)
    alive = weakref.ref(hook)
    del hook
    assert alive() is not None
    del x
    gc.collect()
    assert alive() is None
    with (x := ft.ones(2, requires_grad=True)).register_hook(lambda g: g * 2):
        x.sum().backward()
    x.sum().backward()
    assert x.grad.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n: ft.autograd.grad(n["h"].sum(), n["w"].detach()), RuntimeError, "input 0 of grad.. does not require"),
        (lambda n: ft.autograd.grad(n["w"].sum(), [n["w"], n["x"]]), RuntimeError, "input 1 .* allow_unused=True"),
        (lambda n: ft.autograd.grad(n["h"], n["x"]), RuntimeError, r"needs a gradient for a tensor of shape \(3, 4\)"),
        (lambda n: ft.autograd.grad(n["h"], n["x"], ft.ones(4)), RuntimeError, r"gradient of shape \(4,\)"),
        (lambda n: ft.autograd.grad([n["h"], n["y"]], n["x"], [None]), ValueError, "2 tensors, and there are 1 gradients"),
        (lambda n: ft.autograd.grad(ft.ones(()), n["x"]), RuntimeError, "nothing to differentiate"),
        (lambda n: ft.autograd.backward([n["y"], ft.ones(())]), RuntimeError, "nothing to differentiate"),
        (lambda n: ft.autograd.grad(n["y"], []), ValueError, "inputs is empty"),
        (lambda n: ft.autograd.grad(3.0, n["x"]), TypeError, "iterable"),
        (lambda n: ft.autograd.grad(n["y"], n["x"], create_graph=True), NotImplementedError, "derivatives of derivatives"),
        (lambda n: ft.autograd.backward(n["y"], create_graph=True), NotImplementedError, "derivatives of derivatives"),
        (lambda n: ft.autograd.grad(n["y"], n["x"], is_grads_batched=True), NotImplementedError, "once for each"),
        (lambda n: [ft.autograd.grad(n["y"], n["x"]) for _ in range(2)], RuntimeError, "retain_graph=True"),
        (lambda n: (n["w"].add_(1), ft.autograd.grad(n["y"], n["x"])), RuntimeError, "changed in place"),
        (lambda n: ft.ones(2).register_hook(print), RuntimeError, "requires_grad=True first"),
        (lambda n: n["x"].register_hook(None), TypeError, "takes a function of the gradient, got NoneType"),
        (lambda n: (n["h"].register_hook(lambda g: g[0]), n["y"].backward()), RuntimeError, "return one of the same shape"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    names = graph(ft)
    with pytest.raises(error, match=message), ft.set_grad_enabled(message != "changed in place"):
        call(names)
