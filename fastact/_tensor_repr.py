"""The text of a Tensor, as torch prints it."""

import numpy as np

DEFAULT_DTYPES = ("float32", "int64", "bool")


def _number_format(array):
    """A function that prints the elements of a float array alike: whole, with four decimals, or with an exponent."""
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    finite = finite[finite != 0]
    whole = bool(np.all(finite == np.ceil(finite)))
    low, high = (finite.min(), finite.max()) if finite.size else (1.0, 1.0)
    if high / low > 1000.0 or high > 1e8 or (not whole and low < 1e-4):
        return "{:.0f}." if whole and high <= 1e8 and high / low <= 1000.0 else "{:.4e}"
    return "{:.0f}." if whole else "{:.4f}"


def _padded(array, shown):
    """`shown` with every element right-aligned to the widest."""
    width = max((len(shown(value)) for value in array.ravel()), default=0)
    return lambda value: shown(value).rjust(width)


def _float_text(pattern):
    def shown(value):
        if not np.isfinite(value):
            return str(float(value))
        return pattern.format(float(value))

    return shown


def _elements(array, prefix):
    """The elements in brackets; long ones are shortened."""
    sample = array
    if array.size > 1000:
        for axis, length in enumerate(array.shape):
            if length > 6:
                sample = np.delete(sample, np.s_[3:length - 3], axis)
    shown = _float_text(_number_format(sample)) if array.dtype.kind == "f" else (lambda value: str(value))
    if array.ndim == 0:
        return shown(array[()])
    padded = _padded(sample, shown)
    return np.array2string(array, separator=", ", prefix=prefix, max_line_width=80, threshold=1000, edgeitems=3,
                           formatter={"all": padded})


def text(tensor):
    """What ``repr`` of a Tensor gives: elements, then dtype and gradient where they are not the usual ones."""
    array, prefix = tensor._raw(), "tensor("
    parts = [_elements(array, prefix)] if array.size else ["[]"]
    if array.size == 0 and array.ndim != 1:
        parts.append(f"size={tensor.shape}")
    if str(array.dtype) not in DEFAULT_DTYPES or (array.size == 0 and array.dtype != np.float32):
        parts.append(f"dtype={array.dtype}")
    if tensor.grad_fn is not None:
        parts.append(f"grad_fn={tensor.grad_fn!r}")
    elif tensor.requires_grad:
        parts.append("requires_grad=True")
    return prefix + ", ".join(parts) + ")"
