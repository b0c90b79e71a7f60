"""Layers with weights, and the containers that hold layers."""

import math

import numpy as np

from fastact import _fused, _tape
from fastact._random import generator
from fastact._tensor import check_device
from fastact.nn.module import Module, Parameter


def _uniform(bound, shape, dtype):
    """A parameter drawn evenly from [-bound, bound]."""
    dtype = np.dtype(np.float32 if dtype is None else dtype)
    return Parameter(generator().uniform(-bound, bound, shape).astype(dtype))


class Linear(Module):
    """y = x Wᵀ + b on the last axis.

    Parameters
    ----------
    in_features, out_features : int
        Lengths of the last axis of input and output.
    bias : bool
        Whether b is there.
    device : str, optional
        Only "cpu".
    dtype : dtype, optional
        float32 unless said.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
        Drawn evenly from ±1/√in_features, as is the bias.
    bias : Parameter, shape (out_features,), or None
    """

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        check_device(device)
        self.in_features, self.out_features = in_features, out_features
        bound = 1.0 / math.sqrt(in_features) if in_features > 0 else 0.0
        self.weight = _uniform(bound, (out_features, in_features), dtype)
        self.bias = _uniform(bound, (out_features,), dtype) if bias else None

    def forward(self, input):
        """x Wᵀ + b; arrays, lists and integers take the dtype of the weight."""
        return _fused.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """Gives back its input; any arguments are accepted and ignored."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        """The input itself."""
        return input


class Flatten(Module):
    """Makes the axes `start_dim` to `end_dim` one."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        """The input with those axes made one."""
        if isinstance(input, _tape.TensorBase):
            return input.flatten(self.start_dim, self.end_dim)
        return _tape.constant(np.asarray(input)).flatten(self.start_dim, self.end_dim).numpy()

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class ModuleList(Module):
    """A list of modules, all of them children."""

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)

    def append(self, module):
        """Put a module at the end; returns the list."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Put modules at the end; returns the list."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self):
        return sum(1 for _ in self.children())

    def __iter__(self):
        return iter(list(self.children()))

    def __getitem__(self, index):
        chosen = list(self.children())[index]
        return type(self)(chosen) if isinstance(index, slice) else chosen

    def __setitem__(self, index, module):
        names = [name for name, _ in self.named_children()]
        setattr(self, names[index], module)


class Sequential(ModuleList):
    """Modules applied one after another: ``Sequential(a, b)(x)`` is ``b(a(x))``.

    Parameters
    ----------
    *args : Module
        In order; or one OrderedDict of names and modules.
    """

    def __init__(self, *args):
        Module.__init__(self)
        if len(args) == 1 and isinstance(args[0], dict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def __getitem__(self, index):
        chosen = list(self.children())[index]
        return Sequential(*chosen) if isinstance(index, slice) else chosen

    def forward(self, input):
        """The input sent through all modules."""
        for module in vars(self).values():
            if isinstance(module, Module):
                input = module(input)
        return input
