"""Losses of pairs, a prediction and its target, element by element: operands, weights that broadcast, reduction.  No
arithmetic on elements."""

import numpy as np

from . import _core
from ._loss_arguments import (
    REDUCTIONS,
    check_reduction,
    checked_number,
    computed_in,
    first_operand,
    other_operand,
)
from .reductions import delegated


def pairs_general(function, which, x, target, options, with_gradient):
    """The loss, or (loss, gradient), of a public function with its options; other types may take the call over."""
    result = delegated(function, (x, target), options)
    if result is not NotImplemented:
        return result
    options = {name: value for name, value in options.items() if name != "log_target"}
    result = evaluate(function.__name__, which, x, target, with_gradient, **options)
    return result if with_gradient else result[0]


def evaluate(name, kind, x, target, with_gradient, *, reduction, weight=None, pos_weight=None, **parameter):
    """(loss, gradient or None)."""
    check_reduction(name, reduction, (*REDUCTIONS, "batchmean") if name == "kl_div" else REDUCTIONS)
    x = first_operand(name, x)
    x, shape = np.ascontiguousarray(x), x.shape
    target = other_operand(name, "target", target, x.dtype)
    if target.shape != shape:
        raise ValueError(
            f"{name}() got a target of shape {target.shape}: expected that of the first operand, {shape}; "
            "broadcast or reshape one of them"
        )
    compute = computed_in(x.dtype)
    parameter = _parameter(name, compute, **parameter)
    count = {"mean": x.size, "batchmean": shape[0] if shape else 1}.get(reduction, 1)
    each = np.empty(shape, x.dtype) if reduction == "none" else None
    gradient = np.empty(shape, x.dtype) if with_gradient else None
    total = _core.pair_loss(
        kind, x, np.ascontiguousarray(target), _repeating(name, "weight", weight, shape, compute),
        _repeating(name, "pos_weight", pos_weight, shape, compute), parameter, _core.quotient(1.0, count), each, gradient,
    )  # fmt: skip
    return _core.mean_of(x, total, count) if each is None else each[()], gradient


def _parameter(name, dtype, **option):
    """beta or delta as the kernels take it, rounded to the dtype computed in; smooth_l1 with beta 0 is l1."""
    if "beta" in option:
        value = checked_number(name, "beta", option["beta"], lambda v: v >= 0, "a number from 0 on")
    elif "delta" in option:
        value = checked_number(name, "delta", option["delta"], lambda v: v > 0, "a positive number")
    else:
        return 0.0
    with np.errstate(over="ignore", under="ignore"):
        return float(dtype.type(value))


def _repeating(name, what, weight, shape, dtype):
    """A weight as a contiguous array that repeats over the elements in C order, or None."""
    if weight is None:
        return None
    weight = other_operand(name, what, weight, dtype)
    try:
        full = np.broadcast_to(weight, shape)
    except ValueError:
        raise ValueError(
            f"{name}() got {what} of shape {weight.shape}: expected one that broadcasts to the first operand, {shape}"
        ) from None
    kept = weight.shape[next((d for d, n in enumerate(weight.shape) if n != 1), weight.ndim) :]
    repeats = kept == shape[len(shape) - len(kept) :]
    return np.ascontiguousarray(weight if repeats else full)


_core.set_pairs_general(pairs_general)
loss_of_pairs = _core.loss_of_pairs
