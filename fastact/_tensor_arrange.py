"""Tensors taken apart, repeated and picked from: what torch scripts do with pieces of a tensor.

Views and changes of shape are in ``_tensor_shape.py``. Everything here is made of those, or rearranges its gradient.
"""

import numpy as np

from fastact import _tape
from fastact._tape import raw
from fastact._tensor_operators import writable
from fastact._tensor_reduce import check_dim
from fastact._tensor_shape import along


def _along(ndim, dim, index):
    """An index of axis `dim` alone."""
    return (*(slice(None),) * check_dim(dim, ndim), index)


def _dims(dims):
    """Axes or lengths given as one tuple or as several ints."""
    return tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else tuple(map(int, dims))


class Pieces:
    """What Tensor gives of its parts."""

    __slots__ = ()

    def narrow(self, dim, start, length):
        """`length` places along `dim` from `start`, a view."""
        dim = check_dim(dim, self.ndim)
        start = start + self.shape[dim] if start < 0 else start
        if length < 0 or not 0 <= start <= self.shape[dim] - length:
            raise IndexError(
                f"narrow got {length} places from {start} of axis {dim}, whose length is {self.shape[dim]}"
            )
        return self[_along(self.ndim, dim, slice(start, start + length))]

    def select(self, dim, index):
        """The part at one place along `dim`, a view without that axis."""
        return self[_along(self.ndim, dim, int(index))]

    def split(self, split_size, dim=0):
        """Pieces along `dim`, views: of one length (the last may be shorter), or of the lengths in a list."""
        dim = check_dim(dim, self.ndim)
        count = self.shape[dim]
        if isinstance(split_size, int):
            if split_size <= 0:
                raise ValueError(f"split got split_size={split_size}: expected 1 or more, or a list of lengths")
            sizes = [min(split_size, count - start) for start in range(0, count, split_size)] or [0]
        else:
            sizes = list(split_size)
            if sum(sizes) != count:
                raise ValueError(f"split got lengths {sizes}, in all {sum(sizes)}, for an axis of {count}")
        starts = np.cumsum([0, *sizes])
        return tuple(self.narrow(dim, int(start), size) for start, size in zip(starts, sizes, strict=False))

    def chunk(self, chunks, dim=0):
        """At most `chunks` pieces along `dim`, views of one length but the last."""
        if chunks <= 0:
            raise ValueError(f"chunk got chunks={chunks}: expected 1 or more")
        return self.split(max(1, -(-self.shape[check_dim(dim, self.ndim)] // chunks)), dim)

    def unbind(self, dim=0):
        """The parts along `dim`, views without that axis."""
        return tuple(self.select(dim, i) for i in range(self.shape[check_dim(dim, self.ndim)]))

    def repeat(self, *repeats):
        """The tensor laid side by side, `repeats` times along each axis; more numbers than axes add axes in front."""
        repeats = _dims(repeats)
        if len(repeats) < self.ndim:
            raise ValueError(
                f"repeat got {len(repeats)} numbers for a tensor of {self.ndim} axes: expected one for each"
            )
        own = (1,) * (len(repeats) - self.ndim) + self.shape
        apart = [n for pair in zip(repeats, own, strict=True) for n in pair]
        sides, shape = tuple(range(0, 2 * len(own), 2)), self.shape
        value = np.tile(self._raw(), repeats)
        return _tape.record(value, (self,), lambda g: g.reshape(apart).sum(sides).reshape(shape), "Repeat")

    def tile(self, *dims):
        """As `repeat`; axes without a number are taken once."""
        dims = _dims(dims)
        return self.repeat((1,) * (self.ndim - len(dims)) + dims)

    def repeat_interleave(self, repeats, dim=None):
        """Each place along `dim` (None: of all elements in a row) `repeats` times in a row."""
        source = self.reshape(-1) if dim is None else self
        dim = 0 if dim is None else check_dim(dim, self.ndim)
        return source.index_select(dim, np.repeat(np.arange(source.shape[dim]), raw(repeats)))

    def index_select(self, dim, index):
        """The parts at the places `index` along `dim`."""
        at, length = np.atleast_1d(np.asarray(raw(index))), self.shape[check_dim(dim, self.ndim)] if self.ndim else 1
        if at.size and not (at.min() >= 0 and at.max() < length):
            raise IndexError(f"index_select got indices from {at.min()} to {at.max()} for an axis of {length}")
        return self[_along(self.ndim, dim, index if isinstance(index, _tape.TensorBase) and index.ndim else at)]

    def masked_select(self, mask):
        """The elements where `mask` is true, in a row."""
        mask = np.asarray(raw(mask), bool)
        shape = np.broadcast_shapes(self.shape, mask.shape)
        return self.expand(shape)[np.broadcast_to(mask, shape)]

    def take(self, index):
        """The elements at places counted in a row."""
        return self.reshape(-1)[np.asarray(raw(index))]

    def flip(self, *dims):
        """The order along `dims` turned round."""
        dims = tuple(check_dim(dim, self.ndim) for dim in _dims(dims))
        dims = dims if self.ndim else ()
        return _tape.record(np.flip(self._raw(), dims).copy(), (self,), lambda g: np.flip(g, dims), "Flip")

    def roll(self, shifts, dims=None):
        """Elements moved on by `shifts` along `dims` (None: in a row), those at the end to the beginning."""
        back = -shifts if isinstance(shifts, int) else tuple(-shift for shift in shifts)
        value = np.roll(self._raw(), shifts, dims)
        return _tape.record(value, (self,), lambda g: np.roll(g, back, dims), "Roll")

    def triu(self, diagonal=0):
        """The elements on and above a diagonal, zeros elsewhere."""
        return _tape.record(np.triu(self._raw(), diagonal), (self,), lambda g: np.triu(g, diagonal), "Triu")

    def tril(self, diagonal=0):
        """The elements on and below a diagonal, zeros elsewhere."""
        return _tape.record(np.tril(self._raw(), diagonal), (self,), lambda g: np.tril(g, diagonal), "Tril")

    def diag(self, diagonal=0):
        """The diagonal of a matrix, or the matrix with these elements on its diagonal."""
        if self.ndim not in (1, 2):
            raise ValueError(f"diag takes 1 or 2 axes, this tensor has {self.ndim}")
        if self.ndim == 1:
            return _tape.record(np.diag(self._raw(), diagonal), (self,), lambda g: np.diag(g, diagonal), "Diag")
        length = np.diag(self._raw(), diagonal).size
        rows = np.arange(length) + max(-diagonal, 0)
        return self[rows, rows + diagonal]

    def unflatten(self, dim, sizes):
        """Axis `dim` made several, of lengths `sizes`; one may be -1."""
        dim = check_dim(dim, self.ndim)
        sizes = tuple(sizes)
        if -1 in sizes:
            rest = self.shape[dim] // max(1, -int(np.prod(sizes)))
            sizes = tuple(rest if n == -1 else n for n in sizes)
        return self.reshape(self.shape[:dim] + sizes + self.shape[dim + 1 :])

    def movedim(self, source, destination):
        """Axis `source` moved to `destination`."""
        source, destination = check_dim(source, self.ndim), check_dim(destination, self.ndim)
        if self.ndim == 0:
            return self.permute()
        order = [dim for dim in range(self.ndim) if dim != source]
        order.insert(destination, source)
        return self.permute(order)

    def expand_as(self, other):
        """This tensor in the shape of `other`, without a copy."""
        return self.expand(other.shape)

    def broadcast_to(self, shape):
        """This tensor in another shape that it broadcasts to, without a copy."""
        return self.expand(shape)

    def nonzero(self, as_tuple=False):
        """The places of the elements that are not 0: one in each row, or with `as_tuple` one tensor for each axis."""
        places = np.nonzero(np.atleast_1d(self._raw()))
        if as_tuple:
            return tuple(_tape.constant(part) for part in places)
        return _tape.constant(np.stack(places, 1)[:, : self.ndim])

    def scatter(self, dim, index, src):
        """A copy with the elements of `src` (a number: that everywhere) at the places `index` along `dim`."""
        number = not isinstance(src, (_tape.TensorBase, np.ndarray))
        if self.ndim == 0:
            src = src if number else _tape.constant(src).reshape(1) if isinstance(src, np.ndarray) else src.reshape(1)
            return self.reshape(1).scatter(0, np.reshape(raw(index), -1), src).reshape(())
        array = self._raw().copy()
        places = along("scatter", array, check_dim(dim, self.ndim), index)
        corner = tuple(slice(0, n) for n in np.shape(raw(index)))
        array[places] = src if number else np.asarray(_tape.values_of((self, src))[1])[corner]

        def derivative(g):
            rest = g.copy()
            rest[places] = 0
            if number:
                return rest
            spread = np.zeros(np.shape(raw(src)), g.dtype)
            spread[corner] = g[places]
            return rest, spread

        return _tape.record(array, (self,) if number else (self, src), derivative, "Scatter", watched=(index,))

    def scatter_(self, dim, index, src):
        """As `scatter`, in place."""
        changed = self.detach().scatter(dim, index, raw(src))
        writable(self, src)[...] = changed._raw()
        return self

    def masked_fill_(self, mask, value):
        """As `masked_fill`, in place."""
        np.copyto(writable(self, value), raw(value), where=raw(mask))
        return self
