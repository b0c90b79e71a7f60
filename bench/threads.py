"""Adds the one-thread twins that a cell of several threads is compared with."""

from __future__ import annotations

from collections.abc import Callable

from bench import subject
from bench.lineup import Lineup
from bench.timing import Contestant


def _before(setter: Callable[[int], object], threads: int, also: Callable | None) -> Callable[[], None]:
    def prepare():
        setter(threads)
        if also is not None:
            also()

    return prepare


def add_single_threaded(lineup: Lineup, threads: int) -> None:
    """Lets fastact and torch run on ``threads`` threads and, as references, on one.

    Parameters
    ----------
    lineup : Lineup
        Contestants named "fastact" and "torch" get a twin.
    threads : int
        Threads of the originals.
    """
    setters = {"fastact": subject.attribute("set_num_threads")}
    if any(contestant.name == "torch" for contestant in lineup.contestants):
        import torch

        setters["torch"] = torch.set_num_threads
    for contestant in list(lineup.contestants):
        setter = setters.get(contestant.name)
        if setter is None:
            continue
        twin = Contestant(f"{contestant.name}@1", contestant.expression, contestant.names, role="reference")
        twin.prepare = _before(setter, 1, contestant.prepare)
        contestant.prepare = _before(setter, threads, contestant.prepare)
        lineup.contestants.append(twin)
