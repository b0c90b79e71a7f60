"""Derivatives: vjp.<name>(x, g, …) is g times the derivative of fastact.<name> at x.  Names only."""

from . import _ufuncs
from ._aliases import ALIASES
from ._gates import vjp_glu as glu  # noqa: F401
from .reductions import vjp_log_softmax as log_softmax  # noqa: F401
from .reductions import vjp_logsumexp as logsumexp  # noqa: F401
from .reductions import vjp_softmax as softmax  # noqa: F401

functions = _ufuncs.make_functions(True)
from . import _vjp_ufuncs as _vjp_ufuncs  # noqa: E402

functions |= {alias: functions[name] for alias, name in ALIASES.items()}
globals().update(functions)

public = [name for name in functions if not name.startswith("_")]
__all__ = sorted([*public, "glu", "log_softmax", "logsumexp", "softmax"])
