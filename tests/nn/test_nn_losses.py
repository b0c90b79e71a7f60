"""Losses of pairs as functions and modules beside torch: values, gradients of both inputs, weights, reductions."""

import inspect

import numpy as np
import pytest
import torch

import fastact as fa
import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn
from fastact.nn.losses import LOSSES

RANDOM = np.random.default_rng(21)
SHAPE = (5, 3)
NUMBERS, OTHERS = RANDOM.normal(0, 2, SHAPE), RANDOM.normal(0, 2, SHAPE)
SHARES, OTHER_SHARES = RANDOM.uniform(0.02, 0.98, SHAPE), RANDOM.uniform(0.02, 0.98, SHAPE)
ROW = RANDOM.uniform(0.5, 2, SHAPE[1])

# name: (module, options, first input, target)
CASES = {
    "mse": ("MSELoss", {}, NUMBERS, OTHERS),
    "l1": ("L1Loss", {}, NUMBERS, OTHERS),
    "smooth l1": ("SmoothL1Loss", {}, NUMBERS, OTHERS),
    "smooth l1 beta": ("SmoothL1Loss", {"beta": 0.3}, NUMBERS, OTHERS),
    "huber": ("HuberLoss", {}, NUMBERS, OTHERS),
    "huber delta": ("HuberLoss", {"delta": 2.5}, NUMBERS, OTHERS),
    "bce": ("BCELoss", {}, SHARES, OTHER_SHARES),
    "bce weight": ("BCELoss", {"weight": ROW}, SHARES, OTHER_SHARES),
    "bce certain": ("BCELoss", {}, np.array([[0.0, 1.0, 0.0, 1.0]]), np.array([[0.0, 1.0, 1.0, 0.0]])),
    "bce logits": ("BCEWithLogitsLoss", {}, NUMBERS, OTHER_SHARES),
    "bce logits weight": ("BCEWithLogitsLoss", {"weight": ROW}, NUMBERS, OTHER_SHARES),
    "bce logits pos_weight": ("BCEWithLogitsLoss", {"weight": ROW, "pos_weight": ROW + 1}, NUMBERS, OTHER_SHARES),
    "kl": ("KLDivLoss", {}, np.log(SHARES), OTHER_SHARES),
    "kl log": ("KLDivLoss", {"log_target": True}, np.log(SHARES), np.log(OTHER_SHARES)),
}


def both(name, reduction, options):
    arrays = {key: isinstance(value, np.ndarray) for key, value in options.items()}
    return [
        getattr(library, name)(
            reduction=reduction, **{key: make(value) if arrays[key] else value for key, value in options.items()}
        )
        for library, make in ((nn, ft.tensor), (torch.nn, torch.tensor))
    ]


REDUCED = [(case, reduction) for case in CASES for reduction in ("mean", "sum", "none")]
REDUCED += [(case, "batchmean") for case in CASES if case.startswith("kl")]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize(("case", "reduction"), REDUCED)
def test_values_and_gradients_of_both_inputs_are_torchs(case, reduction):
    name, options, x, t = CASES[case]
    ours, theirs = both(name, reduction, options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    a, b = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    s, u = ft.tensor(t, requires_grad=True), torch.tensor(t, requires_grad=True)
    y, z = ours(a, s), theirs(b, u)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-13, atol=1e-14)
    weights = RANDOM.uniform(0.5, 1.5, y.shape)
    y.backward(weights)
    z.backward(torch.tensor(weights))
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(s.grad.numpy(), u.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_arrays_lists_and_weak_targets(case):
    name, options, x, t = CASES[case]
    ours = getattr(nn, name)(**options)
    plain = ours(x, t)
    assert not isinstance(plain, ft.Tensor)
    assert plain == pytest.approx(ours(ft.tensor(x), t).item()) == pytest.approx(ours(x.tolist(), t.tolist()))
    mixed = ours(ft.tensor(x, dtype=ft.float32, requires_grad=True), t)
    assert mixed.dtype == np.float32
    mixed.backward()
    with pytest.raises(TypeError, match="meet"):
        ours(ft.tensor(x), ft.tensor(t, dtype=ft.float32))
    with pytest.raises(ValueError, match="shape"):
        ours(ft.tensor(x), ft.tensor(t[:, :1]))


@pytest.mark.parametrize("name", LOSSES)
def test_torch_finds_its_arguments(name):
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    parameters = list(inspect.signature(theirs).parameters.values())
    assert list(ours.order) == [parameter.name for parameter in parameters]
    defaults = {parameter.name: parameter.default for parameter in parameters}
    assert all(defaults[key] == value for key, value in ours.defaults.items())
    assert repr(ours()) == repr(theirs())
    assert (
        ours(size_average=False).reduction == "sum" and ours(reduce=False).reduction == "none"
        if "reduce" in ours.order
        else True
    )
    with pytest.raises(TypeError, match="unexpected or repeated wrong"):
        ours(wrong=1)
    function = getattr(F, LOSSES[name][0])
    theirs = inspect.signature(getattr(torch.nn.functional, LOSSES[name][0])).parameters
    mine = inspect.signature(function).parameters
    assert list(mine) == [key for key in theirs if key in mine]
    assert all(mine[key].default == theirs[key].default for key in mine)


def test_probabilities_out_of_range_are_refused():
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="probabilities from 0 to 1"):
            nn.BCELoss()(ft.tensor([wrong]), ft.tensor([1.0]))


def test_binary_cross_entropy_of_fastact_itself_is_recorded():
    p, t = ft.tensor(SHARES, requires_grad=True), ft.tensor(OTHER_SHARES, requires_grad=True)
    q, u = torch.tensor(SHARES, requires_grad=True), torch.tensor(OTHER_SHARES, requires_grad=True)
    fa.binary_cross_entropy(p, t, weight=ROW).backward()
    torch.nn.functional.binary_cross_entropy(q, u, weight=torch.tensor(ROW)).backward()
    np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(t.grad.numpy(), u.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_cross_entropy_is_recorded(bias, reduction):
    x, w, b = (RANDOM.normal(size=shape) for shape in ((6, 4), (3, 4), (3,)))
    t = np.array([0, 2, -100, 1, 1, 0])
    ours = [ft.tensor(part, requires_grad=True) for part in (x, w, b)]
    theirs = [torch.tensor(part, requires_grad=True) for part in (x, w, b)]
    options = {"bias": ours[2]} if bias else {}
    y = fa.linear_cross_entropy(ours[0], ours[1], ft.tensor(t), reduction=reduction, **options)
    logits = torch.nn.functional.linear(*theirs[: 3 if bias else 2])
    z = torch.nn.functional.cross_entropy(logits, torch.tensor(t), reduction=reduction)
    assert y.item() == pytest.approx(z.item(), rel=1e-13)
    (y * 1.5).backward()
    (z * 1.5).backward()
    for mine, other in list(zip(ours, theirs, strict=True))[: 3 if bias else 2]:
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-11, atol=1e-13)
    assert not fa.linear_cross_entropy(ours[0].detach(), w, t).requires_grad
    with pytest.raises(TypeError, match="not differentiated"):
        fa.linear_cross_entropy(ours[0], w, t, reduction="none")


@pytest.mark.parametrize(
    "name", ["cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"]
)
def test_a_weight_that_wants_a_gradient_is_refused(name):
    of_classes = "entropy" in name and "binary" not in name or name == "nll_loss"
    target = ft.tensor([0, 1]) if of_classes else ft.rand(2, 2)
    weight = ft.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match=r"requires grad.*detach\(\)"):
        getattr(F, name)(ft.rand(2, 2), target, weight=weight)
    with ft.no_grad():
        getattr(F, name)(ft.rand(2, 2), target, weight=weight)


LIKELIHOODS = [
    lambda f, x, t, v: f.gaussian_nll_loss(x, t, v),
    lambda f, x, t, v: f.gaussian_nll_loss(x, t, v[:, :1], full=True, reduction="sum"),
    lambda f, x, t, v: f.gaussian_nll_loss(x, t, v[:, 0], reduction="none"),
    lambda f, x, t, v: f.gaussian_nll_loss(x, t, v * 1e-9, eps=1e-3),
    lambda f, x, t, v: f.poisson_nll_loss(x, t),
    lambda f, x, t, v: f.poisson_nll_loss(v, t + 0.5, log_input=False, full=True, reduction="sum"),
    lambda f, x, t, v: f.poisson_nll_loss(x, t.detach(), full=True, reduction="none"),
]


@pytest.mark.parametrize("call", LIKELIHOODS)
def test_likelihoods_are_torchs(call):
    random, results = np.random.default_rng(8), []
    arrays = random.normal(size=(6, 3)), random.integers(0, 5, (6, 3)).astype(float), random.uniform(0.1, 2, (6, 3))
    for library, functional in ((ft, F), (torch, torch.nn.functional)):
        leaves = [library.tensor(array, requires_grad=True) for array in arrays]
        loss = call(functional, *leaves)
        (loss * loss).sum().backward()
        results.append([loss.detach().numpy(), *(None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves)])
    for ours, theirs in zip(*results, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    singles = [array.astype(np.float32) for array in arrays]
    assert (
        np.asarray(F.gaussian_nll_loss(*singles)).dtype
        == np.asarray(F.poisson_nll_loss(*singles[:2])).dtype
        == np.float32
    )


def test_modules_of_likelihoods():
    x, t, v = (ft.tensor([[value, 1.0]]) for value in (0.5, 2.0, 3.0))
    for name, given, options in (
        ("GaussianNLLLoss", (x, t, v), {"full": True, "eps": 1e-2, "reduction": "sum"}),
        ("PoissonNLLLoss", (x, t), {"log_input": False, "full": True, "reduction": "sum"}),
    ):
        theirs = getattr(torch.nn, name)(**options)(*(torch.tensor(part.tolist()) for part in given))
        assert getattr(nn, name)(**options)(*given).item() == pytest.approx(theirs.item(), rel=1e-6)
    with pytest.raises(ValueError, match=r"variances of shape \(2,\) for an input of shape \(1, 2\)"):
        F.gaussian_nll_loss(x, t, v[0])
    with pytest.raises(ValueError, match="variance below 0"):
        F.gaussian_nll_loss(x, t, -v)
