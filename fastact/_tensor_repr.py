"""The text of a Tensor, laid out as torch does: four decimals, rows of eighty characters, long tensors shortened."""

import numpy as np

WIDTH, EDGE, LONG = 80, 3, 1000
USUAL_DTYPES = ("float32", "int64", "bool")


class _Numbers:
    """How the elements of one tensor are written: all alike, right-aligned."""

    def __init__(self, array):
        self.floating = array.dtype.kind == "f"
        if not self.floating:
            self.width = max((len(str(value)) for value in array.ravel().tolist()), default=1)
            return
        values = array[np.isfinite(array) & (array != 0)].astype(np.float64)
        sizes = np.abs(values)
        self.whole = bool(np.all(values == np.ceil(values)))
        low, high = (sizes.min(), sizes.max()) if sizes.size else (1.0, 1.0)
        self.pattern = (
            "{:.4e}" if high / low > 1000 or high > 1e8 or low < 1e-4 else "{:.0f}" if self.whole else "{:.4f}"
        )
        self.dot = "." if self.pattern == "{:.0f}" else ""
        self.width = max((len(self.pattern.format(value) + self.dot) for value in values), default=1)

    def __call__(self, value):
        if not self.floating:
            return str(value).rjust(self.width)
        return (self.pattern.format(value) + (self.dot if np.isfinite(value) else "")).rjust(self.width)


def _ends(parts, gap):
    """`parts` with all but three at each end replaced by `gap`."""
    return [*parts[:EDGE], gap, *parts[-EDGE:]]


def _row(array, indent, shorten, number):
    values = array.tolist()
    values = _ends(values, None) if shorten and len(values) > 2 * EDGE else values
    texts = [" ..." if value is None else number(value) for value in values]
    each = max(1, (WIDTH - indent) // (number.width + 2))
    lines = [", ".join(texts[i : i + each]) for i in range(0, len(texts), each)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _block(array, indent, shorten, number):
    if array.ndim == 0:
        return number(array.item())
    if array.ndim == 1:
        return _row(array, indent, shorten, number)
    rows = list(array)
    rows = _ends(rows, None) if shorten and len(rows) > 2 * EDGE else rows
    texts = ["..." if row is None else _block(row, indent + 1, shorten, number) for row in rows]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(texts) + "]"


def _shown(array):
    """The elements that are written out."""
    for axis, length in enumerate(array.shape if array.size > LONG else ()):
        if length > 2 * EDGE:
            array = np.delete(array, np.s_[EDGE : length - EDGE], axis)
    return array


def text(tensor):
    """What ``repr`` of a Tensor gives: elements, then dtype and gradient where they are not the usual ones."""
    array, prefix = tensor._raw(), "tensor("
    number = _Numbers(_shown(array))
    result = prefix + (_block(array, len(prefix), array.size > LONG, number) if array.size else "[]")
    notes = []
    if array.size == 0 and array.ndim != 1:
        notes.append(f"size={tensor.shape}")
    if str(array.dtype) not in USUAL_DTYPES or (array.size == 0 and array.dtype != np.float32):
        notes.append(f"dtype={array.dtype}")
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn={tensor.grad_fn!r}")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    length = len(result) - result.rfind("\n")
    for note in notes:
        if length + len(note) + 2 > WIDTH:
            result, length = f"{result},\n{' ' * len(prefix)}{note}", len(prefix) + len(note)
        else:
            result, length = f"{result}, {note}", length + len(note) + 2
    return result + ")"
