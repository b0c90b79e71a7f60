"""softmax, log_softmax, softmin and logsumexp: axis, where, out, dtype, masked arrays and foreign types.

Plain contiguous arrays never come here: _core.pyx takes them directly.  No arithmetic on elements."""

import math
import operator

import numpy as np
from numpy.exceptions import AxisError

from . import _core

__all__ = ["log_softmax", "logsumexp", "softmax", "softmin"]

softmax, log_softmax, softmin, logsumexp = _core.softmax, _core.log_softmax, _core.softmin, _core.logsumexp

_FLOATS = {np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)}


def is_float(dtype):
    """Whether the kernels take this dtype as it is, in native byte order."""
    return dtype.newbyteorder("=") in _FLOATS or dtype.name == "bfloat16"


def operand_dtype(dtype, name, what="elements"):
    """The dtype in which the kernels take elements of `dtype`, which is that of the result."""
    native = dtype.newbyteorder("=")
    if is_float(native):
        return native
    if dtype.kind in "biu":
        return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)
    raise TypeError(
        f"{name}() got {what} of dtype {dtype}: expected bool, integers, float16, bfloat16, float32 or float64; "
        "convert with .astype(numpy.float64)"
    )


def in_dtype(x, dtype):
    """x in a dtype; what it cannot hold becomes an infinity, 0 or NaN in silence."""
    if x.dtype == dtype:
        return x
    with np.errstate(all="ignore"):
        return x.astype(dtype)


def unmasked(name, x, mend="give x.filled(value)"):
    """x as an ndarray; a mask, which would be lost, is refused."""
    if type(x) is np.ndarray:
        return x
    if np.ma.is_masked(x):
        raise TypeError(f"{name}() got a masked array with masked elements: expected one without; {mend}")
    return np.asarray(x)


def as_operand(x, dtype, name):
    """x as an aligned native array of a dtype that the kernels take."""
    x = np.asarray(x)
    if dtype is None and x.dtype in _FLOATS and x.flags.aligned:
        return x
    if dtype is not None:
        dtype = np.dtype(dtype)
        if not is_float(dtype):
            raise TypeError(f"{name}() got dtype={dtype}: expected a floating dtype such as float32 or float64")
        if x.dtype.kind != "f":
            operand_dtype(x.dtype, name)
        x = in_dtype(x, dtype)
    return np.require(x, operand_dtype(x.dtype, name), "A")


def delegated(function, operands, keywords):
    """What an operand's own type makes of the call (`__fastact_function__`), or NotImplemented."""
    for operand in operands:
        handler = getattr(type(operand), "__fastact_function__", None)
        if handler is not None:
            return handler(operand, function, tuple(operands), keywords)
    return NotImplemented


def is_subclass(x):
    """Whether x is of a subclass of ndarray that leaves ufuncs to NumPy, such as numpy.memmap."""
    return (
        isinstance(x, np.ndarray)
        and type(x) is not np.ndarray
        and type(x).__array_ufunc__ is np.ndarray.__array_ufunc__
    )


def is_foreign(x):
    """Whether x belongs to another library that dispatches ufuncs itself (dask, pandas, xarray, …)."""
    if isinstance(x, np.ndarray):
        return type(x) is not np.ndarray
    return hasattr(type(x), "__array_ufunc__") and not isinstance(x, np.generic)


def foreign(function, x, axis, where, keywords):
    """Through the gufunc, which knows one axis and no mask."""
    if is_subclass(x):
        keywords = {name: value for name, value in keywords.items() if value is not None}
        result = function(np.asarray(x), axis, where=where, **keywords)
        return result if "out" in keywords or np.ndim(result) == 0 else x.__array_wrap__(result)
    if not isinstance(getattr(x, "dtype", np.dtype(float)), np.dtype) and hasattr(x, "isna") and x.isna().any():
        raise TypeError(
            f"{function.__name__}() got a {type(x).__name__} of dtype {x.dtype} with missing values: expected numbers; "
            "convert with .to_numpy(float, na_value=...)"
        )
    if where is not None:
        raise TypeError(
            f"{function.__name__}() got where= with a {type(x).__name__}: expected a NumPy array there; "
            "convert with numpy.asarray, or mask the values with -inf first"
        )
    if axis is None and getattr(x, "ndim", None) == 1:
        axis = -1
    if not hasattr(type(axis), "__index__"):
        raise TypeError(
            f"{function.__name__}() got axis={axis!r} with a {type(x).__name__}: expected one int there; "
            "convert with numpy.asarray for several axes"
        )
    return function.gufunc(x, axis=operator.index(axis), **{k: v for k, v in keywords.items() if v is not None})


def normalized_axes(name, axis, ndim):
    """The axes as a sorted tuple; a 0-d array has the one axis that it is given."""
    if axis is None:
        return tuple(range(max(ndim, 1)))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    if len(axes) == 0:
        raise ValueError(f"{name}() got axis=(), no axis: expected an int, a tuple of ints, or None for all axes")
    try:
        axes = tuple(map(operator.index, axes))
    except TypeError:
        raise TypeError(f"{name}() got axis={axis!r}: expected an int, a tuple of ints, or None for all axes") from None
    for a in axes:
        if not -max(ndim, 1) <= a < max(ndim, 1):
            allowed = f"-{ndim} to {ndim - 1}" if ndim else "0, -1 or None"
            raise AxisError(f"axis {a} is out of bounds for array of dimension {ndim}: {name}() expected {allowed}")
    axes = tuple(sorted(a % max(ndim, 1) for a in axes))
    if len(set(axes)) < len(axes):
        raise ValueError(f"{name}() got axis={axis!r}, which names an axis twice: expected each axis once")
    return axes


def masked_operand(x, where, name):
    """The data of a masked array, its mask joined to where, and what the mask keeps."""
    if not isinstance(x, np.ma.MaskedArray):
        return x, where, None
    kept = ~np.ma.getmaskarray(x)
    return x.data, kept if where is None else kept & checked_where(where, x.shape, name), kept


def checked_where(where, shape, name):
    """where as a mask of this shape."""
    if np.ma.is_masked(where):
        raise TypeError(f"{name}() got where with masked elements: expected an array of bool; give where.filled(False)")
    where = np.asarray(where)
    if where.dtype != bool:
        raise TypeError(
            f"{name}() got where of dtype {where.dtype}: expected bool (True: included); convert with .astype(bool)"
        )
    if where.shape == shape:
        return where
    try:
        return np.broadcast_to(where, shape)
    except ValueError:
        raise ValueError(
            f"{name}() got where of shape {where.shape}: expected one that broadcasts to x, {shape}"
        ) from None


def excluded(x, where, name, filling=-np.inf):
    """A copy of x with the filling at what is excluded, and the mask of that, of x's shape."""
    where = checked_where(where, x.shape, name)
    return np.where(where, x, x.dtype.type(filling)), ~where


def gathered(x, axes):
    """x with the axes last and merged into one."""
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    merged = math.prod(moved.shape[-len(axes) :])
    return moved.reshape(*moved.shape[: -len(axes)], merged), moved.shape


def mapped(which, x, axes):
    """The map over axes of an aligned native array."""
    if len(axes) == 1:
        result = np.empty_like(x)  # in the order of x, as NumPy does
        _core.map_axis(which, x, result, axes[0])
        return result
    rows, shape = gathered(x, axes)
    result = np.empty(rows.shape, rows.dtype)
    _core.map_axis(which, rows, result, rows.ndim - 1)
    return np.moveaxis(result.reshape(shape), range(-len(axes), 0), axes)


def deliver(result, out, name):
    """The result, or out with the result in it."""
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    if out is None:
        return result[()]
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}() got out of type {type(out).__name__}: expected a numpy.ndarray")
    if out.shape != result.shape:
        raise ValueError(f"{name}() got out of shape {out.shape}: expected {result.shape}")
    with np.errstate(all="ignore"):
        np.copyto(out, result, casting="same_kind")
    if isinstance(out, np.ma.MaskedArray):
        out.mask = np.ma.getmaskarray(result)
    return out


def turned(direct, x, axis, *options):
    """What a direct lane makes of an array in Fortran order, or None."""
    result = direct(x.T, ~axis, *options) if type(axis) is int and x.ndim > 1 else None
    return None if result is None else result.T


def map_general(function, which, x, axis, where, out, dtype):
    name = function.__name__
    keywords = {"axis": axis, "where": where, "out": out, "dtype": dtype}
    result = delegated(function, (x,), keywords)
    if result is not NotImplemented:
        return result
    data, where, kept = masked_operand(x, where, name)
    if kept is None and is_foreign(x):
        return foreign(function, x, axis, where, {"out": out, "dtype": dtype})
    data = as_operand(data, dtype, name)
    if where is None:
        result = _core.direct_map(data, axis, which, out)
        if result is None and out is None and kept is None:
            result = turned(_core.direct_map, data, axis, which, None)
        if result is not None:
            return result
    else:
        data, hidden = excluded(data, where, name, np.inf if which == _core.SOFTMIN else -np.inf)
        result = _core.direct_map(data, axis, which, data)
    if result is None:
        axes = normalized_axes(name, axis, data.ndim)
        result = mapped(which, data if data.ndim else data.reshape(1), axes).reshape(data.shape)
    if where is not None:
        np.copyto(result, -np.inf if which == _core.LOG_SOFTMAX else 0, where=hidden)
    if kept is not None:
        masked = np.ma.MaskedArray(result, mask=~kept)
        return masked if out is None else deliver(masked, out, name)
    return deliver(result, out, name)


def logsumexp_general(function, x, axis, keepdims, where, out, dtype):
    name = function.__name__
    keepdims = bool(keepdims)
    keywords = {"axis": axis, "keepdims": keepdims, "where": where, "out": out, "dtype": dtype}
    result = delegated(function, (x,), keywords)
    if result is not NotImplemented:
        return result
    data, where, kept = masked_operand(x, where, name)
    if kept is None and is_foreign(x):
        return foreign(function, x, axis, where, {"out": out, "dtype": dtype, "keepdims": keepdims or None})
    data = as_operand(data, dtype, name)
    if where is not None:
        data, _ = excluded(data, where, name)
    if kept is None:
        result = _core.direct_sum(data, axis, keepdims, out)
        if result is None and out is None:
            result = turned(_core.direct_sum, data, axis, keepdims, None)
        if result is not None:
            return result
    axes = normalized_axes(name, axis, data.ndim)
    shape = data.shape
    kept_shape = tuple(1 if d in axes else n for d, n in enumerate(shape))
    reduced_shape = tuple(n for d, n in enumerate(shape) if d not in axes)
    if len(axes) == 1:
        result = np.empty(kept_shape or 1, data.dtype)
        _core.logsumexp_axis(data if shape else data.reshape(1), result, axes[0])
    else:
        rows = gathered(data, axes)[0]
        result = np.empty((*rows.shape[:-1], 1), rows.dtype)
        _core.logsumexp_axis(rows, result, rows.ndim - 1)
    result = result.reshape(kept_shape if keepdims else reduced_shape)
    if kept is not None:
        mask = ~kept.any(axis=axes if shape else None, keepdims=keepdims)
        result = np.ma.MaskedArray(result, mask=mask)
        return deliver(result, out, name) if out is not None else result
    return deliver(result, out, name)


def _vjp_operands(name, first, g):
    """Both operands in the dtype of the first."""
    first = as_operand(unmasked(name, first), None, name)
    g = unmasked(name, g)
    operand_dtype(g.dtype, name)
    return first, np.require(in_dtype(g, first.dtype), None, "A")


def _vjp_of_map(name, which, y, g, axis):
    y, g = _vjp_operands(name, y, g)
    axes = normalized_axes(name, axis, y.ndim)
    shape = y.shape
    try:
        g = np.broadcast_to(g, shape)
    except ValueError:
        raise ValueError(f"{name}() got g of shape {g.shape}: expected that of y, {shape}") from None
    if y.ndim == 0:
        y, g = y.reshape(1), g.reshape(1)
    if len(axes) == 1:
        result = np.empty_like(y)
        _core.vjp_axis(which, y, g, result, axes[0])
    else:
        (rows, moved_shape), (g_rows, _) = gathered(y, axes), gathered(g, axes)
        result = np.empty(rows.shape, rows.dtype)
        _core.vjp_axis(which, rows, np.require(g_rows, None, "A"), result, rows.ndim - 1)
        result = np.moveaxis(result.reshape(moved_shape), range(-len(axes), 0), axes)
    return result.reshape(shape)[()]


_core.set_general((map_general, logsumexp_general, _vjp_of_map))
vjp_softmax, vjp_log_softmax = _core.vjp_softmax, _core.vjp_log_softmax


def vjp_logsumexp(x, g, axis=-1):
    """Gradient of logsumexp: g * softmax(x), with g spread over `axis`.

    Parameters
    ----------
    x : array_like
        The operand of `fastact.logsumexp`.
    g : array_like
        Gradient of what follows, of the result's shape, with or without the reduced axes as length 1.
    axis : int, tuple of ints, or None, default -1
        The axis that logsumexp was taken over.

    Returns
    -------
    ndarray or scalar
        The gradient with respect to x, of its shape and dtype.

    Raises
    ------
    numpy.exceptions.AxisError
        If `axis` is not one of x's.
    ValueError
        If g has another shape than logsumexp's result.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.vjp.logsumexp(np.zeros((2, 4)), np.array([1.0, 2.0]))
    array([[0.25, 0.25, 0.25, 0.25],
           [0.5 , 0.5 , 0.5 , 0.5 ]])
    """
    result = _core.direct_vjp_logsumexp(x, g, axis)
    if result is not None:
        return result
    x, g = _vjp_operands("vjp.logsumexp", x, g)
    axes = normalized_axes("vjp.logsumexp", axis, x.ndim)
    shape = x.shape
    kept_shape = tuple(1 if d in axes else n for d, n in enumerate(shape))
    reduced_shape = tuple(n for d, n in enumerate(shape) if d not in axes)
    if g.shape not in (kept_shape, reduced_shape, ()):
        raise ValueError(f"vjp.logsumexp() got g of shape {g.shape}: expected {reduced_shape} or {kept_shape}")
    g = np.broadcast_to(g, reduced_shape) if g.shape == () else g.reshape(reduced_shape)
    rows, moved_shape = gathered(x.reshape(shape or 1), axes)
    result = np.empty(rows.shape, rows.dtype)
    _core.vjp_logsumexp_axis(rows, g[..., None], result, rows.ndim - 1)
    return np.moveaxis(result.reshape(moved_shape), range(-len(axes), 0), axes).reshape(shape)[()]
