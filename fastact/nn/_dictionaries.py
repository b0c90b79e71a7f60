"""Containers of modules by name, and of parameters by number, for models that write their own forward()."""

from fastact.nn.module import Module, Parameter


class ModuleDict(Module):
    """Modules by name, all of them children.

    Parameters
    ----------
    modules : dict of Module, or pairs of name and Module
    """

    def __init__(self, modules=None):
        super().__init__()
        self.update(modules or {})

    def update(self, modules):
        """Take in further modules, or others for names that are there."""
        for name, module in modules.items() if hasattr(modules, "items") else modules:
            self[name] = module

    def __getitem__(self, name):
        return dict(self.named_children())[name]

    def __setitem__(self, name, module):
        if name in self or not hasattr(type(self), name):
            self.add_module(name, module)
        else:
            raise KeyError(f"a ModuleDict cannot hold {name!r}, which is one of its own methods; choose another name")

    def __delitem__(self, name):
        delattr(self, name)

    def pop(self, name):
        """Take the module of this name out; returns it."""
        module = self[name]
        del self[name]
        return module

    def clear(self):
        """Take all modules out."""
        for name in list(self):
            del self[name]

    def __contains__(self, name):
        return name in dict(self.named_children())

    def __len__(self):
        return len(dict(self.named_children()))

    def __iter__(self):
        return iter(self.keys())

    def keys(self):
        """The names."""
        return dict(self.named_children()).keys()

    def values(self):
        """The modules."""
        return dict(self.named_children()).values()

    def items(self):
        """The pairs of name and module."""
        return dict(self.named_children()).items()


class ParameterList(Module):
    """A list of parameters; tensors in it become parameters.

    Parameters
    ----------
    values : iterable of Parameter or Tensor
    """

    def __init__(self, values=None):
        super().__init__()
        self.extend(values or ())

    def _held(self):
        """The parameters, one that stands there twice twice."""
        return [value for value in vars(self).values() if isinstance(value, Parameter)]

    def append(self, value):
        """Put a parameter at the end; returns the list."""
        setattr(self, str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self

    def extend(self, values):
        """Put parameters at the end; returns the list."""
        for value in values:
            self.append(value)
        return self

    def __len__(self):
        return len(self._held())

    def __iter__(self):
        return iter(self._held())

    def __getitem__(self, index):
        chosen = self._held()[index]
        return ParameterList(chosen) if isinstance(index, slice) else chosen

    def __setitem__(self, index, value):
        place = range(len(self))[index]
        setattr(self, str(place), value if isinstance(value, Parameter) else Parameter(value))

    def __iadd__(self, values):
        return self.extend(values)
