"""Layers, activation modules and losses under torch's names; nothing is defined here."""

from fastact.nn import functional as functional
from fastact.nn._onnx import export_onnx
from fastact.nn._weights import SafetensorsError, load_safetensors, save_safetensors
from fastact.nn.activations import *  # noqa: F403
from fastact.nn.activations import __all__ as _activations
from fastact.nn.layers import Flatten, Identity, Linear, ModuleList, Sequential
from fastact.nn.losses import CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from fastact.nn.module import Module, Parameter

__all__ = [
    "CrossEntropyLoss",
    "Flatten",
    "Identity",
    "L1Loss",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "Sequential",
    "SafetensorsError",
    "export_onnx",
    "functional",
    "load_safetensors",
    "save_safetensors",
    *_activations,
]
