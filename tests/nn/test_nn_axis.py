"""`axis` is `dim` and `keepdims` is `keepdim` wherever there is one; equality with what is no number."""

import inspect

import pytest

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn

CALLS = {
    "ft.softmax": ft.softmax,
    "ft.log_softmax": ft.log_softmax,
    "F.softmin": F.softmin,
    "F.glu": F.glu,
    "F.normalize": F.normalize,
    "F.cosine_similarity": lambda x, **given: F.cosine_similarity(x, x.flip(0), **given),
    "ft.var_mean": lambda x, **given: ft.cat(ft.var_mean(x, **given)),
    "ft.std_mean": lambda x, **given: ft.cat(ft.std_mean(input=x, **given)),
    "nn.GLU": lambda x, **given: nn.GLU(**given)(x),
    "nn.Unflatten": lambda x, **given: nn.Unflatten(unflattened_size=(2, 2), **given)(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_axis_is_dim(name):
    x = ft.randn(4, 6)
    assert CALLS[name](x, axis=0).equal(CALLS[name](x, dim=0))
    with pytest.raises(TypeError, match="dim=0 and axis=1 say the same thing twice"):
        CALLS[name](x, dim=0, axis=1)


def test_no_function_is_left_out():
    for place in (ft, F, nn):
        for name in place.__all__:
            given = getattr(place, name).__init__ if place is nn else getattr(place, name)
            names = inspect.signature(inspect.unwrap(given)).parameters if callable(given) else ()
            assert "dim" not in names or "axis" in names or hasattr(given, "__wrapped__"), name


def test_keepdims_is_keepdim():
    assert ft.var_mean(ft.randn(4, 6), axis=1, keepdims=True)[0].shape == (4, 1)


def test_what_is_no_number_is_unequal():
    x = ft.tensor([1.0, 2.0])
    for other in ("a", None, {}, object(), [1.0, "a"], b"a"):
        assert (x == other) is False and (x != other) is True and (other == x) is False
    assert x in ["a", None, x] and x not in ["a", None]
    assert (x == [1, 3]).tolist() == [True, False]
    with pytest.raises(TypeError, match="'<' not supported between instances of 'Tensor' and 'str'"):
        assert x < "a"
