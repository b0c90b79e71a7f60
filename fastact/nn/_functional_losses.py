"""Losses under torch's names and arguments, the classes along axis 1; `functional.py` hands them on.

Formulas belong in ``fastact.losses``, gradients in ``fastact.value_and_grad``; here are torch's conventions alone.
"""

import fastact as fa
from fastact import _tape, _tensor_pairs
from fastact.nn._functional_layers import as_array


def reduction_of(size_average, reduce, reduction):
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
    reduction = reduction_of(size_average, reduce, reduction)
    if weight is None and isinstance(input, _tape.TensorBase):
        loss = _tape.batch_cross_entropy(input, target, ignore_index, reduction, label_smoothing)
        if loss is not None:
            return loss
    input = as_array(input)
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
    input = as_array(input)
    reduction = reduction_of(size_average, reduce, reduction)
    axis = 1 if input.ndim > 1 else 0
    return fa.nll_loss(input, target, axis=axis, weight=weight, ignore_index=ignore_index, reduction=reduction)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """−t·log p − (1 − t)·log(1 − p), each logarithm at least −100 as in torch.

    Parameters
    ----------
    input : Tensor or array_like
        Probabilities.
    target : Tensor or array_like
        In the shape of the input, from 0 to 1.
    weight : array_like, optional
        Factor of each element, broadcast.
    reduction : {"mean", "sum", "none"}
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return _tensor_pairs.clamped_binary_cross_entropy(as_array(input), as_array(target), weight, reduction)


def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Binary cross-entropy of logits.

    Parameters
    ----------
    input : Tensor or array_like
        Logits, not probabilities.
    target : Tensor or array_like
        In the shape of the input, from 0 to 1.
    weight : array_like, optional
        Factor of each element, broadcast.
    pos_weight : array_like, optional
        Factor of the part of the loss where the target is 1, broadcast.
    reduction : {"mean", "sum", "none"}
    """
    return fa.binary_cross_entropy_with_logits(
        as_array(input),
        as_array(target),
        weight=weight,
        pos_weight=pos_weight,
        reduction=reduction_of(size_average, reduce, reduction),
    )


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """t·(log t − x), elementwise.

    Parameters
    ----------
    input : Tensor or array_like
        Log-probabilities.
    target : Tensor or array_like
        Probabilities in the shape of the input; their logarithms with `log_target`.
    reduction : {"mean", "batchmean", "sum", "none"}
        "batchmean", the sum divided by the length of axis 0, is the divergence itself.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return fa.kl_div(as_array(input), as_array(target), log_target=log_target, reduction=reduction)


def _weighted(function, input, target, weight, reduction, over_weights=True, **options):
    """A loss of pairs; with weights Σ weight·loss, for a mean divided by Σ weight, or else by their number."""
    input, target = as_array(input), as_array(target)
    if weight is None:
        return function(input, target, reduction=reduction, **options)
    weight = as_array(weight)
    if weight.shape != input.shape:
        raise ValueError(f"weight has shape {weight.shape}, expected that of the input, {input.shape}; broadcast it")
    losses = function(input, target, reduction="none", **options)
    if not isinstance(weight, _tape.TensorBase):
        weight = weight.astype(losses.dtype)
    losses = losses * weight
    if reduction == "mean" and over_weights:
        return losses.sum() / weight.sum()
    return _tensor_pairs.reduced(losses, reduction)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Squared difference of two inputs of equal shape; `weight`, in that shape, counts each."""
    return _weighted(fa.mse_loss, input, target, weight, reduction_of(size_average, reduce, reduction))


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Absolute difference of two inputs of equal shape; `weight`, in that shape, counts each."""
    return _weighted(fa.l1_loss, input, target, weight, reduction_of(size_average, reduce, reduction))


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d²/(2·beta) for differences |d| below `beta`, |d| − beta/2 beyond."""
    reduction = reduction_of(size_average, reduce, reduction)
    return fa.smooth_l1_loss(as_array(input), as_array(target), beta=beta, reduction=reduction)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """d²/2 for differences |d| up to `delta`, delta·(|d| − delta/2) beyond; `weight`, in their shape, is a factor.

    A mean is divided by the number of elements, not by the sum of the weights: so it is in torch.
    """
    return _weighted(fa.huber_loss, input, target, weight, reduction, False, delta=delta)
