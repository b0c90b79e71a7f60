"""Docstrings and signatures of the elementwise functions, from the rows of the C table.  Text only."""

NAN_PARAMETERS = (
    "A NaN parameter gives NaN wherever it enters the result; where it is only compared with, it counts as in torch."
)
WHERE = (
    "where= is NumPy's: without out= the results that it leaves out are uninitialised, and a scattered mask is slow."
)
SPECIAL_VALUES = "NaN gives NaN; limits at ±inf are exact; no floating-point warning is raised."


def parameters(row):
    """(names, defaults) of a row's parameters: "alpha=1.0, cap" gives (("alpha", "cap"), (1.0, None))."""
    pairs = [text.partition("=") for text in row["parameters"].split(", ") if text]
    return tuple(name for name, _, _ in pairs), tuple(float(value) if value else None for _, _, value in pairs)


def operands(row, is_vjp):
    """The array operands by name, in order."""
    return ", ".join([*("x", "gate")[: row["n_input"]], *(["g"] if is_vjp else [])])


def signature(row, is_vjp):
    return f"({operands(row, is_vjp)}, {row['parameters']}, **ufunc_keywords)"


def summary(row, is_vjp):
    if is_vjp:
        return f"g times the derivative of {row['name']}: g * ({row['derivative']})."
    return f"{row['summary'].rstrip('.')}: {row['formula']}."


def operand_section(row, is_vjp):
    lines = ["Parameters", "----------", "x : array_like"]
    if row.get("keeps_integers"):
        lines += ["    float16, bfloat16 (ml_dtypes), float32, float64, bool or integers, which stay what they are."]
    else:
        lines += ["    float16, bfloat16 (ml_dtypes), float32 or float64; bool and 8 and 16"]
        lines += ["    bit integers compute in float32, wider integers in float64."]
    if row["n_input"] > 1:
        lines += ["gate : array_like", "    Broadcast against x."]
    if is_vjp:
        lines += ["g : array_like", "    Gradient of what follows, broadcast against x."]
    for name, default in zip(*parameters(row), strict=True):
        lines += [f"{name} : float or array_like" + ("" if default is None else f", default {default}")]
        lines += ["    Broadcast against x."]
    return lines


def result_names(row, is_vjp):
    """What a call returns, by name."""
    if not is_vjp:
        return ["y"]
    other = "dgate" if row["n_input"] > 1 else "d" + parameters(row)[0][0] if row["n_parameter"] else ""
    return ["dx", other][: row["n_gradient"]]


def result_section(row, is_vjp):
    alone = not is_vjp and row["n_parameter"] == 0 and row["n_input"] == 1
    shape = "shape of x" if alone else "broadcast shape of the operands"
    lines = ["", "Returns", "-------"]
    for name in result_names(row, is_vjp):
        lines += [f"{name} : ndarray or scalar", f"    The dtype of x, or what its integers compute in; the {shape}."]
    if len(result_names(row, is_vjp)) > 1:
        lines += ["    Not summed over axes that were broadcast."]
    lines += ["", "Raises", "------", "TypeError", "    For complex, longdouble, object, string and datetime operands."]
    return lines


def notes_section(row, is_vjp):
    special = (
        "Where the derivative is 0 by branch the result is 0 even if g is inf or NaN." if is_vjp else SPECIAL_VALUES
    )
    name = "vjp." + row["name"] if is_vjp else row["name"]
    one = ", np.float32(1)"
    required = "".join(", 0.5" for default in parameters(row)[1] if default is None)
    call = f"fa.{name}(np.float32([-1, 0, 2]){one * (row['n_input'] - 1 + is_vjp)}{required})"
    if is_vjp and row["n_gradient"] > 1:
        call += "[0]"
    if row["n_parameter"]:
        special += "\n" + NAN_PARAMETERS
    lines = ["", "Notes", "-----", special, WHERE, "", "References", "----------", row["source"] + "."]
    return [*lines, "", "Examples", "--------", ">>> import fastact as fa, numpy as np", f">>> {call}.shape", "(3,)"]


def choice_section(keyword, rows, is_vjp):
    """The keyword that chooses among rows, a dict by its values."""
    lines = [f"{keyword} : {' or '.join(repr(value) for value in rows)}, default {next(iter(rows))!r}"]
    return lines + [f"    {value!r}: {row['derivative' if is_vjp else 'formula']}." for value, row in rows.items()]


def function(row, is_vjp, keyword=None, rows=None):
    """The docstring of a callable."""
    lines = [summary(row, is_vjp), "", *operand_section(row, is_vjp)]
    if keyword:
        lines += choice_section(keyword, rows, is_vjp)
    lines += ["**ufunc_keywords", "    out, where, dtype, casting, order, subok, as for every NumPy ufunc."]
    other = ["ValueError", f"    For any other {keyword}."] if keyword else []
    return "\n".join([*lines, *result_section(row, is_vjp), *other, *notes_section(row, is_vjp)]) + "\n"


def ufunc(row, is_vjp):
    """The docstring of a ufunc, which NumPy puts its own signature before."""
    lines = [summary(row, is_vjp), "", *operand_section(row, is_vjp)]
    return "\n".join([*lines, *result_section(row, is_vjp), *notes_section(row, is_vjp)]) + "\n"
