"""Layers, activation modules and losses under torch's names; nothing is defined here."""

from fastact._names import missing as _missing
from fastact.nn import functional as functional
from fastact.nn import init as init
from fastact.nn import utils as utils
from fastact.nn._dictionaries import ModuleDict, ParameterList
from fastact.nn._onnx import export_onnx
from fastact.nn._weights import SafetensorsError, load_safetensors, save_safetensors
from fastact.nn.activations import *  # noqa: F403
from fastact.nn.activations import __all__ as _activations
from fastact.nn.layers import Dropout, Embedding, Flatten, Identity, Linear, ModuleList, Sequential, Unflatten
from fastact.nn.losses import *  # noqa: F403
from fastact.nn.losses import __all__ as _losses
from fastact.nn.module import Module, Parameter
from fastact.nn.normalization import BatchNorm1d, LayerNorm, RMSNorm

__all__ = [
    "BatchNorm1d", "Dropout", "Embedding", "Flatten", "Identity", "LayerNorm", "Linear", "Module", "ModuleDict",
    "ModuleList", "Parameter", "ParameterList", "RMSNorm", "Sequential", "SafetensorsError", "Unflatten", "export_onnx",
    "functional", "load_safetensors", "save_safetensors", "init", "utils", *_activations, *_losses,
]  # fmt: skip


def __getattr__(name):
    raise _missing("fastact.nn", name, __all__, "what multilayer perceptrons are made of, not all of torch.nn")
