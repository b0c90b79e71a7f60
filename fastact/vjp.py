"""Derivatives: vjp.<name>(x, g, …) is g times the derivative of fastact.<name> at x.  Names only."""

from . import _core
from . import _vjp_ufuncs as _vjp_ufuncs
from ._aliases import ALIASES
from ._gates import vjp_glu as glu  # noqa: F401
from .activations import NAMES
from .activations import __all__ as _activations
from .reductions import vjp_log_softmax as log_softmax  # noqa: F401
from .reductions import vjp_logsumexp as logsumexp  # noqa: F401
from .reductions import vjp_softmax as softmax  # noqa: F401

__all__ = sorted([*_activations, "glu", "log_softmax", "logsumexp", "softmax"])


def __getattr__(name):
    """A function is made when first asked for, as those of activations.py."""
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _core.function(ALIASES.get(name, name), True))


def __dir__():
    return sorted({*globals(), *NAMES})
