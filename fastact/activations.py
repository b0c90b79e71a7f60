"""The elementwise functions, by name.  What they are stands in csrc/activations.def; this file only hands them on."""

from . import _core
from . import _value_ufuncs as _value_ufuncs
from ._aliases import ALIASES

NAMES = (*_core.FUNCTIONS, *ALIASES)
__all__ = sorted(name for name in NAMES if not name.startswith("_"))


def __getattr__(name):
    """A function is made when first asked for: all of them would take as long as the rest of `import fastact`."""
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _core.function(ALIASES.get(name, name), False))


def __dir__():
    return sorted({*globals(), *NAMES})
