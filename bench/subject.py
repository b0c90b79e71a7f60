"""fastact's side of the benchmark: which activations its table has, and how a user calls them.

The only module that imports fastact, and only when asked to.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, fields

from bench.expressions import Unwritable, names_in, plain, plain_vjp
from bench.peers import FUNCTIONS, Function

# Rows of the table that users reach through a keyword of another function.
KEYWORDS = {"gelu_tanh": ("gelu", "approximate='tanh'")}


# What cells give for parameters that have no default.
REQUIRED = {"weight": 0.25, "threshold": 0.5, "value": -2.0, "cap": 30.0}


class Absent(LookupError):
    """fastact does not have what a cell is about (yet)."""


@dataclass(frozen=True)
class Activation:
    """What the benchmark needs of one row of fastact's table."""

    name: str
    n_input: int = 1
    n_gradient: int = 1
    parameters: str = ""
    formula: str = ""
    derivative: str = ""


def table() -> dict[str, Activation]:
    """fastact's own table of activations, empty if fastact cannot be imported."""
    try:
        core = importlib.import_module("fastact._core")
    except ImportError:
        return {}
    wanted = [field.name for field in fields(Activation)]
    rows = [Activation(**{name: row[name] for name in wanted}) for row in core.activation_table()]
    return {row.name: row for row in rows}


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
        raise Absent(f"there is no fastact.{path} ({error})") from error
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


def _defaults(parameters: str) -> dict[str, float]:
    """The parameters' default values, from "beta=1.0, threshold=inf"."""
    pairs = [part.partition("=") for part in parameters.split(",") if part.strip()]
    return {name.strip(): float(value) if value else REQUIRED[name.strip()] for name, _, value in pairs}


def _derived(translate: Callable[[str], str], formula: str, known: set[str]) -> str:
    """The formula in the peers' terms, or nothing if they could not run it."""
    try:
        text = translate(formula)
    except Unwritable:
        return ""
    return text if set(names_in(text)) <= known else ""


def peers_row(activation: Activation) -> Function:
    """The peers' row of a function: from their own table, else made of fastact's."""
    if activation.name in FUNCTIONS:
        return FUNCTIONS[activation.name]
    parameters = _defaults(activation.parameters)
    known = {"x", *parameters, *(["gate"] if activation.n_input > 1 else [])}
    formula = _derived(plain, activation.formula, known)
    derivative = _derived(plain_vjp, activation.derivative, known | {"g"})
    return Function(formula, derivative, parameters, torch=formula, jax=formula)
