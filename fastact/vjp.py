"""Derivatives: vjp.<name>(x, g, …) is g times the derivative of fastact.<name> at x.  Names only."""

from . import _ufuncs
from .activations import ALIASES
from .reductions import vjp_log_softmax, vjp_logsumexp, vjp_softmax

functions = _ufuncs.make_functions(True)
functions |= {alias: functions[name] for alias, name in ALIASES.items()}
functions |= {"log_softmax": vjp_log_softmax, "logsumexp": vjp_logsumexp, "softmax": vjp_softmax}
globals().update(functions)

__all__ = sorted(functions)
