"""The bare ufuncs of the derivatives, by name: where pickle finds those that a callable covers.  Names only."""

from . import _core


def __getattr__(name):
    try:
        return _core.ufunc(name, True)
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
