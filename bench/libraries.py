"""Makes a contestant of each peer library for an elementwise cell, from the rows of ``peers.py``.

A peer that cannot take part raises: ImportError if it is not installed, Unwritable if it cannot say the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bench.expressions import (
    UFUNCS,
    InPlaceNumPy,
    Unwritable,
    names_in,
    numba_loop,
    with_named_constants,
    without_extremes,
)
from bench.peers import Function
from bench.timing import Contestant


@dataclass
class Task:
    """One elementwise cell, ready to be handed to the peers.

    Attributes
    ----------
    row : Function
        What the peers call it.
    operands : dict
        The arrays: ``x``, and ``gate`` and the cotangent ``g`` where there are such.
    out : ndarray
        Where results go.
    given : bool
        Whether results go into ``out``; otherwise everybody allocates.
    derivative : bool
        Whether the vjp is asked for.
    threads : int
        Threads everybody may use.
    """

    row: Function
    operands: dict[str, np.ndarray]
    out: np.ndarray
    given: bool = True
    derivative: bool = False
    threads: int = 1
    parameters: dict = field(default_factory=dict)

    @property
    def formula(self) -> str:
        formula = self.row.derivative if self.derivative else self.row.formula
        if not formula:
            raise Unwritable("no expression in the table")
        return formula

    @property
    def typed_parameters(self) -> dict:
        return {name: self.out.dtype.type(value) for name, value in self.parameters.items()}


def _numpy(task: Task) -> Contestant:
    from scipy.special import erf

    names = {"np": np, "erf": erf, "y": task.out, **task.operands, **task.parameters}
    if not task.given:
        text = task.formula
        names |= {name: getattr(np, ufunc) for name, ufunc in UFUNCS.items() if name != "erf"} | {"where": np.where}
        return Contestant("numpy", text, names)
    program = InPlaceNumPy(task.formula)
    names |= {f"scratch{i}": np.empty_like(task.out) for i in range(program.n_scratch)}
    return Contestant("numpy", program.text, names)


def _scipy(task: Task) -> Contestant:
    from scipy import special

    if task.derivative:
        raise Unwritable("no derivatives")
    if not task.row.scipy:
        raise Unwritable("no such function")
    text = task.row.scipy.format(out=", out=y" if task.given else "")
    return Contestant("scipy", text, {"np": np, "special": special, "y": task.out, **task.operands})


def _torch_clamp(bound: str) -> Callable:
    """maximum or minimum where either operand may be a number, which torch's own do not take."""
    return lambda a, b: a.clamp(**{bound: b}) if hasattr(a, "clamp") else b.clamp(**{bound: a})


def _tensor(array: np.ndarray) -> object:
    """The array as torch sees it; of bfloat16 it knows the bits, but not NumPy's name."""
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _torch(task: Task) -> Contestant:
    import torch

    tensors = {name: _tensor(array) for name, array in task.operands.items()}
    names = {"torch": torch, "nn": torch._C._nn, "y": _tensor(task.out), **tensors}
    names |= {name: getattr(torch, name) for name in (*UFUNCS, "where")} | task.parameters
    names |= {"maximum": _torch_clamp("min"), "minimum": _torch_clamp("max")}
    names["weight_tensor"] = torch.tensor([task.parameters.get("weight", 0.0)], dtype=names["y"].dtype)
    if not task.row.torch:
        raise Unwritable("no expression in the table")
    if not task.derivative:
        return Contestant("torch", task.row.torch.format(out=", out=y" if task.given else ""), names)
    if not task.row.torch_backward:
        return _torch_autograd(task, names)
    names["value"] = eval(task.row.torch.format(out=""), names)
    if "buffer" in task.row.torch_backward:
        names["buffer"] = torch.ops.aten.log_sigmoid_forward(names["x"])[1]
    operator = getattr(torch.ops.aten, re.search(r"aten\('(\w+)'\)", task.row.torch_backward)[1])
    overload = next((name for name in ("grad_input", "out") if name in operator.overloads()), None)
    if not task.given or overload is None:
        overload, out = "default", ""
    else:
        out = f", {overload}=y"
    chosen = getattr(operator, overload)
    # The Python wrapper of an overload costs half a microsecond, which the kernel is not to blame for.
    names["backward"] = getattr(chosen, "_op", chosen)
    text = re.sub(r"aten\('\w+'\)", "backward", task.row.torch_backward)
    return Contestant("torch", text.format(out=out), names)


def torch_with_forward(task: Task) -> Contestant:
    """torch's backward kernel together with the forward pass whose result it wants, where fastact's vjp wants x alone."""
    contestant = _torch(task)
    forward = task.row.torch.format(out=", out=value")
    text = contestant.expression.replace("value", forward)
    return Contestant("torch from x", text, contestant.names, role="reference")


def _torch_autograd(task: Task, names: dict) -> Contestant:
    """Backward pass of a graph made beforehand, for what has no backward kernel of its own."""
    import torch

    wanted = [names[name].requires_grad_() for name in task.operands if name != "g"]
    with torch.enable_grad():
        names["value"] = eval(task.row.torch.format(out=""), names)
    names |= {"wanted": wanted, "grad": torch.autograd.grad}
    return Contestant("torch", "grad(value, wanted, g, retain_graph=True)[0]", names)


def _jax(task: Task) -> Contestant:
    import jax
    import jax.numpy as jnp

    names = {name: getattr(jnp, ufunc) for name, ufunc in UFUNCS.items() if name != "erf"}
    names |= {"jax": jax, "jnp": jnp, "where": jnp.where, "erf": jax.scipy.special.erf, **task.parameters}
    if not task.row.jax and not task.row.formula:
        raise Unwritable("no expression in the table")
    inputs = [name for name in task.operands if name != "g"]
    value = eval(f"lambda {', '.join(inputs)}: {task.row.jax or task.row.formula}", names)
    compiled = jax.jit(value)
    if task.derivative:
        compiled = jax.jit(lambda g, *operands: jax.vjp(value, *operands)[1](g)[0])
        inputs = ["g", *inputs]
    arrays = {name: jnp.asarray(task.operands[name]) for name in inputs}
    if any(array.dtype != task.out.dtype for array in arrays.values()):
        raise Unwritable("JAX runs without float64 here; set JAX_ENABLE_X64=1")
    return Contestant("jax", f"f({', '.join(inputs)}).block_until_ready()", {"f": compiled, **arrays})


def _onnxruntime(task: Task) -> Contestant:
    from bench.onnx_models import bound_run, role, session

    if task.derivative:
        raise Unwritable("inference only")
    if task.row.onnx is None:
        raise Unwritable("no such operator")
    operator, domain, attributes = task.row.onnx
    made = session(operator, domain, attributes, {"x": task.operands["x"]}, task.out, task.threads)
    names = {"run": made.run, "feed": {"x": task.operands["x"]}}
    text = "run(None, feed)[0]"
    if task.given:
        text, names = "run(binding)", bound_run(made, {"x": task.operands["x"]}, task.out)
    return Contestant("onnxruntime", text, names, role(task.row.onnx_avx512))


def _numexpr(task: Task) -> Contestant:
    import numexpr

    text, constants = with_named_constants(without_extremes(task.formula), task.out.dtype)
    if "erf(" in text:
        raise Unwritable("has no erf")
    names = names_in(text)
    values = {**task.operands, **task.typed_parameters, **constants}
    numexpr.set_num_threads(task.threads)
    # In signatures numexpr calls float32 "float".
    kind = float if task.out.dtype == np.float32 else np.double
    try:
        compiled = numexpr.NumExpr(text, signature=[(name, kind) for name in names])
    except (TypeError, NotImplementedError, AttributeError, KeyError) as error:
        raise Unwritable(f"{type(error).__name__}: {error}") from error
    arguments = ", ".join(names)
    text = f"compiled({arguments}{', out=y' if task.given else ''}, ex_uses_vml=False)"
    return Contestant("numexpr", text, {"compiled": compiled, "y": task.out, **{name: values[name] for name in names}})


def _numba(task: Task) -> Contestant:
    kernel, allocating = numba_loop(task.formula, task.out.dtype)
    names = names_in(task.formula)
    values = {**task.operands, **task.typed_parameters, "kernel": kernel, "allocating": allocating, "y": task.out}
    values["result"] = task.out
    arguments = ", ".join(names)
    return Contestant("numba", f"kernel({arguments}, y)" if task.given else f"allocating({arguments})", values)


ELEMENTWISE_PEERS: dict[str, Callable[[Task], Contestant]] = {
    "numpy": _numpy,
    "scipy": _scipy,
    "torch": _torch,
    "jax": _jax,
    "onnxruntime": _onnxruntime,
    "numexpr": _numexpr,
    "numba": _numba,
}
