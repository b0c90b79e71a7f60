"""Losses that compare two inputs element by element, on Tensors: their nodes, and the gradients of their targets.

Formulas belong in ``fastact.losses`` and gradients of the first input in ``fastact.value_and_grad``. Here are what a tape
adds, and torch's clamped form of binary cross-entropy, which differs from fastact's own.
"""

import numpy as np

import fastact as fa
from fastact import _tape
from fastact._tape import TensorBase
from fastact._tensor_losses import loss_weight, wants


def _share(reduction, shape):
    """The factor of one element's loss in the reduced one."""
    if reduction == "mean":
        return 1.0 / max(int(np.prod(shape)), 1)
    return 1.0 / max(shape[0], 1) if reduction == "batchmean" and shape else 1.0


def _opposite(x, t, gradient, share, options):
    """The target's gradient where only the difference of the two counts."""
    return -gradient


def _of_probabilities(x, t, gradient, share, options):
    """d/dt of binary cross-entropy: log(1 - p) - log p."""
    with np.errstate(divide="ignore"):
        toward = np.log1p(-x) - np.log(x)
    if options.get("weight") is not None:
        toward = toward * options["weight"]
    return toward * x.dtype.type(share)


def _of_logits(x, t, gradient, share, options):
    """d/dt of binary cross-entropy with logits: pos_weight·softplus(-x) - softplus(x)."""
    positive = fa.softplus(-x)
    if options.get("pos_weight") is not None:
        positive = positive * options["pos_weight"]
    toward = positive - fa.softplus(x)
    if options.get("weight") is not None:
        toward = toward * options["weight"]
    return toward * x.dtype.type(share)


def _of_divergence(x, t, gradient, share, options):
    """d/dt of t·(log t - x), or of e^t·(t - x)."""
    if options.get("log_target"):
        return np.exp(t) * (t - x + 1) * x.dtype.type(share)
    with np.errstate(divide="ignore"):
        return (np.log(t) - x + 1) * x.dtype.type(share)


# name of the loss: what gives the gradient of its target
PAIRS = {
    "mse_loss": _opposite,
    "l1_loss": _opposite,
    "smooth_l1_loss": _opposite,
    "huber_loss": _opposite,
    "binary_cross_entropy": _of_probabilities,
    "binary_cross_entropy_with_logits": _of_logits,
    "kl_div": _of_divergence,
}
WEIGHTS = ("weight", "pos_weight")
LEAST_VARIANCE = np.float32(1e-12)  # torch's, which is a float32 in float64 too


def _meet(input, target, options):
    """The arrays of the two, in the floating dtype of the Tensors among them, weights too."""
    x, t = map(np.asarray, _tape.values_of((input, target)))
    if x.dtype.kind in "iub":
        x = x.astype(t.dtype if t.dtype.kind in "fV" else np.float32)
    if t.dtype.kind in "iub":
        t = t.astype(x.dtype)
    options = {
        name: loss_weight(value, x.dtype) if name in WEIGHTS and value is not None else value
        for name, value in options.items()
    }
    return x, t, options


def _on_tensors(name, of_target):
    function, with_gradient = getattr(fa, name), getattr(fa.value_and_grad, name)

    def apply(input, target, *, reduction="mean", **options):
        x, t, options = _meet(input, target, options)
        if not (wants(input) or wants(target)):
            return _tape.constant(function(x, t, reduction=reduction, **options))
        value, gradient = with_gradient(x, t, reduction=reduction, **options)

        def backward(g):
            toward = of_target(x, t, gradient, _share(reduction, x.shape), options) * g if wants(target) else None
            return gradient * g, toward

        return _tape.record(value, (input, target), backward, name, wants(target))

    return apply


def reduced(losses, reduction):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction={reduction!r} is unknown; choose 'mean', 'sum' or 'none'")
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def clamped_binary_cross_entropy(input, target, weight, reduction):
    """torch's form: no logarithm below -100, no divisor of the gradient below 1e-12."""
    p, t, options = _meet(input, target, {"weight": weight})
    if p.shape != t.shape:
        raise ValueError(
            f"binary_cross_entropy compares equal shapes, got {p.shape} and {t.shape}; reshape one of them"
        )
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            "binary_cross_entropy takes probabilities from 0 to 1; for logits there is binary_cross_entropy_with_logits"
        )
    factor = np.ones((), p.dtype) if weight is None else options["weight"]
    least = p.dtype.type(-100)
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log1p(-p)

    def backward(g):
        toward = (p - t) / np.maximum((1 - p) * p, p.dtype.type(LEAST_VARIANCE))
        return toward * factor * g, (log_q - log_p) * factor * g

    losses = -(t * np.maximum(log_p, least) + (1 - t) * np.maximum(log_q, least)) * factor
    tensors = isinstance(input, TensorBase) or isinstance(target, TensorBase)
    return reduced(
        _tape.record(losses, (input, target), backward, "BinaryCrossEntropy", True) if tensors else losses, reduction
    )


def functions():
    """What is done in place of each of fastact's functions when an operand is a Tensor."""
    return {getattr(fa, name): _on_tensors(name, row) for name, row in PAIRS.items() if hasattr(fa, name)}
