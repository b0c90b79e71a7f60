"""Shapes and indices of Tensor: views that share memory, selections, and tensors put together.

Nothing here computes on elements; every gradient is a rearrangement too.
"""

import math

import numpy as np

from fastact import _tape
from fastact._tape import raw
from fastact._tensor_operators import raw_index
from fastact._tensor_reduce import check_dim


def _shape_of(shape):
    """A shape given as one tuple or as several ints."""
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(map(int, shape))


def _rearranged(tensor, value, name):
    """A view of `tensor` with other axes, whose gradient only takes the old shape again."""
    before = tensor.shape
    return _tape.record(value, (tensor,), lambda g: g.reshape(before), name)


class Shapes:
    """What Tensor does with its axes and indices."""

    __slots__ = ()

    def size(self, dim=None):
        """The shape, or the length of one axis."""
        return self.shape if dim is None else self.shape[check_dim(dim, self.ndim)]

    def dim(self):
        """Number of axes."""
        return self.ndim

    def numel(self):
        """Number of elements."""
        return self._raw().size

    nelement = numel

    def reshape(self, *shape):
        """The same elements in another shape; one length may be -1."""
        return _rearranged(self, self._raw().reshape(_shape_of(shape)), "Reshape")

    view = reshape

    def view_as(self, other):
        """The same elements in the shape of `other`."""
        return self.reshape(other.shape)

    def flatten(self, start_dim=0, end_dim=-1):
        """Axes `start_dim` to `end_dim` made one."""
        start, end = check_dim(start_dim, self.ndim), check_dim(end_dim, self.ndim)
        if self.ndim == 0:
            return self.reshape(1)
        if end < start:
            raise ValueError(f"flatten got start_dim={start_dim} after end_dim={end_dim}")
        return self.reshape(self.shape[:start] + (math.prod(self.shape[start : end + 1]),) + self.shape[end + 1 :])

    def ravel(self):
        """All elements along one axis."""
        return self.reshape(-1)

    def is_contiguous(self):
        """Whether the elements are in order in memory."""
        return self._raw().flags.c_contiguous

    def stride(self, dim=None):
        """How many elements apart neighbours along each axis are, or along one."""
        strides = tuple(step // self._raw().itemsize for step in self._raw().strides)
        return strides if dim is None else strides[dim]

    def element_size(self):
        """Bytes of an element."""
        return self._raw().itemsize

    def contiguous(self):
        """This tensor with its elements in order in memory."""
        array = self._raw()
        return self if array.flags.c_contiguous else _rearranged(self, np.ascontiguousarray(array), "Contiguous")

    def unsqueeze(self, dim):
        """An axis of length 1 put in at `dim`."""
        return _rearranged(self, np.expand_dims(self._raw(), check_dim(dim, self.ndim + 1)), "Unsqueeze")

    def squeeze(self, dim=None):
        """Axes of length 1 taken out: all, or `dim` if it is one."""
        array = self._raw()
        dims = range(self.ndim) if dim is None else (dim if isinstance(dim, tuple) else (dim,))
        dims = tuple(d for d in (check_dim(d, self.ndim) for d in dims) if self.ndim and array.shape[d] == 1)
        return _rearranged(self, np.squeeze(array, dims), "Squeeze")

    def transpose(self, dim0, dim1):
        """Axes `dim0` and `dim1` exchanged."""
        dim0, dim1 = check_dim(dim0, self.ndim), check_dim(dim1, self.ndim)
        if self.ndim == 0:
            return _rearranged(self, self._raw(), "Transpose")
        return _tape.record(self._raw().swapaxes(dim0, dim1), (self,), lambda g: g.swapaxes(dim0, dim1), "Transpose")

    swapaxes = transpose

    def permute(self, *dims):
        """The axes in the order `dims`."""
        dims = tuple(check_dim(d, self.ndim) for d in _shape_of(dims))
        back = np.argsort(dims)
        return _tape.record(self._raw().transpose(dims), (self,), lambda g: g.transpose(back), "Permute")

    @property
    def T(self):
        """The axes in reverse order."""
        return _tape.record(self._raw().T, (self,), lambda g: g.T, "Transpose")

    def t(self):
        """The transpose of a tensor of at most two axes."""
        if self.ndim > 2:
            raise ValueError(f"t() is for at most 2 axes, this tensor has {self.ndim}; use transpose or permute")
        return self.T

    @property
    def mT(self):
        """The last two axes exchanged."""
        return self.transpose(-2, -1)

    def expand(self, *shape):
        """Axes of length 1 repeated to `shape` (-1 keeps a length), without a copy."""
        shape, own = _shape_of(shape), self.shape
        extra = len(shape) - len(own)
        full = tuple(own[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(shape))
        return _tape.record(np.broadcast_to(self._raw(), full), (self,), lambda g: _tape.unbroadcast(g, own), "Expand")

    def gather(self, dim, index):
        """The elements at `index` along `dim`."""
        if self.ndim == 0:
            return self.reshape(1).gather(0, np.reshape(raw(index), -1)).reshape(np.shape(raw(index)))
        own = self._raw()
        places = along("gather", own, check_dim(dim, self.ndim), index)

        def derivative(g):
            spread = np.zeros_like(own)
            np.add.at(spread, places, g)
            return spread

        return _tape.record(own[places], (self,), derivative, "Gather", watched=(index,))

    def masked_fill(self, mask, value):
        """This tensor with `value`, a number or a tensor of one, where `mask` is true."""
        if np.ndim(raw(value)):
            raise ValueError(f"masked_fill takes one value, got an array of shape {np.shape(raw(value))}; use where")
        where_filled, shape = np.asarray(raw(mask)), self.shape
        filled = np.where(where_filled, self.dtype.type(raw(value)), self._raw())

        def derivative(g):
            zero = g.dtype.type(0)
            kept = _tape.unbroadcast(np.where(where_filled, zero, g), shape)
            return kept, _tape.unbroadcast(np.where(where_filled, g, zero), ())

        return _tape.record(filled, (self, value), derivative, "MaskedFill", watched=(mask,))

    def where(self, condition, other):
        """The elements of this tensor where `condition` is true, of `other` elsewhere."""
        return where(condition, self, other)

    def __getitem__(self, index):
        watched = index if isinstance(index, tuple) else (index,)
        index, own = raw_index(index), self._raw()
        value = own[index]

        def derivative(g):
            spread = np.zeros_like(own)
            if _selects_twice(index):
                np.add.at(spread, index, g)
            else:
                spread[index] = g
            return spread

        return _tape.record(value, (self,), derivative, "Index", watched=watched)


def along(name, array, dim, index):
    """An index of `array` by one array for each axis: `index` along `dim`, each place's own along the others."""
    at = np.asarray(raw(index))
    if at.dtype.kind not in "iu":
        raise TypeError(f"{name} takes integer indices, got {at.dtype}; convert them with .long()")
    length = array.shape[dim]
    if at.size and not (at.min() >= 0 and at.max() < length):
        wrong = at[(at < 0) | (at >= length)].flat[0]
        raise IndexError(f"{name} got index {wrong} for an axis of {length}: expected 0 to {length - 1}")
    places = list(np.indices(at.shape, sparse=True))
    places[dim] = at
    return tuple(places)


def _selects_twice(index):
    """Whether an index may name an element more than once: only one of integer arrays can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, list) or (isinstance(part, np.ndarray) and part.dtype != bool) for part in parts)


def cat(tensors, dim=0, *, axis=None):
    """Tensors put together along an existing axis.

    Parameters
    ----------
    tensors : sequence of array_like
        Equal in shape but for the length of axis `dim`, or of shape (0,), which adds nothing; the result is a Tensor if
        one of them is.
    dim : int
        The axis.
    """
    tensors = tuple(tensors)
    values = [np.asarray(value) for value in _tape.values_of(tensors)]
    empty = [part.shape == (0,) for part in values]
    parts = [part for part, is_empty in zip(values, empty, strict=True) if not is_empty]
    dim = check_dim(dim if axis is None else axis, parts[0].ndim) if parts else 0
    value = np.concatenate(parts or values, dim, dtype=np.result_type(*values) if values else None)
    if not any(isinstance(part, _tape.TensorBase) for part in tensors):
        return value
    cuts = np.cumsum([0 if is_empty else part.shape[dim] for part, is_empty in zip(values, empty, strict=True)])[:-1]
    shapes = [part.shape for part in values]

    def derivative(g):
        return tuple(part.reshape(shape) for part, shape in zip(np.split(g, cuts, dim), shapes, strict=True))

    return _tape.record(value, tensors, derivative, "Cat")


def stack(tensors, dim=0, *, axis=None):
    """Tensors of one shape put together along a new axis `dim`.

    Parameters
    ----------
    tensors : sequence of array_like
        All of one shape; the result is a Tensor if one of them is.
    dim : int
        Where the new axis stands in the result.
    """
    tensors = tuple(tensors)
    values = [np.asarray(value) for value in _tape.values_of(tensors)]
    dim = check_dim(dim if axis is None else axis, values[0].ndim + 1 if values else 1)
    value = np.stack(values, dim)
    if not any(isinstance(part, _tape.TensorBase) for part in tensors):
        return value
    return _tape.record(value, tensors, lambda g: tuple(np.moveaxis(g, dim, 0)), "Stack")


def where(condition, x=None, y=None):
    """Elements of `x` where `condition` is true, of `y` elsewhere; a Tensor if one of the three is.

    Without `x` and `y` the places where `condition` is true, one tensor for each axis.

    Parameters
    ----------
    condition : array_like of bool
        Broadcast against the others.
    x, y : array_like
        What to choose from.
    """
    mask = np.asarray(raw(condition))
    if x is None and y is None:
        return tuple(_tape.constant(places) for places in np.nonzero(mask))
    first, second = _tape.values_of((x, y))
    value = np.where(mask, first, second)
    if not any(isinstance(part, _tape.TensorBase) for part in (condition, x, y)):
        return value
    dtypes = [part.dtype for part in (x, y) if hasattr(part, "dtype")]
    if value.dtype.char in "df" and value.dtype not in dtypes:  # of a number of Python's
        value = value.astype(next((dtype for dtype in dtypes if dtype.kind == "V"), np.float32))
    shapes = np.shape(first), np.shape(second)

    def derivative(g):
        zero = g.dtype.type(0)
        return (
            _tape.unbroadcast(np.where(mask, g, zero), shapes[0]),
            _tape.unbroadcast(np.where(mask, zero, g), shapes[1]),
        )

    return _tape.record(value, (x, y), derivative, "Where", watched=(condition,))
