"""Activation modules, made from the table of ``functional.py``: torch's class name over torch's function name."""

from fastact._tensor_reduce import pick
from fastact.nn import functional
from fastact.nn.module import Module

CLASSES = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "ELU": "elu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Softplus": "softplus",
}
__all__ = ["LogSoftmax", "Softmax", *CLASSES]


class _Activation(Module):
    """An elementwise function as a module; its parameters are attributes."""

    def __init__(self, *args, **options):
        super().__init__()
        names = (*self.defaults, "inplace")
        if len(args) > len(names) or any(key not in names[len(args) :] for key in options):
            raise TypeError(f"{type(self).__name__} takes {', '.join(names)}; got {args} and {options}")
        given = {**self.defaults, **dict(zip(names, args, strict=False)), **options}
        given.pop("inplace", None)
        self.__dict__.update(given)

    def forward(self, input):
        """The function of every element."""
        function = self.function
        if not self.defaults:
            return function(input)
        return function(input, **{name: getattr(self, name) for name in self.defaults})

    def extra_repr(self):
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.defaults)


def _make(name, function_name):
    function = getattr(functional, function_name)
    parameters = ", ".join(f"{key}={value!r}" for key, value in function.defaults.items())
    return type(
        name,
        (_Activation,),
        {
            "__doc__": f"``{name}({parameters})``: `fastact.{function_name}` as a module; `inplace` is accepted and ignored.",
            "__module__": __name__,
            "function": staticmethod(functional.ACTIVATIONS[function_name][0]),
            "defaults": function.defaults,
        },
    )


for _name, _function_name in CLASSES.items():
    globals()[_name] = _make(_name, _function_name)


class Softmax(Module):
    """`functional.softmax` along `dim` as a module."""

    function = staticmethod(functional.softmax)

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
