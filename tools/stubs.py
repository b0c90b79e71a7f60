"""Type stubs of the elementwise functions, from csrc/activations.def: setup.py writes them before it builds.

The stubs of modules whose functions are written out in Python need none: their annotations are in the source."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^FA_(?:ACTIVATION|LEARNED|GATED)\(([a-z]\w+), \d, \(([^)]*)\)", re.MULTILINE)
FORMS = {"gelu": ("approximate", 'Literal["none", "tanh"] = "none"'), "gelu_tanh": None}
HEAD = '''"""{text}  Written by tools/stubs.py from csrc/activations.def."""

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

NAMES: tuple[str, ...]
{extra}
'''
KEYWORDS = (
    "*, out: Any = ..., where: ArrayLike = True, casting: str = ..., order: str = ..., "
    "dtype: Any = ..., subok: bool = True"
)


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
            call = f"def __call__(self, {arrays}, {more}, {KEYWORDS}) -> Any: ..."
            lines.append(f"class _{name}(Protocol):\n    ufunc: np.ufunc\n    {call}\n")
    types |= {alias: types[name] for alias, name in aliases.items() if name in types}
    lines += [f"{name}: {kind}" for name, kind in sorted(types.items())]
    public = sorted([*types, *re.findall(r" as (\w+)$", extra, re.MULTILINE)])
    return "\n".join([*lines, "", "__all__ = [", *[f'    "{name}",' for name in public], "]", ""])


def write():
    """Write fastact/activations.pyi and fastact/vjp.pyi where they are not as they should be."""
    stubs = {
        "activations": stub("The elementwise functions.", "x: ArrayLike", ""),
        "vjp": stub("Their derivatives times g.", "x: ArrayLike, g: ArrayLike", row_vjps()),
    }
    for module, text in stubs.items():
        path = ROOT / "fastact" / f"{module}.pyi"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def row_vjps():
    """Imports of the derivatives that are written out in Python."""
    source = (ROOT / "fastact" / "vjp.py").read_text()
    return "\n".join(re.findall(r"^(from \.(?:_gates|reductions) import .*?)(?:  #.*)?$", source, re.MULTILINE))


if __name__ == "__main__":
    write()
