"""glu and its derivative: the halves of one array, handed to the gated function of two.  No arithmetic on elements."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from . import _core
from ._passages import with_passages
from .reductions import delegated, operand_dtype

__all__ = ["glu", "vjp_glu"]


def _is_own(x):
    """Whether NumPy's ufuncs give back what x is, of whatever library: an array already."""
    return hasattr(x, "__array_ufunc__") or hasattr(x, "__array_wrap__")


def _halves(name, x, axis):
    """Indices of x's halves along the axis, x as an array of any kind."""
    x = x if _is_own(x) else np.asarray(x)
    if hasattr(x, "iloc") or hasattr(x, "isel"):  # pandas, xarray
        raise TypeError(
            f"{name}() got a {type(x).__name__}, whose halves would be aligned by their labels: expected an array; "
            "convert with .to_numpy()"
        )
    try:
        position = normalize_axis_index(axis, x.ndim)
    except TypeError:
        raise TypeError(f"{name}() got axis={axis!r}: expected an int, the one axis that is halved") from None
    length = x.shape[position]
    if length % 2:
        raise ValueError(
            f"{name}() got {length} elements along axis {axis} of an array of shape {tuple(x.shape)}: expected an even "
            "number, the first half of which is gated by the second; check axis, or drop an element"
        )
    before = (slice(None),) * position
    return x, (*before, slice(None, length // 2)), (*before, slice(length // 2, None))


@with_passages()
def glu(x, axis=-1):
    """Gated linear unit: a * sigmoid(b), where a and b are the halves of x along an axis, in one pass.

    Parameters
    ----------
    x : array_like
        float16, bfloat16 (ml_dtypes), float32 or float64; bool and 8 and 16
        bit integers compute in float32, wider integers in float64.
    [halved]

    Returns
    -------
    ndarray
        The dtype of x; its shape, with half the length along `axis`.

    [raises of halves]

    Notes
    -----
    NaN gives NaN; limits at ±inf are exact; no floating-point warning is raised.

    References
    ----------
    Y. N. Dauphin, A. Fan, M. Auli and D. Grangier, Language modeling with gated convolutional networks, ICML 2017

    Examples
    --------
    >>> import fastact as fa
    >>> fa.glu([1.0, -2.0, 0.0, 0.0])
    array([ 0.5, -1. ])
    """
    x, first, second = _halves("glu", x, axis)
    return _core.function("_glu", False)(x[first], x[second])


@with_passages()
def vjp_glu(x, g, axis=-1):
    """g times the derivative of glu: (g * sigmoid(b), g * a * sigmoid(b) * (1 - sigmoid(b))) side by side along an axis.

    Parameters
    ----------
    x : array_like
        What `glu` was given: a and b are its halves along `axis`.
    g : array_like
        Gradient of what follows; broadcast against the halves.
    [halved]

    Returns
    -------
    ndarray
        The shape of x, and its dtype promoted with that of g.

    [raises of halves]

    Examples
    --------
    >>> import fastact as fa
    >>> fa.vjp.glu([1.0, -2.0, 0.0, 0.0], [1.0, 1.0])
    array([ 0.5 ,  0.5 ,  0.25, -0.5 ])
    """
    handed = delegated(vjp_glu, (x, g), {"axis": axis})
    if handed is not NotImplemented:
        return handed
    x, first, second = _halves("vjp.glu", x, axis)
    gated = _core.function("_glu", True)
    dtype = operand_dtype(x.dtype, "vjp.glu") if isinstance(x, np.ndarray | np.generic) else None
    if type(g) in (float, int, bool):
        g = np.asarray(g, dtype)
    elif not _is_own(g):
        g = np.asarray(g)
    if type(x) is not np.ndarray or not isinstance(g, np.generic) and type(g) is not np.ndarray:
        return _joined(x, g, gated(x[first], x[second], g), axis)
    operand_dtype(g.dtype, "vjp.glu", "g")
    half = x[first].shape
    if g.ndim > len(half) or any(n not in (1, m) for n, m in zip(g.shape[::-1], half[::-1], strict=False)):
        raise ValueError(f"vjp.glu() got g of shape {g.shape}: expected that of glu's result, {half}")
    *_, dtype = gated.resolve_dtypes((x.dtype, x.dtype, g.dtype, None, None))
    dx = np.empty(x.shape, dtype)
    gated(x[first], x[second], g, out=(dx[first], dx[second]))
    return dx


def _joined(x, g, parts, axis):
    """Both derivatives side by side, as what x or g is: arrays of other kinds, which may carry masks."""
    kept = next(operand for operand in (x, g) if type(operand) is not np.ndarray)
    if isinstance(parts[0], np.ma.MaskedArray):
        return np.ma.concatenate(parts, axis)
    joined = np.concatenate(parts, axis)
    return kept.__array_wrap__(joined) if type(joined) is np.ndarray and hasattr(kept, "__array_wrap__") else joined
