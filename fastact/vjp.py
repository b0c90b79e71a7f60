"""Derivatives: vjp.<name>(x, g, …) is g times the derivative of fastact.<name> at x.  Names only."""

from . import _ufuncs
from .activations import ALIASES

functions = _ufuncs.make_functions(True)
functions |= {alias: functions[name] for alias, name in ALIASES.items()}
globals().update(functions)

__all__ = sorted(functions)
