"""Type stubs, which setup.py writes before it builds: of the elementwise functions from csrc/activations.def, of the losses
and the softmax family from their sources.

Other modules whose functions are written out in Python need none: their annotations are in the source."""

import ast
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^FA_(?:ACTIVATION|LEARNED|GATED)\(([a-z]\w+), \d, \(([^)]*)\)", re.MULTILINE)
FORMS = {"gelu": ("approximate", 'Literal["none", "tanh"] = "none"'), "gelu_tanh": None}
HEAD = '''"""{text}  Written by tools/stubs.py from csrc/activations.def."""

from typing import Any, Literal, Protocol, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

NAMES: tuple[str, ...]

class Keywords(TypedDict, total=False):
    out: Any
    where: ArrayLike
    casting: str
    order: str
    dtype: Any
    subok: bool

{extra}
'''
LOSSES = '''"""{text}  Written by tools/stubs.py from {sources}."""

from typing import Any, Literal

from numpy.typing import ArrayLike

Reduction = Literal["mean", "sum", "none"]

'''
# What an argument takes, by its name; array_like where none is given.
ARGUMENTS = {
    "axis": "int",
    "ignore_index": "int",
    "reduction": "Reduction",
    "label_smoothing": "float",
    "log_target": "bool",
    "beta": "float",
    "delta": "float",
    "weight": "ArrayLike | None",
    "pos_weight": "ArrayLike | None",
    "bias": "ArrayLike | None",
}
# Where that depends on the function.
PARTICULAR = {
    ("kl_div", "reduction"): 'Reduction | Literal["batchmean"]',
    ("linear_cross_entropy", "weight"): "ArrayLike",
    ("vjp_logsumexp", "axis"): "int | tuple[int, ...] | None",
}


def rows():
    """(name, [(parameter, default), …]) of every row of the table."""
    text = (ROOT / "csrc" / "activations.def").read_text()
    found = []
    for name, parameters in ROW.findall(text):
        words = [word.strip() for word in parameters.split(",") if word.strip()]
        found.append((name, list(zip(words[::2], words[1::2], strict=True))))
    return found


def arguments(name, parameters):
    """The arguments after the arrays as a stub writes them, or None for a plain ufunc."""
    if name in FORMS:
        keyword, value = FORMS[name]
        return f"{keyword}: {value}"
    if parameters:
        values = {"inf": " = ...", "required": ""}
        return ", ".join(f"{p}: ArrayLike{values.get(d, f' = {d}')}" for p, d in parameters)
    return None


def stub(text, arrays, extra):
    """The stub of one module whose functions take the given arrays first."""
    aliases = runpy.run_path(str(ROOT / "fastact" / "_aliases.py"))["ALIASES"]
    lines = [HEAD.format(text=text, extra=extra)]
    types = {}
    for name, parameters in rows():
        if FORMS.get(name, ...) is None:
            continue
        more = arguments(name, parameters)
        types[name] = "np.ufunc" if more is None else f"_{name}"
        if more is not None:
            call = f"def __call__(self, {arrays}, {more}, **keywords: Unpack[Keywords]) -> Any: ..."
            lines.append(f"class _{name}(Protocol):\n    ufunc: np.ufunc\n    {call}\n")
    types |= {alias: types[name] for alias, name in aliases.items() if name in types}
    lines += [f"{name}: {kind}" for name, kind in sorted(types.items())]
    public = sorted([*types, *re.findall(r"(?:^def | as )(\w+)", extra, re.MULTILINE)])
    return "\n".join([*lines, "", "__all__ = [", *[f'    "{name}",' for name in public], "]", ""])


def functions_of(source):
    """The public functions that a source file writes out."""
    tree = ast.parse((ROOT / "fastact" / source).read_text())
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]


def typed(function, result, name=None):
    """The stub of a function from its source, which has defaults but no types; by another name, if one is given."""

    def one(argument, default):
        kind = PARTICULAR.get((function.name, argument.arg), ARGUMENTS.get(argument.arg, "ArrayLike"))
        return f"{argument.arg}: {kind}" + ("" if default is None else f" = {ast.unparse(default)}")

    found = function.args
    first = [None] * (len(found.args) - len(found.defaults)) + found.defaults
    words = [one(*pair) for pair in zip(found.args, first, strict=True)]
    words += ["*"] * bool(found.kwonlyargs) + [
        one(*pair) for pair in zip(found.kwonlyargs, found.kw_defaults, strict=True)
    ]
    return f"def {name or function.name}({', '.join(words)}) -> {result}: ..."


def losses(text, sources, result):
    """The stub of a module of losses: the public functions of these sources."""
    functions = [function for source in sources for function in functions_of(source)]
    several = {"linear_cross_entropy": result.replace(", Any", ", tuple[Any, Any, Any]")}  # gradients
    lines = [typed(function, several.get(function.name, result)) for function in functions]
    names = sorted(function.name for function in functions)
    head = LOSSES.format(text=text, sources=" and ".join(sources))
    return head + "\n".join([*lines, "", f"__all__ = {names}", ""])


def write():
    """Write the stubs that are not as they should be."""
    stubs = {
        "activations": stub("The elementwise functions.", "x: ArrayLike", ""),
        "vjp": stub("Their derivatives times g.", "x: ArrayLike, g: ArrayLike", row_vjps()),
        "_gates": losses("glu and its derivative.", ["_gates.py"], "Any"),
        "losses": losses("The losses.", ["losses.py", "_pair_losses.py"], "Any"),
        "value_and_grad": losses("The losses with their gradients.", ["value_and_grad.py"], "tuple[Any, Any]"),
    }
    for module, text in stubs.items():
        path = ROOT / "fastact" / f"{module}.pyi"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def row_vjps():
    """The derivatives that are no ufuncs: those written out in Python, and imports of those of _core."""
    source = (ROOT / "fastact" / "vjp.py").read_text()
    lines = []
    for line, module, name, alias in re.findall(
        r"^(from \.(_gates|reductions) import (\w+) as (\w+))", source, re.MULTILINE
    ):
        written = [function for function in functions_of(f"{module}.py") if function.name == name]
        lines.append(typed(written[0], "Any", alias) if written else line)
    return "\n".join(lines)


if __name__ == "__main__":
    write()
