"""The independent reference: one oracle entry for each activation, and one function for each row operation.

Each entry is written once over a number namespace ``m`` of reals.py and runs unchanged on all of them.  An entry must not cancel in float64 except at a root of the derivative, and
must reach its limits at infinite inputs.  NaN in, NaN out is applied to all entries by `evaluate`.

What belongs here is mathematics; ULPs are counted in ulp.py, and fastact itself must never be imported.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable

import numpy as np
from reals import LONG_DOUBLE as LONG_DOUBLE
from reals import MPFR, NUMPY
from reals import MPMATH as MPMATH


@dataclasses.dataclass(frozen=True)
class Oracle:
    """value(m, x, *parameters) and derivative(m, x, *parameters) by x.

    Defaults stand in the lambdas' signatures; for parameters that must be given they are the ones that tests give.
    """

    value: Callable
    derivative: Callable

    @property
    def parameters(self):
        """The defaults by name."""
        return {p.name: p.default for p in list(inspect.signature(self.value).parameters.values())[2:]}


# Published with the paper, as exact decimals.
SELU_SCALE = "1.0507009873554804934193349852946"
SELU_ALPHA = "1.6732632423543772848170429916717"

ORACLES = {
    "relu": Oracle(lambda m, x: m.where(x < 0, 0, x), lambda m, x: m.where(x > 0, 1, 0)),
    "leaky_relu": Oracle(
        lambda m, x, negative_slope=0.01: m.where(x > 0, x, negative_slope * x),
        lambda m, x, negative_slope=0.01: m.where(x > 0, 1, negative_slope),
    ),
    "relu6": Oracle(
        lambda m, x: m.where(x < 0, 0, m.where(x > 6, 6, x)),
        lambda m, x: m.where((x > 0) & (x < 6), 1, 0),
    ),
    "hardtanh": Oracle(
        lambda m, x, min_val=-1.0, max_val=1.0: m.where(x < min_val, min_val, m.where(x > max_val, max_val, x)),
        lambda m, x, min_val=-1.0, max_val=1.0: m.where((x > min_val) & (x < max_val), 1, 0),
    ),
    "hardsigmoid": Oracle(
        lambda m, x: m.where(x < -3, 0, m.where(x > 3, 1, (x + 3) / 6)),
        lambda m, x: m.where(abs(x) < 3, m.real("1") / 6, 0),
    ),
    "hardswish": Oracle(
        lambda m, x: m.where(x <= -3, -0.0, m.where(x >= 3, x, x * (x + 3) / 6)),
        lambda m, x: m.where(x <= -3, 0, m.where(x >= 3, 1, (2 * x + 3) / 6)),
    ),
    "hardshrink": Oracle(
        lambda m, x, lambd=0.5: m.where(abs(x) > lambd, x, 0),
        lambda m, x, lambd=0.5: m.where(abs(x) > lambd, 1, 0),
    ),
    "softshrink": Oracle(
        lambda m, x, lambd=0.5: m.where(x > lambd, x - lambd, m.where(x < -lambd, x + lambd, x * 0)),
        lambda m, x, lambd=0.5: m.where(abs(x) > lambd, 1, 0),
    ),
    "squared_relu": Oracle(lambda m, x: m.where(x > 0, x, 0) ** 2, lambda m, x: 2 * m.where(x > 0, x, 0)),
    "softsign": Oracle(
        lambda m, x: m.where(x > 1, 1 - 1 / (1 + abs(x)), m.where(x < -1, 1 / (1 + abs(x)) - 1, x / (1 + abs(x)))),
        lambda m, x: 1 / (1 + abs(x)) ** 2,
    ),
    "celu": Oracle(
        lambda m, x, alpha=1.0: m.where(x > 0, x, alpha * m.expm1(x / alpha)),
        lambda m, x, alpha=1.0: m.where(x > 0, 1, m.exp(x / alpha)),
    ),
    "selu": Oracle(
        lambda m, x: m.real(SELU_SCALE) * m.where(x > 0, x, m.real(SELU_ALPHA) * m.expm1(x)),
        lambda m, x: m.real(SELU_SCALE) * m.where(x > 0, 1, m.real(SELU_ALPHA) * m.exp(x)),
    ),
    "sigmoid": Oracle(lambda m, x: m.logistic(x), lambda m, x: m.logistic_slope(x)),
    "tanh": Oracle(lambda m, x: m.tanh(x), lambda m, x: 1 / m.cosh(x) ** 2),
    "tanhshrink": Oracle(lambda m, x: m.tanhshrink(x), lambda m, x: m.tanh(x) ** 2),
    "softcap": Oracle(
        lambda m, x, cap=30.0: cap * m.tanh(x / cap),
        lambda m, x, cap=30.0: 1 / m.cosh(x / cap) ** 2,
    ),
    "erf": Oracle(lambda m, x: m.erf(x), lambda m, x: 2 / m.sqrt(m.pi()) * m.exp(-x * x)),
    "logit": Oracle(lambda m, x: m.logit(x), lambda m, x: m.logit_slope(x)),
    "elu": Oracle(
        lambda m, x, alpha=1.0: m.where(x > 0, x, alpha * m.expm1(x)),
        lambda m, x, alpha=1.0: m.where(x > 0, 1, alpha * m.exp(x)),
    ),
    "gelu": Oracle(
        lambda m, x: m.fading(x, m.gauss_below(x)),
        lambda m, x: m.gauss_below(x) + m.fading(x, m.gauss(x)),
    ),
    "gelu_tanh": Oracle(
        lambda m, x: m.fading(x, m.logistic(m.gelu_tanh_argument(x))),
        lambda m, x: (
            m.logistic(m.gelu_tanh_argument(x))
            + m.fading(
                x * m.gelu_tanh_argument_slope(x),
                m.logistic_slope(m.gelu_tanh_argument(x)),
            )
        ),
    ),
    "silu": Oracle(
        lambda m, x: m.fading(x, m.logistic(x)),
        lambda m, x: m.logistic(x) + m.fading(x, m.logistic_slope(x)),
    ),
    "log_sigmoid": Oracle(lambda m, x: -m.log1p_exp(-x), lambda m, x: m.logistic(-x)),
    "quick_gelu": Oracle(
        lambda m, x: m.fading(x, m.logistic(m.real("1.702") * x)),
        lambda m, x: (
            m.logistic(m.real("1.702") * x) + m.fading(m.real("1.702") * x, m.logistic_slope(m.real("1.702") * x))
        ),
    ),
    "mish": Oracle(
        lambda m, x: m.fading(x, m.tanh(m.log1p_exp(x))),
        lambda m, x: m.tanh(m.log1p_exp(x)) + m.fading(x, m.logistic(x) / m.cosh(m.log1p_exp(x)) ** 2),
    ),
    "softplus": Oracle(
        lambda m, x, beta=1.0, threshold=np.inf: m.where(beta * x > threshold, x, m.log1p_exp(beta * x) / beta),
        lambda m, x, beta=1.0, threshold=np.inf: m.where(beta * x > threshold, 1, m.logistic(beta * x)),
    ),
    "prelu": Oracle(
        lambda m, x, weight=0.25: m.where(x > 0, x, weight * x),
        lambda m, x, weight=0.25: m.where(x > 0, 1, weight),
    ),
    "threshold": Oracle(
        lambda m, x, threshold=0.5, value=-2.0: m.where(x > threshold, x, value),
        lambda m, x, threshold=0.5, value=-2.0: m.where(x > threshold, 1, 0),
    ),
}


def _gated(name):
    """x times an activation of the gate, and the derivatives by each."""
    oracle = ORACLES[name]
    return Oracle(
        lambda m, x, gate: x * oracle.value(m, gate),
        lambda m, x, gate: (oracle.value(m, gate), x * oracle.derivative(m, gate)),
    )


# Of (x, gate): the value, and the derivatives by each.  reglu's last is 0 by branch, also where x is inf.
GATED = {
    "swiglu": _gated("silu"),
    "_glu": _gated("sigmoid"),
    "geglu": _gated("gelu"),
    "reglu": Oracle(
        _gated("relu").value,
        lambda m, x, gate: (m.where(gate > 0, gate, 0), m.where(gate > 0, x, 0)),
    ),
}


# The derivative of a row by its learned parameter.
LEARNED = {"prelu": lambda m, x, weight: m.where(x > 0, 0, x)}


def evaluate(m, name, kind, x, *parameters):
    """The reference on the array x, in the namespace m.

    Parameters
    ----------
    m : Reals
    name : str
        A key of `ORACLES`.
    kind : {"value", "derivative"}
    x : ndarray of float32 or float64
    *parameters : float
        Rounded to the dtype of x first, as fastact does; the defaults where left out.

    Returns
    -------
    ndarray
        Of the numbers of m: float64, or objects.
    """
    oracle = ORACLES[name]
    given = (*parameters, *list(oracle.parameters.values())[len(parameters) :])
    with m.context():
        numbers = m.array(np.atleast_1d(x))
        result = getattr(oracle, kind)(m, numbers, *(float(x.dtype.type(p)) for p in given))
        missing = numbers != numbers
        return np.where(missing, numbers, result) if missing.any() else result


def evaluate_pair(m, name, x, other):
    """Of (x, gate), or of a row's x and its learned parameter: the value, and the derivatives by each.

    Parameters
    ----------
    name : str
        A key of `GATED` or of `LEARNED`.
    x, other : ndarray of one dtype and shape
    """
    with m.context():
        a, b = m.array(np.atleast_1d(x)), m.array(np.atleast_1d(other))
        if name in GATED:
            results = (GATED[name].value(m, a, b), *GATED[name].derivative(m, a, b))
        else:
            oracle = ORACLES[name]
            results = (oracle.value(m, a, b), oracle.derivative(m, a, b), LEARNED[name](m, a, b))
        gate = (b != b) & (name in GATED)
        first = gate | (a != a)
        missing = (first, gate, gate) if name in GATED else (first, first, first)
        return tuple(np.where(m, np.nan, result) for m, result in zip(missing, results, strict=True))


def head_and_tail(name, kind, x, *parameters, m=MPFR):
    """The reference in two float64 arrays: correctly rounded, and what that leaves, in ULPs (0 beside inf and nan)."""
    result = evaluate(m, name, kind, x, *parameters)
    return split(result, m)


def split(result, m=MPFR):
    """Numbers of m as (head, tail): head correctly rounded to float64, tail in ULPs of head."""
    head = result.astype(np.float64)
    finite = np.isfinite(head)
    with m.context():
        ulp = m.array(np.where(finite, np.spacing(np.abs(head)), 1.0))
        tail = np.where(finite, result - m.array(np.where(finite, head, 0.0)), 0) / ulp
        return head, np.where(finite, tail, 0).astype(np.float64)


@functools.cache
def derivative_roots(name, *parameters):
    """The x != 0 at which the derivative passes through 0 without a jump (gelu, silu, …)."""
    return _roots(lambda x: evaluate(NUMPY, name, "derivative", x, *parameters))


@functools.cache
def gate_roots(name):
    """The same of a gated row's derivative by its gate."""
    return _roots(lambda gate: evaluate_pair(NUMPY, name, np.ones_like(gate), gate)[2].astype(np.float64))


def _roots(slope):
    grid = np.linspace(-30.0, 30.0, 60_000)
    on_grid = slope(grid)
    roots = []
    for i in np.flatnonzero(on_grid[:-1] * on_grid[1:] < 0):
        low, high = grid[i], grid[i + 1]
        for _ in range(60):
            middle = np.array([(low + high) / 2])
            low, high = (middle[0], high) if slope(middle)[0] * on_grid[i] > 0 else (low, middle[0])
        if abs(slope(np.array([low]))[0]) < 1e-9 and abs(low) > 1e-6:
            roots.append(float(low))
    return tuple(roots)


def _row(m, x):
    """The maximum's position, x minus the maximum, and the sum of the other terms exp(x - max)."""
    numbers = m.array(x)
    top = int(np.argmax(x))
    below = numbers - numbers[top]
    terms = m.exp(below)
    rest = np.sum(np.delete(terms, top)) if len(x) > 1 else m.real("0")
    return numbers, top, below, terms, rest


def _scalar(function, value):
    return function(np.atleast_1d(np.asarray(value)))[0]


def softmax_row(m, x):
    """softmax of one finite row."""
    _, _, _, terms, rest = _row(m, x)
    return terms / (1 + rest)


def log_softmax_row(m, x):
    """log_softmax of one finite row, without loss where one class is nearly certain."""
    _, _, below, _, rest = _row(m, x)
    return below - _scalar(m.log1p, rest)


def logsumexp_row(m, x):
    """logsumexp of one finite row."""
    numbers, top, _, _, rest = _row(m, x)
    return numbers[top] + _scalar(m.log1p, rest)


def cross_entropy_row(m, x, target):
    """Cross-entropy of one finite row: target is a class index, or the classes' probabilities."""
    _, _, below, _, rest = _row(m, x)
    losses = _scalar(m.log1p, rest) - below
    if np.ndim(target) == 0:
        return losses[target]
    return np.sum(m.array(target) * losses)


def cross_entropy_row_gradient(m, x, target):
    """The gradient of `cross_entropy_row` by x; at an index target it is -(the sum of the other terms) / sum."""
    _, top, _, terms, rest = _row(m, x)
    if np.ndim(target) == 0:
        gradient = terms / (1 + rest)
        others = rest if target == top else 1 + rest - terms[target]
        gradient[target] = -others / (1 + rest)
        return gradient
    weights = m.array(target)
    return terms / (1 + rest) * np.sum(weights) - weights
