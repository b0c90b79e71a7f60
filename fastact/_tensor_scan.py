"""Products, running sums and order statistics of Tensor: what looks at an axis element after element.

Sums, means and extrema are in ``_tensor_reduce.py``.
"""

from collections import namedtuple

import numpy as np

from fastact import _tape
from fastact._tensor_reduce import Extremum, check_dim

Sorted = namedtuple("Sorted", "values indices")


def _others(array, axis):
    """The product of all elements along `axis` but the one itself, without dividing."""
    array = np.moveaxis(array, axis, -1)
    before, after = np.ones_like(array), np.ones_like(array)
    before[..., 1:] = np.cumprod(array[..., :-1], -1)
    after[..., :-1] = np.cumprod(array[..., :0:-1], -1)[..., ::-1]
    return np.moveaxis(before * after, -1, axis)


class Scans:
    """What Tensor computes along an axis in its order."""

    __slots__ = ()

    def prod(self, dim=None, keepdim=False, *, dtype=None):
        """The product along `dim` (None: of all elements)."""
        if dtype is not None or self.dtype.kind in "bu":
            return self.to(dtype or np.int64).prod(dim, keepdim)
        if dim is None:
            return self.reshape(-1).prod(0)
        dim, array = check_dim(dim, self.ndim), np.atleast_1d(self._raw())
        value = np.prod(array, dim, keepdims=keepdim and self.ndim > 0)
        shape = self.shape

        def derivative(g):
            g = g if keepdim and shape else np.expand_dims(g, dim)
            return (g * _others(array, dim)).reshape(shape)

        return _tape.record(value, (self,), derivative, "Prod", True)

    def cumsum(self, dim, dtype=None):
        """The sums of the elements so far along `dim`."""
        if dtype is not None or self.dtype.kind in "bu":
            return self.to(dtype or np.int64).cumsum(dim)
        dim = check_dim(dim, self.ndim)
        value = np.cumsum(self._raw(), dim) if self.ndim else self._raw().copy()

        def derivative(g):
            return np.flip(np.cumsum(np.flip(g, dim), dim), dim) if g.ndim else g

        return _tape.record(value, (self,), derivative, "CumSum")

    def cumprod(self, dim, dtype=None):
        """The products of the elements so far along `dim`."""
        if dtype is not None or self.dtype.kind in "bu":
            return self.to(dtype or np.int64).cumprod(dim)
        dim, array = check_dim(dim, self.ndim), np.atleast_1d(self._raw())
        value, shape = np.cumprod(array, dim), self.shape

        def derivative(g):
            factors, products = np.moveaxis(array, dim, 0), np.moveaxis(value, dim, 0)
            g = np.moveaxis(np.atleast_1d(g), dim, 0)
            result, after = np.empty_like(factors), np.zeros(factors.shape[1:], factors.dtype)
            for i in range(len(factors) - 1, -1, -1):
                after = after + g[i]
                result[i] = after * products[i - 1] if i else after
                after = after * factors[i]
            return np.moveaxis(result, 0, dim).reshape(shape)

        return _tape.record(value.reshape(shape), (self,), derivative, "CumProd", True, True)

    def argsort(self, dim=-1, descending=False, stable=False):
        """The indices that sort along `dim`; equal elements keep their order."""
        dim = check_dim(dim, self.ndim)
        if self.ndim == 0:
            return _tape.constant(np.int64(0))
        if descending:
            order = np.argsort(np.flip(self._raw(), dim), dim, kind="stable")
            return _tape.constant(np.flip(self.shape[dim] - 1 - order, dim).copy())
        return _tape.constant(np.argsort(self._raw(), dim, kind="stable"))

    def sort(self, dim=-1, descending=False, stable=False):
        """The (values, indices) in order along `dim`; equal elements keep their order."""
        indices = self.argsort(dim, descending)
        return Sorted(self.gather(dim, indices) if self.ndim else self.clone(), indices)

    def topk(self, k, dim=-1, largest=True, sorted=True):
        """The `k` largest (or smallest) elements along `dim`, in order: (values, indices)."""
        dim = check_dim(dim, self.ndim)
        length = self.shape[dim] if self.ndim else 1
        if not 0 <= k <= length:
            raise ValueError(f"topk got k={k} for an axis of {length}: expected 0 to {length}")
        indices = self.argsort(dim, largest)
        indices = indices.narrow(dim, 0, k) if self.ndim else indices
        return Sorted(self.gather(dim, indices) if self.ndim else self.clone(), indices)

    def median(self, dim=None, keepdim=False):
        """The middle element, of two the lower: of all, or along `dim` the (values, indices)."""
        if dim is None:
            return self._median_of_all()
        dim = check_dim(dim, self.ndim)
        if self.ndim == 0:
            return Extremum(self.clone(), _tape.constant(np.int64(0)))
        array = self._raw()
        place = (array.shape[dim] - 1) // 2
        indices = np.take(np.argsort(array, dim, kind="stable"), [place], dim)
        if self.is_floating_point():
            missing = np.isnan(array)
            first = np.expand_dims(np.argmax(missing, dim), dim)
            indices = np.where(missing.any(dim, keepdims=True), first, indices)
        indices = _tape.constant(indices)
        values = self.gather(dim, indices)
        return Extremum(values, indices) if keepdim else Extremum(values.squeeze(dim), indices.squeeze(dim))

    def _median_of_all(self):
        """The middle element; equal ones share its gradient."""
        array = self._raw()
        if not array.size and self.is_floating_point():
            return _tape.record(np.full((), np.nan, array.dtype), (self,), lambda g: np.zeros_like(array), "Median")
        middle = self.detach().reshape(-1).median(0).values._raw()

        def derivative(g):
            hits = (array == middle) | (np.isnan(array) & np.isnan(middle))
            return g * (hits / hits.sum()).astype(array.dtype)

        return _tape.record(middle, (self,), derivative, "Median", True)

    def count_nonzero(self, dim=None):
        """How many elements are not 0."""
        return _tape.constant(np.asarray(np.count_nonzero(self._raw(), dim)).astype(np.int64))

    def unique(self, sorted=True, return_inverse=False, return_counts=False, dim=None):
        """The different elements (or slices along `dim`) in order; where each went; how many there are of each."""
        found = np.unique(self._raw(), False, return_inverse, return_counts, dim)
        if not (return_inverse or return_counts):
            return _tape.constant(found)
        shapes = [None, *[self.shape if dim is None else -1] * bool(return_inverse), *[-1] * bool(return_counts)]
        return tuple(
            _tape.constant(part if shape is None else part.astype(np.int64).reshape(shape))
            for part, shape in zip(found, shapes, strict=True)
        )

    def bincount(self, weights=None, minlength=0):
        """How often each of the numbers 0, 1, … occurs, or the sum of the weights where it does."""
        weights = None if weights is None else np.asarray(weights)
        return _tape.constant(np.bincount(self._raw(), weights, minlength))

    def nan_to_num(self, nan=0.0, posinf=None, neginf=None):
        """NaN and infinities replaced: by 0 and the largest numbers unless said; no gradient where something was."""
        array = self._raw()
        value = np.nan_to_num(array, nan=nan, posinf=posinf, neginf=neginf)
        finite = np.isfinite(array)
        return _tape.record(value, (self,), lambda g: np.where(finite, g, g.dtype.type(0)), "NanToNum")
