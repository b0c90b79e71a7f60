"""What losses of rows and losses of pairs share: reductions, operands, the result's dtype.  No arithmetic on elements."""

import math

import numpy as np

from .reductions import as_operand, operand_dtype

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


def first_operand(name, x):
    """The operand that gives the result its dtype, aligned and native."""
    return as_operand(unmasked(name, x), None, name)


def computed_in(dtype):
    """What the kernels compute in for operands of this dtype."""
    return dtype if dtype.itemsize > 2 else np.dtype(np.float32)


def other_operand(name, what, value, dtype):
    """An operand beside the one that gives the result its dtype: in that dtype already, or in what is computed in."""
    value = unmasked(name, value)
    operand_dtype(value.dtype, f"{name}() {what}")
    return value if value.dtype == dtype else value.astype(computed_in(dtype), copy=False)


def quotient(total, count):
    """total / count as floats divide, with NaN for nothing over nothing."""
    if count != 0:
        return total / count
    return math.copysign(math.inf, total) if total and not math.isnan(total) else math.nan


def delivered(loss, dtype):
    """The loss, a float or an array, in the dtype of the results, without a warning where that overflows."""
    if isinstance(loss, np.ndarray):
        return loss[()]
    with np.errstate(over="ignore", under="ignore"):
        return dtype.type(loss)
