"""Further methods and functions of Tensors, for scripts on tables: quantiles, sums by place, grids, bins, distances."""

import numpy as np

from fastact import _tape
from fastact._random import drawing_from
from fastact._random import generator as current
from fastact._tape import raw
from fastact._tensor_reduce import check_dim
from fastact._tensor_shape import along


class More:
    """What Tensor has beyond operators, reductions and shapes."""

    __slots__ = ()

    nbytes = property(lambda self: self._raw().nbytes, doc="Bytes of all elements.")
    itemsize = property(lambda self: self._raw().itemsize, doc="Bytes of an element.")

    def quantile(self, q, dim=None, keepdim=False):
        """The quantiles `q` (a number or several, from 0 to 1), between neighbours in proportion; NaN where one is."""
        shares = np.asarray(raw(q), np.float64)
        if shares.ndim > 1 or not ((shares >= 0) & (shares <= 1)).all():
            raise ValueError(f"quantile got q={q!r}: expected numbers from 0 to 1, on one axis at most")
        if not self.is_floating_point():
            return self.float().quantile(q, dim, keepdim)
        axis = 0 if dim is None else check_dim(dim, self.ndim)
        values = self.reshape(-1) if dim is None or self.ndim == 0 else self
        if not self.numel():
            raise ValueError(f"quantile got no element, a tensor of shape {self.shape}")
        ordered = values.sort(axis)[0]
        places = shares.reshape(-1) * (ordered.shape[axis] - 1)
        low, high = (ordered.index_select(axis, part(places).astype(np.int64)) for part in (np.floor, np.ceil))
        between = (places - np.floor(places)).reshape([-1 if i == axis else 1 for i in range(ordered.ndim)])
        found = low + (high - low) * between.astype(ordered.dtype)
        unknown = np.isnan(values._raw()).any(axis=axis, keepdims=True)
        found = (found.masked_fill(unknown, float("nan")) if unknown.any() else found).movedim(axis, 0)
        if keepdim:
            found = found.unsqueeze(axis + 1) if found.ndim > 1 else found.reshape(-1, *(1,) * self.ndim)
        return found if shares.ndim else found[0]

    def nansum(self, dim=None, keepdim=False):
        """Sum over `dim` of what is not NaN."""
        return self.masked_fill(np.isnan(self._raw()), 0.0).sum(dim, keepdim)

    def nanmean(self, dim=None, keepdim=False):
        """Mean over `dim` of what is not NaN."""
        there = _tape.constant((~np.isnan(self._raw())).astype(self.dtype))
        return self.nansum(dim, keepdim) / there.sum(dim, keepdim)

    def diff(self, n=1, dim=-1):
        """What each element is more than the one before it along `dim`, `n` times."""
        for _ in range(n):
            rest = max(self.shape[dim] - 1, 0)
            self = self.narrow(dim, 1, rest) - self.narrow(dim, 0, rest) if rest else self.narrow(dim, 0, 0)
        return self

    def diagonal(self, offset=0, dim1=0, dim2=1):
        """The elements on a diagonal of two axes, which become one at the end."""
        array = self._raw()

        def derivative(g):
            spread = np.zeros_like(array)
            turned = np.moveaxis(spread, (dim1, dim2), (-2, -1))
            places = np.arange(g.shape[-1])
            turned[..., places + max(-offset, 0), places + max(offset, 0)] = g
            return spread

        return _tape.record(np.diagonal(array, offset, dim1, dim2).copy(), (self,), derivative, "Diagonal")

    def trace(self):
        """The sum of the diagonal of a matrix."""
        if self.ndim != 2:
            raise ValueError(f"trace takes a matrix, got a tensor of shape {self.shape}")
        return self.diagonal().sum()

    def scatter_add(self, dim, index, src):
        """A copy with each element of `src` added at its place `index` along `dim`."""
        if self.ndim == 0:
            return self.reshape(1).scatter_add(dim, np.reshape(raw(index), 1), src.reshape(1)).reshape(())
        array = self._raw().copy()
        places = along("scatter_add", array, check_dim(dim, self.ndim), index)
        corner, added = tuple(slice(0, n) for n in np.shape(raw(index))), _tape.values_of((self, src))[1]
        shape = added.shape
        np.add.at(array, places, added[corner])

        def derivative(g):
            of_src = np.zeros(shape, g.dtype)
            of_src[corner] = g[places]
            return g, of_src

        return _tape.record(array, (self, src), derivative, "ScatterAdd")

    def index_add(self, dim, index, source, *, alpha=1):
        """A copy with the slices of `source`, times `alpha`, added at the places `index` along `dim`."""
        dim = check_dim(dim, self.ndim)
        array, places = self._raw().copy(), (slice(None),) * dim + (raw(index),)
        np.add.at(array, places, alpha * _tape.values_of((self, source))[1])
        return _tape.record(array, (self, source), lambda g: (g, alpha * g[places]), "IndexAdd")

    def multinomial(self, num_samples, replacement=False, *, generator=None):
        """Indices drawn in proportion to the weights in the rows of this tensor."""
        weights = np.atleast_2d(self._raw().astype(np.float64))
        sums = weights.sum(axis=1, keepdims=True)
        if self.ndim not in (1, 2) or not (weights >= 0).all() or not ((sums > 0) & (sums < np.inf)).all():
            raise ValueError("multinomial takes rows of finite numbers of 0 or more, in each of them one above 0")
        with drawing_from(generator):
            drawn = [current().choice(len(row), num_samples, replacement, row) for row in weights / sums]
        return _tape.constant(np.array(drawn, np.int64)[() if self.ndim == 2 else 0])

    def frac(self):
        """What is left of the elements without their whole numbers."""
        return self - self.trunc()

    def inner(self, other):
        """The products of each row of this tensor and each row of another, added up."""
        if not self.ndim or not other.ndim:
            return self * other
        product = self.reshape(-1, self.shape[-1]) @ other.reshape(-1, other.shape[-1]).T
        return product.reshape(*self.shape[:-1], *other.shape[:-1])

    def fliplr(self):
        """The columns in reverse order."""
        return self.flip(1)

    def flipud(self):
        """The rows in reverse order."""
        return self.flip(0)

    def moveaxis(self, source, destination):
        """As `movedim`."""
        return self.movedim(source, destination)

    def swapdims(self, dim0, dim1):
        """As `transpose`."""
        return self.transpose(dim0, dim1)

    def ndimension(self):
        """The number of axes."""
        return self.ndim

    def reshape_as(self, other):
        """The same elements in the shape of another tensor."""
        return self.reshape(other.shape)

    def short(self):
        """This tensor as int16."""
        return self.to(np.int16)

    def byte(self):
        """This tensor as uint8."""
        return self.to(np.uint8)


def meshgrid(*tensors, indexing="ij"):
    """A grid of the given coordinates: one tensor for each, all of the shape that their lengths make.

    Parameters
    ----------
    *tensors : Tensor
        Of one axis each; or one list of them.
    indexing : {"ij", "xy"}
        Whether the first coordinate goes along axis 0, or along axis 1 as pictures have it.
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"indexing={indexing!r} is unknown; choose 'ij' or 'xy'")
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = [part.numel() for part in tensors]
    axes = range(len(shape))
    made = tuple(part.reshape([-1 if i == k else 1 for i in axes]).expand(*shape) for k, part in enumerate(tensors))
    return tuple(part.swapaxes(0, 1) for part in made) if indexing == "xy" and len(shape) > 1 else made


def searchsorted(sorted_sequence, input, *, right=False, side=None):
    """Where each element of `input` belongs in a sorted sequence: before equal ones, or with `right` behind them."""
    side = side or ("right" if right else "left")
    return _tape.constant(np.asarray(np.searchsorted(raw(sorted_sequence), raw(input), side), np.int64))


def bucketize(input, boundaries, *, right=False):
    """The number of the bin, between sorted boundaries, in which each element lies."""
    return searchsorted(boundaries, input, right=right)


def isin(elements, test_elements):
    """Which elements are among others."""
    return _tape.constant(np.isin(raw(elements), raw(test_elements)))


def cdist(x1, x2, p=2.0):
    """The p-norms of the differences of each row of `x1` and each row of `x2`."""
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)
