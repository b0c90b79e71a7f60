"""Contestants of the elementwise cells: values, vjps, float64 and two threads."""

from __future__ import annotations

import numpy as np

from bench import subject
from bench.cells import Cell
from bench.libraries import ELEMENTWISE_PEERS, Task, torch_with_forward
from bench.lineup import Lineup, aligned, limit, normal
from bench.threads import add_single_threaded
from bench.timing import Contestant

SPREAD = 3.0


def _import_halves(dtype: str) -> None:
    if dtype == "bfloat16":
        try:
            import ml_dtypes  # noqa: F401  NumPy learns the name bfloat16
        except ImportError as error:
            raise subject.Absent("bfloat16 needs ml_dtypes: pip install ml_dtypes") from error


def _task(cell: Cell, activation: subject.Activation) -> Task:
    row = subject.peers_row(activation)
    names = ["x", "gate"][: activation.n_input] + (["g"] if cell.suite == "vjp" else [])
    operands = {name: normal(cell.shape, cell.dtype, SPREAD, seed) for seed, name in enumerate(names)}
    if row.positive:
        operands["x"] = 1 / (1 + np.exp(-operands["x"]))
    return Task(
        row, operands, aligned(cell.shape, cell.dtype), cell.output == "given", cell.suite == "vjp", cell.threads,
        dict(row.parameters),
    )  # fmt: skip


def _fastact(cell: Cell, task: Task, n_out: int) -> Contestant:
    function, keyword = subject.call(cell.function, task.derivative)
    names = {"f": function, **task.operands, **task.parameters, "y": task.out}
    arguments = [*task.operands, *task.parameters, *([keyword] if keyword else [])]
    if task.given and n_out == 1:
        arguments.append("out=y")
    elif task.given:
        names["others"] = tuple(np.empty_like(task.out) for _ in range(n_out - 1))
        arguments.append("out=(y, *others)")
    return Contestant("fastact", f"f({', '.join(arguments)})", names, role="fastact")


def lineup(cell: Cell) -> Lineup:
    """The contestants of an elementwise cell.

    Raises
    ------
    Absent
        If fastact does not have the function.
    """
    known = subject.table()
    if cell.function not in known:
        raise subject.Absent("not in fastact's table")
    activation = known[cell.function]
    _import_halves(cell.dtype)
    task = _task(cell, activation)
    n_out = activation.n_gradient if task.derivative else 1
    made = Lineup(limit_scale=(len(task.operands) + n_out) / 2)
    made.contestants.append(_fastact(cell, task, n_out))
    for name, make in ELEMENTWISE_PEERS.items():
        if (cell.threads == 1 and cell.suite != "halves") or name == "torch":
            made.add(name, lambda make=make: make(task))
    if task.derivative and "value" in task.row.torch_backward:
        made.add("torch from x", lambda: torch_with_forward(task))
    made.contestants.append(limit(task.operands["x"], task.out))
    if cell.size <= 16:
        names = {"tanh": np.tanh, "x": task.operands["x"], "y": task.out}
        made.contestants.append(Contestant("np.tanh", "tanh(x, out=y)", names, role="reference"))
    if cell.threads > 1:
        add_single_threaded(made, cell.threads)
    return made
