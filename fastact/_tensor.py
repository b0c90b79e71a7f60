"""The Tensor class: an ndarray with a gradient, under torch's method names.

Here belong the methods that make and convert a tensor. Operators and changes in place are in ``_tensor_operators.py``,
shapes and indices in ``_tensor_shape.py``, reductions in ``_tensor_reduce.py``, formulas in ``_tensor_rules.py``.
"""

import copy
import numbers

import numpy as np

from fastact import _tape, _tensor_losses, _tensor_pairs, _tensor_rules
from fastact._device import CPU, check_device, is_device
from fastact._tape import raw
from fastact._tensor_arrange import Pieces
from fastact._tensor_dispatch import FUNCTIONS, array_ufunc, fastact_function
from fastact._tensor_more import More
from fastact._tensor_operators import Operators
from fastact._tensor_reduce import Reductions, take_synonyms
from fastact._tensor_scan import Scans
from fastact._tensor_shape import Shapes

DEFAULT_FLOAT = np.dtype(np.float32)
NO_CREATE_GRAPH = "create_graph=True: derivatives of derivatives are not recorded"


take_synonyms(Reductions, Scans, Shapes, Pieces, More)


class Tensor(_tape.TensorBase, Operators, Reductions, Scans, Shapes, Pieces, More):
    """An ndarray with a gradient.

    Parameters
    ----------
    data : array_like, or int
        Taken as it is, without a copy where it is an ndarray; lists become float32, and an int (with more ints after it) is a
        shape, of zeros. `tensor` copies and chooses a dtype as torch does.
    requires_grad : bool
        Whether operations on it are recorded for `backward`.

    Examples
    --------
    >>> from fastact._tensor import tensor
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ()
    __array_ufunc__ = array_ufunc
    __fastact_function__ = fastact_function

    device = property(lambda self: CPU, doc="Always the CPU.")
    is_cuda = property(lambda self: False, doc="Never.")

    def __init__(self, data=None, *more, requires_grad=False):
        if isinstance(data, numbers.Integral) and not isinstance(data, (bool, np.bool_)):
            data, more = np.zeros((data, *more), DEFAULT_FLOAT), ()
        elif isinstance(data, (list, tuple)):
            data = np.asarray(_plain(data), DEFAULT_FLOAT)
        super().__init__(data, *more or (requires_grad,))

    def backward(self, gradient=None, retain_graph=False, create_graph=False):
        """Add the gradient of this tensor to ``.grad`` of every leaf it was made from.

        Parameters
        ----------
        gradient : array_like, optional
            Gradient with respect to this tensor; may be left out for a single element, where it is 1.
        retain_graph : bool
            Keep the graph for another backward pass.
        create_graph : bool
            Not supported: derivatives of derivatives are not recorded.
        """
        if create_graph:
            raise NotImplementedError(NO_CREATE_GRAPH)
        _tape.backward(self, start_of(self, gradient), retain_graph)

    def item(self):
        """The single element as a Python number."""
        return self._raw().item()

    def tolist(self):
        """The elements as nested lists of Python numbers."""
        return self._raw().tolist()

    def numpy(self):
        """The ndarray itself, sharing memory; refused while the tensor requires grad."""
        if self.requires_grad:
            raise RuntimeError(
                "this tensor requires grad, and an ndarray would lose it in silence; use tensor.detach().numpy()"
            )
        return self._raw()

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numpy(), dtype, copy=copy)

    def clone(self):
        """A copy through which gradients flow."""
        return _tape.record(self._raw().copy(), (self,), lambda g: g, "Clone")

    def requires_grad_(self, requires_grad=True):
        """Set `requires_grad` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
        """This tensor in another dtype (a dtype, or that of another tensor); the device can only be the CPU."""
        for arg in args:
            if isinstance(arg, _tape.TensorBase):
                dtype = arg.dtype
            elif is_device(arg):
                device = arg
            elif not isinstance(arg, bool):
                dtype = arg
        check_device(device)
        if dtype is None or np.dtype(dtype) == self.dtype:
            return self.clone() if copy else self
        before, array = self.dtype, self._raw().astype(dtype)
        if array.dtype.kind not in "fV":
            return _tape.constant(array)
        return _tape.record(array, (self,), lambda g: g.astype(before), "To")

    def type_as(self, other):
        """This tensor in the dtype of another."""
        return self.to(other)

    def float(self):
        """This tensor as float32."""
        return self.to(np.float32)

    def double(self):
        """This tensor as float64."""
        return self.to(np.float64)

    def half(self):
        """This tensor as float16."""
        return self.to(np.float16)

    def type(self, dtype=None):
        """This tensor in another dtype; without one the name of its own."""
        return str(self.dtype) if dtype is None else self.to(dtype)

    def is_floating_point(self):
        """Whether the elements are floats."""
        return self.dtype.kind in "fV"  # V: bfloat16

    def new_zeros(self, *size, dtype=None, requires_grad=False):
        """Zeros of shape `size` in the dtype of this tensor."""
        return self.new_full(size, 0, dtype=dtype, requires_grad=requires_grad)

    def new_ones(self, *size, dtype=None, requires_grad=False):
        """Ones of shape `size` in the dtype of this tensor."""
        return self.new_full(size, 1, dtype=dtype, requires_grad=requires_grad)

    def new_full(self, size, fill_value, *, dtype=None, requires_grad=False):
        """One value everywhere, of shape `size`, in the dtype of this tensor."""
        size = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
        return Tensor(np.full(size, raw(fill_value), dtype or self.dtype), requires_grad)

    def new_tensor(self, data, *, dtype=None, requires_grad=False):
        """A copy of `data` in the dtype of this tensor."""
        return tensor(data, dtype or self.dtype, requires_grad=requires_grad)

    def long(self):
        """This tensor as int64."""
        return self.to(np.int64)

    def int(self):
        """This tensor as int32."""
        return self.to(np.int32)

    def bool(self):
        """This tensor as booleans."""
        return self.to(np.bool_)

    def cpu(self):
        """This tensor: there is no other device."""
        return self

    def cuda(self, device=None):
        """Refused: there is no such device here."""
        check_device("cuda")

    def __bool__(self):
        return bool(self._raw())

    def __float__(self):
        return float(self._raw().item())

    def __int__(self):
        return int(self._raw().item())

    def __index__(self):
        return self._raw().__index__()

    def __len__(self):
        return len(self._raw())

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("a 0-d tensor cannot be iterated over; .item() gives its value")
        return (self[i] for i in range(len(self)))

    def __format__(self, spec):
        if self.ndim == 0 and (spec or type(self) is Tensor):
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __repr__(self):
        from fastact._tensor_repr import text

        return text(self)

    def __deepcopy__(self, memo):
        make, (array, requires_grad) = self.__reduce__()
        memo[id(self)] = copied = make(copy.deepcopy(array, memo), requires_grad)
        copied.grad = copy.deepcopy(self._raw_grad(), memo)
        return copied

    def __reduce__(self):
        if not self.is_leaf:
            raise RuntimeError("only leaves can be copied or pickled; use detach() or clone()")
        return type(self), (self._raw(), self.requires_grad)


def start_of(tensor, gradient):
    """The gradient that a backward pass from `tensor` begins with, as an array of its dtype and shape; None stays."""
    if gradient is None:
        return None
    gradient = np.asarray(raw(gradient), tensor.dtype)
    if gradient.shape != tensor.shape:
        raise RuntimeError(f"backward() got a gradient of shape {gradient.shape} for a tensor of shape {tensor.shape}")
    return gradient


def tensor(data, dtype=None, device=None, requires_grad=False):
    """A Tensor with a copy of `data`.

    Parameters
    ----------
    data : array_like
        Python floats give float32, ints int64, bools bool; ndarrays and NumPy scalars keep their dtype.
    dtype : dtype, optional
        The dtype to have instead.
    device : str, optional
        Only "cpu".
    requires_grad : bool
        Whether operations on it are recorded.

    Examples
    --------
    >>> tensor([[1, 2], [3, 4]]).dtype
    dtype('int64')
    """
    check_device(device)
    weak = not isinstance(data, (np.ndarray, np.generic, _tape.TensorBase))
    if isinstance(data, _tape.TensorBase):
        data = data.detach()
    elif isinstance(data, (list, tuple)):
        data = _plain(data)
    array = np.array(raw(data), dtype)
    if array.dtype.kind in "OSUTMmV" and array.dtype.name != "bfloat16":
        raise TypeError(f"tensor() got {type(data).__name__}, an array of {array.dtype}: expected numbers or booleans")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if weak and dtype is None and array.dtype == np.float64 and not _holds_arrays(data):
        array = array.astype(DEFAULT_FLOAT)
    return Tensor(array, requires_grad)


def _plain(data):
    """Nested lists with the arrays of the tensors in them."""
    return [_plain(part) if isinstance(part, (list, tuple)) else raw(part) for part in data]


def _holds_arrays(data):
    """Whether the innermost first element of nested lists is NumPy's, so that its dtype is kept."""
    while isinstance(data, (list, tuple)) and len(data):
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic))


_tape.set_tensor_type(Tensor)
_tensor_rules.set_rules()
FUNCTIONS.update({**_tensor_losses.functions(), **_tensor_pairs.functions()})
