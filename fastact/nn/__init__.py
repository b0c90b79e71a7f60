"""Layers, activation modules and losses under torch's names; nothing is defined here."""

from typing import Any as _Any

from fastact._names import refuse_others as _refuse_others
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

# What is made from tables; type checkers see the names alone.
ReLU: _Any
ReLU6: _Any
LeakyReLU: _Any
ELU: _Any
CELU: _Any
SELU: _Any
Sigmoid: _Any
LogSigmoid: _Any
Tanh: _Any
Tanhshrink: _Any
GELU: _Any
SiLU: _Any
Mish: _Any
Softplus: _Any
Softsign: _Any
Hardsigmoid: _Any
Hardswish: _Any
Hardtanh: _Any
Hardshrink: _Any
Softshrink: _Any
Threshold: _Any
CrossEntropyLoss: _Any
NLLLoss: _Any
BCELoss: _Any
BCEWithLogitsLoss: _Any
KLDivLoss: _Any
MSELoss: _Any
L1Loss: _Any
SmoothL1Loss: _Any
HuberLoss: _Any
PoissonNLLLoss: _Any
GaussianNLLLoss: _Any

__all__ = [
    "BatchNorm1d", "Dropout", "Embedding", "Flatten", "Identity", "LayerNorm", "Linear", "Module", "ModuleDict",
    "ModuleList", "Parameter", "ParameterList", "RMSNorm", "Sequential", "SafetensorsError", "Unflatten", "export_onnx",
    "functional", "load_safetensors", "save_safetensors", "init", "utils", *_activations, *_losses,
]  # fmt: skip


_refuse_others(globals(), "fastact.nn", __all__, "what multilayer perceptrons are made of, not all of torch.nn")
