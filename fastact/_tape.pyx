# cython: language_level=3
"""The tape: which operations made a tensor; and, in one extension with it, what else of the trainer is compiled.

Here belong the compiled base class of ``Tensor`` (its array and its gradient) and the nodes of the graph. Included at the end:
the backward pass from ``_backward.pxi``, calls of ufuncs from ``_apply.pxi``, fused operations from ``_fused.pxi``, optimizer steps
from ``_steps.pxi``. Methods belong in ``_tensor.py``; arithmetic on elements belongs in NumPy's and fastact's kernels.
"""
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_REFCNT
from fastact._trainer_kernels cimport *

import numpy as np

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t holders "Py_REFCNT"(PyObject *)

cdef object np_add = np.add

cdef extern from *:
    """
    #if defined(_MSC_VER)
    static __declspec(thread) int fa_recording_paused;
    #else
    static _Thread_local int fa_recording_paused;
    #endif
    """
    int fa_recording_paused

cdef type tensor_type = None


def set_tensor_type(type cls):
    """Name the class of which every result is made (``Tensor``, a subclass of TensorBase)."""
    global tensor_type
    tensor_type = cls


def set_recording(bint on):
    """Switch the tape on or off in this thread; returns what it was."""
    global fa_recording_paused
    was = not fa_recording_paused
    fa_recording_paused = not on
    return was


def is_recording():
    """Whether operations of this thread are recorded."""
    return not fa_recording_paused


@cython.trashcan(True)
cdef class Node:
    """One recorded operation: where its gradients go, and how to compute them."""
    cdef tuple backward(self, object g):
        raise NotImplementedError

    cdef release(self):
        self.edges = self.watched = None
        self.kept = self.views = None
        self.spent = True

    def __repr__(self):
        return f"<{self.name}Backward>"


@cython.final
cdef class FunctionNode(Node):
    """An operation that brought its own function from its gradient to those of its operands."""
    cdef object function

    cdef tuple backward(self, object g):
        gradients = self.function(g)
        return gradients if type(gradients) is tuple else (gradients,)

    cdef release(self):
        Node.release(self)
        self.function = None


cdef inline bint is_floating(cnp.ndarray array) noexcept:
    """Whether the elements are floats: NumPy's, or those of ml_dtypes such as bfloat16."""
    return cnp.PyArray_ISFLOAT(array) or cnp.PyArray_ISUSERDEF(array)


cdef inline object edge_of(object operand):
    cdef TensorBase tensor
    if not isinstance(operand, TensorBase):
        return None
    tensor = <TensorBase>operand
    if tensor.node is not None:
        return tensor.node
    return tensor if tensor.wants else None


@cython.final
cdef class Version:
    """How often memory that several tensors share was changed in place."""


cdef inline unsigned long long version_of(TensorBase tensor) noexcept:
    return tensor.version if tensor.shared is None else tensor.shared.count


cdef void touch(TensorBase tensor) noexcept:
    """Note a change in place."""
    if tensor.shared is None:
        tensor.version += 1
    else:
        tensor.shared.count += 1
    if tensor.node is not None:
        tensor.node.overwritten = True


cdef share_version(TensorBase source, TensorBase view):
    if source.shared is None:
        source.shared = Version.__new__(Version)
        source.shared.count = source.version
    if source.node is not None and source.node.views is None:
        source.node.views, source.node.seen = source.shared, source.shared.count
    view.shared = source.shared


cdef bint is_view(TensorBase tensor, TensorBase source):
    """Whether the array of `tensor` is that of `source`, or NumPy's view of the same memory."""
    cdef object base = (<object>tensor.array).base
    return tensor.array is source.array or (
        base is not None and (base is source.array or base is (<object>source.array).base))


cdef unsigned long long versions_of(tuple operands):
    cdef unsigned long long total = 0
    for operand in operands:
        if isinstance(operand, TensorBase):
            total += version_of(<TensorBase>operand)
    return total


cdef bint any_wants(tuple operands):
    if fa_recording_paused:
        return False
    for operand in operands:
        if isinstance(operand, TensorBase) and (<TensorBase>operand).wants:
            return True
    return False


cdef Node prepare(Node node, str name, tuple operands, bint saves):
    node.name = name
    node.edges = tuple([edge_of(operand) for operand in operands])
    if saves:
        node.watched = operands
        node.versions = versions_of(operands)
    return node


cdef TensorBase wrap(object value, Node node=None):
    """A Tensor around `value`, made by `node` (None: a constant)."""
    cdef TensorBase tensor = <TensorBase>(<PyTypeObject *>tensor_type).tp_new(tensor_type, <PyObject *>(), NULL)
    tensor.array = <cnp.ndarray>value if isinstance(value, cnp.ndarray) else np.asarray(value)
    if node is not None:
        tensor.node = node
        tensor.wants = True
    return tensor


def constant(value):
    """A Tensor around `value` that no gradient reaches."""
    return wrap(value)


def record(value, tuple operands, function, str name, bint saves=False, bint keeps=False, tuple watched=()):
    """A Tensor around `value`, computed from `operands`.

    `function` takes the gradient of the result and returns those of the operands: a tuple with None where there is none.
    `saves` says whether it reads the operands' values, `keeps` whether it reads the result's, `watched` what else it reads,
    such as an index: none of these may change.
    """
    cdef FunctionNode node = None
    cdef TensorBase result
    if any_wants(operands):
        node = FunctionNode.__new__(FunctionNode)
        node.function, node.keeps = function, keeps
        prepare(node, name, operands, saves)
        if watched:
            node.watched = operands + watched if saves else watched
            node.versions = versions_of(node.watched)
    result = wrap(value, node)
    if operands and isinstance(operands[0], TensorBase) and is_view(result, <TensorBase>operands[0]):
        share_version(<TensorBase>operands[0], result)
    return result


def raw(value):
    """The array of a Tensor; anything else as it is."""
    return (<TensorBase>value).array if isinstance(value, TensorBase) else value


class RemovableHandle:
    """Takes a hook away again, by ``remove()`` or at the end of a ``with`` block."""

    def __init__(self, hooks, hook):
        self._hooks, self._key = hooks, object()
        hooks[self._key] = hook

    def remove(self):
        """Call the hook no more."""
        self._hooks.pop(self._key, None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


@cython.trashcan(True)
cdef class TensorBase:
    """What the tape knows of a Tensor."""

    @property
    def shape(self):
        """Lengths of the axes."""
        return (<object>self.array).shape

    @property
    def dtype(self):
        """NumPy dtype of the elements."""
        return self.array.dtype

    @property
    def ndim(self):
        """Number of axes."""
        return self.array.ndim

    @property
    def data(self):
        """The same memory as a Tensor outside of every graph; assign to it to replace the values."""
        return wrap(self.array)

    @data.setter
    def data(self, value):
        self.array = <cnp.ndarray>(<TensorBase>value).array if isinstance(value, TensorBase) else np.asarray(value)
        self.version, self.shared = version_of(self) + 1, None

    @property
    def grad(self):
        """The gradient that backward passes have added up, or None."""
        return None if self.gradient is None else wrap(self.gradient)

    @grad.setter
    def grad(self, value):
        if value is None:
            self.gradient = None
            return
        array = np.asarray((<TensorBase>value).array if isinstance(value, TensorBase) else value, self.array.dtype)
        if array.shape != self.shape:
            raise ValueError(f"a gradient of shape {array.shape} was assigned to a tensor of shape {self.shape}")
        self.gradient = array

    @property
    def requires_grad(self):
        """Whether operations on this tensor are recorded."""
        return self.wants

    @requires_grad.setter
    def requires_grad(self, bint value):
        if self.node is not None and not value:
            raise RuntimeError("only a leaf can stop requiring grad; use detach() to take a result out of its graph")
        if value and not is_floating(self.array):
            raise RuntimeError(f"only floating tensors can require grad, this one is {self.array.dtype}; use .float() first")
        self.wants = value

    @property
    def is_leaf(self):
        """Whether no recorded operation made this tensor."""
        return self.node is None

    @property
    def grad_fn(self):
        """The node of the graph that made this tensor; None for a leaf."""
        return self.node

    def retain_grad(self):
        """Keep the gradient of this tensor although an operation made it."""
        if self.node is not None:
            self.node.kept = self

    def register_hook(self, hook):
        """Have ``hook(gradient)`` called in every backward pass that brings this tensor its gradient.

        Parameters
        ----------
        hook : callable
            Given the whole gradient of the pass, a Tensor; what it returns takes its place, None leaves it as it is.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` ends it.

        Raises
        ------
        RuntimeError
            If the tensor does not require grad.
        TypeError
            If `hook` cannot be called.
        """
        if not self.wants:
            raise RuntimeError("this tensor does not require grad, so that no gradient would reach its hook; "
                               "set requires_grad=True first")
        if not callable(hook):
            raise TypeError(f"register_hook() takes a function of the gradient, got {type(hook).__name__}")
        cdef dict hooks = self.hooks if self.node is None else self.node.hooks
        if hooks is None:
            hooks = {}
            if self.node is None:
                self.hooks = hooks
            else:
                self.node.hooks = hooks
        return RemovableHandle(hooks, hook)

    def detach(self):
        """The same memory as a Tensor outside of the graph."""
        cdef TensorBase tensor = wrap(self.array)
        share_version(self, tensor)
        return tensor

    def _raw(self):
        """The array itself."""
        return self.array

    def _raw_grad(self):
        """The gradient's array itself, or None."""
        return self.gradient

    def _touch(self):
        """Tell the tape that the values were changed in place."""
        touch(self)

    def __init__(self, data=None, requires_grad=False):
        if data is not None or self.array is None:
            self.data = np.empty(0, np.float32) if data is None else data
        if requires_grad:
            self.requires_grad = True


include "_backward.pxi"
include "_apply.pxi"
include "_fused.pxi"
include "_steps.pxi"
