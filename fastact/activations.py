"""The elementwise functions, by name.  What they are stands in csrc/activations.def; this file only hands them on."""

from . import _ufuncs
from ._aliases import ALIASES

functions = _ufuncs.make_functions(False)
from . import _value_ufuncs as _value_ufuncs  # noqa: E402

functions |= {alias: functions[name] for alias, name in ALIASES.items()}
globals().update(functions)

__all__ = sorted(name for name in functions if not name.startswith("_"))
