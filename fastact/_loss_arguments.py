"""What losses of rows and losses of pairs share: reductions and operands.  No arithmetic on elements."""

import numbers
import operator

import numpy as np

from .reductions import as_operand, in_dtype, normalized_axes, operand_dtype, unmasked

REDUCTIONS = ("mean", "sum", "none")
# The mend where a target has a mask.
UNCOUNTED = "give target.filled(ignore_index), whose rows do not count"


def check_reduction(name, reduction, allowed=REDUCTIONS):
    """Raise ValueError unless the reduction is one of those allowed."""
    if not isinstance(reduction, str) or reduction not in allowed:
        raise ValueError(f"{name}() got reduction={reduction!r}: expected one of {', '.join(map(repr, allowed))}")


def checked_number(name, what, value, fits, expected):
    """The value of an option, a real number that fits."""
    if type(value) is float and fits(value):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name}() got {what}={value!r}: expected {expected}")
    if not fits(value):
        raise ValueError(f"{name}() got {what}={value!r}: expected {expected}")
    return float(value)


def checked_smoothing(name, value):
    """label_smoothing as a float."""
    return checked_number(name, "label_smoothing", value, lambda v: 0.0 <= v <= 1.0, "a number from 0.0 to 1.0")


def checked_ignore_index(name, value):
    """ignore_index as an int that int64 holds."""
    expected = "expected an int that int64 holds; leave it out, or give one that is no class, to ignore nothing"
    try:
        index = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}() got ignore_index={value!r}: {expected}") from None
    if not -(2**63) <= index < 2**63:
        raise ValueError(f"{name}() got ignore_index={value!r}: {expected}")
    return index


def class_axis(name, axis, ndim):
    """The one axis of the classes, from 0 on."""
    if ndim == 0:
        raise ValueError(f"{name}() got a scalar: expected an array with a class axis")
    try:
        one = operator.index(axis)
    except TypeError:
        raise TypeError(f"{name}() got axis={axis!r}: expected one int, the axis of the classes") from None
    return normalized_axes(name, one, ndim)[0]


def first_operand(name, x):
    """The operand that gives the result its dtype, aligned and native."""
    return as_operand(unmasked(name, x), None, name)


def computed_in(dtype):
    """What the kernels compute in for operands of this dtype."""
    return dtype if dtype.itemsize > 2 else np.dtype(np.float32)


def other_operand(name, what, value, dtype):
    """An operand beside the one that gives the result its dtype: in that dtype already, or in what is computed in."""
    value = unmasked(name, value)
    operand_dtype(value.dtype, name, f"a {what}")
    return value if value.dtype == dtype else in_dtype(value, computed_in(dtype))
