"""Passages that several docstrings of functions of rows, losses and gates have in common, and what puts them there.  Text
only."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

ROWS = {
    "x as softmax": """
Parameters
----------
x : array_like
    As `softmax`.""",
    "axis": """
axis : int, tuple of ints, or None, default -1
    What sums to 1; None: the whole array.""",
    "where": """
where : array_like of bool, optional
    Broadcast against x. Where False the element is left out, whatever stands there, and the result is {hidden}.""",
    "out and dtype": """
out : ndarray, optional
    Takes the result; may be x itself.
dtype : dtype, optional
    x is converted to it first.

Returns
-------
ndarray or scalar
    Of x's shape; out if given.""",
    "raises as softmax": """
Raises
------
numpy.exceptions.AxisError, ValueError, TypeError
    As `softmax`.""",
    "vjp of a map": """
Parameters
----------
y : array_like
    What `fastact.{map}` returned.
g : array_like
    Gradient of what follows, of y's shape or broadcasting to it.
axis : int, tuple of ints, or None, default -1
    The axis that {map} was taken over.

Returns
-------
ndarray or scalar
    The gradient with respect to {map}'s operand, of y's shape and dtype.

Raises
------
numpy.exceptions.AxisError
    If `axis` is not one of y's.
ValueError
    If g does not broadcast to y's shape.""",
}

LOSSES = {
    "pred": """
pred : array_like
    Predictions: float16, bfloat16, float32 or float64 (integers are converted).""",
    "target": """
target : array_like
    Of the same shape; taken in the dtype of `{first}`.""",
    "reduction": """
reduction : {{"mean", "sum", "none"}}
    Over all elements.""",
    "result": """
Returns
-------
scalar or ndarray
    In the dtype of `{first}`; of its shape if reduction is "none". The mean over nothing is NaN.

Raises
------
ValueError
    If the shapes differ, or an option is not one of those above.
TypeError
    For complex, longdouble, object, string and datetime elements.""",
    "as the loss": """
Parameters
----------
{operands}
    As `fastact.{name}`.

Returns
-------
loss : scalar or ndarray
    As `fastact.{name}`.""",
    "raises as the loss": """
Raises
------
{errors}
    As `fastact.{name}`.""",
}

GATES = {
    "halved": """
axis : int, default -1
    The axis that is halved; its length must be even.""",
    "raises of halves": """
Raises
------
ValueError
    If the length along `axis` is odd.
numpy.exceptions.AxisError
    If x has no such axis.
TypeError
    If x is complex, longdouble, or no number.""",
}

PASSAGES = ROWS | LOSSES | GATES


def with_passages(**words: str) -> Callable[[Function], Function]:
    """A decorator that replaces each line `[passage]` of a docstring by that passage, with these words in it."""

    def complete(function: Function) -> Function:
        if not function.__doc__:
            return function
        code = function.__code__
        operands = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        fields = {"name": function.__name__, "first": operands[0], "operands": ", ".join(operands), **words}
        lines: list[str] = []
        for line in function.__doc__.split("\n"):
            passage = PASSAGES.get(line.strip(" []")) if line.endswith("]") else None
            if passage is None:
                lines.append(line)
            else:
                indent = line[: line.index("[")]
                lines += [indent + text if text else "" for text in passage.format(**fields).split("\n")[1:]]
        function.__doc__ = "\n".join(lines)
        return function

    return complete
