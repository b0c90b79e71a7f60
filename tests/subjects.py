"""How tests and tools reach a row of fastact's table: its public callables, and the twins other libraries have of it.

A row needs no line here: names are looked up, and only those that differ between libraries are listed.  A library that
lacks a function gives None.
"""

import functools
import importlib
import math

import numpy as np
import reference

# Rows of the table that the public API reaches through a keyword of another name.
VARIANTS = {"gelu_tanh": ("gelu", {"approximate": "tanh"})}


def fastact_function(name, kind="value"):
    """fastact's callable for a row: f(x, *parameters), or for the derivative vjp(x, g, *parameters), dx alone.

    What a row requires is given by name already, so that every function of one input can be called with x, or x and g.
    """
    import fastact
    import fastact.vjp

    public, keywords = VARIANTS.get(name, (name, {}))
    function = getattr(fastact if kind == "value" else fastact.vjp, public)
    if required(name) or every_row()[name]["n_gradient"] > 1:
        return Adapted(function, name, kind)
    return functools.partial(function, **keywords) if keywords else function


class Adapted:
    """A function whose required parameters may be left out, and of two derivatives the first; out= is for that."""

    def __init__(self, func, name, kind):
        self.func, self.required = func, required(name)
        self.n_array = 1 if kind == "value" else 2
        self.n_out = 1 if kind == "value" else every_row()[name]["n_gradient"]

    def ufunc(self, *operands):
        result = self.func.ufunc(*operands)
        return result[0] if self.n_out > 1 else result

    def __call__(self, *operands, out=None, **keywords):
        import numpy as np

        if len(operands) <= self.n_array:
            keywords = {**self.required, **keywords}
        if out is not None:
            out = out if isinstance(out, tuple) else (out,)
            keywords["out"] = (*out, *(np.empty(out[0].shape, out[0].dtype) for _ in range(self.n_out - 1)))
        result = self.func(*operands, **keywords)
        return result[0] if self.n_out > 1 else result


def parse_parameters(text):
    """The table's "alpha=1.0, beta=inf" as a dict of floats; a parameter without default maps to None."""
    parameters = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, default = part.partition("=")
        parameters[name.strip()] = float(default) if default else None
    return parameters


def every_row():
    """fastact's table as a dict of its rows by name."""
    from fastact import _core

    return {row["name"]: row for row in _core.activation_table()}


def table():
    """The rows of one input; those with a gate are `gated`."""
    return {name: row for name, row in every_row().items() if row["n_input"] == 1}


def gated():
    """The rows of x and gate."""
    return {name: row for name, row in every_row().items() if row["n_input"] == 2}


def defaults_of(name):
    """A row's parameters by name, with the oracle's example where the table requires one."""
    given = parse_parameters(every_row()[name]["parameters"])
    return {key: reference.ORACLES[name].parameters[key] if value is None else value for key, value in given.items()}


def required(name):
    """The parameters that a call must give, with the oracle's examples."""
    given = parse_parameters(every_row()[name]["parameters"])
    return {key: defaults_of(name)[key] for key, value in given.items() if value is None}


def parameter_sets(name):
    """Dicts of parameters under which a row is tested: none (the defaults), and two others made from the defaults."""
    defaults = defaults_of(name)
    if not defaults:
        return [{}]
    smaller = {key: 20.0 if math.isinf(value) else value * 0.37 + 0.21 for key, value in defaults.items()}
    larger = {key: 1.5 if math.isinf(value) else value * 2.3 for key, value in defaults.items()}
    return [{}, smaller, larger]


# Rows with values on [0, 1] only, and nan elsewhere.
PARTIAL = {"logit"}


def has_value(name, x):
    """Where a row's value at x is a number or an infinity."""
    import numpy as np

    return (x >= 0) & (x <= 1) if name in PARTIAL else ~np.isnan(x)


# Rows that torch has under another name or in other terms: f(torch.nn.functional, tensor, **parameters).
TORCH = {
    "log_sigmoid": lambda F, x: F.logsigmoid(x),
    "quick_gelu": lambda F, x: x * (1.702 * x).sigmoid(),
    "prelu": lambda F, x, weight: F.leaky_relu(x, weight),
    "squared_relu": lambda F, x: F.relu(x) ** 2,
    "softcap": lambda F, x, cap: cap * F.tanh(x / cap),
}


def torch_function(name):
    """torch's function of the same name as f(tensor, **parameters), or None."""
    import torch

    if name in TORCH:
        return functools.partial(TORCH[name], torch.nn.functional)
    public, keywords = VARIANTS.get(name, (name, {}))
    for module in (torch.nn.functional, torch, torch.special):
        if hasattr(module, public):
            return functools.partial(getattr(module, public), **keywords)
    return None


def _torch(name, kind, parameters):
    import torch

    torch.set_num_threads(1)
    function = torch_function(name)
    if function is None:
        return None
    if kind == "value":
        return lambda x: function(torch.from_numpy(x), **parameters).numpy()

    def vjp(x, g):
        tensor = torch.from_numpy(x).requires_grad_()
        function(tensor, **parameters).backward(torch.from_numpy(g))
        return tensor.grad.numpy()

    return vjp


def _jax(name, kind, parameters):
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    functions = {
        "tanh": jax.numpy.tanh,
        "logit": jax.scipy.special.logit,
        "hardtanh": jax.nn.hard_tanh,
        "hardsigmoid": jax.nn.hard_sigmoid,
        "hardswish": jax.nn.hard_swish,
        "softsign": jax.nn.soft_sign,
        "squared_relu": lambda x: jax.numpy.square(jax.nn.relu(x)),
        "gelu": functools.partial(jax.nn.gelu, approximate=False),
        "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
    }
    function = functions.get(name) or getattr(jax.nn, name, None)
    if function is None or (name in ("softplus", "hardtanh") and parameters):
        return None
    function = functools.partial(function, **parameters)
    value = jax.jit(function)
    if kind == "value":
        return lambda x: np.asarray(value(x))
    derivative = jax.jit(lambda x, g: jax.vjp(function, x)[1](g)[0])
    return lambda x, g: np.asarray(derivative(x, g))


def _scipy(name, kind, parameters):
    import numpy as np
    import scipy.special

    if kind != "value" or parameters:
        return None
    return {
        "relu": lambda x: np.maximum(x, 0),
        "leaky_relu": lambda x: np.where(x > 0, x, x * x.dtype.type(0.01)),
        "sigmoid": scipy.special.expit,
        "tanh": np.tanh,
        "relu6": lambda x: np.clip(x, 0, 6),
        "hardtanh": lambda x: np.clip(x, -1, 1),
        "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
        "hardswish": lambda x: x * (np.clip(x + 3, 0, 6) / 6),
        "hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
        "softshrink": lambda x: x - np.clip(x, -0.5, 0.5),
        "squared_relu": lambda x: np.maximum(x, 0) ** 2,
        "softsign": lambda x: x / (1 + np.abs(x)),
        "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
        "silu": lambda x: x * scipy.special.expit(x),
        "erf": scipy.special.erf,
        "logit": scipy.special.logit,
        "softcap": lambda x: 30 * np.tanh(x / 30),
        "tanhshrink": lambda x: x - np.tanh(x),
        "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
        "log_sigmoid": scipy.special.log_expit,
        "quick_gelu": lambda x: x * scipy.special.expit(x.dtype.type(1.702) * x),
        "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
        "softplus": lambda x: np.logaddexp(x, 0),
        "gelu": lambda x: x * scipy.special.ndtr(x),
        "gelu_tanh": lambda x: (
            x / 2 * (1 + np.tanh(x.dtype.type((2 / np.pi) ** 0.5) * (x + x.dtype.type(0.044715) * x**3)))
        ),
    }.get(name)


def _onnxruntime(name, kind, parameters):
    """onnxruntime on a model of one node (silu is Sigmoid and Mul, as exporters write it)."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    nodes = {
        "relu": [("Relu", {})],
        "leaky_relu": [("LeakyRelu", {"alpha": parameters.get("negative_slope", 0.01)})],
        "sigmoid": [("Sigmoid", {})],
        "tanh": [("Tanh", {})],
        "elu": [("Elu", {"alpha": parameters.get("alpha", 1.0)})],
        "hardsigmoid": [("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5})],
        "hardswish": [("HardSwish", {})],
        "hardshrink": [("Shrink", {"lambd": parameters.get("lambd", 0.5)})],
        "softshrink": [("Shrink", {key: parameters.get("lambd", 0.5) for key in ("lambd", "bias")})],
        "softsign": [("Softsign", {})],
        "celu": [("Celu", {"alpha": parameters.get("alpha", 1.0)})],
        "selu": [("Selu", {})],
        "gelu": [("Gelu", {})],
        "gelu_tanh": [("Gelu", {"approximate": "tanh"})],
        "softplus": [("Softplus", {})],
        "mish": [("Mish", {})],
        "silu": [("Sigmoid", {}), ("Mul", {})],
    }.get(name)
    if kind != "value" or nodes is None or (name == "softplus" and parameters):
        return None
    made = []
    for i, (operator, attributes) in enumerate(nodes):
        inputs = ["x"] if i == 0 else ["x", f"y{i - 1}"]
        made.append(
            helper.make_node(
                operator,
                inputs,
                ["y" if i == len(nodes) - 1 else f"y{i}"],
                **attributes,
            )
        )
    values = [helper.make_tensor_value_info(v, TensorProto.FLOAT, ["n"]) for v in "xy"]
    model = helper.make_model(
        helper.make_graph(made, name, values[:1], values[1:]),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


PEERS = {"torch": _torch, "jax": _jax, "onnxruntime": _onnxruntime, "scipy": _scipy}


def missing_peers():
    """The peers that are not installed."""
    needs = {"torch": "torch", "jax": "jax", "onnxruntime": "onnx", "scipy": "scipy"}
    return [
        peer
        for peer, module in needs.items()
        if importlib.util.find_spec(module) is None or importlib.util.find_spec(peer) is None
    ]


def bind(library, name, kind, parameters=None):
    """One library's function of a row as f(x) or, for the derivative, vjp(x, g), or None where it has none.

    Parameters
    ----------
    library : "fastact" or a key of `PEERS`
    name : str
        The row of the table.
    kind : {"value", "derivative"}
    parameters : dict of float, optional
        By name; the defaults where left out.
    """
    parameters = {**required(name), **(parameters or {})}
    if library != "fastact":
        return PEERS[library](name, kind, parameters)
    function = fastact_function(name, kind)
    return functools.partial(function, **parameters) if parameters else function


def compute(name, kind, x, g=None, parameters=None):
    """fastact's value, or vjp with g (1 where left out)."""
    function = bind("fastact", name, kind, parameters)
    return function(x) if kind == "value" else function(x, np.ones_like(x) if g is None else g)
