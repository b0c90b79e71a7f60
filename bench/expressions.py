"""Turns one formula, written as a Python expression on arrays, into the form that each expression-based peer runs.

A formula uses arithmetic, comparisons, ``where`` and the functions in ``UFUNCS``; its names are operands and
parameters.
"""

from __future__ import annotations

import ast
import math

import numpy as np

UFUNCS = {
    "abs": "absolute", "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "tanh": "tanh", "sqrt": "sqrt",
    "maximum": "maximum", "minimum": "minimum", "logaddexp": "logaddexp", "erf": "erf",
}  # fmt: skip
OPERATORS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.USub: "negative",
    ast.Gt: "greater", ast.GtE: "greater_equal", ast.Lt: "less", ast.LtE: "less_equal",
}  # fmt: skip


class Unwritable(ValueError):
    """The formula cannot be said in a peer's language."""


def names_in(formula: str) -> list[str]:
    """The operands and parameters of a formula, sorted."""
    tree = ast.parse(formula, mode="eval")
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - called)


def _parts(node: ast.AST) -> tuple[str, list[ast.AST]]:
    """The operation at the top of a formula, under NumPy's name, and its operands."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = "where" if node.func.id == "where" else UFUNCS.get(node.func.id)
        if name is not None:
            return name, list(node.args)
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)], [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)], [node.operand]
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
        return OPERATORS[type(node.ops[0])], [node.left, *node.comparators]
    raise Unwritable(f"{ast.unparse(node)!r} is no operation of formulas")


class _Plain(ast.NodeTransformer):
    """Rewrites what people write in formulas into what this module reads; numbers among themselves are computed."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name):
            raise Unwritable(f"{ast.unparse(node)!r} is no operation of formulas")
        if node.func.id == "sigmoid":
            return ast.parse(f"1/(1 + exp(-({ast.unparse(node.args[0])})))", mode="eval").body
        if node.func.id == "sqrt" and isinstance(node.args[0], ast.Constant):
            return ast.Constant(math.sqrt(node.args[0].value))
        node.func.id = {"max": "maximum", "min": "minimum"}.get(node.func.id, node.func.id)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return ast.Call(ast.Name("where", ast.Load()), [node.test, node.body, node.orelse], [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
            return ast.Constant(eval(ast.unparse(node)))
        if not isinstance(node.op, ast.Pow):
            return node
        if not isinstance(node.right, ast.Constant) or node.right.value not in (2, 3, 4):
            raise Unwritable(f"{ast.unparse(node)!r}: only squares, cubes and fourth powers are written out")
        text = "*".join([f"({ast.unparse(node.left)})"] * node.right.value)
        return ast.parse(text, mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant({"pi": math.pi, "inf": math.inf}[node.id]) if node.id in ("pi", "inf") else node


def plain(formula: str) -> str:
    """A formula as people write it ("x if x > 0 else alpha * expm1(x)", "sigmoid(x)**2") in this module's terms.

    Raises
    ------
    Unwritable
        If it is no expression, or has an operation of which nothing is known here.
    """
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError as error:
        raise Unwritable(f"{formula!r} is no expression") from error
    text = ast.unparse(ast.fix_missing_locations(_Plain().visit(tree)))
    InPlaceNumPy(text)
    return text


def plain_vjp(derivative: str) -> str:
    """``g`` times a derivative as people write it, likewise; a choice is made between products, not among constants."""
    try:
        top = ast.parse(derivative, mode="eval").body
    except SyntaxError as error:
        raise Unwritable(f"{derivative!r} is no expression") from error
    if isinstance(top, ast.IfExp):
        test, yes, no = map(ast.unparse, (top.test, top.body, top.orelse))
        return plain(f"g*({yes}) if {test} else g*({no})")
    return plain(f"g*({derivative})")


class InPlaceNumPy:
    """A formula as nested ufunc calls that write into ``y`` and as few scratch arrays as needed.

    Attributes
    ----------
    text : str
        The expression; it uses ``np``, ``erf``, the operands, ``y``, and ``scratch0``, ``scratch1`` ...
    n_scratch : int
        How many scratch arrays it needs.
    """

    def __init__(self, formula: str) -> None:
        self.n_scratch = 0
        self.text = self._emit(ast.parse(formula, mode="eval").body, "y", 0)

    def _emit(self, node: ast.AST, destination: str, n_held: int) -> str:
        """The call whose result lies in ``destination`` while the first ``n_held`` scratch arrays are in use."""
        if isinstance(node, (ast.Name, ast.Constant)):
            return ast.unparse(node)
        name, operands = _parts(node)
        texts, place = [], destination
        for operand in operands:
            if isinstance(operand, (ast.Name, ast.Constant)):
                texts.append(ast.unparse(operand))
                continue
            if place is None:
                place, n_held = f"scratch{n_held}", n_held + 1
                self.n_scratch = max(self.n_scratch, n_held)
            texts.append(self._emit(operand, place, n_held))
            place = None
        allocates = name == "where" or name.startswith(("greater", "less"))
        tail = "" if allocates else f", out={destination}"
        return f"{'' if name == 'erf' else 'np.'}{name}({', '.join(texts)}{tail})"


class _Constants(ast.NodeTransformer):
    """Names every constant, so that a compiler sees it in the dtype of the operands."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype, self.values = dtype, {}

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        name = f"constant{len(self.values)}"
        self.values[name] = self.dtype.type(node.value)
        return ast.Name(name, ast.Load())


def with_named_constants(formula: str, dtype: object) -> tuple[str, dict]:
    """The formula with its constants as names, and their values as scalars of ``dtype``."""
    constants = _Constants(np.dtype(dtype))
    tree = constants.visit(ast.parse(formula, mode="eval"))
    return ast.unparse(tree), constants.values


class _Choices(ast.NodeTransformer):
    """Writes maximum and minimum as choices."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        order = {"maximum": ast.Gt(), "minimum": ast.Lt()}.get(node.func.id)
        if order is None:
            return node
        a, b = node.args
        return ast.Call(ast.Name("where", ast.Load()), [ast.Compare(a, [order], [b]), a, b], [])


def without_extremes(formula: str) -> str:
    """The formula without maximum and minimum, which numexpr 2.14 computes in float64 only."""
    return ast.unparse(ast.fix_missing_locations(_Choices().visit(ast.parse(formula, mode="eval"))))


def numba_loop(formula: str, dtype: object) -> tuple[object, object]:
    """Two compiled functions over flat operands: one writes into its last argument, one allocates."""
    import numba

    text, values = with_named_constants(formula, dtype)
    operands = names_in(formula)
    scalars = [name for name in operands if name not in ("x", "g", "gate")]
    loads = "".join(f"        {name} = {name}_array[i]\n" for name in operands if name not in scalars)
    arguments = ", ".join(name if name in scalars else f"{name}_array" for name in operands)
    source = (
        f"def kernel({arguments}, out):\n    for i in range(out.size):\n{loads}        out[i] = {text}\n"
        f"def allocating({arguments}):\n    out = np.empty_like(x_array)\n    kernel({arguments}, out)\n"
        "    return out\n"
    )
    one_over = numba.njit(inline="always")
    names = values | {
        "np": np, "exp": math.exp, "expm1": math.expm1, "log": math.log, "log1p": math.log1p, "tanh": math.tanh,
        "erf": math.erf, "sqrt": math.sqrt, "abs": abs, "maximum": max, "minimum": min,
        "where": one_over(lambda condition, a, b: a if condition else b),
        "logaddexp": one_over(lambda a, b: max(a, b) + math.log1p(math.exp(-abs(a - b)))),
    }  # fmt: skip
    exec(source, names)
    compile_ = numba.njit(fastmath=True, error_model="numpy")
    names["kernel"] = compile_(names["kernel"])
    return names["kernel"], compile_(names["allocating"])
