"""What layers and elementwise functions become in ONNX. Graphs and symbols are in ``_onnx.py``.

Operators that onnxruntime has in float32 alone are written in terms of others where the model is of another dtype.
"""

import numpy as np

import fastact as fa
from fastact import nn
from fastact._tape import constant, raw
from fastact.nn._onnx import Symbol, operand


def _elementwise():
    """fastact's name of a function: what adds its nodes, from the graph, the input's name, its dtype and parameters."""

    def where(g, condition, x, y):
        return g.op("Where", condition, x, y)

    def elu(g, x, n, alpha=1.0):
        negative = g.op("Mul", g.op("Sub", g.op("Exp", g.op("Min", x, n(0))), n(1)), n(alpha))
        return where(g, g.op("Greater", x, n(0)), x, negative)

    def celu(g, x, n, alpha=1.0):
        scaled = g.op("Exp", g.op("Div", g.op("Min", x, n(0)), n(alpha)))
        return g.op("Add", g.op("Max", x, n(0)), g.op("Mul", g.op("Sub", scaled, n(1)), n(alpha)))

    def selu(g, x, n):
        return g.op("Mul", elu(g, x, n, 1.6732632423543772), n(1.0507009873554805))

    def softplus(g, x, n, beta=1.0, threshold=None):
        y = g.op("Mul", x, n(beta))
        tail = g.op("Log", g.op("Add", g.op("Exp", g.op("Neg", g.op("Abs", y))), n(1)))
        value = g.op("Div", g.op("Add", g.op("Max", y, n(0)), tail), n(beta))
        return value if threshold is None else where(g, g.op("Greater", y, n(threshold)), x, value)

    def shrink(soft):
        def made(g, x, n, lambd=0.5):
            outside = g.op("Greater", g.op("Abs", x), n(lambd))
            moved = g.op("Sub", x, g.op("Mul", g.op("Sign", x), n(lambd))) if soft else x
            return where(g, outside, moved, n(0))

        return made

    def hardsigmoid(g, x, n):
        return g.op("Div", g.op("Clip", g.op("Add", x, n(3)), n(0), n(6)), n(6))

    def gelu_tanh(g, x, n):
        cube = g.op("Mul", g.op("Mul", x, x), g.op("Mul", x, n(0.044715)))
        inner = g.op("Mul", g.op("Add", x, cube), n(2 * 0.7978845608028654))
        return g.op("Mul", x, g.op("Sigmoid", inner))

    def scaled_sigmoid(factor):
        return lambda g, x, n: g.op("Mul", x, g.op("Sigmoid", g.op("Mul", x, n(factor)) if factor != 1 else x))

    return {
        "relu": lambda g, x, n: g.op("Relu", x),
        "relu6": lambda g, x, n: g.op("Clip", x, n(0), n(6)),
        "leaky_relu": lambda g, x, n, a=0.01: where(g, g.op("Greater", x, n(0)), x, g.op("Mul", x, n(a))),
        "elu": elu,
        "celu": celu,
        "selu": selu,
        "sigmoid": lambda g, x, n: g.op("Sigmoid", x),
        "log_sigmoid": lambda g, x, n: g.op("Neg", softplus(g, g.op("Neg", x), n)),
        "tanh": lambda g, x, n: g.op("Tanh", x),
        "tanhshrink": lambda g, x, n: g.op("Sub", x, g.op("Tanh", x)),
        "erf": lambda g, x, n: g.op("Erf", x),
        "gelu": lambda g, x, n: g.op("Gelu", x),
        "gelu_tanh": gelu_tanh,
        "silu": scaled_sigmoid(1),
        "quick_gelu": scaled_sigmoid(1.702),
        "mish": lambda g, x, n: g.op("Mul", x, g.op("Tanh", softplus(g, x, n))),
        "softplus": softplus,
        "softsign": lambda g, x, n: g.op("Div", x, g.op("Add", g.op("Abs", x), n(1))),
        "hardsigmoid": hardsigmoid,
        "hardswish": lambda g, x, n: g.op("Mul", x, hardsigmoid(g, x, n)),
        "hardtanh": lambda g, x, n, low=-1.0, high=1.0: g.op("Clip", x, n(low), n(high)),
        "hardshrink": shrink(False),
        "softshrink": shrink(True),
        "threshold": lambda g, x, n, t, value: where(g, g.op("Greater", x, n(t)), x, n(value)),
        "squared_relu": lambda g, x, n: g.op("Mul", g.op("Relu", x), g.op("Relu", x)),
        "softcap": lambda g, x, n, cap: g.op("Mul", g.op("Tanh", g.op("Div", x, n(cap))), n(cap)),
        "exp": lambda g, x, n: g.op("Exp", x),
        "log": lambda g, x, n: g.op("Log", x),
        "sqrt": lambda g, x, n: g.op("Sqrt", x),
        "absolute": lambda g, x, n: g.op("Abs", x),
        "negative": lambda g, x, n: g.op("Neg", x),
        "square": lambda g, x, n: g.op("Mul", x, x),
    }


ELEMENTWISE = _elementwise()
OPERATORS = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "matmul": "MatMul",
    "power": "Pow",
    "maximum": "Max",
    "minimum": "Min",
}


def export_ufunc(graph, ufunc, inputs):
    """The symbol that a ufunc of symbols, tensors, arrays and numbers gives."""
    name = ufunc.__name__
    dtype = next(part.dtype for part in inputs if isinstance(part, Symbol))
    values = [part.value if isinstance(part, Symbol) else np.asarray(raw(part), dtype) for part in inputs]
    if name in OPERATORS:
        made = graph.op(OPERATORS[name], *(operand(graph, part, dtype) for part in inputs))
    elif name in ELEMENTWISE and isinstance(inputs[0], Symbol):
        made = _elementwise_nodes(inputs[0], name, [float(raw(part)) for part in inputs[1:]])
    else:
        raise NotImplementedError(
            f"the function {name} is not exported; there are {', '.join([*OPERATORS, *ELEMENTWISE])}"
        )
    return Symbol(graph, made, np.asarray(ufunc(*values)))


def _elementwise_nodes(x, name, parameters):
    if name in ("erf", "gelu") and x.dtype == np.float64:
        raise NotImplementedError(
            f"onnxruntime has no {name} in float64: export model.float(), or take gelu's approximate='tanh'"
        )
    return ELEMENTWISE[name](x.graph, x.name, lambda number: np.asarray(number, x.dtype), *parameters)


NORMALIZED = {fa.softmax: "Softmax", fa.log_softmax: "LogSoftmax", fa.softmin: "Softmax"}


def export_function(x, function, operands, options):
    """The symbol that a function of rows gives."""
    options = {name: value for name, value in options.items() if value is not None}
    if function not in NORMALIZED or list(options) != ["axis"] or not isinstance(options["axis"], int):
        raise NotImplementedError(f"{function.__name__} with {options} is not exported")
    name = x.graph.op("Neg", x.name) if function is fa.softmin else x.name
    made = x.graph.op(NORMALIZED[function], name, axis=options["axis"])
    return x.made(made, function(x.value, axis=options["axis"]))


def export_layer(module, x):
    """The symbol that a layer makes of the symbol `x`; None for classes of the user's own, whose forward is run."""
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        for child in module.children():
            x = child(x)
        return x
    name = type(module).__name__
    if getattr(nn, name, None) is not type(module):
        return None
    g = x.graph
    if name in LAYERS:
        made = LAYERS[name](g, module, x)
        return made if isinstance(made, Symbol) else x.made(made, module.forward(constant(x.value)))
    function = _function_of(module)
    if function not in ELEMENTWISE:
        raise NotImplementedError(f"nn.{name} is not exported to ONNX")
    parameters = [getattr(module, key) for key in module.defaults if key != "approximate"]
    return x.made(_elementwise_nodes(x, function, parameters), module.forward(constant(x.value)))


def _function_of(module):
    """fastact's name of the function behind an activation module."""
    function = getattr(type(module), "function", None)
    name = getattr(function, "__name__", "")
    return "gelu_tanh" if name == "gelu" and getattr(module, "approximate", "none") == "tanh" else name


def _linear(g, module, x):
    if x.ndim == 2:
        return g.op("Gemm", x.name, module.weight, *([] if module.bias is None else [module.bias]), transB=1)
    product = g.op("MatMul", x.name, g.op("Transpose", module.weight, perm=[1, 0]))
    return product if module.bias is None else g.op("Add", product, module.bias)


def _axes(module):
    return np.arange(-len(module.normalized_shape), 0, dtype=np.int64)


def _layer_norm(g, module, x):
    if x.dtype != np.float32:  # the attribute epsilon is a float32
        centred = g.op("Sub", x.name, g.op("ReduceMean", x.name, _axes(module), keepdims=1))
        return _scaled_to_unit(g, module, x, centred, module.eps, module.bias)
    weight = np.ones(module.normalized_shape, x.dtype) if module.weight is None else module.weight
    parts = [weight] if module.bias is None else [weight, module.bias]
    return g.op("LayerNormalization", x.name, *parts, axis=-len(module.normalized_shape), epsilon=module.eps)


def _rms_norm(g, module, x):
    return _scaled_to_unit(g, module, x, x.name, np.finfo(x.dtype).eps if module.eps is None else module.eps)


def _scaled_to_unit(g, module, x, name, eps, bias=None):
    """`name` divided by the root of the mean of its squares, times the weight, plus `bias`."""
    mean = g.op("ReduceMean", g.op("Mul", name, name), _axes(module), keepdims=1)
    y = g.op("Div", name, g.op("Sqrt", g.op("Add", mean, np.asarray(eps, x.dtype))))
    y = y if module.weight is None else g.op("Mul", y, module.weight)
    return y if bias is None else g.op("Add", y, bias)


def _batch_norm(g, module, x):
    if not module.track_running_stats:
        raise NotImplementedError("BatchNorm1d without running statistics depends on its batch and is not exported")
    ones, zeros = np.ones(module.num_features, x.dtype), np.zeros(module.num_features, x.dtype)
    weight = ones if module.weight is None else module.weight
    bias = zeros if module.bias is None else module.bias
    statistics = [np.asarray(raw(part), x.dtype) for part in (module.running_mean, module.running_var)]
    if x.dtype != np.float32:  # the attribute epsilon is a float32
        scale = raw(weight) / np.sqrt(statistics[1] + module.eps)
        lengths = (-1,) + (1,) * (x.ndim - 2)
        shift = raw(bias) - statistics[0] * scale
        return g.op("Add", g.op("Mul", x.name, scale.reshape(lengths)), shift.reshape(lengths))
    return g.op("BatchNormalization", x.name, weight, bias, *statistics, epsilon=module.eps)


def _along(kind, module, x, **attributes):
    dim = module.dim
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1
    return x.graph.op(kind, x.name, axis=dim, **attributes)


def _softmin(g, module, x):
    return _along("Softmax", module, x.made(g.op("Neg", x.name), -x.value))


def _glu(g, module, x):
    half = x.shape[module.dim] // 2
    parts = [
        g.op("Slice", x.name, *(np.array([n], np.int64) for n in (start, start + half, module.dim)))
        for start in (0, half)
    ]
    return g.op("Mul", parts[0], g.op("Sigmoid", parts[1]))


def _prelu(g, module, x):
    slope = raw(module.weight)
    slope = slope.reshape((-1,) + (1,) * max(x.ndim - 2, 0)) if slope.size > 1 else slope
    return g.op("Where", g.op("Greater", x.name, np.asarray(0, x.dtype)), x.name, g.op("Mul", x.name, slope))


LAYERS = {
    "Linear": _linear,
    "Identity": lambda g, module, x: x,
    "Dropout": lambda g, module, x: x,
    "Flatten": lambda g, module, x: x.flatten(module.start_dim, module.end_dim),
    "Unflatten": lambda g, module, x: x.unflatten(module.dim, module.unflattened_size),
    "Embedding": lambda g, module, x: g.op("Gather", module.weight, x.name),
    "LayerNorm": _layer_norm,
    "RMSNorm": _rms_norm,
    "BatchNorm1d": _batch_norm,
    "Softmax": lambda g, module, x: _along("Softmax", module, x),
    "LogSoftmax": lambda g, module, x: _along("LogSoftmax", module, x),
    "Softmin": _softmin,
    "GLU": _glu,
    "PReLU": _prelu,
}
