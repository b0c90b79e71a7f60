"""Module and Parameter: what layers and models are made of.

A module's parameters, buffers and children are its attributes, in the order of assignment; there is no second list of
them. Layers belong in ``layers.py``, losses in ``losses.py``.
"""

from collections import OrderedDict, namedtuple

import numpy as np

from fastact import _tape
from fastact._tensor import Tensor
from fastact.nn._hooks import add_hook, call_hooked

IncompatibleKeys = namedtuple("IncompatibleKeys", "missing_keys unexpected_keys")


class Parameter(Tensor):
    """A tensor that a module trains.

    Parameters
    ----------
    data : Tensor or array_like
        Initial values.
    requires_grad : bool
        False freezes it.
    """

    __slots__ = ()

    def __init__(self, data=None, requires_grad=True):
        data = np.empty(0, np.float32) if data is None else np.asarray(_tape.raw(data))
        super().__init__(data, requires_grad)

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()


class Module:
    """Base class of layers and models: assign layers and parameters in ``__init__``, compute in ``forward``.

    Examples
    --------
    >>> from fastact import nn
    >>> class Classifier(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(5, 3)
    ...     def forward(self, x):
    ...         return self.fc(x)
    >>> [name for name, _ in Classifier().named_parameters()]
    ['fc.weight', 'fc.bias']
    """

    training = True
    _hooks: tuple[dict, dict] | None = None  # of one instance: those before and those after forward()

    def __init__(self):
        self.training = True

    def __call__(self, *args, **kwargs):
        if self._hooks is not None:
            return call_hooked(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args)` before every forward(); what it returns, unless None, takes the place of `args`.

        With `with_kwargs` it is called and answers with the keywords too. The handle returned has ``remove()``.
        """
        return add_hook(self, 0, hook, prepend, with_kwargs)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call `hook(module, args, output)` after every forward(); what it returns, unless None, is the output instead.

        With `with_kwargs` the keywords stand after `args`; `always_call` is accepted and ignored. The handle returned
        has ``remove()``.
        """
        return add_hook(self, 1, hook, prepend, with_kwargs)

    def forward(self, *args, **kwargs):
        """Compute the output; every module defines its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); define what it computes")

    def __setattr__(self, name, value):
        if isinstance(self.__dict__.get(name), Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{name!r} is a parameter of {type(self).__name__}; assign an nn.Parameter or None, or change "
                f"its values by {name}.data = ...; got {type(value).__name__}"
            )
        if name in self.__dict__.get("_buffer_names", ()) and not (value is None or isinstance(value, Tensor)):
            raise TypeError(
                f"{name!r} is a buffer of {type(self).__name__}; assign a tensor or None, got {type(value).__name__}"
            )
        if isinstance(self.__dict__.get(name), Module) and not isinstance(value, (Module, Parameter, type(None))):
            raise TypeError(f"{name!r} is a module of {type(self).__name__}; assign one, got {type(value).__name__}")
        self.__dict__[name] = value

    def register_parameter(self, name, param):
        """Assign a Parameter (or None) by name."""
        if not isinstance(param, (Parameter, type(None))):
            raise TypeError(f"register_parameter takes an nn.Parameter or None, got {type(param).__name__}")
        setattr(self, name, param)

    def add_module(self, name, module):
        """Assign a child by name."""
        if not isinstance(module, Module) and module is not None:
            given = module.__name__ if callable(module) and hasattr(module, "__name__") else repr(module)
            raise TypeError(
                f"{type(self).__name__} holds modules, got {given}: of a function there is a module (nn.ReLU() for F.relu), "
                "of a class make one (nn.ReLU())"
            )
        setattr(self, name, module)

    register_module = add_module

    def register_buffer(self, name, tensor, persistent=True):
        """Assign a tensor that belongs to the module but is not trained; `persistent` says whether to the state too."""
        names = self.__dict__.setdefault("_buffer_names", {})
        if hasattr(self, name) and name not in names:
            raise KeyError(f"{type(self).__name__} has {name!r} already: give the buffer another name")
        names[name] = bool(persistent)
        setattr(self, name, tensor)

    def named_children(self):
        """The modules assigned to this one, with their names."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def children(self):
        """The modules assigned to this one."""
        return (module for _, module in self.named_children())

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """This module and all below it, each once unless said, with dotted names."""
        memo = set() if memo is None else memo
        if self not in memo:
            if remove_duplicate:
                memo.add(self)
            yield prefix, self
            for name, child in self.named_children():
                yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate=True):
        """This module and all below it, each once unless said."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def get_submodule(self, target):
        """The module of a dotted name; "" is this one."""
        found = self
        for name in target.split(".") if target else ():
            found = getattr(found, name, None)
            if not isinstance(found, Module):
                raise AttributeError(f"{type(self).__name__} has no module {target!r}: named_modules() lists them")
        return found

    def get_parameter(self, target):
        """The parameter of a dotted name."""
        *path, name = target.split(".")
        found = getattr(self.get_submodule(".".join(path)), name, None)
        if not isinstance(found, Parameter):
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}: named_parameters() lists them")
        return found

    def _named_own(self, persistent=True):
        """This module's own parameters and buffers: what a state holds, or with `persistent` False all there are."""
        own = vars(self)
        yield from ((name, value) for name, value in own.items() if isinstance(value, Parameter))
        for name, in_state in own.get("_buffer_names", {}).items():
            if own.get(name) is not None and (in_state or not persistent):
                yield name, own[name]

    def _named_state(self, prefix="", persistent=True, recurse=True):
        for name, value in self._named_own(persistent):
            yield prefix + name, value
        for name, child in self.named_children() if recurse else ():
            yield from child._named_state(f"{prefix}{name}.", persistent)

    def _named(self, wanted, prefix, recurse, remove_duplicate):
        """Those of the parameters and buffers that `wanted` says, each once unless said, with dotted names."""
        seen = set()
        for name, value in self._named_state(prefix + "." if prefix else "", False, recurse):
            if wanted(value) and id(value) not in seen:
                if remove_duplicate:
                    seen.add(id(value))
                yield name, value

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """The parameters, each once unless said, with dotted names."""
        return self._named(_is_parameter, prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """The parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """The registered buffers, each once unless said, with dotted names."""
        return self._named(_is_buffer, prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """The registered buffers."""
        return (value for _, value in self.named_buffers(recurse=recurse))

    def state_dict(self, *, destination=None, prefix="", keep_vars=False):
        """Names and values of all parameters and buffers; the values share memory with the module.

        Parameters
        ----------
        destination : dict, optional
            What to put them into.
        prefix : str
            What to put before their names.
        keep_vars : bool
            Whether the values are the parameters themselves.
        """
        state = OrderedDict() if destination is None else destination
        state.update((name, value if keep_vars else value.detach()) for name, value in self._named_state(prefix))
        return state

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy values in by name.

        Parameters
        ----------
        state_dict : mapping
            Tensors or arrays, torch's included, by the names of `state_dict`.
        strict : bool
            Whether missing and unexpected names are errors; otherwise they are returned.
        assign : bool
            Take the values over as they are, dtype and memory included, instead of copying them.

        Returns
        -------
        IncompatibleKeys
            The named pair (missing_keys, unexpected_keys), lists of str.
        """
        own = dict(self._named_state())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and (missing or unexpected):
            raise RuntimeError(
                f"the state does not fit {type(self).__name__}: missing {missing}, unexpected {unexpected}; "
                "strict=False loads what fits"
            )
        new = {name: np.asarray(_tape.raw(state_dict[name])) for name in own if name in state_dict}
        wrong = [
            f"{name} is {array.shape}, expected {own[name].shape}"
            for name, array in new.items()
            if array.shape != own[name].shape
        ]
        if wrong:
            raise RuntimeError(f"shapes of the state do not fit {type(self).__name__}: {'; '.join(wrong)}")
        for name, array in new.items():
            if assign:
                own[name].data = array
            else:
                own[name]._raw()[...] = array
                own[name]._touch()
        return IncompatibleKeys(missing, unexpected)

    def train(self, mode=True):
        """Set training mode (dropout, batch statistics) on all modules; returns the module."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self):
        """Leave training mode; returns the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Freeze or unfreeze all parameters; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters, or set them to 0."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad.zero_()

    def apply(self, fn):
        """Call `fn` on every module, children first; returns the module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args, **kwargs):
        """Convert all floating parameters and buffers to a dtype; the device can only be the CPU."""
        for _, value in self._named_state(persistent=False):
            if value.is_floating_point():
                gradient, made = value.grad, value.detach().to(*args, **kwargs)
                if not made.is_floating_point():
                    raise TypeError(f"a module's to() got {made.dtype}: expected a floating dtype such as float32")
                value.data, value.grad = made, None if gradient is None else gradient.to(made.dtype)
        return self

    def float(self):
        """Make parameters float32."""
        return self.to(np.float32)

    def double(self):
        """Make parameters float64."""
        return self.to(np.float64)

    def half(self):
        """Make parameters float16."""
        return self.to(np.float16)

    def cpu(self):
        """This module: there is no other device."""
        return self

    def extra_repr(self):
        """Text that stands in the parentheses of ``repr``."""
        return ""

    def __repr__(self):
        lines = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        head = [self.extra_repr()] if self.extra_repr() else []
        return f"{type(self).__name__}(\n  " + "\n  ".join(head + lines) + "\n)"


def _is_parameter(value):
    return isinstance(value, Parameter)


def _is_buffer(value):
    return not isinstance(value, Parameter)
