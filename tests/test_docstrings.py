"""Every public function has a docstring whose example runs. pytest finds those of Python functions by itself; ufuncs and
other compiled callables, which doctest overlooks, are run here."""

import doctest
import importlib
import re

import numpy as np
import pytest

import fastact as fa


def public_callables():
    """Return {dotted name: object} for everything callable that `fastact` and its modules of functions make public."""
    found = {}
    for module in ("fastact", "fastact.vjp", "fastact.value_and_grad"):
        home = importlib.import_module(module)
        public = getattr(home, "__all__", vars(home))
        found |= {
            f"{module}.{name}": getattr(home, name)
            for name in public
            if callable(getattr(home, name)) and not name.startswith("_")
        }
    return found


CALLABLES = public_callables()


@pytest.mark.parametrize("name", CALLABLES)
def test_the_example_in_the_docstring_runs(name):
    docstring = CALLABLES[name].__doc__ or ""
    parsed = doctest.DocTestParser().get_doctest(docstring, {"fa": fa, "np": np}, name, None, None)
    assert parsed.examples, f"{name} has no example in its docstring"
    complaints = []
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    doctest.DocTestRunner(verbose=False, optionflags=options).run(parsed, out=complaints.append)
    assert not complaints, "".join(complaints)


@pytest.mark.parametrize("name", CALLABLES)
def test_shared_passages_are_filled_in(name):
    docstring = CALLABLES[name].__doc__
    assert not re.search(r"(?m)^ *\[.*\]$", docstring.partition("Examples")[0])
