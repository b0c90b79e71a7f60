"""fastact's functions of rows and its losses, on Tensors: what fastact hands over when an operand is one.

Formulas belong in ``fastact``; here is only what a tape adds: dtypes that meet, nodes, and gradients of the targets.
"""

import numpy as np

import fastact as fa
from fastact import _tape
from fastact._tape import TensorBase, raw


def wants(value):
    """Whether `value` is a Tensor whose gradient is wanted here and now."""
    return isinstance(value, TensorBase) and value.requires_grad and _tape.is_recording()


def loss_weight(weight, dtype):
    """The array of a loss's weight; refused where a gradient would be lost."""
    if wants(weight):
        raise TypeError("the weight of a loss requires grad, and losses give none to it; detach() it")
    return np.asarray(raw(weight), dtype)


def _meet(logits, target, weight):
    """The arrays of the operands, in the floating dtype of the Tensors among them."""
    if type(target) is not np.ndarray and not isinstance(target, TensorBase):
        target = np.asarray(target)
    if target.dtype.kind in "fV":
        x, t = _tape.values_of((logits, target))
    else:
        x, t = raw(logits), raw(target)
    x = np.asarray(x)
    if x.dtype.kind in "iub" and isinstance(logits, TensorBase):
        x = x.astype(np.float32)
    if weight is not None:
        weight = loss_weight(weight, x.dtype)
    return x, t, weight


def cross_entropy(logits, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """`fastact.cross_entropy` where the logits or the target are Tensors; gradients flow to both."""
    x, t, w = _meet(logits, target, weight)
    options = {
        "axis": axis,
        "weight": w,
        "ignore_index": ignore_index,
        "reduction": reduction,
        "label_smoothing": label_smoothing,
    }
    if wants(target):
        return _of_both(logits, target, x, t, options)
    if not wants(logits):
        return _tape.constant(fa.cross_entropy(x, t, **options))
    value, derivative = fa.value_and_grad.cross_entropy(x, t, **options)
    expand = (lambda g: np.expand_dims(g, axis)) if reduction == "none" else None
    return _tape.record_loss(value, derivative, logits, "CrossEntropy", expand)


def nll_loss(log_probs, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean"):
    """`fastact.nll_loss` where the log-probabilities or the target are Tensors."""
    x, t, w = _meet(log_probs, target, weight)
    options = {"axis": axis, "weight": w, "ignore_index": ignore_index, "reduction": reduction}
    if not wants(log_probs):
        return _tape.constant(fa.nll_loss(x, t, **options))
    value, derivative = fa.value_and_grad.nll_loss(x, t, **options)
    expand = (lambda g: np.expand_dims(g, axis)) if reduction == "none" else None
    return _tape.record_loss(value, derivative, log_probs, "NLL", expand)


def linear_cross_entropy(x, weight, target, *, bias=None, reduction="mean", **options):
    """`fastact.linear_cross_entropy` where an operand is a Tensor; gradients flow to x, weight and bias."""
    operands = (x, weight) if bias is None else (x, weight, bias)
    arrays = [np.asarray(value) for value in _tape.values_of(operands)]
    given = {**options, "reduction": reduction, "bias": None if bias is None else arrays[2]}
    if not any(map(wants, operands)):
        return _tape.constant(fa.linear_cross_entropy(*arrays[:2], raw(target), **given))
    if reduction == "none":
        raise TypeError(
            "linear_cross_entropy with reduction='none' is not differentiated, since its gradients come summed; use "
            "'mean' or 'sum', or cross_entropy of linear"
        )
    value, gradients = fa.value_and_grad.linear_cross_entropy(*arrays[:2], raw(target), **given)
    gradients = gradients[: len(operands)]
    return _tape.record(value, operands, lambda g: tuple(d * g for d in gradients), "LinearCrossEntropy")


def _of_both(logits, target, x, t, options):
    """With class probabilities that want a gradient themselves: −w·log softmax(x), over the samples for a mean."""
    axis, reduction = options["axis"], options["reduction"]
    value, derivative = fa.value_and_grad.cross_entropy(x, t, **options)
    classes = max(x.shape[axis], 1)
    scale = (1.0 - options["label_smoothing"]) / (max(x.size // classes, 1) if reduction == "mean" else 1)
    toward = fa.log_softmax(x, axis=axis) * x.dtype.type(-scale)
    if options["weight"] is not None:
        toward *= options["weight"].reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])

    def backward(g):
        g = np.expand_dims(g, axis) if reduction == "none" else g
        return derivative * g, toward * g

    return _tape.record(value, (logits, target), backward, "CrossEntropy")


def probability_cross_entropy(probs, target, *, axis=-1, reduction="mean"):
    """`fastact.probability_cross_entropy` where an operand is a Tensor; gradients flow to both."""
    p, t = map(np.asarray, _tape.values_of((probs, target)))
    value = fa.probability_cross_entropy(p, t, axis=axis, reduction=reduction)
    scale = p.dtype.type(1.0 / max(p.size // max(p.shape[axis], 1), 1) if reduction == "mean" else 1.0)

    def backward(g):
        g = np.expand_dims(g, axis) if reduction == "none" else g
        with np.errstate(divide="ignore", invalid="ignore"):
            toward_probs = np.where(t == 0, p.dtype.type(0), -t / p) * (scale * g)
            toward_target = -np.log(p) * (scale * g)
        return toward_probs, toward_target

    return _tape.record(value, (probs, target), backward, "ProbabilityCrossEntropy", True)


def _normalized(function, derivative, name):
    def apply(x, axis=-1, *, where=None, out=None, dtype=None):
        if out is not None or where is not None:
            return _undifferentiated(function, x, axis=axis, where=where, out=out, dtype=dtype)
        x = x if dtype is None else x.to(dtype)
        values = x._raw() if x.is_floating_point() else x._raw().astype(np.float32)
        y = function(values, axis=axis)
        return _tape.record(y, (x,), lambda g: derivative(y=y, g=g, axis=axis), name, keeps=True)

    return apply


def _vjp_softmin(*, y, g, axis):
    return -fa.vjp.softmax(y=y, g=g, axis=axis)


def _logsumexp(x, axis=-1, *, keepdims=False, where=None, out=None, dtype=None):
    if out is not None or where is not None:
        return _undifferentiated(fa.logsumexp, x, axis=axis, keepdims=keepdims, where=where, out=out, dtype=dtype)
    x = x if dtype is None else x.to(dtype)
    values = x._raw() if x.is_floating_point() else x._raw().astype(np.float32)

    def backward(g):
        g = g.reshape(np.sum(values, axis=axis).shape) if keepdims else g
        return fa.vjp.logsumexp(values, g, axis=axis)

    return _tape.record(fa.logsumexp(values, axis=axis, keepdims=keepdims), (x,), backward, "LogSumExp", True)


def _undifferentiated(function, *args, **kwargs):
    given = (*args, *kwargs.values())
    if any(map(wants, given)):
        raise TypeError(
            f"{function.__name__} with where= or out= is not differentiated; detach() the tensors that require "
            "grad, or use no_grad()"
        )
    return _tape.constant(function(*map(raw, args), **{name: raw(value) for name, value in kwargs.items()}))


def functions():
    """What is done in place of each of fastact's functions when an operand is a Tensor."""
    return {
        fa.cross_entropy: cross_entropy,
        fa.nll_loss: nll_loss,
        fa.probability_cross_entropy: probability_cross_entropy,
        fa.linear_cross_entropy: linear_cross_entropy,
        fa.softmax: _normalized(fa.softmax, fa.vjp.softmax, "Softmax"),
        fa.softmin: _normalized(fa.softmin, _vjp_softmin, "Softmin"),
        fa.log_softmax: _normalized(fa.log_softmax, fa.vjp.log_softmax, "LogSoftmax"),
        fa.logsumexp: _logsumexp,
    }
