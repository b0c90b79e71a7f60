"""Losses over rows: classes on an axis, indices or probabilities, weights, ignored rows.  No arithmetic on elements."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from . import _core
from ._loss_arguments import (
    UNCOUNTED,
    check_reduction,
    checked_ignore_index,
    checked_smoothing,
    class_axis,
    computed_in,
    first_operand,
    other_operand,
)
from .reductions import delegated, unmasked

Function = TypeVar("Function", bound=Callable[..., Any])

# A loss: its kernels for class indices and for class probabilities, and the names of its options.
_OPTIONS = ("axis", "reduction", "weight", "ignore_index", "label_smoothing")
CROSS_ENTROPY: tuple[Any, ...] = (_core.CROSS_ENTROPY, _core.CROSS_ENTROPY_PROBABILITIES, _OPTIONS)
NLL: tuple[Any, ...] = (_core.NLL, None, _OPTIONS[:4])
PROBABILITY_CROSS_ENTROPY: tuple[Any, ...] = (None, _core.PROBABILITY_CROSS_ENTROPY, _OPTIONS[:2])


def with_lane(kinds: tuple[Any, ...], with_gradient: bool) -> Callable[[Function], Function]:
    """A decorator for public functions: plain arrays with options by name go to their kernels before the function."""
    return lambda function: _core.RowLoss(function, kinds, with_gradient)


def rows_general(function, kinds, logits, target, with_gradient, values):
    """The loss, or (loss, gradient), of a public function; other types may take the call over."""
    options = dict(zip(kinds[2], values, strict=False))
    result = delegated(function, (logits, target), options)
    if result is not NotImplemented:
        return result
    result = evaluate(function.__name__, kinds, logits, target, with_gradient, **options)
    return result if with_gradient else result[0]


def evaluate(
    name, kinds, logits, target, with_gradient,
    *, axis, reduction, weight=None, ignore_index=-100, label_smoothing=0.0,
):  # fmt: skip
    """(loss, gradient or None)."""
    check_reduction(name, reduction)
    label_smoothing = checked_smoothing(name, label_smoothing)
    ignore_index = checked_ignore_index(name, ignore_index)
    logits, axis = _logits(name, logits, axis)
    weight, weight_sum = _class_weight(name, weight, logits, axis, label_smoothing)
    rows = logits.shape[:axis] + logits.shape[axis + 1 :]
    counts = kinds[0] is None or getattr(target, "dtype", np.dtype(int)).kind == "f"
    target = unmasked(name, target, "give target.filled(0)" if counts else UNCOUNTED)
    kind = _kind(name, kinds, target)
    index = probabilities = None
    if kind == kinds[0]:
        index = class_indices(name, target, logits.shape, axis, ignore_index)
        count = _weight_of(index, ignore_index, weight) if reduction == "mean" else 1.0
    else:
        probabilities = _probabilities(name, target, logits, axis, ignore_index, kinds[0] is not None)
        count = float(math.prod(rows)) if reduction == "mean" else 1.0
        if kinds[0] is not None and reduction == "mean" and logits.size == 0:
            count = math.nan  # as torch's mean over no classes
    each = np.empty(rows, logits.dtype) if reduction == "none" else None
    gradient = np.empty(logits.shape, logits.dtype) if with_gradient else None
    total = _core.row_loss(
        kind, logits, axis, index, probabilities, weight, weight_sum, label_smoothing, ignore_index,
        _core.quotient(1.0, count), each, gradient,
    )  # fmt: skip
    return _core.mean_of(logits, total, count) if each is None else each[()], gradient


def _logits(name, logits, axis):
    """The logits as the kernels take them, and the class axis."""
    logits = first_operand(name, logits)
    axis = class_axis(name, axis, logits.ndim)
    return (logits if logits.ndim <= 2 else np.ascontiguousarray(logits)), axis


def _class_weight(name, weight, logits, axis, label_smoothing):
    """One weight for each class or None, and their sum, which counts only with label smoothing."""
    classes = logits.shape[axis]
    if weight is None:
        return None, float(classes)
    weight = np.asarray(other_operand(name, "weight", weight, logits.dtype), computed_in(logits.dtype), order="C")
    if weight.shape != (classes,):
        raise ValueError(f"{name}() got weight of shape {weight.shape}: expected one for each class, ({classes},)")
    return weight, _core.sum_of(weight) if label_smoothing else float(classes)


def _weight_of(index, ignore_index, weight):
    """What a mean divides by; NaN if no row has a weight, so that the part of label smoothing, which may have one, does not
    make the mean inf."""
    total = _core.weight_of(index, ignore_index, weight)
    if total == 0 and weight is not None and not weight[index[index != ignore_index]].any():
        return math.nan
    return total


def _kind(name, kinds, target):
    """The kernel for this target: indices if it is integer and the loss takes them, else probabilities."""
    is_index = target.dtype.kind in "iu"
    if kinds[0] is None:
        return kinds[1]
    if is_index or (kinds[1] is not None and (target.dtype.kind == "f" or target.dtype.name == "bfloat16")):
        return kinds[0] if is_index else kinds[1]
    expected = "integers" if kinds[1] is None else "integers (class indices) or floats (class probabilities)"
    raise TypeError(
        f"{name}() got a target of dtype {target.dtype}: expected {expected}; convert with .astype(numpy.int64)"
    )


def _probabilities(name, target, logits, axis, ignore_index, takes_indices):
    if ignore_index >= 0:
        raise ValueError(f"{name}() got ignore_index={ignore_index} with class probabilities: expected class indices")
    if target.shape != logits.shape:
        raise _shape_error(name, target, logits.shape, axis, "probabilities", takes_indices)
    target = np.require(other_operand(name, "target", target, logits.dtype), None, "A")
    return target if logits.ndim <= 2 else np.ascontiguousarray(target)


def class_indices(name, target, shape, axis, ignore_index):
    """Class indices as contiguous int64, each valid or ignore_index; shape is that of the logits."""
    rows = shape[:axis] + shape[axis + 1 :]
    if target.shape != rows:
        raise _shape_error(name, target, shape, axis, "indices")
    index = np.ascontiguousarray(target, np.int64).reshape(rows)
    position = _core.bad_index(index, shape[axis], ignore_index)
    if target.dtype.kind == "u" and target.dtype.itemsize == 8 and (target > np.int64(2**63 - 1)).any():
        position = int(np.argmax(target > np.int64(2**63 - 1)))
    if position >= 0:
        where = np.unravel_index(position, rows) if rows else ()
        place = f"position {int(where[0]) if len(where) == 1 else tuple(map(int, where))}" if where else "the target"
        raise IndexError(
            f"{name}() got class {int(target[where])} at {place}: expected 0 <= class < {shape[axis]}, the number "
            f"of classes on axis {axis}, or ignore_index={ignore_index}"
        )
    return index


def _shape_error(name, target, shape, axis, what, takes_indices=True):
    rows = shape[:axis] + shape[axis + 1 :]
    hint = ""
    if axis != 1 and len(shape) > 1:
        moved = shape[:1] + shape[2:]
        if target.shape == moved or (what == "probabilities" and target.shape == shape):
            hint = "; it would fit with the classes on axis 1: pass axis=1"
    if what == "probabilities" and target.shape == rows:
        hint = "; convert class indices with .astype(numpy.int64)"
        if not takes_indices:
            hint = f"; of class indices make rows of ones and zeros: numpy.eye({shape[axis]})[target]"
    elif what == "indices" and target.shape == shape:
        hint = f"; of one-hot rows give target.argmax(axis={axis})"
    if not takes_indices:
        return ValueError(
            f"{name}() got a target of shape {target.shape}: expected that of the first operand, {shape}{hint}"
        )
    if what == "probabilities":
        return ValueError(
            f"{name}() got a target of dtype {target.dtype} and shape {target.shape}: expected the shape of the "
            f"first operand, {shape}, for class probabilities, or integers of shape {rows} for class indices{hint}"
        )
    return ValueError(
        f"{name}() got target indices of shape {target.shape}: expected {rows}, which is the first operand's "
        f"{shape} without the axis of its {shape[axis]} classes (axis={axis}){hint}"
    )


_core.set_rows_general(rows_general)
loss_of_rows = _core.loss_of_rows
