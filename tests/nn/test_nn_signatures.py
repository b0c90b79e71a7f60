"""Arguments have torch's names, order and defaults, as `inspect` and `help` show them."""

import inspect

import numpy as np
import pytest
import torch

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn, optim
from fastact.nn import init

PLACES = {
    "nn": (torch.nn, nn, [name for name in nn.__all__ if hasattr(torch.nn, name)]),
    "F": (torch.nn.functional, F, F.__all__),
    "init": (torch.nn.init, init, [name for name in vars(init) if name.endswith("_") and not name.startswith("_")]),
    "optim": (torch.optim, optim, optim.__all__),
    "lr_scheduler": (
        torch.optim.lr_scheduler,
        optim.lr_scheduler,
        [name for name in vars(optim.lr_scheduler) if name.endswith(("LR", "Plateau"))],
    ),
    "Module": (torch.nn.Module, nn.Module, [name for name in vars(nn.Module) if not name.startswith("_")]),
    "data": (
        torch.utils.data,
        ft.utils.data,
        ["DataLoader", "Subset", "BatchSampler", "RandomSampler", "ConcatDataset"],
    ),
}
OURS_ALONE = {"axis", "inplace"}  # accepted everywhere: NumPy's word for dim, and one that is ignored
THEIRS_ALONE = {"_weight", "_freeze", "min_value", "max_value", "out"}  # private, deprecated, or of no use here


def arguments(function, left_out):
    """(name, default) of the arguments of a function that has some; None where they are not told."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in found):
        return None
    return [(one.name, repr(None if one.default == () else one.default)) for one in found if one.name not in left_out]


@pytest.mark.parametrize("place", PLACES)
def test_arguments_are_torchs(place):
    theirs, ours, names = PLACES[place]
    compared = 0
    for name in names:
        given, expected = getattr(ours, name), getattr(theirs, name, None)
        if not callable(given) or not callable(expected):
            continue
        expected, found = arguments(expected, THEIRS_ALONE), arguments(given, OURS_ALONE | {"generator"})
        if expected is not None and found is not None:
            expected = [pair for pair in expected if pair[0] not in OURS_ALONE | {"generator"}]
            assert found == expected, name
            compared += 1
    assert compared >= 4


def test_every_module_and_function_tells_its_arguments():
    for name in nn.__all__:
        if isinstance(getattr(nn, name), type) and name not in ("Sequential", "Identity", "SafetensorsError"):
            assert arguments(getattr(nn, name), ()) is not None, name
    assert all(arguments(getattr(F, name), ()) is not None for name in F.__all__)
    assert str(inspect.signature(nn.Threshold)) == "(threshold, value, inplace=False)"


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights_of_losses_of_pairs(name, reduction):
    random, results = np.random.default_rng(3), []
    x, y, weight = random.normal(size=(3, 5, 2)) * 2
    for library, functional in ((torch, torch.nn.functional), (ft, F)):
        a, b, w = library.tensor(x, requires_grad=True), library.tensor(y), library.tensor(weight, requires_grad=True)
        loss = getattr(functional, name)(a, b, reduction=reduction, weight=w)
        loss.sum().backward()
        results.append([loss.detach().numpy(), a.grad.numpy(), w.grad.numpy()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    single = getattr(F, name)(x.astype(np.float32), y.astype(np.float32), reduction=reduction, weight=weight)
    assert np.asarray(single).dtype == np.float32
    with pytest.raises(ValueError, match=r"weight has shape \(2,\), expected that of the input, \(5, 2\)"):
        getattr(F, name)(x, y, weight=weight[0])


@pytest.mark.parametrize("name", PLACES["init"][2])
def test_random_fills_take_a_generator(name):
    if "generator" not in inspect.signature(getattr(init, name)).parameters:
        return
    more, filled = {"sparse_": (0.3,)}.get(name, ()), []
    for seed in (1, 1, 2):
        ft.manual_seed(0)
        filled.append(getattr(init, name)(ft.zeros(6, 4), *more, generator=ft.Generator().manual_seed(seed)).tolist())
        after = ft.randn(1).item()
        ft.manual_seed(0)
        assert ft.randn(1).item() == after, "the generator in use is left alone"
    assert filled[0] == filled[1] != filled[2]


def test_sparse_fills_leave_a_share_of_zeros():
    values = init.sparse_(ft.zeros(10, 30), 0.25, std=2.0).numpy()
    assert ((values == 0).sum(axis=0) == 3).all() and 1.5 < values[values != 0].std() < 2.5
