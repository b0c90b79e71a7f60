"""Losses over rows: cross_entropy, nll_loss and probability_cross_entropy; arguments, weighting and reduction.

value_and_grad.py gives the same with gradients.  No arithmetic on elements."""

import math

import numpy as np

from . import _rows
from .reductions import compute_dtype, delegated, normalized_axes

__all__ = ["cross_entropy", "nll_loss", "probability_cross_entropy"]

_REDUCTIONS = ("mean", "sum", "none")


def _logits_array(name, logits, axis):
    """The logits as the kernels take them, the class axis, and the dtype of the results."""
    logits = np.asarray(logits)
    compute, result = compute_dtype(logits.dtype, name)
    if logits.ndim == 0:
        raise ValueError(f"{name}() got a scalar: expected an array with a class axis")
    (axis,) = normalized_axes(axis, logits.ndim)
    logits = np.require(logits, compute, "A")
    return (logits if logits.ndim <= 2 else np.ascontiguousarray(logits)), axis, result


def _shape_error(name, target, logits, axis, what):
    classes = logits.shape[axis]
    rows = logits.shape[:axis] + logits.shape[axis + 1 :]
    hint = ""
    if axis != 1 and logits.ndim > 1:
        moved = logits.shape[:1] + logits.shape[2:]
        if target.shape == moved or (what == "probabilities" and target.shape == logits.shape):
            hint = "; it would fit with the classes on axis 1: pass axis=1"
    if what == "probabilities":
        return ValueError(
            f"{name}() got a target of dtype {target.dtype} and shape {target.shape}: expected the shape of the "
            f"first operand, {logits.shape}, for class probabilities, or integers of shape {rows} for class indices{hint}"
        )
    return ValueError(
        f"{name}() got target indices of shape {target.shape}: expected {rows}, which is the first operand's "
        f"{logits.shape} without the axis of its {classes} classes (axis={axis}){hint}"
    )


def _index_array(name, target, logits, axis, ignore_index):
    """Class indices as contiguous int64, each valid or ignore_index."""
    rows = logits.shape[:axis] + logits.shape[axis + 1 :]
    if target.shape != rows:
        raise _shape_error(name, target, logits, axis, "indices")
    index = np.ascontiguousarray(target, np.int64)
    position = _rows.bad_index(index, logits.shape[axis], ignore_index)
    if target.dtype.kind == "u" and target.dtype.itemsize == 8 and (target > np.int64(2**63 - 1)).any():
        position = int(np.argmax(target > np.int64(2**63 - 1)))
    if position >= 0:
        where = np.unravel_index(position, rows) if rows else ()
        place = f"position {int(where[0]) if len(where) == 1 else tuple(map(int, where))}" if where else "the target"
        raise IndexError(
            f"{name}() got class {int(target[where])} at {place}: expected 0 <= class < {logits.shape[axis]}, the number "
            f"of classes on axis {axis}, or ignore_index={ignore_index}"
        )
    return index


def _weight_array(name, weight, logits, axis):
    if weight is None:
        return None, float(logits.shape[axis])
    weight = np.ascontiguousarray(weight, logits.dtype)
    if weight.shape != (logits.shape[axis],):
        raise ValueError(
            f"{name}() got weight of shape {weight.shape}: expected one for each class, ({logits.shape[axis]},)"
        )
    return weight, math.fsum(weight.tolist())


def _check_options(name, reduction, label_smoothing):
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{name}() got reduction={reduction!r}: expected one of {', '.join(map(repr, _REDUCTIONS))}")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"{name}() got label_smoothing={label_smoothing!r}: expected a number from 0.0 to 1.0")


def _quotient(total, count):
    """total / count as floats divide, with NaN for nothing over nothing."""
    if count != 0:
        return total / count
    return math.copysign(math.inf, total) if total and not math.isnan(total) else math.nan


def evaluate(kind, name, logits, target, axis, weight, ignore_index, reduction, label_smoothing, with_gradient):
    """(loss, gradient or None): every loss of this module, by the kernel's number."""
    _check_options(name, reduction, label_smoothing)
    logits, axis, result_dtype = _logits_array(name, logits, axis)
    weight, weight_sum = _weight_array(name, weight, logits, axis)
    rows = logits.shape[:axis] + logits.shape[axis + 1 :]
    index = probabilities = None
    if isinstance(kind, tuple):
        target = np.asarray(target)
        indices_kind, probabilities_kind = kind
        kind = indices_kind if target.dtype.kind in "iu" else probabilities_kind
        if kind is None or target.dtype.kind not in "iuf" and target.dtype.name != "bfloat16":
            expected = (
                "integers" if probabilities_kind is None else "integers (class indices) or floats (class probabilities)"
            )
            raise TypeError(f"{name}() got a target of dtype {target.dtype}: expected {expected}")
    if kind in (_rows.CROSS_ENTROPY, _rows.NLL):
        index = _index_array(name, target, logits, axis, ignore_index)
        count = _rows.weight_of(index, ignore_index, weight) if reduction == "mean" else 1.0
    else:
        if ignore_index >= 0:
            raise ValueError(
                f"{name}() got ignore_index={ignore_index} with class probabilities: expected class indices"
            )
        target = np.asarray(target)
        if target.shape != logits.shape:
            raise _shape_error(name, target, logits, axis, "probabilities")
        probabilities = np.require(target, logits.dtype, "A")
        probabilities = probabilities if logits.ndim <= 2 else np.ascontiguousarray(probabilities)
        count = float(math.prod(rows)) if reduction == "mean" else 1.0
    each = np.empty(rows, logits.dtype) if reduction == "none" else None
    gradient = np.empty(logits.shape, logits.dtype) if with_gradient else None
    total = _rows.row_loss(
        kind,
        logits,
        axis,
        index,
        probabilities,
        weight,
        weight_sum,
        label_smoothing,
        ignore_index,
        _quotient(1.0, count),
        each,
        gradient,
    )
    if gradient is not None:
        gradient = gradient.astype(result_dtype, copy=False)
    if each is not None:
        return each.astype(result_dtype, copy=False)[()], gradient
    return result_dtype.type(_quotient(total, count)), gradient


CROSS_ENTROPY_KINDS = (_rows.CROSS_ENTROPY, _rows.CROSS_ENTROPY_PROBABILITIES)
NLL_KINDS = (_rows.NLL, None)


def cross_entropy(logits, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Cross-entropy of logits: -log softmax(logits) at the target class.

    logits are what comes out of the last linear layer. Do not apply softmax first: that gives another, flatter loss and
    no error. For probabilities there is `probability_cross_entropy`.

    Parameters
    ----------
    logits : array_like
        float32 or float64 (integers and float16 are converted), with the classes on `axis`.
    target : array_like
        Class indices of any integer dtype, of the shape of logits without `axis`; or class probabilities of a floating
        dtype and the shape of logits, which need not sum to 1.
    axis : int, default -1
        The axis of the classes. torch has them on axis 1.
    weight : array_like, optional
        One factor for each class.
    ignore_index : int, default -100
        Rows with this index have loss and gradient 0 and do not count in the mean.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of weight[target] over the rows that count (class indices) or by the number of rows
        (probabilities).
    label_smoothing : float from 0.0 to 1.0
        The part of each target that is spread evenly over all classes.

    Returns
    -------
    scalar or ndarray
        In the dtype of the logits; of the shape of logits without `axis` if reduction is "none".

    Raises
    ------
    IndexError
        If an index is outside [0, classes) and is not ignore_index.
    ValueError
        If shapes do not fit, or an option is not one of those above.
    TypeError
        If the target is neither integer nor floating, or the logits are not real numbers.

    Notes
    -----
    The loss of a row is (max - logits[target]) + log1p(sum of e^(logits - max) over the others), so that a confident
    prediction has a loss of 2e-9 rather than 0. If all rows are ignored, or there are none, the mean is NaN. A row with
    a NaN or +inf, or all -inf, has loss NaN. No floating-point warning is raised.

    References
    ----------
    Label smoothing: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> logits = np.array([[2.0, 1.0, 0.1], [0.0, -20.0, -25.0]])
    >>> fa.cross_entropy(logits, [0, 0], reduction="none")
    array([4.17030016e-01, 2.07504156e-09])
    >>> round(float(fa.cross_entropy(logits, np.array([[0.9, 0.1, 0.0], [1.0, 0.0, 0.0]]))), 6)
    0.258515
    """
    if weight is None and label_smoothing == 0.0:
        result = _rows.direct_cross_entropy(logits, target, axis, ignore_index, reduction, False)
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
        False,
    )[0]


def nll_loss(log_probs, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean"):
    """Negative log-likelihood: -log_probs at the target class.

    Parameters
    ----------
    log_probs : array_like
        Log-probabilities, as `log_softmax` gives them, with the classes on `axis`.
    target : array_like
        Class indices of any integer dtype, of the shape of log_probs without `axis`.
    axis : int, default -1
        The axis of the classes.
    weight : array_like, optional
        One factor for each class.
    ignore_index : int, default -100
        Rows with this index have loss 0 and do not count in the mean.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of weight[target] over the rows that count.

    Returns
    -------
    scalar or ndarray
        In the dtype of log_probs; of its shape without `axis` if reduction is "none".

    Raises
    ------
    IndexError
        If an index is outside [0, classes) and is not ignore_index.
    ValueError, TypeError
        As `cross_entropy`.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> float(fa.nll_loss(np.array([[-1.0, -2.0], [-3.0, -0.5]]), [0, 1]))
    0.75
    """
    options = {"axis": axis, "weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    result = delegated(nll_loss, (log_probs, target), options)
    if result is not NotImplemented:
        return result
    return evaluate(NLL_KINDS, "nll_loss", log_probs, target, axis, weight, ignore_index, reduction, 0.0, False)[0]


def probability_cross_entropy(probs, target, *, axis=-1, reduction="mean"):
    """Cross-entropy of probabilities: -sum(target * log(probs)) over `axis`.

    For logits use `cross_entropy`, which is more accurate and needs no softmax.

    Parameters
    ----------
    probs : array_like
        Probabilities, as `softmax` gives them.
    target : array_like
        Of the shape of probs and any real dtype: probabilities, or ones and zeros. Where it is 0 nothing is added,
        whatever probs is there.
    axis : int, default -1
        The axis of the classes.
    reduction : {"mean", "sum", "none"}
        Over the rows.

    Returns
    -------
    scalar or ndarray
        In the dtype of probs; of its shape without `axis` if reduction is "none". Where probs is 0 and target is not
        the loss is inf.

    Raises
    ------
    ValueError
        If target has another shape than probs, or reduction is not one of those above.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> round(float(fa.probability_cross_entropy(np.array([0.7, 0.2, 0.1]), [1, 0, 0], reduction="sum")), 6)
    0.356675
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
        False,
    )[0]
