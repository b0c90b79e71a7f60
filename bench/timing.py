"""Measures several contestants side by side and turns their times into ratios.

Knows nothing of arrays, libraries or cells.
"""

from __future__ import annotations

import math
import statistics
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

ROUNDS = 7
ROUND_SECONDS = 0.020
# Rounds are planned this much longer than asked for, because a machine may run faster than while it was calibrated.
MARGIN = 1.2


@dataclass
class Contestant:
    """One thing to time: an expression, the names it uses, and what it is in its cell.

    Attributes
    ----------
    name : str
        Label in tables.
    expression : str
        Python expression to evaluate over and over.
    names : dict
        Values of the names in the expression.
    role : str
        "fastact", "peer", "limit" (what the memory allows) or "reference" (shown, but not among the peers).
    prepare : callable
        Called before each round, outside the timing.
    timer : timeit.Timer
        Made at the first timing unless given.
    clock : callable
        Seconds since some moment.
    """

    name: str
    expression: str
    names: dict
    role: str = "peer"
    prepare: Callable[[], object] | None = None
    timer: timeit.Timer | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.perf_counter

    def evaluate(self) -> object:
        """The value of the expression, once."""
        if self.prepare is not None:
            self.prepare()
        return eval(self.expression, self.names)

    def seconds(self, number: int) -> float:
        """Time of ``number`` evaluations."""
        if self.timer is None:
            self.timer = timeit.Timer(self.expression, timer=self.clock, globals=self.names)
        if self.prepare is not None:
            self.prepare()
        return self.timer.timeit(number)


def calibrate(contestant: Contestant, round_seconds: float = ROUND_SECONDS) -> int:
    """How many evaluations one round needs to last ``round_seconds``."""
    contestant.seconds(1)
    number = 1
    while True:
        elapsed = contestant.seconds(number)
        if elapsed * 4 >= round_seconds:
            return max(1, math.ceil(number * round_seconds * MARGIN / elapsed))
        number *= 4


def interleave(
    contestants: Sequence[Contestant], rounds: int = ROUNDS, round_seconds: float = ROUND_SECONDS
) -> dict[str, list[float]]:
    """Seconds per evaluation of each contestant in each round.

    Every round times all contestants one after the other, and each round starts with another one, so that a slow drift
    of the machine falls on all of them alike.
    """
    numbers = [calibrate(contestant, round_seconds) for contestant in contestants]
    times: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for turn in range(rounds):
        for offset in range(len(contestants)):
            index = (turn + offset) % len(contestants)
            seconds = contestants[index].seconds(numbers[index])
            times[contestants[index].name].append(seconds / numbers[index])
    return times


@dataclass(frozen=True)
class Ratio:
    """Median of per-round ratios, with the quartiles as their spread."""

    median: float
    low: float
    high: float


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Ratio of two contestants' times, round by round.

    Parameters
    ----------
    numerator, denominator : sequence of float
        Times of the same rounds.

    Returns
    -------
    Ratio

    Raises
    ------
    ValueError
        If the two do not have the same number of rounds.
    """
    if len(numerator) != len(denominator):
        raise ValueError(
            f"ratios are taken round by round, but {len(numerator)} rounds were given over {len(denominator)}; "
            "pass times of one interleave() call"
        )
    ratios = [above / below for above, below in zip(numerator, denominator, strict=True)]
    if len(ratios) < 2:
        return Ratio(ratios[0], ratios[0], ratios[0])
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high)


def geometric_mean(values: Sequence[float]) -> float:
    """Geometric mean; NaN if there is nothing to average."""
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan
