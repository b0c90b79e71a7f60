"""What losses of rows and losses of pairs share: reductions, operands, the result's dtype.  No arithmetic on elements."""

import math

import numpy as np

from .reductions import compute_dtype

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(name, reduction, allowed=REDUCTIONS):
    """Raise ValueError unless the reduction is one of those allowed."""
    if reduction not in allowed:
        raise ValueError(f"{name}() got reduction={reduction!r}: expected one of {', '.join(map(repr, allowed))}")


def unmasked(name, x):
    """x as an ndarray; a mask, which would be lost, is refused."""
    if np.ma.is_masked(x):
        raise TypeError(
            f"{name}() got a masked array with masked elements: expected one without; give x.filled(value), or "
            "ignore_index for targets that do not count"
        )
    return np.asarray(x)


def floating_operand(name, x):
    """x in the dtype to compute in, aligned and native, and the dtype of the results."""
    x = unmasked(name, x)
    compute, result = compute_dtype(x.dtype, name)
    return np.require(x, compute, "A"), result


def quotient(total, count):
    """total / count as floats divide, with NaN for nothing over nothing."""
    if count != 0:
        return total / count
    return math.copysign(math.inf, total) if total and not math.isnan(total) else math.nan


def delivered(loss, gradient, dtype):
    """(loss, gradient or None) in the dtype of the results, without a warning where that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        if gradient is not None:
            gradient = gradient.astype(dtype, copy=False)
        loss = loss.astype(dtype, copy=False)[()] if isinstance(loss, np.ndarray) else dtype.type(loss)
    return loss, gradient
