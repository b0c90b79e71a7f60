"""Tensors from nothing: filled, counted, random. Names and defaults are torch's; the device can only be the CPU."""

import numpy as np

from fastact._device import check_device
from fastact._random import drawing_from
from fastact._random import generator as current
from fastact._tape import TensorBase, raw
from fastact._tensor import Tensor, tensor


def _shape(size):
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else tuple(map(int, size))


def _made(array, dtype, device, requires_grad):
    """`array` as a Tensor; floats become float32 where no dtype is asked for."""
    check_device(device)
    if dtype is None and array.dtype == np.float64:
        dtype = np.float32
    return Tensor(array if dtype is None else array.astype(dtype, copy=False), requires_grad)


def _filled(name, fill):
    def make(*size, dtype=None, device=None, requires_grad=False):
        dtype = np.float32 if dtype is None else dtype
        return _made(fill(_shape(size), dtype), dtype, device, requires_grad)

    return _documented(
        make,
        name,
        "``{0}(*size, dtype=float32, requires_grad=False)``: a Tensor of that shape, as `numpy.{0}` makes it.",
    )


def _like(name, fill):
    def make(input, *, dtype=None, device=None, requires_grad=False):
        array = raw(input)
        return _made(fill(array.shape).astype(dtype or array.dtype), dtype or array.dtype, device, requires_grad)

    return _documented(
        make, name, "``{0}(input, dtype=None, requires_grad=False)``: a Tensor in the shape and dtype of another."
    )


def _random(name, draw):
    def make(*size, generator=None, dtype=None, device=None, requires_grad=False):
        with drawing_from(generator):
            return _made(draw(_shape(size)), dtype, device, requires_grad)

    return _documented(
        make,
        name,
        "``{0}(*size, generator=None, dtype=float32, requires_grad=False)``: random numbers, repeatable after `manual_seed`.",
    )


def _documented(function, name, text):
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text.format(name)
    return function


def _normal(shape):
    return current().standard_normal(shape)


def _uniform(shape):
    return current().random(shape)


zeros = _filled("zeros", np.zeros)
ones = _filled("ones", np.ones)
empty = _filled("empty", np.empty)
empty_like = _like("empty_like", np.zeros)
zeros_like = _like("zeros_like", np.zeros)
ones_like = _like("ones_like", np.ones)
randn_like = _like("randn_like", _normal)
rand_like = _like("rand_like", _uniform)
randn = _random("randn", _normal)
rand = _random("rand", _uniform)


def full(size, fill_value, *, dtype=None, device=None, requires_grad=False):
    """A Tensor of shape `size` with one value everywhere."""
    return _made(np.full(size, raw(fill_value)), dtype, device, requires_grad)


def full_like(input, fill_value, *, dtype=None, device=None, requires_grad=False):
    """A Tensor in the shape and dtype of another, with one value everywhere."""
    array = raw(input)
    return _made(np.full(array.shape, fill_value, dtype or array.dtype), dtype or array.dtype, device, requires_grad)


def arange(start, end=None, step=1, *, dtype=None, device=None, requires_grad=False):
    """Numbers from `start` (0 if only one is given) to before `end`."""
    start, end = (0, start) if end is None else (start, end)
    return _made(np.arange(start, end, step), dtype, device, requires_grad)


def linspace(start, end, steps, *, dtype=None, device=None, requires_grad=False):
    """`steps` numbers evenly from `start` to `end`, both included."""
    return _made(np.linspace(start, end, steps), dtype, device, requires_grad)


def eye(n, m=None, *, dtype=None, device=None, requires_grad=False):
    """An identity matrix of `n` rows and `m` columns."""
    return _made(np.eye(n, m), dtype, device, requires_grad)


def randint(low, high=None, size=None, *, generator=None, dtype=np.int64, device=None):
    """Random integers from `low` (0 if left out) to before `high`, in the shape `size`."""
    if size is None:
        low, high, size = 0, low, high
    with drawing_from(generator):
        return _made(current().integers(low, high, size), dtype, device, False)


def randperm(n, *, generator=None, dtype=np.int64, device=None):
    """The integers below `n` in random order."""
    with drawing_from(generator):
        return _made(current().permutation(n), dtype, device, False)


def normal(mean, std=1.0, size=None, *, generator=None):
    """Normal random numbers of these means and standard deviations, in the shape `size` where both are numbers."""
    given = [part.dtype for part in (mean, std) if isinstance(part, TensorBase)]
    with drawing_from(generator):
        values = current().normal(raw(mean), raw(std), size)
    return Tensor(np.asarray(values, given[0] if given else np.float32))


def bernoulli(input):
    """1 with the probability that each element is, else 0."""
    array = raw(input)
    return Tensor((current().random(array.shape) < array).astype(array.dtype))


def from_numpy(ndarray):
    """A Tensor that shares the memory of an ndarray."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy takes a numpy.ndarray, got {type(ndarray).__name__}; tensor() takes anything")
    return Tensor(ndarray)


def as_tensor(data, dtype=None, device=None):
    """`data` as a Tensor, without a copy where it is an ndarray or a Tensor of that dtype."""
    check_device(device)
    if isinstance(data, TensorBase):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return Tensor(data if dtype is None else data.astype(dtype, copy=False))
    return tensor(data, dtype)
