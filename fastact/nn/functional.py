"""Functions under torch's names and arguments, on Tensors, arrays, lists and numbers.

A result is a Tensor where an operand is one. Formulas belong in ``fastact`` itself; here are torch's names, defaults and
conventions (``dim``, class axis 1) over them. The activation functions are made from `ACTIVATIONS`.
"""

import warnings

import numpy as np

import fastact as fa
from fastact import _fused, _tape
from fastact._tensor_reduce import check_dim

# torch's name: (ours, torch's parameters with their defaults)
ACTIVATIONS = {
    "relu": (fa.relu, {}),
    "leaky_relu": (fa.leaky_relu, {"negative_slope": 0.01}),
    "sigmoid": (fa.sigmoid, {}),
    "tanh": (fa.tanh, {}),
    "elu": (fa.elu, {"alpha": 1.0}),
    "gelu": (fa.gelu, {"approximate": "none"}),
    "silu": (fa.silu, {}),
    "softplus": (fa.softplus, {"beta": 1.0, "threshold": 20.0}),
}


def _make_activation(name, function, defaults):
    names = (*defaults, "inplace")

    def activation(input, *args, **options):
        if not args and not options:
            return function(input, **defaults) if defaults else function(input)
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
        given.update(options)
        given.pop("inplace", None)
        return function(input, **{**defaults, **given})

    activation.__name__ = activation.__qualname__ = name
    parameters = "".join(f", {key}={value!r}" for key, value in defaults.items())
    activation.__doc__ = (
        f"``{name}(input{parameters}, inplace=False)``: `fastact.{name}` with torch's defaults; `inplace` is "
        "accepted and ignored."
    )
    activation.defaults = defaults
    return activation


for _name, (_function, _defaults) in ACTIVATIONS.items():
    globals()[_name] = _make_activation(_name, _function, _defaults)


def _array(input):
    """`input` as something with axes: Tensors and arrays as they are."""
    return input if isinstance(input, (_tape.TensorBase, np.ndarray)) else np.asarray(input)


def _softmax_dim(name, dim, ndim):
    if dim is None:
        dim = 0 if ndim in (0, 1, 3) else 1
        warnings.warn(
            f"{name} without dim takes dim={dim} for an input of {ndim} axes, as torch does; name it", stacklevel=3
        )
    return check_dim(dim, ndim) if ndim else 0


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


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x − log Σ exp(x) along `dim`; arguments as `softmax`."""
    return _of_rows(fa.log_softmax, "log_softmax", input, dim, dtype)


def _of_rows(function, name, input, dim, dtype):
    input = _array(input)
    if dtype is not None:
        input = input.to(dtype) if isinstance(input, _tape.TensorBase) else input.astype(dtype)
    return function(input, axis=_softmax_dim(name, dim, input.ndim))


def linear(input, weight, bias=None):
    """x Wᵀ + b.

    Parameters
    ----------
    input : Tensor or array_like, shape (..., in)
    weight : Tensor or array_like, shape (out, in)
    bias : Tensor or array_like, shape (out,), optional
    """
    if isinstance(weight, _tape.TensorBase) and (bias is None or isinstance(bias, _tape.TensorBase)):
        return _fused.linear(input, weight, bias)
    y = np.matmul(_array(input), _array(weight).T)
    return y if bias is None else np.add(y, bias)


def _reduction(size_average, reduce, reduction):
    """`reduction`, or what torch's two older arguments say."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
):
    """Cross-entropy of logits, the classes along axis 1 (axis 0 of a single sample).

    Parameters
    ----------
    input : Tensor or array_like, shape (N, C, ...) or (C,)
        Logits, not probabilities.
    target : Tensor or array_like
        Class indices of shape (N, ...), or class probabilities in the shape of the input.
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int
        Target that counts for nothing.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        Share of the target that is spread evenly over all classes.
    """
    reduction = _reduction(size_average, reduce, reduction)
    if weight is None and isinstance(input, _tape.TensorBase):
        loss = _fused.batch_cross_entropy(input, target, ignore_index, reduction, label_smoothing)
        if loss is not None:
            return loss
    input = _array(input)
    return fa.cross_entropy(
        input,
        target,
        axis=1 if input.ndim > 1 else 0,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Minus the log-probability of the target class, the classes along axis 1 (axis 0 of a single sample).

    Parameters
    ----------
    input : Tensor or array_like, shape (N, C, ...) or (C,)
        Log-probabilities, as `log_softmax` gives them.
    target : Tensor or array_like, shape (N, ...)
        Class indices.
    weight, ignore_index, reduction
        As in `cross_entropy`.
    """
    input = _array(input)
    reduction = _reduction(size_average, reduce, reduction)
    axis = 1 if input.ndim > 1 else 0
    return fa.nll_loss(input, target, axis=axis, weight=weight, ignore_index=ignore_index, reduction=reduction)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Squared difference of two inputs of equal shape."""
    input, target = _array(input), _array(target)
    if input.shape != target.shape:
        raise ValueError(f"mse_loss compares equal shapes, got {input.shape} and {target.shape}; reshape one of them")
    return _reduced(np.square(np.subtract(input, target)), _reduction(size_average, reduce, reduction))


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Absolute difference of two inputs of equal shape."""
    input, target = _array(input), _array(target)
    if input.shape != target.shape:
        raise ValueError(f"l1_loss compares equal shapes, got {input.shape} and {target.shape}; reshape one of them")
    return _reduced(np.absolute(np.subtract(input, target)), _reduction(size_average, reduce, reduction))


def _reduced(losses, reduction):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction={reduction!r} is unknown; choose 'mean', 'sum' or 'none'")
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def one_hot(tensor, num_classes=-1):
    """Rows of an identity matrix: 1 at each index, 0 elsewhere, along a new last axis.

    Parameters
    ----------
    tensor : Tensor or array_like of int
        Indices from 0.
    num_classes : int
        How many; -1 takes the largest index plus one.
    """
    index = np.asarray(_tape.raw(tensor))
    if index.dtype.kind not in "iu":
        raise TypeError(f"one_hot takes integer indices, got {index.dtype}; convert them with .long()")
    if num_classes == -1:
        if index.size == 0:
            raise ValueError("one_hot cannot infer num_classes from no indices; give it")
        num_classes = int(index.max()) + 1
    wrong = index[(index < 0) | (index >= num_classes)]
    if wrong.size:
        allowed = f"from 0 to {num_classes - 1}"
        raise ValueError(f"one_hot got index {wrong.flat[0]}; with {num_classes} classes it must be {allowed}")
    hot = (index[..., None] == np.arange(num_classes)).astype(np.int64)
    return _tape.constant(hot) if isinstance(tensor, _tape.TensorBase) else hot


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x divided by its p-norm along `dim`, but by `eps` at least."""
    input = _array(input)
    tensor = input if isinstance(input, _tape.TensorBase) else _tape.constant(input)
    result = tensor / np.maximum(tensor.norm(p, dim, keepdim=True), eps)
    return result if tensor is input else result.numpy()
