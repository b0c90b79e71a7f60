"""The measuring process: reads cells as JSON, measures them, writes one JSON line each.

Started by ``bench.environment.start_worker``, in whose environment threads, instruction set and cores are already set.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback

from bench import elementwise, imports, linear, rows, subject, training
from bench.cells import ROW_FUNCTIONS, Cell, cell_from_dict
from bench.lineup import Lineup, examine
from bench.timing import interleave

LINEUPS = {
    "elementwise": elementwise.lineup,
    "vjp": elementwise.lineup,
    "float64": elementwise.lineup,
    "halves": elementwise.lineup,
    "rows": rows.lineup,
    "linear": linear.lineup,
    "training": training.lineup,
    "import": imports.lineup,
}


def lineup_of(cell: Cell) -> Lineup:
    """The contestants of a cell."""
    if cell.suite == "threads":
        return rows.lineup(cell) if cell.function in ROW_FUNCTIONS else elementwise.lineup(cell)
    return LINEUPS[cell.suite](cell)


def measure(cell: Cell, rounds: int, round_seconds: float, clock: str = "wall", make=lineup_of) -> dict:
    """Everything about one cell, as plain values.

    Parameters
    ----------
    cell : Cell
    rounds : int
    round_seconds : float
        Length of each contestant's part of a round.
    clock : str
        "wall", or "cpu" to leave out the time in which other processes had the core.  Two threads need the wall's.
    make : callable
        Gives the lineup of a cell.
    """
    start = time.perf_counter()
    result: dict = {"cell": cell.as_dict()}
    try:
        lineup = make(cell)
    except subject.Absent as reason:
        return result | {"absent": str(reason)}
    disagree = examine(lineup) if lineup.comparable else {}
    if clock == "cpu" and cell.threads == 1:
        for contestant in lineup.contestants:
            contestant.clock = time.process_time
    times = interleave(lineup.contestants, rounds, round_seconds)
    return result | {
        "times": times,
        "roles": {contestant.name: contestant.role for contestant in lineup.contestants},
        "notes": lineup.notes,
        "limit_scale": lineup.limit_scale,
        "disagree": disagree,
        "seconds": time.perf_counter() - start,
    }


def _settle_torch(threads: int) -> None:
    """What environment variables do not reach; a cell that wants torch's gradients switches them on itself."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)


def main() -> None:
    """Measures the cells given on stdin."""
    # Libraries print to stdout as they like; the results keep the real one to themselves.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = json.load(sys.stdin)
    for values in order["cells"]:
        cell = cell_from_dict(values)
        _settle_torch(cell.threads)
        try:
            result = measure(cell, order["rounds"], order["round_seconds"], order["clock"])
        except Exception:  # noqa: BLE001
            # One broken cell must not cost the others; the report names it and the exit status tells.
            result = {"cell": values, "error": traceback.format_exc()}
        print(json.dumps(result), file=results, flush=True)


if __name__ == "__main__":
    main()
