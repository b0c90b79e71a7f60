"""Contestants of the cells over rows: the softmax family and cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench import row_loops, subject
from bench.cells import Cell
from bench.expressions import Unwritable
from bench.lineup import Lineup, aligned, limit, normal
from bench.threads import add_single_threaded
from bench.timing import Contestant

SPREAD = 3.0
LOSSES = ("cross_entropy", "value_and_grad.cross_entropy")


@dataclass
class Rows:
    """The operands of one cell over rows; ``target`` holds class indices, for the losses."""

    cell: Cell
    x: np.ndarray
    out: np.ndarray
    target: np.ndarray

    @property
    def given(self) -> bool:
        """Whether results go into ``out``."""
        return self.cell.output == "given" and self.cell.function not in LOSSES

    def pick(self, calls: dict[str, str], out: str = "out") -> str:
        """A peer's call of this cell's function, with its output argument if results go into buffers."""
        if self.cell.function not in calls:
            raise Unwritable("no such function")
        return calls[self.cell.function].format(out=f", {out}=y" if self.given else "")


NUMPY = {
    "softmax": "softmax(x, y, axis)",
    "log_softmax": "log_softmax(x, y, axis)",
    "logsumexp": "logsumexp(x, scratch, axis)",
    "cross_entropy": "cross_entropy(x, scratch, target)",
    "value_and_grad.cross_entropy": "value_and_grad_cross_entropy(x, target)",
}
SCIPY = {
    "softmax": "special.softmax(x, axis=axis)",
    "log_softmax": "special.log_softmax(x, axis=axis)",
    "logsumexp": "special.logsumexp(x, axis=axis)",
}
TORCH = {
    "softmax": "torch.softmax(x, axis{out})",
    "log_softmax": "torch.log_softmax(x, axis{out})",
    "logsumexp": "torch.logsumexp(x, axis{out})",
    "cross_entropy": "loss(x, target)",
    "value_and_grad.cross_entropy": "grad(loss(x, target), x)[0]",
}
JAX = {
    "softmax": "jax.nn.softmax(x, axis)",
    "log_softmax": "jax.nn.log_softmax(x, axis)",
    "logsumexp": "jax.nn.logsumexp(x, axis)",
    "cross_entropy": "loss(x, target)",
    "value_and_grad.cross_entropy": "jax.value_and_grad(loss)(x, target)",
}
ONNX = {
    "softmax": ("Softmax", "axis"),
    "log_softmax": ("LogSoftmax", "axis"),
    "logsumexp": ("ReduceLogSumExp", ""),
    "cross_entropy": ("SoftmaxCrossEntropyLoss", ""),
}


def _numpy(rows: Rows) -> Contestant:
    names = {name: getattr(row_loops, name) for name in row_loops.NUMPY_FUNCTIONS}
    names |= {"x": rows.x, "target": rows.target, "axis": rows.cell.axis, "scratch": np.empty_like(rows.x)}
    names["y"] = rows.out if rows.given else None
    text = rows.pick(NUMPY)
    return Contestant("numpy", text if rows.given else text.replace("scratch", "None"), names)


def _scipy(rows: Rows) -> Contestant:
    from scipy import special

    return Contestant("scipy", rows.pick(SCIPY), {"special": special, "x": rows.x, "axis": rows.cell.axis})


def _torch(rows: Rows) -> Contestant:
    import torch

    names = {
        "torch": torch, "x": torch.from_numpy(rows.x), "y": torch.from_numpy(rows.out), "axis": rows.cell.axis,
        "target": torch.from_numpy(rows.target), "loss": torch.nn.functional.cross_entropy, "grad": torch.autograd.grad,
    }  # fmt: skip
    contestant = Contestant("torch", rows.pick(TORCH), names)
    if rows.cell.function == "value_and_grad.cross_entropy":
        names["x"].requires_grad_()
        contestant.prepare = lambda: torch.set_grad_enabled(True)
    return contestant


def _jax(rows: Rows) -> Contestant:
    import jax
    import jax.numpy as jnp

    def loss(x, target):
        chosen = jnp.take_along_axis(x, target[:, None], axis=-1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(x, -1) - chosen)

    names = {"jax": jax, "loss": loss, "axis": rows.cell.axis}
    compiled = jax.jit(eval(f"lambda x, target: {rows.pick(JAX)}", names))
    names = {
        "f": compiled,
        "wait": jax.block_until_ready,
        "x": jnp.asarray(rows.x),
        "target": jnp.asarray(rows.target, jnp.int32),
    }
    return Contestant("jax", "wait(f(x, target))", names)


def _onnxruntime(rows: Rows) -> Contestant:
    from bench.onnx_models import bound_run, role, session

    if rows.cell.function not in ONNX:
        raise Unwritable("no such operator")
    operator, axis_name = ONNX[rows.cell.function]
    attributes = {axis_name: rows.cell.axis} if axis_name else {}
    feed = {"x": rows.x}
    if operator == "ReduceLogSumExp":
        attributes, feed = {"keepdims": 0}, {"x": rows.x, "axes": np.array([rows.cell.axis], np.int64)}
    elif rows.cell.function in LOSSES:
        attributes, feed = {"reduction": "mean"}, {"x": rows.x, "target": rows.target}
    made = session(operator, "", attributes, feed, rows.out, rows.cell.threads)
    text, names = "run(None, feed)[0]", {"run": made.run, "feed": feed}
    if rows.cell.output == "given":
        text, names = "run(binding)", bound_run(made, feed, rows.out)
    return Contestant("onnxruntime", text, names, role(operator in ("Softmax", "LogSoftmax")))


def _numexpr(rows: Rows) -> Contestant:
    import numexpr  # noqa: F401  (a missing peer is named as missing first)

    raise Unwritable("cannot subtract a row's maximum within one expression")


def _numba(rows: Rows) -> Contestant:
    if rows.cell.axis != -1:
        raise Unwritable("the loops in bench/row_loops.py take the last axis only")
    loop = row_loops.numba_loop(rows.cell.function)
    names = {"loop": loop, "x": rows.x, "y": rows.out, "target": rows.target, "like": np.empty_like}
    if rows.cell.function == "value_and_grad.cross_entropy":
        return Contestant("numba", "loop(x, target, like(x))", names)
    if rows.cell.function == "cross_entropy":
        return Contestant("numba", "loop(x, target)", names)
    return Contestant("numba", "loop(x, y)" if rows.given else "loop(x, like(y))", names)


PEERS: dict[str, Callable[[Rows], Contestant]] = {
    "numpy": _numpy, "scipy": _scipy, "torch": _torch, "jax": _jax, "onnxruntime": _onnxruntime, "numexpr": _numexpr,
    "numba": _numba,
}  # fmt: skip


def _fastact(rows: Rows) -> Contestant:
    names = {"f": subject.attribute(rows.cell.function), "x": rows.x, "y": rows.out, "target": rows.target}
    if rows.cell.function in LOSSES:
        return Contestant("fastact", "f(x, target)", names, role="fastact")
    arguments = ["x"] + (["out=y"] if rows.given else []) + ([f"axis={rows.cell.axis}"] if rows.cell.axis != -1 else [])
    return Contestant("fastact", f"f({', '.join(arguments)})", names, role="fastact")


def _operands(cell: Cell) -> Rows:
    x = normal(cell.shape, cell.dtype, SPREAD)
    shape = cell.shape
    if cell.function == "logsumexp":
        shape = cell.shape[:-1]
    elif cell.function == "cross_entropy":
        shape = ()
    target = np.random.default_rng(1).integers(0, cell.shape[-1], cell.shape[:-1])
    return Rows(cell, x, aligned(shape, cell.dtype), target)


def lineup(cell: Cell) -> Lineup:
    """The contestants of a cell over rows.

    The limit is copying the logits once, for reductions too: their targets are given in that unit.

    Raises
    ------
    Absent
        If fastact does not have the function.
    """
    rows = _operands(cell)
    made = Lineup([_fastact(rows)], position=-1)
    for name, make in PEERS.items():
        if cell.threads == 1 or name == "torch":
            made.add(name, lambda make=make: make(rows))
    made.contestants.append(limit(rows.x, aligned(cell.shape, cell.dtype)))
    if cell.threads > 1:
        add_single_threaded(made, cell.threads)
    return made
