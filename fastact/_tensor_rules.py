"""How each ufunc is differentiated: the one table the tape looks into.

A row is ``(ufunc, name, derivative by operand…)``. A derivative is called as ``f(g, y, *operands)`` with the gradient `g`
of the result `y`; broadcasting is undone by the tape. Formulas of fastact's own functions come from ``fastact.vjp``.
"""

from typing import Any

import numpy as np

from fastact import _core, _tape, activations, vjp

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))


def _larger(g, a, b):
    """The share of `g` that reaches `a` in maximum(a, b): all where it is larger, half where the two are equal."""
    return g * np.where(a == b, 0.5, a > b).astype(g.dtype)


def _power_base(g, y, a, b):
    """g·b·a^(b−1), which is 0 for b = 0 even at a = 0."""
    exponent = np.where(np.equal(b, 0), 1, b - 1) if isinstance(b, np.ndarray) else (b - 1 if b != 0 else 1)
    return g * (b * np.power(a, exponent))


def _power_exponent(g, y, a, b):
    """g·y·log a, which is 0 where a = 0 and b ≥ 0."""
    zero = np.logical_and(np.equal(a, 0), np.greater_equal(b, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(zero, 0, g * y * np.log(a)).astype(g.dtype)


def _fold(gradient, shape):
    """Sum the leading axes that matmul broadcast, and those of length one, back to `shape`."""
    extra = gradient.ndim - len(shape)
    axes = tuple(i for i in range(gradient.ndim) if i < extra or (shape[i - extra] == 1 and gradient.shape[i] != 1))
    return gradient.sum(axis=axes).reshape(shape) if axes else gradient


def _matmul_left(g, y, a, b):
    if a.ndim == 1 and b.ndim == 1:
        return g * b
    if a.ndim == 1:
        return _fold(np.matmul(b, g[..., None])[..., 0], a.shape)
    if b.ndim == 1:
        return _fold(g[..., None] * b, a.shape)
    return _fold(np.matmul(g, b.swapaxes(-1, -2)), a.shape)


def _matmul_right(g, y, a, b):
    if a.ndim == 1 and b.ndim == 1:
        return g * a
    if a.ndim == 1:
        return _fold(a[:, None] * g[..., None, :], b.shape)
    if b.ndim == 1:
        return _fold(np.matmul(a.swapaxes(-1, -2), g[..., None])[..., 0], b.shape)
    return _fold(np.matmul(a.swapaxes(-1, -2), g), b.shape)


LINEAR = (
    (np.add, "Add", lambda g: g, lambda g: g),
    (np.subtract, "Subtract", lambda g: g, np.negative),
    (np.negative, "Negative", np.negative),
    (np.positive, "Positive", lambda g: g),
)

TABLE = (
    (np.multiply, "Multiply", lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    (np.true_divide, "Divide", lambda g, y, a, b: g / b, lambda g, y, a, b: -(g / b) * (a / b)),
    (np.power, "Power", _power_base, _power_exponent),
    (np.matmul, "MatMul", _matmul_left, _matmul_right),
    (np.exp, "Exp", lambda g, y, x: g * y),
    (np.exp2, "Exp2", lambda g, y, x: g * y * LN2),
    (np.expm1, "Expm1", lambda g, y, x: g * (y + 1)),
    (np.log, "Log", lambda g, y, x: g / x),
    (np.log2, "Log2", lambda g, y, x: g / (x * LN2)),
    (np.log10, "Log10", lambda g, y, x: g / (x * LN10)),
    (np.log1p, "Log1p", lambda g, y, x: g / (x + 1)),
    (np.logaddexp, "LogAddExp", lambda g, y, a, b: g * np.exp(a - y), lambda g, y, a, b: g * np.exp(b - y)),
    (np.sqrt, "Sqrt", lambda g, y, x: g / (y * 2)),
    (np.square, "Square", lambda g, y, x: g * (x * 2)),
    (np.reciprocal, "Reciprocal", lambda g, y, x: -g * y * y),
    (np.absolute, "Absolute", lambda g, y, x: g * np.sign(x)),
    (np.fabs, "Absolute", lambda g, y, x: g * np.sign(x)),
    (np.maximum, "Maximum", lambda g, y, a, b: _larger(g, a, b), lambda g, y, a, b: _larger(g, b, a)),
    (np.minimum, "Minimum", lambda g, y, a, b: _larger(g, b, a), lambda g, y, a, b: _larger(g, a, b)),
    (np.tanh, "Tanh", lambda g, y, x: vjp.tanh(x, g)),
    (np.sinh, "Sinh", lambda g, y, x: g * np.cosh(x)),
    (np.cosh, "Cosh", lambda g, y, x: g * np.sinh(x)),
    (np.sin, "Sin", lambda g, y, x: g * np.cos(x)),
    (np.cos, "Cos", lambda g, y, x: -g * np.sin(x)),
    (np.tan, "Tan", lambda g, y, x: g * (y * y + 1)),
    (np.arctan, "ArcTan", lambda g, y, x: g / (x * x + 1)),
    (np.arcsin, "ArcSin", lambda g, y, x: g / np.sqrt(1 - x * x)),
    (np.arccos, "ArcCos", lambda g, y, x: -g / np.sqrt(1 - x * x)),
    (np.arctan2, "ArcTan2", lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -g * a / (a * a + b * b)),
    (np.fmod, "FMod", lambda g, y, a, b: g, lambda g, y, a, b: -g * np.trunc(a / b)),
    (np.remainder, "Remainder", lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor(a / b)),
)

# for each operand whether its derivative reads y
KEEPS: dict[Any, tuple] = {
    np.power: (False, True),
    np.logaddexp: (True, True),
    **dict.fromkeys((np.exp, np.exp2, np.expm1, np.sqrt, np.reciprocal, np.tan), (True,)),
}

STEPS = (np.sign, np.floor, np.ceil, np.rint, np.trunc)
CONSTANT = (
    np.isnan,
    np.isinf,
    np.isfinite,
    np.signbit,
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.logical_not,
)


def _softmax(g, y, x, axis=-1):
    return vjp.softmax(y=y, g=g, axis=axis)


def _log_softmax(g, y, x, axis=-1):
    return vjp.log_softmax(y=y, g=g, axis=axis)


def _activation_ufuncs(name, function):
    """The ufuncs under a public function, each with its derivative ``(x, g, *parameters)``."""
    derivative = getattr(vjp, name)
    if hasattr(function, "ufuncs"):
        return [
            (ufunc, lambda x, g, choice=choice: derivative(x, g, choice)) for choice, ufunc in function.ufuncs.items()
        ]
    return [(getattr(function, "ufunc", function), derivative)]


def _set_activation(ufunc, derivative, row):
    name, arrays = ufunc.__name__, row["n_input"]
    others = (None,) * (ufunc.nin - 1)
    if row["n_gradient"] == 1:
        _tape.set_rule(ufunc, name, (lambda g, y, x, *rest: derivative(x, g, *rest), *others))
        return
    rest = (None,) * (ufunc.nin - row["n_gradient"])

    def joint(g, y, *operands):
        return *derivative(*operands[:arrays], g, *operands[arrays:]), *rest

    _tape.set_rule(ufunc, name, (None, *others), joint=joint)


def set_rules():
    """Hand the whole table to the tape."""
    for ufunc, name, *derivatives in LINEAR:
        _tape.set_rule(ufunc, name, tuple(derivatives), saves=False)
    for ufunc, name, *derivatives in TABLE:
        _tape.set_rule(ufunc, name, tuple(derivatives), keeps=KEEPS.get(ufunc))
    for ufunc in STEPS:
        _tape.set_rule(ufunc, ufunc.__name__, (np.zeros_like,), saves=False)
    for ufunc in CONSTANT:
        _tape.set_rule(ufunc, ufunc.__name__, None)
    rows = {row["name"]: row for row in _core.activation_table()}
    for name in _core.FUNCTIONS:
        for ufunc, derivative in _activation_ufuncs(name, getattr(activations, name)):
            _set_activation(ufunc, derivative, rows[name])
