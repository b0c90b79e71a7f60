"""What all suites share: the contestants of a cell, its buffers, and a check that they compute the same thing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bench.expressions import Unwritable
from bench.timing import Contestant

CHECKED = 4096
ALIGNMENT = 64


@dataclass
class Lineup:
    """The contestants of one cell.

    Attributes
    ----------
    contestants : list of Contestant
        Those that run.
    notes : dict
        Why a peer is not among them, by name.
    limit_scale : float
        Bytes that the operation moves over those that copying one of its arrays moves.
    position : int
        Which of several results is compared; None: all of them.
    comparable : bool
        Whether all compute the same values.
    """

    contestants: list[Contestant] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    limit_scale: float = 1.0
    position: int | None = 0
    comparable: bool = True

    def add(self, name: str, make: Callable[[], Contestant]) -> None:
        """Adds a peer, or notes why it cannot take part."""
        try:
            self.contestants.append(make())
        except ImportError as error:
            self.notes[name] = f"missing: {error.name or error} is not installed"
        except Unwritable as error:
            self.notes[name] = str(error)


def aligned(shape: tuple[int, ...], dtype: object) -> np.ndarray:
    """An uninitialised array at a cache line's start, so that no contestant has the better placed buffer."""
    dtype = np.dtype(dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    raw = np.empty(n_bytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n_bytes].view(dtype).reshape(shape)


def normal(shape: tuple[int, ...], dtype: object, scale: float, seed: int = 0) -> np.ndarray:
    """Normally distributed values in an aligned array."""
    values = aligned(shape, dtype)
    if values.dtype.itemsize < 4:
        values[...] = normal(shape, np.float32, scale, seed)
        return values
    np.random.default_rng(seed).standard_normal(out=values, dtype=values.dtype)
    values *= values.dtype.type(scale)
    return values


def limit(x: np.ndarray, y: np.ndarray) -> Contestant:
    """The memory's side: copying x to y."""
    return Contestant("limit", "copyto(y, x)", {"copyto": np.copyto, "x": x, "y": y}, role="limit")


def _heads(value: object, position: int | None) -> list[np.ndarray]:
    """The first values of what is compared: of one part of a tuple, or of all parts."""
    if isinstance(value, (tuple, list)):
        parts = value if position is None else [value[position]]
        return [head for part in parts if part is not None for head in _heads(part, position)]
    if hasattr(value, "detach"):
        value = value.detach().reshape(-1)[:CHECKED].double()
    return [np.array(np.asarray(value).reshape(-1)[:CHECKED], dtype=np.float64)]


def _difference(values: list[np.ndarray], truths: list[np.ndarray]) -> float:
    """The largest difference, relative above 1, or above the largest value of the part if that is smaller."""
    if [value.shape for value in values] != [truth.shape for truth in truths]:
        return math.inf
    errors = []
    for value, truth in zip(values, truths, strict=True):
        with np.errstate(invalid="ignore"):
            peak = min(1.0, np.max(np.abs(truth), initial=0.0)) or 1.0
            errors.append(np.max(np.abs(value - truth) / (peak + np.abs(truth)), initial=0.0))
    return float(np.max(errors, initial=0.0))


def _first_values(lineup: Lineup) -> dict[str, list[np.ndarray]]:
    """What fastact and each peer compute; a peer that fails leaves the lineup with a note."""
    values = {}
    for contestant in list(lineup.contestants):
        if contestant.role not in ("fastact", "peer"):
            continue
        try:
            value = contestant.evaluate()
        except Exception as error:
            # Peers fail in ways of their own; a cell must not be lost over one of them, nor its failure be silent.
            if contestant.role == "fastact":
                raise
            lineup.contestants.remove(contestant)
            lineup.notes[contestant.name] = f"failed: {type(error).__name__}: {str(error).splitlines()[0][:100]}"
            continue
        values[contestant.name] = _heads(contestant.names["result"] if value is None else value, lineup.position)
    return values


def examine(lineup: Lineup, tolerance: float = 1e-2) -> dict[str, float]:
    """Runs everybody once: removes peers that fail, and finds those that compute something else than fastact.

    Peers count at whatever accuracy they have; the tolerance finds a table row that computes another function.

    Parameters
    ----------
    lineup : Lineup
    tolerance : float
        Largest accepted difference, as `_difference` measures it.

    Returns
    -------
    dict
        The difference by name of each peer that disagrees; inf if the shapes do.
    """
    values = _first_values(lineup)
    truth, found = values.pop("fastact"), {}
    for name, value in values.items():
        error = _difference(value, truth)
        if not error <= tolerance:
            found[name] = error
    return found
