"""Docstrings and signatures of the elementwise functions, from the rows of the C table.  Text only."""

SPECIAL_VALUES = "NaN gives NaN; limits at ±inf are exact; no floating-point warning is raised."


def parameters(row):
    """(names, defaults) of a row's parameters: "alpha=1.0" gives (("alpha",), (1.0,))."""
    pairs = [text.split("=") for text in row["parameters"].split(", ") if text]
    return tuple(name for name, _ in pairs), tuple(float(value) for _, value in pairs)


def operands(row, is_vjp):
    return "x, g" if is_vjp else "x"


def signature(row, is_vjp):
    return f"({operands(row, is_vjp)}, {row['parameters']}, **ufunc_keywords)"


def summary(row, is_vjp):
    if is_vjp:
        return f"g times the derivative of {row['name']}: g * ({row['derivative']})."
    return f"{row['summary'].rstrip('.')}: {row['formula']}."


def operand_section(row, is_vjp):
    lines = [
        "Parameters",
        "----------",
        "x : array_like",
        "    float32 or float64; bool and 8 and 16 bit integers compute in",
    ]
    lines += ["    float32, wider integers in float64."]
    if is_vjp:
        lines += ["g : array_like", "    Gradient of what follows, broadcast against x."]
    for name, default in zip(*parameters(row), strict=True):
        lines += [f"{name} : float or array_like, default {default}", "    Broadcast against x."]
    return lines


def result_section(row, is_vjp):
    shape = "broadcast shape of the operands" if is_vjp or row["n_parameter"] else "shape of x"
    lines = ["", "Returns", "-------", "ndarray or scalar", f"    The dtype of x, the {shape}."]
    lines += ["", "Raises", "------", "TypeError", "    For complex, longdouble, object, string and datetime operands."]
    return lines


def notes_section(row, is_vjp):
    special = (
        "Where the derivative is 0 by branch the result is 0 even if g is inf or NaN." if is_vjp else SPECIAL_VALUES
    )
    name = "vjp." + row["name"] if is_vjp else row["name"]
    call = f"fa.{name}(np.float32([-1, 0, 2]){', np.float32(1)' if is_vjp else ''})"
    lines = ["", "Notes", "-----", special, "", "References", "----------", row["source"] + "."]
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
    return "\n".join([*lines, *result_section(row, is_vjp), *notes_section(row, is_vjp)]) + "\n"


def ufunc(row, is_vjp):
    """The docstring of a ufunc, which NumPy puts its own signature before."""
    lines = [summary(row, is_vjp), "", *operand_section(row, is_vjp)]
    return "\n".join([*lines, *result_section(row, is_vjp), *notes_section(row, is_vjp)]) + "\n"
