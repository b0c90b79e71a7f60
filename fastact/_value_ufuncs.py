"""The bare ufuncs of the values, by name: where pickle finds those that a callable covers.  Names only."""

from . import _ufuncs

globals().update(_ufuncs.value_ufuncs)
