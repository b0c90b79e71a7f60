"""fastact: softmax, cross-entropy and every activation, value and derivative, as SIMD kernels for NumPy arrays.

    import fastact as fa

Functions follow NumPy's conventions (`axis`, `out`, `where`); `fastact.nn`, `fastact.optim` and `fastact.torch` follow
torch's and load when first used."""

import importlib
import os
import sys
from typing import TYPE_CHECKING

# The command line multiplies small matrices: OpenBLAS's threads gain nothing there, and as they wait by spinning, on a busy
# machine they cost much (the demo: 16 seconds instead of 1). OpenBLAS asks once, when NumPy loads it.
if os.path.basename("".join(sys.argv[:1])).split(".")[0] == "fastact" or (
    sys.argv[:1] == ["-m"] and "fastact" in sys.orig_argv
):
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

try:
    from . import _core as _core
except ImportError as error:
    if "FASTACT_ISA" in str(error):
        raise
    raise ImportError(
        f"fastact's compiled modules do not load ({error}). In a source tree run `pip install -e .` first; "
        "elsewhere reinstall with `pip install --force-reinstall fastact`."
    ) from error

from . import activations
from . import runtime as runtime
from ._gates import glu as glu
from .activations import __all__ as _activations
from .losses import *  # noqa: F403
from .losses import __all__ as _losses
from .reductions import log_softmax as log_softmax
from .reductions import logsumexp as logsumexp
from .reductions import softmax as softmax
from .reductions import softmin as softmin
from .runtime import get_num_threads, num_threads, set_num_threads, show_runtime

from . import _bfloat16 as _bfloat16  # isort: skip  (when all gufuncs are made)

if TYPE_CHECKING:
    from . import cli as cli
    from . import data as data
    from . import nn as nn
    from . import optim as optim
    from . import sklearn as sklearn
    from . import torch as torch
    from . import train as train
    from . import value_and_grad as value_and_grad
    from . import vjp as vjp
    from .activations import *  # noqa: F403

__version__ = "0.1.0"

_LAZY = ("cli", "data", "nn", "optim", "torch", "train", "value_and_grad", "vjp")

__all__ = [
    *_activations,
    *_losses,
    "get_num_threads",
    "glu",
    "log_softmax",
    "logsumexp",
    "num_threads",
    "runtime",
    "set_num_threads",
    "show_runtime",
    "softmax",
    "softmin",
    "value_and_grad",
    "vjp",
]


if not TYPE_CHECKING:  # or every misspelt name would be Any

    def __getattr__(name):
        if name in _LAZY or name == "sklearn":
            return importlib.import_module(f"{__name__}.{name}")
        if name in activations.NAMES:
            return globals().setdefault(name, getattr(activations, name))
        raise AttributeError(f"module 'fastact' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_LAZY})
