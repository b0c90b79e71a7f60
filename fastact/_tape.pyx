# cython: language_level=3
"""The tape: which operations made a tensor, and the pass that brings gradients back through them.

Here belong the compiled base class of ``Tensor`` (its array and its gradient), the nodes of the graph and the backward pass.
Calls of ufuncs belong in ``_apply.pyx``, fused operations in ``_fused.pyx``, methods in ``_tensor.py``; arithmetic on
elements belongs in NumPy's and fastact's kernels.
"""
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_REFCNT

import numpy as np

cnp.import_array()

cdef extern from *:
    """
    #if defined(_MSC_VER)
    static __declspec(thread) int fa_recording_paused;
    #else
    static _Thread_local int fa_recording_paused;
    #endif
    """
    int fa_recording_paused

cdef extern from "Python.h":
    Py_ssize_t holders "Py_REFCNT"(PyObject *)

cdef object np_add = np.add
cdef type tensor_type = None
cdef unsigned long long sweeps = 0


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


def record(value, tuple operands, function, str name, bint saves=False, bint keeps=False):
    """A Tensor around `value`, computed from `operands`.

    `function` takes the gradient of the result and returns those of the operands: a tuple with None where there is none.
    `saves` says whether it reads the operands' values, `keeps` whether it reads the result's: they must not change.
    """
    cdef FunctionNode node = None
    cdef TensorBase result
    if any_wants(operands):
        node = FunctionNode.__new__(FunctionNode)
        node.function, node.keeps = function, keeps
        prepare(node, name, operands, saves)
    result = wrap(value, node)
    if operands and isinstance(operands[0], TensorBase) and is_view(result, <TensorBase>operands[0]):
        share_version(<TensorBase>operands[0], result)
    return result


def raw(value):
    """The array of a Tensor; anything else as it is."""
    return (<TensorBase>value).array if isinstance(value, TensorBase) else value


cdef list count_consumers(Node root, unsigned long long sweep):
    """Set ``pending`` of every node that `root` was made from; refuses graphs that can no longer be differentiated."""
    cdef Node node, source
    cdef list stack = [root]
    root.sweep, root.pending, root.gradient = sweep, 0, None
    while stack:
        node = stack.pop()
        if node.spent:
            raise RuntimeError("a backward pass went through this graph before and freed it; to go through it again, call "
                               "the first one as backward(retain_graph=True)")
        if (node.watched is not None and versions_of(node.watched) != node.versions
                or node.keeps and (node.overwritten or node.views is not None and node.views.count != node.seen)):
            raise RuntimeError(f"a tensor that the gradient of {node.name} needs was changed in place after it was used or made; "
                               "compute the result anew, or change a clone()")
        for edge in node.edges:
            if isinstance(edge, Node):
                source = <Node>edge
                if source.sweep != sweep:
                    source.sweep, source.pending, source.gradient = sweep, 0, None
                    stack.append(source)
                source.pending += 1


def backward(TensorBase root not None, gradient, bint retain):
    """Send `gradient` (an array, None for one) from `root` to the leaves, adding to their gradients."""
    global sweeps
    cdef Node node, source
    cdef list ready
    if not root.wants:
        raise RuntimeError("this tensor does not require grad, and nothing it was made from does: there is nothing to "
                           "differentiate; make a leaf with requires_grad=True")
    if gradient is None:
        if cnp.PyArray_SIZE(root.array) != 1:
            raise RuntimeError(f"backward() needs a gradient for a tensor of shape {root.shape}; only for one element it is 1")
        gradient = cnp.PyArray_EMPTY(root.array.ndim, root.array.shape, cnp.PyArray_TYPE(root.array), 0)
        gradient.fill(1)
    if root.node is None:
        add_to_leaf(root, gradient)
        return
    sweeps += 1
    count_consumers(root.node, sweeps)
    root.node.gradient = gradient
    ready = [root.node]
    while ready:
        node = ready.pop()
        gradient, node.gradient = node.gradient, None
        if gradient is not None:
            if node.kept is not None:
                add_to_leaf(node.kept, gradient)
            node.retained = retain
            gradients = node.backward(gradient)
        edges = node.edges
        if not retain:
            node.release()
        for i in range(len(edges)):
            edge = edges[i]
            if edge is None:
                continue
            part = gradients[i] if gradient is not None else None
            if not isinstance(edge, Node):
                if part is not None:
                    add_to_leaf(<TensorBase>edge, part)
                continue
            source = <Node>edge
            if part is not None:
                source.gradient = part if source.gradient is None else source.gradient + part
            source.pending -= 1
            if source.pending == 0:
                ready.append(source)


cdef cnp.ndarray free_home(object edge):
    """Where a node may write the gradient of a leaf: its home, if nobody looks at what stands there; else None."""
    cdef TensorBase leaf
    if not isinstance(edge, TensorBase):
        return None
    leaf = <TensorBase>edge
    if leaf.gradient is not None or leaf.home is None or holders(<PyObject *>leaf.home) != 1:
        return None
    if not cnp.PyArray_SAMESHAPE(leaf.home, leaf.array) or cnp.PyArray_TYPE(leaf.home) != cnp.PyArray_TYPE(leaf.array):
        return None
    return leaf.home


cdef enum:
    SMALL = 1 << 18     # bytes that are copied home; a larger gradient stays where its node made it


cdef add_to_leaf(TensorBase leaf, object part):
    cdef cnp.ndarray array = <cnp.ndarray>part if isinstance(part, cnp.ndarray) else np.asarray(part)
    cdef cnp.ndarray home
    if leaf.gradient is None and leaf.home is not None:
        if array is leaf.home:
            leaf.gradient = array
            return
        if cnp.PyArray_NBYTES(array) <= SMALL and cnp.PyArray_SAMESHAPE(array, leaf.array):
            home = free_home(leaf)
            if home is not None:
                cnp.PyArray_CopyInto(home, array)
                leaf.gradient = home
                return
    if not cnp.PyArray_SAMESHAPE(array, leaf.array):
        raise RuntimeError(f"a gradient of shape {(<object>array).shape} reached a tensor of shape {leaf.shape}")
    if leaf.gradient is not None and cnp.PyArray_ISWRITEABLE(leaf.gradient):
        np_add(leaf.gradient, array, leaf.gradient, casting="same_kind")
    elif leaf.gradient is not None:
        leaf.gradient = np_add(leaf.gradient, array, dtype=leaf.array.dtype, casting="same_kind")
    elif (<object>array).base is None and Py_REFCNT(array) <= 3 and (<object>array).dtype == (<object>leaf.array).dtype and cnp.PyArray_ISCARRAY(array):
        leaf.gradient = array           # nobody else holds it: only the node's answer and the names here
    else:
        leaf.gradient = np.array(array, leaf.array.dtype, order="C")


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
        if value and not cnp.PyArray_ISFLOAT(self.array):
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
