"""Models as ONNX files: a model is run once on a symbol, and what happens to the symbol is written down.

What each layer and function becomes is in ``_onnx_layers.py``. Needs the onnx package (the extra ``onnx``).
"""

import contextlib
import functools
import threading

import numpy as np

import fastact as fa
from fastact._extras import extra
from fastact._files import replacing
from fastact._grad_mode import no_grad
from fastact._tape import TensorBase, constant, raw
from fastact._tensor_operators import METHODS
from fastact.nn.module import Module

OPSET = 20
SAMPLES = 13  # rows of the batch that is run: a length that no layer of a model is likely to have
_lock = threading.Lock()


def export_onnx(model, path, input_shape):
    """Write a model as an ONNX file, for onnxruntime and others.

    The model is written as it predicts (dropout off, batch norm with its running statistics), in its own dtype. Layers of
    fastact.nn, models made of them, and classes of your own whose ``forward`` joins them by operators, elementwise
    functions, softmax, dropout and reshapes can be exported.

    Parameters
    ----------
    model : Module
        One input, one output.
    path : path-like
        The file to make or replace.
    input_shape : sequence of int or None
        Shape of an input, the batch on the first axis, whose length stays free: ``(None, 64)``. A single number is the
        length of a sample. The input is called "input", the output "output"; where the model has an Embedding the input
        is int64.

    Raises
    ------
    NotImplementedError
        If the model does what has no counterpart here; the text names it.
    ModuleNotFoundError
        Without onnx; the text names the extra that brings it.

    Notes
    -----
    onnxruntime computes erf, and so the exact gelu, in float32 alone: a float64 model that has one is refused.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fastact import nn
    >>> path = pathlib.Path(tempfile.mkdtemp(), "model.onnx")
    >>> nn.export_onnx(nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3)), path, (None, 4))
    >>> path.stat().st_size > 0
    True
    """
    onnx = extra("onnx", "onnx", "nn.export_onnx")
    if not isinstance(model, Module):
        raise TypeError(f"export_onnx writes a Module, got {type(model).__name__}")
    value = _sample(model, input_shape)
    graph = Graph(onnx, model)
    source = graph.input("input", value)
    with _tracing(model), no_grad():
        result = model(source)
    if not isinstance(result, Symbol):
        raise NotImplementedError(
            f"the model returned {type(result).__name__}; only one output that depends on the input"
        )
    made = graph.finish(source, result)
    onnx.checker.check_model(made)
    with replacing(path) as file:
        file.write(made.SerializeToString())


def _sample(model, input_shape):
    shape = tuple(input_shape) if np.iterable(input_shape) else (input_shape,)
    shape = shape if len(shape) == 1 else shape[1:]
    if not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise ValueError(
            f"input_shape={input_shape!r} is invalid: after the free first axis it must give every length, as in (None, 64)"
        )
    if any(type(module).__name__ == "Embedding" for module in model.modules()):
        return np.zeros((SAMPLES, *shape), np.int64)
    dtype = next((parameter.dtype for parameter in model.parameters()), np.dtype(np.float32))
    return np.random.default_rng(0).normal(size=(SAMPLES, *shape)).astype(dtype)


class Graph:
    """Nodes and constants of the file that is being made.

    Parameters
    ----------
    onnx : module
    model : Module
        Whose weights keep the names of its state.
    """

    def __init__(self, onnx, model):
        self.onnx, self.nodes, self.constants, self.counts = onnx, [], {}, {}
        self.names = {}
        for name, value in model._named_state():
            self.names.setdefault(id(value), name)

    def input(self, name, value):
        """The symbol of the model's input."""
        return Symbol(self, name, value)

    def op(self, kind, *inputs, **attributes):
        """Add a node; returns the name of its output. Inputs are names, Tensors, arrays or numbers."""
        names = [item if isinstance(item, str) else self.constant(item) for item in inputs]
        number = self.counts[kind] = self.counts.get(kind, -1) + 1
        output = f"{kind}_{number}"
        self.nodes.append(self.onnx.helper.make_node(kind, names, [output], name=output, **attributes))
        return output

    def constant(self, value):
        """The name of a constant."""
        array = np.ascontiguousarray(raw(value)) if np.ndim(raw(value)) else np.asarray(raw(value))
        name = self.names.get(id(value)) or f"constant_{len(self.constants)}"
        self.constants.setdefault(name, array)
        return name

    def finish(self, source, result):
        """The whole as an onnx model."""
        helper = self.onnx.helper
        self.nodes.append(helper.make_node("Identity", [result.name], ["output"], name="output"))
        graph = helper.make_graph(
            self.nodes,
            "fastact",
            [self._described("input", source.value)],
            [self._described("output", result.value)],
            [self.onnx.numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, producer_name="fastact", opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets)
        )

    def _described(self, name, value):
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
        return self.onnx.helper.make_tensor_value_info(name, kind, ["batch", *value.shape[1:]])


class Symbol:
    """A value on its way through a model: an array for one batch, and the name it has in the graph."""

    def __init__(self, graph, name, value):
        self.graph, self.name, self.value = graph, name, value

    shape = property(lambda self: self.value.shape, doc="Shape in the batch that is run.")
    dtype = property(lambda self: self.value.dtype, doc="NumPy dtype of the elements.")
    ndim = property(lambda self: self.value.ndim, doc="Number of axes.")

    def made(self, name, value):
        """A symbol of the same graph."""
        return Symbol(self.graph, name, np.asarray(raw(value)))

    def size(self, dim=None):
        """Shape, or one length of it."""
        return self.shape if dim is None else self.shape[dim]

    def reshape(self, *shape):
        """The same elements in another shape; the first axis must stay the batch's."""
        shape = shape[0] if len(shape) == 1 and np.iterable(shape[0]) else shape
        value = self.value.reshape(shape)
        if len(value) != SAMPLES:
            raise NotImplementedError(f"a reshape to {tuple(shape)} does not keep the batch on the first axis")
        lengths = np.array([0, *value.shape[1:]], np.int64)
        return self.made(self.graph.op("Reshape", self.name, lengths), value)

    view = reshape

    def flatten(self, start_dim=0, end_dim=-1):
        """Axes `start_dim` to `end_dim` as one."""
        value = raw(constant(self.value).flatten(start_dim, end_dim))
        return self.reshape(value.shape)

    def unflatten(self, dim, sizes):
        """Axis `dim` as several."""
        return self.reshape(constant(self.value).unflatten(dim, sizes).shape)

    def _keeps_samples(self, dim):
        if dim is None or any(axis % max(self.ndim, 1) == 0 for axis in np.atleast_1d(dim)):
            raise NotImplementedError(
                f"a sum or mean over dim={dim} mixes the samples of a batch, which is not exported"
            )

    def mean(self, dim=None, keepdim=False):
        """Mean along axes."""
        self._keeps_samples(dim)
        value = raw(constant(self.value).mean(dim, keepdim))
        axes = np.atleast_1d(np.array(dim, np.int64))
        return self.made(self.graph.op("ReduceMean", self.name, axes, keepdims=int(keepdim)), value)

    def sum(self, dim=None, keepdim=False):
        """Sum along axes."""
        self._keeps_samples(dim)
        value = raw(constant(self.value).sum(dim, keepdim))
        axes = np.atleast_1d(np.array(dim, np.int64))
        return self.made(self.graph.op("ReduceSum", self.name, axes, keepdims=int(keepdim)), value)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        from fastact.nn._onnx_layers import export_ufunc

        if method != "__call__" or options:
            raise NotImplementedError(f"{ufunc.__name__} with {method} and {sorted(options)} is not exported")
        return export_ufunc(self.graph, ufunc, inputs)

    def __fastact_function__(self, function, operands, options):
        from fastact.nn._onnx_layers import export_function

        return export_function(self, function, operands, options)

    def softmax(self, dim):
        """`fastact.softmax` along `dim`."""
        return fa.softmax(self, axis=dim)

    def log_softmax(self, dim):
        """`fastact.log_softmax` along `dim`."""
        return fa.log_softmax(self, axis=dim)

    def __array__(self, *args, **kwargs):
        raise NotImplementedError(
            "the model does something with its input that is not exported; layers of fastact.nn, operators, elementwise "
            "functions, softmax, reshape, view, flatten, sum and mean along axes are"
        )

    def __getattr__(self, name):
        if name in METHODS:
            return functools.partial(METHODS[name], self)
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotImplementedError(
            f"the model calls .{name} on its input, which is not exported; use a layer of fastact.nn"
        )

    def __getitem__(self, index):
        raise NotImplementedError("the model takes parts of its input by index, which is not exported")

    def _compared(self, other):
        raise NotImplementedError(
            "the model compares values of its input, which is not exported; use a layer of fastact.nn"
        )

    __lt__ = __le__ = __gt__ = __ge__ = _compared

    def __bool__(self):
        return self._compared(None)

    def __add__(self, other):
        return np.add(self, other)

    def __radd__(self, other):
        return np.add(other, self)

    def __sub__(self, other):
        return np.subtract(self, other)

    def __rsub__(self, other):
        return np.subtract(other, self)

    def __mul__(self, other):
        return np.multiply(self, other)

    def __rmul__(self, other):
        return np.multiply(other, self)

    def __truediv__(self, other):
        return np.divide(self, other)

    def __rtruediv__(self, other):
        return np.divide(other, self)

    def __matmul__(self, other):
        return np.matmul(self, other)

    def __neg__(self):
        return np.negative(self)

    def __abs__(self):
        return np.absolute(self)

    def __pow__(self, other):
        return np.power(self, other)


def operand(graph, value, like):
    """A symbol's name, or a constant in the dtype of `like`."""
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, TensorBase) and id(value) in graph.names:
        return graph.constant(value)
    return graph.constant(np.asarray(raw(value), like))


@contextlib.contextmanager
def _tracing(model):
    """Calls of layers with a symbol go to their exporters; the model is in evaluation mode."""
    from fastact.nn._onnx_layers import export_layer

    plain, was = Module.__call__, [(module, module.training) for module in model.modules()]

    def call(self, *args, **kwargs):
        if len(args) == 1 and isinstance(args[0], Symbol) and not kwargs:
            made = export_layer(self, args[0])
            if made is not None:
                return made
        return plain(self, *args, **kwargs)

    with _lock:
        Module.__call__ = call
        model.eval()
        try:
            yield
        finally:
            Module.__call__ = plain
            for module, training in was:
                module.training = training
