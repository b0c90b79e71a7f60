"""fastact's side of the benchmark: which activations its table has, and how a user calls them.

The only module that imports fastact, and only when asked to.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from bench.expressions import Unwritable, names_in
from bench.peers import FUNCTIONS, Function

# Rows of the table that users reach through a keyword of another function.
KEYWORDS = {"gelu_tanh": ("gelu", "approximate='tanh'")}


class Absent(LookupError):
    """fastact does not have what a cell is about (yet)."""


@dataclass(frozen=True)
class Activation:
    """What the benchmark needs of one row of fastact's table."""

    name: str
    n_input: int = 1
    n_gradient: int = 1
    formula: str = ""
    derivative: str = ""


def _field(row: object, name: str, default: object) -> object:
    return row.get(name, default) if isinstance(row, dict) else getattr(row, name, default)


def table() -> dict[str, Activation]:
    """fastact's own table of activations, empty if fastact cannot be imported."""
    try:
        core = importlib.import_module("fastact._core")
    except ImportError:
        return {}
    rows = {}
    for row in core.activation_table():
        name = _field(row, "name", "")
        rows[name] = Activation(
            name, _field(row, "n_input", 1), _field(row, "n_gradient", 1), _field(row, "formula", ""),
            _field(row, "derivative", ""),
        )  # fmt: skip
    return rows


def function_names() -> list[str]:
    """Every activation known to fastact's table or to the peers' table, in that order."""
    return list(dict.fromkeys([*table(), *FUNCTIONS]))


def attribute(path: str) -> object:
    """``fastact.<path>``, or ``Absent`` saying why not."""
    try:
        found = importlib.import_module("fastact")
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise Absent(f"fastact.{path} does not exist: {error}") from error
    return found


def call(function: str, derivative: bool = False) -> tuple[object, str]:
    """A function of fastact and the keyword that picks this activation from it ("" mostly)."""
    prefix = "vjp." if derivative else ""
    try:
        return attribute(prefix + function), ""
    except Absent:
        if function not in KEYWORDS:
            raise
    name, keyword = KEYWORDS[function]
    return attribute(prefix + name), keyword


def _runnable(formula: str) -> str:
    """The formula if it is an expression on x, gate and g alone, else nothing."""
    try:
        return formula if set(names_in(formula)) <= {"x", "gate", "g"} else ""
    except SyntaxError:
        return ""


def peers_row(function: str, activation: Activation | None) -> Function:
    """The peers' row of a function; made of fastact's table if they have none.

    Raises
    ------
    Unwritable
        If neither says how to compute it.
    """
    if function in FUNCTIONS:
        return FUNCTIONS[function]
    if activation is not None and _runnable(activation.formula):
        return Function(activation.formula, _runnable(activation.derivative))
    raise Unwritable(f"{function} has no row in bench/peers.py, and its formula in the table is no expression")
