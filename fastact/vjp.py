"""Derivatives: vjp.<name>(x, g, …) is g times the derivative of fastact.<name> at x.  Names only."""

from . import _ufuncs
from ._aliases import ALIASES
from .reductions import vjp_log_softmax as log_softmax  # noqa: F401
from .reductions import vjp_logsumexp as logsumexp  # noqa: F401
from .reductions import vjp_softmax as softmax  # noqa: F401

functions = _ufuncs.make_functions(True)
functions |= {alias: functions[name] for alias, name in ALIASES.items()}
globals().update(functions)

__all__ = sorted([*functions, "log_softmax", "logsumexp", "softmax"])
