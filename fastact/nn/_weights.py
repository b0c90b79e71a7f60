"""Weights of models to and from safetensors files, which torch reads and writes too. The format is in ``_safetensors.py``."""

import os

from fastact import _safetensors
from fastact._safetensors import SafetensorsError as SafetensorsError
from fastact._tape import constant, raw
from fastact.nn.module import Module

RESERVED = "fastact."  # names that a Trainer keeps for its own state


def save_safetensors(model, path, metadata=None):
    """Write the parameters and buffers of a model into a safetensors file.

    The names are those of ``state_dict()``, so that ``torch_model.load_state_dict(safetensors.torch.load_file(path))`` takes
    them. The file appears whole or not at all.

    Parameters
    ----------
    model : Module, or mapping of str to Tensor or array
        What to write; a state_dict too.
    path : path-like
        The file to make or replace.
    metadata : mapping of str to str, optional
        Texts to store in the header.

    Raises
    ------
    TypeError
        If a value has a dtype that safetensors cannot hold.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fastact import nn
    >>> path = pathlib.Path(tempfile.mkdtemp(), "model.safetensors")
    >>> nn.save_safetensors(nn.Linear(3, 2), path)
    >>> sorted(nn.load_safetensors(path))
    ['bias', 'weight']
    """
    state = model.state_dict() if isinstance(model, Module) else model
    if not hasattr(state, "items"):
        raise TypeError(f"save_safetensors(model, path) takes a Module or a state first, got {type(model).__name__}")
    _safetensors.write(path, {name: raw(value) for name, value in state.items()}, metadata)


def load_safetensors(model, path=None, *, strict=True):
    """Copy the weights of a safetensors file into a model.

    Parameters
    ----------
    model : Module
        Built like the one that was saved, here or in torch. The weights take its dtype.
    path : path-like
        The file. With a path alone, ``load_safetensors(path)``, the weights are returned by name.
    strict : bool
        Whether names that are missing in the file or unknown to the model are errors.

    Returns
    -------
    missing, unexpected : list of str
        Names that the file lacks, and those it has beside the model's; or a dict of Tensors if no model was given.

    Raises
    ------
    fastact.nn.SafetensorsError
        If the file is damaged or of another format (a ValueError).
    RuntimeError
        If names or shapes do not fit.
    """
    if path is None and isinstance(model, (str, os.PathLike)):
        return {name: constant(array) for name, array in _weights(model).items()}
    if not isinstance(model, Module):
        raise TypeError(
            f"load_safetensors(model, path) takes a Module first, got {type(model).__name__}; "
            "load_safetensors(path) returns the weights by name"
        )
    return model.load_state_dict(_with_shared(model, _weights(path)), strict)


def _weights(path):
    """The arrays of a file, without those of a Trainer's state."""
    return {name: array for name, array in _safetensors.read(path)[0].items() if not name.startswith(RESERVED)}


def _with_shared(model, arrays):
    """`arrays` with what stands under one name of a shared parameter under its other names too."""
    found = {}
    for name, value in model._named_state():
        if name in arrays:
            found[id(value)] = arrays[name]
    shared = {
        name: found[id(value)] for name, value in model._named_state() if name not in arrays and id(value) in found
    }
    return {**arrays, **shared}
