"""The numbers that the reference is evaluated on: one namespace of real functions for each kind of number.

``NUMPY`` is float64 with scipy.special, the reference of float32 sweeps; ``LONG_DOUBLE`` the platform's; ``MPFR`` gmpy2,
the reference of float64; ``MPMATH`` slow, sharing no code with the others, which it proves.  Functions built from the
primitives stand in `Reals`, once for all kinds; the activations themselves belong in reference.py.
"""

import contextlib
import dataclasses
from collections.abc import Callable

import gmpy2
import mpmath
import numpy as np
import scipy.special


def _on_objects(function):
    """A function of one number as a function of an array of objects."""
    return np.frompyfunc(function, 1, 1)


@dataclasses.dataclass(frozen=True)
class Reals:
    """Real arithmetic on arrays: `array` converts floats exactly, `real` a literal, `context` sets the precision."""

    array: Callable
    real: Callable
    context: Callable
    pi: Callable
    exp: Callable
    expm1: Callable
    log: Callable
    log1p: Callable
    tanh: Callable
    cosh: Callable
    erf: Callable
    erfc: Callable
    sqrt: Callable

    @staticmethod
    def where(condition, chosen, otherwise):
        return np.where(condition, chosen, otherwise)

    @staticmethod
    def fading(x, tail):
        """x * tail for a tail that vanishes faster than x grows: 0 with the sign of x where the tail is 0."""
        gone = tail == 0
        if not gone.any():
            return x * tail
        return np.where(gone, np.where(x < 0, -0.0, 0.0), np.where(gone, 0, x) * tail)

    def logistic(self, x):
        return 1 / (1 + self.exp(-x))

    def logistic_slope(self, x):
        """logistic(x) * (1 - logistic(x))."""
        return 1 / ((1 + self.exp(-x)) * (1 + self.exp(x)))

    def log1p_exp(self, x):
        return self.where(x > 0, x, 0) + self.log1p(self.exp(-abs(x)))

    def logit(self, x):
        """log(x / (1 - x)), by log1p beside x = 1/2; nan outside [0, 1]."""
        inside = (x > 0) & (x < 1)
        p = self.where(inside, x, 0.5)
        near = abs(p - 0.5) < 0.2
        y = self.where(near, self.log1p((2 * p - 1) / (1 - p)), self.log(p) - self.log1p(-p))
        return self.where(inside, y, self.where(x == 0, -np.inf, self.where(x == 1, np.inf, np.nan)))

    def logit_slope(self, x):
        inside = (x > 0) & (x < 1)
        p = self.where(inside, x, 0.5)
        return self.where(inside, 1 / (p * (1 - p)), self.where((x == 0) | (x == 1), np.inf, np.nan))

    def tanhshrink(self, x):
        """x - tanh(x); near 0 the odd series of tanh, whose coefficients follow from tanh' = 1 - tanh^2."""
        small = abs(x) < 0.25
        z = self.where(small, x, 0) ** 2
        c = [self.real("1")]
        for n in range(1, 24):
            c.append(-sum(c[k] * c[n - 1 - k] for k in range(n)) / (2 * n + 1))
        near = 0 * z
        for coefficient in reversed(c[1:]):
            near = near * z - coefficient
        return self.where(small, x * z * near, x - self.tanh(x))

    def gauss(self, x):
        """The density of the normal distribution."""
        return self.exp(-x * x / 2) / self.sqrt(2 * self.pi())

    def gauss_below(self, x):
        """The normal distribution's probability of a value below x."""
        return self.erfc(-x / self.sqrt(self.real("2"))) / 2

    def gelu_tanh_argument(self, x):
        """2u, where the tanh form of gelu is x/2 * (1 + tanh u) = x * logistic(2u)."""
        return 2 * self.sqrt(2 / self.pi()) * x * (1 + self.real("0.044715") * x * x)

    def gelu_tanh_argument_slope(self, x):
        return 2 * self.sqrt(2 / self.pi()) * (1 + 3 * self.real("0.044715") * x * x)


NUMPY = Reals(
    array=lambda x: np.asarray(x).astype(np.float64),
    real=float,
    pi=lambda: np.pi,
    context=lambda: np.errstate(all="ignore"),
    exp=np.exp,
    expm1=np.expm1,
    log=np.log,
    log1p=np.log1p,
    tanh=np.tanh,
    cosh=np.cosh,
    erf=scipy.special.erf,
    erfc=scipy.special.erfc,
    sqrt=np.sqrt,
)

LONG_DOUBLE = dataclasses.replace(
    NUMPY,
    array=lambda x: np.asarray(x).astype(np.longdouble),
    real=np.longdouble,
    pi=lambda: 4 * np.arctan(np.longdouble(1)),
    erf=None,
    erfc=None,
)


@contextlib.contextmanager
def _mpfr_context():
    with (
        np.errstate(all="ignore"),
        gmpy2.context(precision=160, emax=gmpy2.get_emax_max(), emin=gmpy2.get_emin_min()),
    ):
        yield


MPFR = Reals(
    array=_on_objects(lambda x: gmpy2.mpfr(float(x))),
    real=gmpy2.mpfr,
    pi=gmpy2.const_pi,
    context=_mpfr_context,
    exp=_on_objects(gmpy2.exp),
    expm1=_on_objects(gmpy2.expm1),
    log=_on_objects(gmpy2.log),
    log1p=_on_objects(gmpy2.log1p),
    tanh=_on_objects(gmpy2.tanh),
    cosh=_on_objects(gmpy2.cosh),
    erf=_on_objects(gmpy2.erf),
    erfc=_on_objects(gmpy2.erfc),
    sqrt=gmpy2.sqrt,
)

MPMATH = Reals(
    array=_on_objects(lambda x: mpmath.mpf(float(x))),
    real=mpmath.mpf,
    pi=lambda: +mpmath.pi,
    context=lambda: mpmath.workdps(60),
    exp=_on_objects(mpmath.exp),
    expm1=_on_objects(mpmath.expm1),
    log=_on_objects(mpmath.log),
    log1p=_on_objects(mpmath.log1p),
    tanh=_on_objects(mpmath.tanh),
    cosh=_on_objects(mpmath.cosh),
    erf=_on_objects(mpmath.erf),
    erfc=_on_objects(mpmath.erfc),
    sqrt=mpmath.sqrt,
)
