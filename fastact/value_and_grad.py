"""The losses of losses.py with their gradients, one fused call each.  Names and options are those of losses.py."""

from . import _rows
from .losses import CROSS_ENTROPY_KINDS, NLL_KINDS, evaluate
from .reductions import delegated

__all__ = ["cross_entropy", "nll_loss", "probability_cross_entropy"]


def cross_entropy(logits, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """`fastact.cross_entropy` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits, target, axis, weight, ignore_index, reduction, label_smoothing
        As `fastact.cross_entropy`.

    Returns
    -------
    loss : scalar or ndarray
        As `fastact.cross_entropy`.
    dlogits : ndarray
        Of the shape and dtype of the logits: softmax - one-hot, or softmax * sum(target) - target, times weight and the
        factor of the mean. With reduction="none" the gradient of the sum. 0 in rows that are ignored.

    Raises
    ------
    IndexError, ValueError, TypeError
        As `fastact.cross_entropy`.

    Notes
    -----
    At the target the gradient is -(sum over the others)/(sum), not softmax - 1, so that it does not vanish for a
    confident prediction.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> loss, dlogits = fa.value_and_grad.cross_entropy(np.zeros((1, 4)), [2])
    >>> dlogits
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    if weight is None and label_smoothing == 0.0:
        result = _rows.direct_cross_entropy(logits, target, axis, ignore_index, reduction, True)
        if result is not None:
            return result
    options = {
        "axis": axis,
        "weight": weight,
        "ignore_index": ignore_index,
        "reduction": reduction,
        "label_smoothing": label_smoothing,
    }
    result = delegated(cross_entropy, (logits, target), options)
    if result is not NotImplemented:
        return result
    return evaluate(
        CROSS_ENTROPY_KINDS,
        "cross_entropy",
        logits,
        target,
        axis,
        weight,
        ignore_index,
        reduction,
        label_smoothing,
        True,
    )


def nll_loss(log_probs, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean"):
    """`fastact.nll_loss` and its gradient with respect to log_probs.

    Parameters
    ----------
    log_probs, target, axis, weight, ignore_index, reduction
        As `fastact.nll_loss`.

    Returns
    -------
    loss : scalar or ndarray
        As `fastact.nll_loss`.
    dlog_probs : ndarray
        -weight at the target, times the factor of the mean, and 0 elsewhere.

    Raises
    ------
    IndexError, ValueError, TypeError
        As `fastact.nll_loss`.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.nll_loss(np.array([[-1.0, -2.0]]), [1])[1]
    array([[ 0., -1.]])
    """
    options = {"axis": axis, "weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    result = delegated(nll_loss, (log_probs, target), options)
    if result is not NotImplemented:
        return result
    return evaluate(NLL_KINDS, "nll_loss", log_probs, target, axis, weight, ignore_index, reduction, 0.0, True)


def probability_cross_entropy(probs, target, *, axis=-1, reduction="mean"):
    """`fastact.probability_cross_entropy` and its gradient with respect to the probabilities.

    Parameters
    ----------
    probs, target, axis, reduction
        As `fastact.probability_cross_entropy`.

    Returns
    -------
    loss : scalar or ndarray
        As `fastact.probability_cross_entropy`.
    dprobs : ndarray
        -target / probs, times the factor of the mean; 0 where target is 0.

    Raises
    ------
    ValueError, TypeError
        As `fastact.probability_cross_entropy`.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.probability_cross_entropy(np.array([0.5, 0.5]), [1, 0], reduction="sum")[1]
    array([-2.,  0.])
    """
    options = {"axis": axis, "reduction": reduction}
    result = delegated(probability_cross_entropy, (probs, target), options)
    if result is not NotImplemented:
        return result
    return evaluate(
        _rows.PROBABILITY_CROSS_ENTROPY,
        "probability_cross_entropy",
        probs,
        target,
        axis,
        None,
        -100,
        reduction,
        0.0,
        True,
    )
