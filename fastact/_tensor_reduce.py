"""Reductions of Tensor: sum, mean, extrema and what is made of them.

`axis` and `dim` are synonyms, as are `keepdims` and `keepdim`; the NumPy spelling lets ``np.sum(tensor)`` work.
"""

import functools
from collections import namedtuple

import numpy as np

import fastact as fa
from fastact import _tape

Extremum = namedtuple("Extremum", "values indices")


def pick(dim, axis, name="dim", other="axis"):
    """The one of two synonymous arguments that was given."""
    if axis is None:
        return dim
    if dim is not None:
        raise TypeError(f"{name}={dim!r} and {other}={axis!r} say the same thing twice; give one of them")
    return axis


SYNONYMS = {"dim": "axis", "keepdim": "keepdims"}


def take_synonyms(*classes):
    """Let every method that has an argument `dim` or `keepdim` take NumPy's word for it too."""
    for cls in classes:
        for name, method in list(vars(cls).items()):
            if hasattr(method, "__code__") and not name.startswith("_"):
                setattr(cls, name, taking_synonyms(method))


def taking_synonyms(function):
    """`function`, which takes NumPy's words for its arguments `dim` and `keepdim` too."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    words = {other: word for word, other in SYNONYMS.items() if word in names and other not in names}
    if not words:
        return function

    @functools.wraps(function)
    def call(*args, **kwargs):
        for other, word in words.items() if kwargs else ():
            if other in kwargs:
                kwargs[word] = pick(kwargs.get(word), kwargs.pop(other), word, other)
        return function(*args, **kwargs)

    return call


def check_dim(dim, ndim):
    """`dim` as a non-negative int; AxisError names the range that an input of `ndim` axes has."""
    span = max(ndim, 1)
    if not -span <= dim < span:
        allowed = "0 or -1" if span == 1 else f"{-span} to {span - 1}"
        raise np.exceptions.AxisError(f"dim={dim} is out of range for an input of {ndim} axes: expected {allowed}")
    return dim % span


def check_dims(dim, ndim):
    """`dim` (None, an int or several) as None or a tuple of non-negative ints; no axis at all means all, as in torch."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    dims = tuple(check_dim(d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    return dims if ndim else None


def _spread(g, shape, dims, keep):
    """The gradient of a sum over `dims`: `g` repeated along them."""
    if dims is not None and not keep:
        g = np.expand_dims(g, dims)
    return np.broadcast_to(g, shape)


def _refuse(out):
    if out is not None:
        raise TypeError("out= cannot hold a result that the tape may have to record; assign the result instead")


class Reductions:
    """What Tensor computes along its axes."""

    __slots__ = ()

    def sum(self, dim=None, keepdim=False, *, dtype=None, axis=None, keepdims=False, out=None):
        """Sum over `dim` (an int, several, or None for all)."""
        _refuse(out)
        if dtype is not None or self.dtype.kind == "u":
            return self.to(dtype or np.int64).sum(dim, keepdim, axis=axis, keepdims=keepdims)
        if self.dtype.kind == "V":  # bfloat16 would be added up in bfloat16
            return self.float().sum(dim, keepdim, axis=axis, keepdims=keepdims).to(self.dtype)
        dims, keep, shape = check_dims(pick(dim, axis), self.ndim), bool(keepdim or keepdims), self.shape
        value = self._raw().sum(axis=dims, keepdims=keep)
        return _tape.record(value, (self,), lambda g: _spread(g, shape, dims, keep), "Sum")

    def mean(self, dim=None, keepdim=False, *, dtype=None, axis=None, keepdims=False, out=None):
        """Mean over `dim` (an int, several, or None for all)."""
        _refuse(out)
        if dtype is not None or self.dtype.kind != "f":
            mean = self.to(dtype or np.float32).mean(dim, keepdim, axis=axis, keepdims=keepdims)
            return mean.to(self.dtype) if dtype is None and self.is_floating_point() else mean
        dims, keep, shape = check_dims(pick(dim, axis), self.ndim), bool(keepdim or keepdims), self.shape
        value = self._raw().mean(axis=dims, keepdims=keep)
        share = np.asarray(value).size / self._raw().size if self._raw().size else 1.0
        return _tape.record(value, (self,), lambda g: _spread(g * share, shape, dims, keep), "Mean")

    def var(self, dim=None, correction=1, keepdim=False, *, unbiased=None):
        """Variance over `dim`, divided by the count less `correction`; a bool in the place of `dim` is `unbiased`."""
        dim, unbiased = (None, dim) if isinstance(dim, bool) else (dim, unbiased)
        correction = correction if unbiased is None else int(unbiased)
        deviation = self - self.mean(dim, keepdim=True)
        squares = (deviation * deviation).sum(dim, keepdim=keepdim)
        count = self._raw().size // max(squares._raw().size, 1)
        return squares / float(count - correction) if count > correction else squares * float("nan")

    def std(self, dim=None, correction=1, keepdim=False, *, unbiased=None):
        """Standard deviation over `dim`, as `var` has it; its gradient is 0 where it is 0."""
        variance = self.var(dim, correction, keepdim, unbiased=unbiased)
        value = np.sqrt(variance._raw())

        def derivative(g):
            return np.divide(g, 2 * value, out=np.zeros_like(value), where=value != 0)

        return _tape.record(value, (variance,), derivative, "Std", False, True)

    def allclose(self, other, rtol=1e-05, atol=1e-08, equal_nan=False):
        """Whether all elements agree within atol + rtol·|other|."""
        return bool(np.allclose(self._raw(), _tape.raw(other), rtol, atol, equal_nan))

    def isclose(self, other, rtol=1e-05, atol=1e-08, equal_nan=False):
        """Where elements agree within atol + rtol·|other|."""
        return _tape.constant(np.isclose(self._raw(), _tape.raw(other), rtol, atol, equal_nan))

    def equal(self, other):
        """Whether shapes and all elements are equal."""
        return np.array_equal(self._raw(), _tape.raw(other))

    def norm(self, p=2, dim=None, keepdim=False):
        """The p-norm over `dim`: p a number, ±inf, or "fro" for 2; its gradient is 0 where it is 0."""
        p = 2 if p == "fro" else p
        if isinstance(p, str):
            raise ValueError(f"norm got p={p!r}: expected a number, inf, -inf or 'fro'")
        if p == 0:
            return self.sign().abs().sum(dim, keepdim)
        if abs(p) == float("inf"):
            return self.abs().amax(dim, keepdim) if p > 0 else self.abs().amin(dim, keepdim)
        return _norm(self, p, dim, keepdim)

    def max(self, dim=None, keepdim=False, *, axis=None, keepdims=False, out=None):
        """The largest element; with a `dim` the (values, indices) along it; with a tensor the larger of the two."""
        _refuse(out)
        return _extremum(self, pick(dim, axis), keepdim or keepdims, np.max, np.argmax, np.maximum, "Max")

    def min(self, dim=None, keepdim=False, *, axis=None, keepdims=False, out=None):
        """The smallest element; with a `dim` the (values, indices) along it; with a tensor the smaller of the two."""
        _refuse(out)
        return _extremum(self, pick(dim, axis), keepdim or keepdims, np.min, np.argmin, np.minimum, "Min")

    def amax(self, dim=None, keepdim=False):
        """The largest elements over `dim`; equal ones share the gradient."""
        return _shared_extremum(self, dim, keepdim, np.max, "AMax")

    def amin(self, dim=None, keepdim=False):
        """The smallest elements over `dim`; equal ones share the gradient."""
        return _shared_extremum(self, dim, keepdim, np.min, "AMin")

    def argmax(self, dim=None, keepdim=False, *, axis=None, keepdims=False, out=None):
        """Index of the largest element (NaN counts as largest), in the flattened tensor or along `dim`."""
        _refuse(out)
        return _index(self, np.argmax, pick(dim, axis), keepdim or keepdims)

    def argmin(self, dim=None, keepdim=False, *, axis=None, keepdims=False, out=None):
        """Index of the smallest element (NaN counts as smallest), in the flattened tensor or along `dim`."""
        _refuse(out)
        return _index(self, np.argmin, pick(dim, axis), keepdim or keepdims)

    def softmax(self, dim, dtype=None):
        """`fastact.softmax` along `dim`."""
        return _along(fa.softmax, self, dim, dtype)

    def log_softmax(self, dim, dtype=None):
        """`fastact.log_softmax` along `dim`."""
        return _along(fa.log_softmax, self, dim, dtype)

    def logsumexp(self, dim, keepdim=False):
        """`fastact.logsumexp` over `dim`."""
        return fa.logsumexp(self, axis=check_dims(dim, self.ndim), keepdims=bool(keepdim))

    def all(self, dim=None, keepdim=False, *, axis=None, keepdims=False, out=None):
        """Whether every element is true."""
        return _truth(self, np.all, pick(dim, axis), keepdim or keepdims)

    def any(self, dim=None, keepdim=False, *, axis=None, keepdims=False, out=None):
        """Whether some element is true."""
        return _truth(self, np.any, pick(dim, axis), keepdim or keepdims)


def _norm(tensor, p, dim, keep):
    """The p-norm as one node."""
    tensor = tensor if tensor.is_floating_point() else tensor.to(np.float32)
    dims, array = check_dims(dim, tensor.ndim), tensor._raw()
    powers = np.square(array) if p == 2 else np.abs(array) ** p
    sums = np.sum(powers, axis=dims, keepdims=True)
    norm = np.sqrt(sums) if p == 2 else sums ** (1.0 / p)

    def derivative(g):
        with np.errstate(divide="ignore", invalid="ignore"):
            steep = array if p == 2 else np.where(array == 0, 0, np.sign(array) * np.abs(array) ** (p - 1.0))
            direction = np.where(norm == 0, 0, steep / (norm if p == 2 else norm ** (p - 1.0))).astype(array.dtype)
        return _spread(g, array.shape, dims, keep) * direction

    value = norm if keep else norm.reshape(()) if dims is None else np.squeeze(norm, dims)
    return _tape.record(value, (tensor,), derivative, "Norm", True, True)


def _along(function, tensor, dim, dtype):
    return function(tensor if dtype is None else tensor.to(dtype), axis=check_dim(dim, tensor.ndim))


def _truth(tensor, function, dim, keep):
    value = function(tensor._raw(), axis=check_dims(dim, tensor.ndim), keepdims=bool(keep))
    return _tape.constant(value)


def _index(tensor, function, dim, keep):
    if dim is not None:
        dim = check_dim(dim, tensor.ndim)
    array = np.atleast_1d(tensor._raw()) if dim is not None else tensor._raw()
    value = function(array, axis=dim, keepdims=bool(keep) and tensor.ndim > 0)
    return _tape.constant(value if tensor.ndim else np.int64(0))


def _shared_extremum(tensor, dim, keep, function, name):
    dims, array = check_dims(dim, tensor.ndim), tensor._raw()
    kept = function(array, axis=dims, keepdims=True)

    def derivative(g):
        hits = (array == kept) | (np.isnan(array) & np.isnan(kept))
        share = hits / hits.sum(axis=dims, keepdims=True)
        return _spread(g, array.shape, dims, keep) * share.astype(array.dtype)

    value = kept if keep else kept.reshape(()) if dims is None else np.squeeze(kept, dims)
    return _tape.record(value, (tensor,), derivative, name, True, True)


def _extremum(tensor, dim, keep, function, index, pairwise, name):
    if isinstance(dim, (_tape.TensorBase, np.ndarray)):
        return _tape.apply_ufunc(pairwise, (tensor, dim))
    if dim is None:
        return _shared_extremum(tensor, None, keep, function, name)
    dim, array = check_dim(dim, tensor.ndim), np.atleast_1d(tensor._raw())
    at = np.expand_dims(index(array, axis=dim), dim)

    def derivative(g):
        spread = np.zeros_like(array)
        np.put_along_axis(spread, at, np.asarray(g).reshape(at.shape), dim)
        return spread.reshape(tensor.shape)

    shape = at.shape if keep else at.shape[:dim] + at.shape[dim + 1 :]
    shape = shape if tensor.ndim else ()
    values = np.take_along_axis(array, at, dim).reshape(shape)
    return Extremum(_tape.record(values, (tensor,), derivative, name), _tape.constant(at.reshape(shape)))
