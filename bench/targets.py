"""What each cell is to reach, and whether it does.  The numbers are the project's targets; nothing is measured here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.cells import Cell, Mi
from bench.timing import Ratio, geometric_mean, ratio

TWICE = {"elu", "softplus", "log_sigmoid", "mish", "tanhshrink"}
RELU_CLASS = {"relu", "relu6", "leaky_relu", "hardtanh", "squared_relu", "hardsigmoid", "hardswish", "threshold"}
LONG_ROW = 32000
# A ratio this far above 1 says that torch gains from its second thread at all.
TORCH_SCALES = 1.2
GROUPS = {
    "elementwise": "elementwise, 1,024 and 65,536, buffers given",
    "vjp": "vjp, 65,536",
    "float64": "float64, 65,536 and 4 Mi",
}
GROUP_TARGET = 2.0


@dataclass(frozen=True)
class Target:
    """A bound on a ratio.

    Attributes
    ----------
    against : str
        "best" (the fastest peer) or a contestant's name.
    bound : float
        The value to reach.
    at_most : bool
        False: the other's time over fastact's must be at least ``bound``; True: fastact's over the other's at most.
    """

    against: str
    bound: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g} × {self.against}"


def ratios(result: dict) -> dict[str, Ratio]:
    """Each other contestant's time over fastact's."""
    ours = result["times"]["fastact"]
    return {name: ratio(times, ours) for name, times in result["times"].items() if name != "fastact"}


def best_peer(result: dict) -> tuple[str, Ratio] | None:
    """The fastest peer and its ratio, or None if no peer took part."""
    peers = {name: value for name, value in ratios(result).items() if result["roles"][name] == "peer"}
    return min(peers.items(), key=lambda item: item[1].median) if peers else None


def times_limit(result: dict) -> Ratio | None:
    """fastact's time over the limit, or None in a cell without one."""
    if "limit" not in result["times"]:
        return None
    scaled = [seconds * result["limit_scale"] for seconds in result["times"]["limit"]]
    return ratio(result["times"]["fastact"], scaled)


def _elementwise(cell: Cell) -> list[Target]:
    if cell.output == "allocated":
        return []
    if cell.size <= 16:
        return [Target("np.tanh", 1.1, at_most=True)]
    if cell.size >= 16 * Mi:
        return [Target("limit", 1.0 if cell.function in RELU_CLASS else 1.05, at_most=True)]
    return [Target("best", 2.0 if cell.function in TWICE else 1.0)]


def _rows(cell: Cell) -> list[Target]:
    if cell.output == "allocated":
        return []
    if cell.axis != -1:
        return [Target("limit", 2.0, at_most=True)]
    long = cell.shape[-1] >= LONG_ROW
    if cell.function == "cross_entropy":
        return [Target("best", 1.5)]
    if cell.function == "value_and_grad.cross_entropy":
        return [Target("best", 3.0)] + ([Target("limit", 1.5, at_most=True)] if long else [])
    if cell.shape[-1] == 10:
        return [Target("torch", 0.5, at_most=True)]
    bounds = {"softmax": 1.4, "logsumexp": 0.85}
    extra = [Target("limit", bounds[cell.function], at_most=True)] if long and cell.function in bounds else []
    return [Target("best", 1.0), *extra]


def _training(cell: Cell) -> list[Target]:
    if len(cell.shape) == 2:
        return [Target("torch fused", 10.0)]
    if len(cell.shape) == 3:
        return [Target("torch fused", 3.0), Target("jax", 1.5)]
    if cell.shape[1] > 1000:
        return [Target("products", 1.1, at_most=True)]
    return [Target("torch fused", 1.0), Target("jax", 1.0), Target("products", 1.2, at_most=True)]


def targets(cell: Cell) -> list[Target]:
    """What a cell is to reach; empty if it is shown for information."""
    if cell.suite == "elementwise":
        return _elementwise(cell)
    if cell.suite == "vjp":
        return [Target("torch", 1.0)]
    if cell.suite == "float64":
        return [Target("best", 1.0)]
    if cell.suite == "halves":
        return [Target("limit", 1.3, at_most=True)]
    if cell.suite == "rows":
        return _rows(cell)
    if cell.suite == "linear":
        return [Target("products", 1.1, at_most=True)]
    if cell.suite == "training":
        return _training(cell)
    if cell.suite == "import":
        return [Target("10 ms", 1.0, at_most=True)]
    return [Target("fastact@1", 1.8)]


def reached(target: Target, result: dict) -> tuple[float, bool] | None:
    """The value that a target bounds and whether it is met; None if what it compares with did not run."""
    if target.against == "10 ms":
        value = sorted(result["times"]["fastact"])[len(result["times"]["fastact"]) // 2] / 0.010
        return value, value <= target.bound
    if target.against == "best":
        best = best_peer(result)
        found = best[1] if best else None
    elif target.against == "limit":
        found = times_limit(result)
        return (found.median, found.median <= target.bound) if found else None
    else:
        found = ratios(result).get(target.against)
    if found is None:
        return None
    if target.at_most:
        return 1 / found.median, 1 / found.median <= target.bound
    return found.median, found.median >= _bound(target, result)


def _bound(target: Target, result: dict) -> float:
    """The bound; where torch itself does not scale, two threads need only not be slower than one."""
    if target.against != "fastact@1" or "torch" not in result["times"]:
        return target.bound
    scaling = ratio(result["times"]["torch@1"], result["times"]["torch"]).median
    return target.bound if scaling >= TORCH_SCALES else 1.0


def group_means(results: list[dict], cells: list[Cell]) -> dict[str, float]:
    """Geometric means of the ratios that have a target of ``GROUP_TARGET``, by the group's description."""
    members: dict[str, list[float]] = {}
    for result, cell in zip(results, cells, strict=True):
        if "times" not in result or cell.suite not in GROUPS or cell.output != "given":
            continue
        if cell.suite == "elementwise" and cell.size not in (1024, 65536):
            continue
        found = ratios(result).get("torch") if cell.suite == "vjp" else (best_peer(result) or (None, None))[1]
        if found is not None:
            members.setdefault(GROUPS[cell.suite], []).append(found.median)
    return {name: geometric_mean(values) for name, values in members.items() if not math.isnan(geometric_mean(values))}
