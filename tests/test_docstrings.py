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


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("fastact.gelu", ([1.0], "x"), ValueError),
        ("fastact.vjp.gelu", ([1.0], [1.0], "x"), ValueError),
        ("fastact.probability_cross_entropy", ([1j], [1]), TypeError),
        ("fastact.probability_cross_entropy", ([1.0], ["1"]), TypeError),
        ("fastact.probability_cross_entropy", ([1.0], [1], {"axis": 1}), np.exceptions.AxisError),
    ],
)
def test_what_a_function_raises_is_in_its_docstring(name, arguments, error):
    keywords = arguments[-1] if isinstance(arguments[-1], dict) else {}
    with pytest.raises(error) as raised:
        CALLABLES[name](*(word for word in arguments if word is not keywords), **keywords)
    assert raised.type is error
    assert re.search(
        rf"(?m)^ *Raises\n *-+\n(.*\n)*? *(numpy\.exceptions\.)?{error.__name__}$", CALLABLES[name].__doc__
    )
