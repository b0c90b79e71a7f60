"""Contestants of the cell of linear cross-entropy: loss and gradients of a last layer, beside its matrix products alone."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np

from bench import subject
from bench.cells import Cell
from bench.lineup import Lineup, normal
from bench.timing import Contestant

MiB = 1 << 20
MEMORY_MIB = 64


def products(x: np.ndarray, weight: np.ndarray) -> Callable:
    """The three products by ``np.matmul`` into given buffers, the logits in one piece."""
    logits = np.empty((len(x), len(weight)), x.dtype)
    dx, dweight = np.empty_like(x), np.empty_like(weight)

    def run():
        np.matmul(x, weight.T, out=logits)
        np.matmul(logits, weight, out=dx)
        np.matmul(logits.T, x, out=dweight)

    return run


def peak_beyond_outputs(call: Callable, outputs: Callable) -> int:
    """Bytes of arrays at the call's peak, less those of what it returns."""
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1] - sum(array.nbytes for array in outputs(result))
    finally:
        tracemalloc.stop()


def _torch(x: np.ndarray, weight: np.ndarray, target: np.ndarray) -> Contestant:
    import torch

    def step(x, weight, target):
        loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(x, weight), target)
        return loss, torch.autograd.grad(loss, (x, weight))

    names = {"step": step, "target": torch.from_numpy(target)}
    names |= {"x": torch.from_numpy(x).requires_grad_(), "w": torch.from_numpy(weight).requires_grad_()}
    contestant = Contestant("torch", "step(x, w, target)", names)
    contestant.prepare = lambda: torch.set_grad_enabled(True)
    return contestant


def lineup(cell: Cell) -> Lineup:
    """fastact, torch's dense form, and the products alone; a note says what memory fastact takes.

    Raises
    ------
    Absent
        If fastact does not have the function.
    """
    tokens, features, classes = cell.shape
    function = subject.attribute(cell.function)
    x, weight = normal((tokens, features), cell.dtype, 1.0), normal((classes, features), cell.dtype, 0.05, seed=1)
    target = np.random.default_rng(2).integers(0, classes, tokens)
    names = {"f": function, "x": x, "w": weight, "target": target}
    made = Lineup([Contestant("fastact", "f(x, w, target)", names, role="fastact")], position=None)
    made.add("torch", lambda: _torch(x, weight, target))
    made.contestants.append(Contestant("products", "run()", {"run": products(x, weight)}, role="reference"))
    peak = peak_beyond_outputs(lambda: function(x, weight, target), lambda result: result[1][:2]) / MiB
    verdict = "MET" if peak <= MEMORY_MIB else "MISSED"
    made.notes["peak memory"] = f"{peak:.1f} MiB beyond the outputs (target {MEMORY_MIB} MiB or less: {verdict})"
    return made
