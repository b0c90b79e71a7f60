"""The names that torch scripts use at the top: ``import fastact.torch as torch``.

Names only: what they stand for is defined in the modules of fastact. A name that is not here raises AttributeError.
"""

import builtins
import difflib
import sys
import types

import numpy as np

import fastact as fa
from fastact import _data, nn, optim
from fastact._grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from fastact._random import initial_seed, manual_seed
from fastact._tensor import Tensor, check_device, tensor
from fastact._tensor_factories import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from fastact._tensor_operators import METHODS, METHODS_OF_TWO
from fastact._tensor_shape import cat, stack, where
from fastact.nn.functional import log_softmax, one_hot, softmax

__all__ = [
    "Tensor",
    "arange",
    "as_tensor",
    "cat",
    "empty",
    "enable_grad",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "initial_seed",
    "is_grad_enabled",
    "linspace",
    "log_softmax",
    "manual_seed",
    "nn",
    "no_grad",
    "one_hot",
    "ones",
    "ones_like",
    "optim",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "set_grad_enabled",
    "softmax",
    "stack",
    "tensor",
    "where",
    "zeros",
    "zeros_like",
]

inference_mode = no_grad
concat = cat
half, float, double = map(np.dtype, ("float16", "float32", "float64"))
float16, float32, float64 = half, float, double
uint8, int8, int16, int32, int64 = map(np.dtype, ("uint8", "int8", "int16", "int32", "int64"))
short, int, long, bool = int16, int32, int64, np.dtype("bool")
pi, e, inf, nan = np.pi, np.e, np.inf, np.nan
relu, sigmoid, tanh = fa.relu, fa.sigmoid, fa.tanh
globals().update({**METHODS, **METHODS_OF_TWO})

FloatTensor, DoubleTensor, LongTensor = (
    (lambda data, dtype=dtype: tensor(data, dtype)) for dtype in (float32, float64, int64)
)


def _method(name):
    """A function that calls the method `name` of its first argument, made a Tensor."""

    def call(input, *args, **kwargs):
        return getattr(as_tensor(input), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = getattr(Tensor, name).__doc__
    return call


for _name in (
    "sum",
    "mean",
    "var",
    "std",
    "norm",
    "max",
    "min",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "all",
    "any",
    "clamp",
    "reshape",
    "flatten",
    "squeeze",
    "unsqueeze",
    "transpose",
    "permute",
    "t",
    "gather",
    "masked_fill",
    "numel",
    "logsumexp",
    "reciprocal",
):
    globals()[_name] = _method(_name)


def is_tensor(obj):
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements agree within atol + rtol·|other|."""
    return builtins.bool(np.allclose(as_tensor(input).detach(), as_tensor(other).detach(), rtol, atol, equal_nan))


def equal(input, other):
    """Whether shapes and all elements are equal."""
    return np.array_equal(as_tensor(input).detach(), as_tensor(other).detach())


def set_num_threads(n):
    """Limit the threads of fastact's kernels; `fastact.set_num_threads`."""
    fa.set_num_threads(n)


class device:
    """A device by name: "cpu", the only one there is."""

    def __init__(self, type, index=None):
        check_device(type)
        self.type, self.index = "cpu", index

    def __repr__(self):
        return "device(type='cpu')"

    def __str__(self):
        return "cpu"

    def __eq__(self, other):
        return str(other).split(":")[0] == "cpu"

    def __hash__(self):
        return hash("cpu")


cuda = types.SimpleNamespace(
    is_available=lambda: False, device_count=lambda: 0, manual_seed=lambda seed: None, manual_seed_all=lambda seed: None
)
utils = _data.make_modules(__name__)
sys.modules.update(
    {
        f"{__name__}.nn": nn,
        f"{__name__}.nn.functional": nn.functional,
        f"{__name__}.optim": optim,
    }
)


ELSEWHERE = {
    "save": "nn.save_safetensors(model, path) writes weights in a format that torch reads too",
    "load": "nn.load_safetensors(model, path) reads weights; fastact never unpickles a file",
    "set_default_dtype": "give tensors and layers a dtype, or convert them: model.to(dtype)",
    "compile": "there is nothing to compile: leave the call out",
}


def __getattr__(name):
    if name in ELSEWHERE:
        raise AttributeError(f"fastact.torch has no {name!r}: {ELSEWHERE[name]}")
    known = [key for key in globals() if not key.startswith("_")]
    nearest = difflib.get_close_matches(name, known, 3)
    hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
    raise AttributeError(
        f"fastact.torch has no {name!r}: it holds the names that training scripts use at the top, not "
        f"all of torch{hint}"
    )
