"""Layers with weights, and the containers that hold layers."""

import math

import numpy as np

from fastact import _tape
from fastact._device import check_device
from fastact._tensor_reduce import taking_synonyms
from fastact.nn import functional, init
from fastact.nn.activations import after_linear
from fastact.nn.module import Module, Parameter


def empty_parameter(shape, dtype, device=None):
    """A parameter whose values are still to be written; float32 unless said."""
    check_device(device)
    return Parameter(np.empty(shape, np.float32 if dtype is None else dtype))


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
        self.in_features, self.out_features = in_features, out_features
        self.weight = empty_parameter((out_features, in_features), dtype, device)
        self.bias = empty_parameter((out_features,), dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew."""
        bound = 1.0 / math.sqrt(self.in_features) if self.in_features > 0 else 0.0
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def forward(self, input):
        """x Wᵀ + b; arrays, lists and integers take the dtype of the weight."""
        return _tape.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """Gives back its input; any arguments are accepted and ignored."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        """The input itself."""
        return input


def _reshaped(input, method, *args):
    """What a method of Tensor makes of the input; an array of an array, and of what traces a model its own method."""
    if isinstance(input, (np.ndarray, list, tuple)):
        return getattr(_tape.constant(np.asarray(input)), method)(*args).numpy()
    return getattr(input, method)(*args)


class Flatten(Module):
    """Makes the axes `start_dim` to `end_dim` one."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        """The input with those axes made one."""
        return _reshaped(input, "flatten", self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Makes axis `dim` several, of lengths `unflattened_size`."""

    @taking_synonyms
    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input):
        """The input with that axis made several."""
        return _reshaped(input, "unflatten", self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Dropout(Module):
    """In training each element 0 with probability `p`, the others divided by 1 - p; otherwise the input itself.

    Parameters
    ----------
    p : float
        From 0 to 1.
    inplace : bool
        Accepted and ignored.
    """

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Dropout got p={p!r}: expected a probability from 0 to 1")
        self.p, self.inplace = p, inplace

    def forward(self, input):
        """The input, thinned out in training."""
        return functional.dropout(input, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Embedding(Module):
    """A table of vectors: the rows of `weight` at the indices it is given.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        Rows of the table and their length.
    padding_idx : int, optional
        A row that starts as zeros and is not trained.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As `functional.embedding`.
    device : str, optional
        Only "cpu".
    dtype : dtype, optional
        float32 unless said.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)
        Normal at first.
    """

    def __init__(
        self,
        num_embeddings,
        embedding_dim,
        padding_idx=None,
        max_norm=None,
        norm_type=2.0,
        scale_grad_by_freq=False,
        sparse=False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"padding_idx={padding_idx} is not a row of an embedding of {num_embeddings}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.weight = empty_parameter((num_embeddings, embedding_dim), dtype, device)
        self.reset_parameters()

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, **options):
        """An Embedding around given values, not trained if `freeze`."""
        made = cls(*embeddings.shape, **options)
        made.weight = Parameter(embeddings, requires_grad=not freeze)
        return made

    def reset_parameters(self):
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight._raw()[self.padding_idx] = 0

    def forward(self, input):
        """The rows at the indices `input`."""
        return functional.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq
        )

    def extra_repr(self):
        parts = [str(self.num_embeddings), str(self.embedding_dim)]
        parts += [] if self.padding_idx is None else [f"padding_idx={self.padding_idx}"]
        return ", ".join(parts)


class ModuleList(Module):
    """A list of modules, all of them children."""

    def __init__(self, modules=None):
        super().__init__()
        self.extend(modules or ())

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
        self.add_module(names[index], module)

    def __delitem__(self, index):
        modules = list(self)
        del modules[index]
        self._hold(modules)

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, modules):
        return type(self)([*self, *modules])

    def insert(self, index, module):
        """Put a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._hold(modules)

    def pop(self, index=-1):
        """Take the module at `index` out; returns it."""
        module = self[index]
        del self[index]
        return module

    def _hold(self, modules):
        """Make `modules` the children, numbered anew."""
        for name, _ in list(self.named_children()):
            delattr(self, name)
        self.extend(modules)


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

    def __add__(self, modules):
        return Sequential(*self, *modules)

    def forward(self, input):
        """The input sent through all modules; a Linear and the activation after it are one step."""
        modules = [module for module in vars(self).values() if isinstance(module, Module)]
        count, i = len(modules), 0
        while i < count:
            module, i = modules[i], i + 1
            if type(module) is not Linear or module._hooks is not None:
                input = module(input)
                continue
            fused = after_linear(modules[i]) if i < count and modules[i]._hooks is None else None
            i += fused is not None
            before_linear = i < count and type(modules[i]) is Linear and modules[i]._hooks is None
            input = _tape.linear(input, module.weight, module.bias, *(fused or (None, None)), before_linear)
        return input
