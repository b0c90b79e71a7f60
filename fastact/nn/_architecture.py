"""Models as JSON: what each built-in layer was made with, and the same model built from that. No code is stored or run."""

import inspect
from collections import OrderedDict

import numpy as np

from fastact._tape import raw
from fastact.nn.module import Module, Parameter

SKIPPED = ("device", "dtype", "axis", "inplace", "size_average", "reduce")  # say nothing about what a module computes


class NotDescribable(ValueError):
    """A model that JSON cannot describe: it has a class of the user's own, or settings that JSON does not hold."""


def describe(module):
    """A description of `module` that JSON can hold, for `build`.

    Raises
    ------
    NotDescribable
        If the module, or one in it, is not of fastact.nn.
    """
    description = _describe(module, "", {})
    names = {}
    for name, value in module._named_state():
        names.setdefault(id(value), []).append(name)
    frozen = [name for name, parameter in module.named_parameters() if not parameter.requires_grad]
    shared = [same for same in names.values() if len(same) > 1]
    return {**description, **({"frozen": frozen} if frozen else {}), **({"shared": shared} if shared else {})}


def _describe(module, path, known):
    if id(module) in known:
        return {"same_as": known[id(module)]}
    known[id(module)] = path
    _built_in(type(module).__name__, type(module))
    if type(module).__name__ in ("Module", "ParameterList"):
        raise NotDescribable(f"a {type(module).__name__} holds parameters without a class that says how many")
    description = {"class": type(module).__name__}
    children = {name: _describe(child, f"{path}.{name}", known) for name, child in module.named_children()}
    if children:
        description["children"] = children
    else:
        description["settings"] = {name: _plain(module, name, value) for name, value in _settings(module).items()}
    return description


def _settings(module):
    """The arguments that make a module like this one: its attributes of the same names."""
    if hasattr(type(module), "defaults"):
        return {name: getattr(module, name) for name in module.defaults}
    parameters = inspect.signature(type(module).__init__).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {
        p.name: getattr(module, p.name)
        for p in named
        if p.name != "self" and p.name not in SKIPPED and not p.name.startswith("_") and hasattr(module, p.name)
    }


def _plain(module, name, value):
    if name == "bias":
        return value is not None and value is not False
    value = raw(value)
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (tuple, list)) and all(isinstance(part, (int, float)) for part in value):
        return list(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise NotDescribable(f"{type(module).__name__} has {name}={value!r}, which a file cannot describe")


def _built_in(name, cls=None):
    """The class of fastact.nn of this name; `cls` must be that very class."""
    from fastact import nn

    found = getattr(nn, str(name), None)
    if not (isinstance(found, type) and issubclass(found, Module)) or (cls is not None and cls is not found):
        raise NotDescribable(f"{name} is no class of fastact.nn")
    return found


def build(description):
    """The module that `describe` described, with fresh weights."""
    module = _build(description, "", {})
    state = dict(module._named_state())
    for first, *others in description.get("shared", []):
        for name in others:
            *path, last = name.split(".")
            owner = module
            for part in path:
                owner = getattr(owner, part)
            if isinstance(getattr(owner, last), Parameter):
                setattr(owner, last, state[first])
    for name in description.get("frozen", []):
        state[name].requires_grad = False
    return module


def _build(description, path, known):
    if "same_as" in description:
        return known[description["same_as"]]
    cls = _built_in(description["class"])
    if "children" in description:
        known[path] = None
        children = {name: _build(child, f"{path}.{name}", known) for name, child in description["children"].items()}
        named = list(children) != [str(i) for i in range(len(children))]
        module = cls(OrderedDict(children)) if named or cls.__name__ == "ModuleDict" else _from_list(cls, children)
    else:
        module = cls(**description["settings"])
    known[path] = module
    return module


def _from_list(cls, children):
    return cls(*children.values()) if cls.__name__ == "Sequential" else cls(list(children.values()))
