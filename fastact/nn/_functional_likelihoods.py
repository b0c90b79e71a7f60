"""Losses of regressions that say how sure they are, or that count: torch's names and arguments, made of recorded operations."""

import math

import numpy as np

from fastact import _tape, _tensor_pairs
from fastact._tensor_shape import where
from fastact.nn._functional_layers import as_array
from fastact.nn._functional_losses import reduction_of


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log var + (x − t)²/var)/2: minus the logarithm of a normal density.

    Parameters
    ----------
    input, target : Tensor or array_like
        Means and values, of shapes that broadcast.
    var : Tensor, array_like or float
        Variances: in the shape of the input, without its last axis, or with one of length 1 there.
    full : bool
        Add the constant, log(2π)/2.
    eps : float
        The least variance; the gradient passes it unchanged, as in torch.
    reduction : {"mean", "sum", "none"}
    """
    input, target, var = map(as_array, (input, target, var))
    if var.ndim and var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = var.reshape(*var.shape, 1)
        elif var.shape[-1] != 1 or var.shape[:-1] != input.shape[:-1]:
            raise ValueError(
                f"gaussian_nll_loss got variances of shape {var.shape} for an input of shape {input.shape}: expected that "
                "shape, or that without its last axis"
            )
    values = np.asarray(_tape.raw(var))
    if (values < 0).any():
        raise ValueError("gaussian_nll_loss got a variance below 0: make them positive, by softplus or exp")
    least = np.maximum(values, values.dtype.type(eps)) if values.dtype.kind in "fV" else np.maximum(values, eps)
    tensors = isinstance(var, _tape.TensorBase)
    var = _tape.record(least, (var,), lambda g: g, "LeastVariance") if tensors else least
    losses = 0.5 * (np.log(var) + np.square(input - target) / var)
    return _tensor_pairs.reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """e^x − t·x, or x − t·log(x + eps): minus the logarithm of a Poisson probability, but for log t!.

    Parameters
    ----------
    input : Tensor or array_like
        Logarithms of expected counts; the counts themselves with `log_input` False.
    target : Tensor or array_like
        Counts, in a shape that broadcasts.
    full : bool
        Add Stirling's approximation of log t! where t is above 1.
    eps : float
        Added to counts before their logarithm is taken.
    reduction : {"mean", "sum", "none"}
    """
    input, target = as_array(input), as_array(target)
    losses = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        many = np.asarray(_tape.raw(target)) > 1
        t = where(many, target, 1.0)
        losses = losses + where(many, t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t), 0.0)
    return _tensor_pairs.reduced(losses, reduction_of(size_average, reduce, reduction))
