"""Functions under torch's names and arguments, on Tensors, arrays, lists and numbers.

A result is a Tensor where an operand is one. Formulas belong in ``fastact`` itself; here are torch's names, defaults and
conventions (``dim``) over them. The activation functions are made from `ACTIVATIONS`; layers and losses have files of
their own.
"""

import inspect
import warnings
from typing import Any

import fastact as fa
from fastact import _tape
from fastact._names import refuse_others
from fastact._tensor_reduce import check_dim, taking_synonyms
from fastact.nn._functional_layers import (
    as_array,
    batch_norm,
    cosine_similarity,
    dropout,
    embedding,
    layer_norm,
    linear,
    normalize,
    one_hot,
    rms_norm,
)
from fastact.nn._functional_likelihoods import gaussian_nll_loss, poisson_nll_loss
from fastact.nn._functional_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)

REQUIRED = object()
# torch's name: (fastact's name, torch's parameters with their defaults)
_TABLE = {
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.01}),
    "elu": ("elu", {"alpha": 1.0}),
    "celu": ("celu", {"alpha": 1.0}),
    "selu": ("selu", {}),
    "sigmoid": ("sigmoid", {}),
    "logsigmoid": ("log_sigmoid", {}),
    "tanh": ("tanh", {}),
    "tanhshrink": ("tanhshrink", {}),
    "gelu": ("gelu", {"approximate": "none"}),
    "silu": ("silu", {}),
    "mish": ("mish", {}),
    "softplus": ("softplus", {"beta": 1.0, "threshold": 20.0}),
    "softsign": ("softsign", {}),
    "hardsigmoid": ("hardsigmoid", {}),
    "hardswish": ("hardswish", {}),
    "hardtanh": ("hardtanh", {"min_val": -1.0, "max_val": 1.0}),
    "hardshrink": ("hardshrink", {"lambd": 0.5}),
    "softshrink": ("softshrink", {"lambd": 0.5}),
    "threshold": ("threshold", {"threshold": REQUIRED, "value": REQUIRED}),
}
ACTIVATIONS = {name: (getattr(fa, ours), defaults) for name, (ours, defaults) in _TABLE.items() if hasattr(fa, ours)}


def _given(name, names, args, options):
    """The arguments after the input by name; refuses unknown, repeated and missing ones."""
    if len(args) > len(names):
        raise TypeError(
            f"{name} takes at most {len(names)} arguments after the input ({', '.join(names)}); got {len(args)}"
        )
    given = dict(zip(names, args, strict=False))
    unknown = [key for key in options if key not in names or key in given]
    if unknown:
        raise TypeError(
            f"{name} got unexpected or repeated {', '.join(unknown)}; after the input it takes {', '.join(names)}"
        )
    return {**given, **options}


def signature_of(*first, **settings):
    """The signature of arguments without defaults and of settings, for `help` and whoever asks."""
    kind, none = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    defaults = {**dict.fromkeys(first, REQUIRED), **settings}.items()
    return inspect.Signature(
        [inspect.Parameter(name, kind, default=none if value is REQUIRED else value) for name, value in defaults]
    )


def _make_activation(name, function, defaults):
    names = (*defaults, "inplace")
    required = [key for key, value in defaults.items() if value is REQUIRED]

    def activation(input, *args, **options):
        if not args and not options and not required:
            return function(input, **defaults) if defaults else function(input)
        given = {**defaults, **_given(name, names, args, options)}
        missing = [key for key in required if given[key] is REQUIRED]
        if missing:
            raise TypeError(f"{name} needs {' and '.join(missing)} after the input")
        given.pop("inplace", None)
        return function(input, **given)

    activation.__name__ = activation.__qualname__ = name
    parameters = "".join(f", {key}" if value is REQUIRED else f", {key}={value!r}" for key, value in defaults.items())
    activation.__doc__ = (
        f"``{name}(input{parameters}, inplace=False)``: `fastact.{_TABLE[name][0]}` with torch's defaults; `inplace` is "
        "accepted and ignored."
    )
    activation.defaults = defaults
    activation.__signature__ = signature_of("input", **defaults, inplace=False)
    return activation


_made: Any = None  # by name, below: type checkers know what stands here
relu = relu6 = leaky_relu = elu = celu = selu = sigmoid = logsigmoid = tanh = tanhshrink = gelu = silu = mish = _made
softplus = softsign = hardsigmoid = hardswish = hardtanh = hardshrink = softshrink = threshold = _made
for _name, (_function, _defaults) in ACTIVATIONS.items():
    globals()[_name] = _make_activation(_name, _function, _defaults)


def prelu(input, weight):
    """x where it is above 0, weight·x elsewhere.

    Parameters
    ----------
    input : Tensor or array_like
    weight : Tensor or array_like
        One slope, or one for each channel, which is axis 1 of the input.
    """
    input, weight = as_array(input), as_array(weight)
    if weight.size != 1 if not isinstance(weight, _tape.TensorBase) else weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.shape != (channels,):
            raise ValueError(
                f"prelu got slopes of shape {weight.shape} for an input of shape {input.shape}: expected one, or "
                f"({channels},), one for each channel on axis 1"
            )
        weight = weight.reshape(-1, *(1,) * (input.ndim - 2))
    return fa.prelu(input, weight if input.ndim else weight.reshape(()))


@taking_synonyms
def glu(input, dim=-1):
    """a·sigmoid(b), a and b the halves of the input along `dim`."""
    input = as_array(input)
    return fa.glu(input, axis=check_dim(dim, input.ndim))


def _softmax_dim(name, dim, ndim):
    if dim is None:
        dim = 0 if ndim in (0, 1, 3) else 1
        warnings.warn(
            f"{name} without dim takes dim={dim} for an input of {ndim} axes, as torch does; name it", stacklevel=5
        )
    return check_dim(dim, ndim)


@taking_synonyms
def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / Σ exp(x) along `dim`.

    Parameters
    ----------
    input : Tensor or array_like
        Integers too; lists and arrays give an array.
    dim : int
        The axis that sums to 1.
    dtype : dtype, optional
        What the input is converted to first.

    Raises
    ------
    numpy.exceptions.AxisError
        If the input has no such axis (an IndexError as well).

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([1000, 1001, 1002]), dim=0).round(4)
    array([0.09  , 0.2447, 0.6652])
    """
    return _of_rows(fa.softmax, "softmax", input, dim, dtype)


@taking_synonyms
def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x − log Σ exp(x) along `dim`; arguments as `softmax`."""
    return _of_rows(fa.log_softmax, "log_softmax", input, dim, dtype)


@taking_synonyms
def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """exp(−x) / Σ exp(−x) along `dim`; arguments as `softmax`."""
    return _of_rows(fa.softmin, "softmin", input, dim, dtype)


def _of_rows(function, name, input, dim, dtype):
    input = as_array(input)
    if dtype is not None:
        input = input.to(dtype) if isinstance(input, _tape.TensorBase) else input.astype(dtype)
    return function(input, axis=_softmax_dim(name, dim, input.ndim))


__all__ = [
    *ACTIVATIONS, "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_similarity",
    "cross_entropy", "dropout", "embedding", "gaussian_nll_loss", "glu", "huber_loss", "kl_div", "l1_loss",
    "layer_norm", "linear", "log_softmax", "mse_loss", "nll_loss", "normalize", "one_hot", "poisson_nll_loss", "prelu",
    "rms_norm", "smooth_l1_loss", "softmax", "softmin",
]  # fmt: skip


refuse_others(
    globals(), "fastact.nn.functional", __all__, "the functions of multilayer perceptrons, not all of torch's"
)
