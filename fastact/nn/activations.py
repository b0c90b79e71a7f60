"""Activation modules, made from the table of ``functional.py``: torch's class name over torch's function name."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastact import vjp
from fastact._tensor_reduce import pick, taking_synonyms
from fastact.nn import functional
from fastact.nn.functional import REQUIRED
from fastact.nn.module import Module, Parameter

_TABLE = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "CELU": "celu",
    "SELU": "selu",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "logsigmoid",
    "Tanh": "tanh",
    "Tanhshrink": "tanhshrink",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Hardsigmoid": "hardsigmoid",
    "Hardswish": "hardswish",
    "Hardtanh": "hardtanh",
    "Hardshrink": "hardshrink",
    "Softshrink": "softshrink",
    "Threshold": "threshold",
}
CLASSES = {name: function for name, function in _TABLE.items() if function in functional.ACTIVATIONS}
__all__ = ["GLU", "LogSoftmax", "PReLU", "Softmax", "Softmin", *CLASSES]


class _Activation(Module):
    """An elementwise function as a module; its parameters are attributes."""

    def __init__(self, *args, **options):
        super().__init__()
        given = {**self.defaults, **functional._given(type(self).__name__, (*self.defaults, "inplace"), args, options)}
        missing = [name for name, value in given.items() if value is REQUIRED]
        if missing:
            raise TypeError(f"{type(self).__name__} needs {' and '.join(missing)}")
        given.pop("inplace", None)
        self.__dict__.update(given)

    def forward(self, input):
        """The function of every element."""
        function = self.function
        if not self.defaults:
            return function(input)
        return function(input, **{name: getattr(self, name) for name in self.defaults})

    def extra_repr(self):
        names = [] if type(self).__name__ in ("Hardshrink", "Softshrink") else self.defaults
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names) or ", ".join(
            repr(getattr(self, name)) for name in self.defaults
        )


def _make(name, function_name):
    function, ours = getattr(functional, function_name), functional.ACTIVATIONS[function_name][0]
    parameters = ", ".join(key if value is REQUIRED else f"{key}={value!r}" for key, value in function.defaults.items())
    return type(
        name,
        (_Activation,),
        {
            "__doc__": f"``{name}({parameters})``: `functional.{function_name}` as a module; `inplace` is accepted and "
            "ignored.",
            "__module__": __name__,
            "__signature__": functional.signature_of(**function.defaults, inplace=False),
            "function": staticmethod(ours),
            "defaults": function.defaults,
        },
    )


def after_linear(module):
    """The function of one array that `module` is, and its derivative; None if it is no activation of this table.

    A class derived from one of them is none: its forward() may do otherwise.
    """
    pair = _PAIRS.get(type(module))
    if pair is None or not module.defaults:
        return pair
    given = {name: getattr(module, name) for name in module.defaults}
    return tuple(functools.partial(function, **given) for function in pair)


for _name, _function_name in CLASSES.items():
    globals()[_name] = _make(_name, _function_name)
_PAIRS = {
    globals()[name]: (globals()[name].function, getattr(vjp, functional._TABLE[function][0]))
    for name, function in CLASSES.items()
}


class Softmax(Module):
    """`functional.softmax` along `dim` as a module."""

    function: Callable[..., Any] = staticmethod(functional.softmax)

    def __init__(self, dim=None, *, axis=None):
        super().__init__()
        self.dim = pick(dim, axis)

    def forward(self, input):
        """The function along the module's `dim`."""
        return self.function(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """`functional.log_softmax` along `dim` as a module."""

    function = staticmethod(functional.log_softmax)


class Softmin(Softmax):
    """`functional.softmin` along `dim` as a module."""

    function = staticmethod(functional.softmin)


class GLU(Softmax):
    """`functional.glu` along `dim` as a module."""

    function = staticmethod(functional.glu)

    @taking_synonyms
    def __init__(self, dim=-1):
        super().__init__(dim)


class PReLU(Module):
    """x where it is above 0, weight·x elsewhere, the slope being trained.

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels, which are on axis 1 of the input.
    init : float
        The slope at first.
    device : str, optional
        Only "cpu".
    dtype : dtype, optional
        float32 unless said.
    """

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(np.full(num_parameters, init, np.float32 if dtype is None else dtype))

    def forward(self, input):
        """The function of every element."""
        return functional.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"
