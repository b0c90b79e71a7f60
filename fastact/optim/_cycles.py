"""Schedules in which the rate rises and falls, the momentum going the other way: once a batch, not once an epoch."""

import math

from fastact.optim._schedule import LRScheduler, of_groups


def _begin_momenta(optimizer, base_momentum, max_momentum, last_epoch):
    """Note the lowest and the highest momentum in each group of the optimizer."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("cycle_momentum needs an optimizer with momentum or betas; pass cycle_momentum=False")
    if last_epoch != -1:
        return
    highest = of_groups("max_momentum", max_momentum, optimizer)
    lowest = of_groups("base_momentum", base_momentum, optimizer)
    for group, high, low in zip(optimizer.param_groups, highest, lowest, strict=True):
        group["max_momentum"], group["base_momentum"] = high, low


def _set_momentum(group, momentum):
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class OneCycleLR(LRScheduler):
    """One rise of the rate to `max_lr` and its fall, once a batch, the momentum going the other way (Smith 2018).

    Parameters
    ----------
    optimizer, last_epoch
        As in `LRScheduler`.
    max_lr : float, or one for each group
        The highest rate.
    total_steps : int, optional
        Batches in the cycle; or give `epochs` and `steps_per_epoch`.
    pct_start : float
        Share of the cycle in which the rate rises.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
        Whether momentum (Adam: the first beta) moves between `max_momentum` and `base_momentum`.
    div_factor, final_div_factor : float
        The initial rate is max_lr / div_factor, the last one that divided by final_div_factor.
    three_phase : bool
        Fall back to the initial rate as fast as it rose, then to the last one.
    """

    def __init__(
        self,
        optimizer,
        max_lr,
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25.0,
        final_div_factor=1e4,
        three_phase=False,
        last_epoch=-1,
    ):
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR needs total_steps, or both epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if total_steps < 1:
            raise ValueError(f"OneCycleLR got {total_steps} steps in all: expected 1 or more")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy={anneal_strategy!r} is unknown; choose 'cos' or 'linear'")
        if not 0.0 <= pct_start <= 1.0:
            raise ValueError(f"pct_start={pct_start!r} is invalid: it must be from 0 to 1")
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self._phases = self._plan(pct_start, three_phase)
        if last_epoch == -1:
            for group, highest in zip(optimizer.param_groups, of_groups("max_lr", max_lr, optimizer), strict=True):
                group["initial_lr"], group["max_lr"] = highest / div_factor, highest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            _begin_momenta(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _plan(self, pct_start, three_phase):
        """(last step, rates from and to, momenta from and to) of each phase."""
        rise = pct_start * self.total_steps - 1
        first = (rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not three_phase:
            return [first, (self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        second = (2 * pct_start * self.total_steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
        return [first, second, (self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]

    def _between(self, start, end, share):
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self):
        if self.last_epoch > self.total_steps:
            raise ValueError(f"OneCycleLR was planned for {self.total_steps} steps, and this is step {self.last_epoch}")
        ends = [phase[0] for phase in self._phases[:-1]]
        number = sum(self.last_epoch > end for end in ends)
        start, (end, *names) = (0.0, *ends)[number], self._phases[number]
        share = (self.last_epoch - start) / (end - start)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            _set_momentum(group, self._between(group[names[2]], group[names[3]], share))
        return [self._between(group[names[0]], group[names[1]], share) for group in self.optimizer.param_groups]


SCALES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """The rate between `base_lr` and `max_lr`, up and down again and again, once a batch (Smith 2015, arXiv:1506.01186).

    base_lr + (max_lr − base_lr)·way·scale, `way` going from 0 to 1 in `step_size_up` batches and back in `step_size_down`.

    Parameters
    ----------
    optimizer, last_epoch
        As in `LRScheduler`.
    base_lr, max_lr : float, or one for each group
        The lowest and the highest rate.
    step_size_up, step_size_down : int
        Batches in the rise and in the fall (None: as in the rise).
    mode : {"triangular", "triangular2", "exp_range"}
        The scale: 1, halved in each cycle, or gamma to the number of the batch.
    gamma : float
        Of "exp_range".
    scale_fn : callable, optional
        The scale instead of that of `mode`, of the number of the cycle (from 1) or of the batch (from 0).
    scale_mode : {"cycle", "iterations"}
        What `scale_fn` is given.
    cycle_momentum : bool
        Whether momentum (Adam: the first beta) moves the other way, from `max_momentum` to `base_momentum`.
    base_momentum, max_momentum : float, or one for each group
        The lowest and the highest momentum.

    Raises
    ------
    ValueError
        If `mode` or `scale_mode` is unknown, a step size is not above 0, or the optimizer has no momentum to move.

    Examples
    --------
    >>> from fastact import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.1, max_lr=0.5, step_size_up=2)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    _unsaved = ("optimizer", "_scale_fn")

    def __init__(
        self,
        optimizer,
        base_lr,
        max_lr,
        step_size_up=2000,
        step_size_down=None,
        mode="triangular",
        gamma=1.0,
        scale_fn=None,
        scale_mode="cycle",
        cycle_momentum=True,
        base_momentum=0.8,
        max_momentum=0.9,
        last_epoch=-1,
    ):
        if scale_fn is None and mode not in SCALES:
            raise ValueError(
                f"mode={mode!r} is unknown; choose one of {', '.join(map(repr, SCALES))}, or give scale_fn"
            )
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"scale_mode={scale_mode!r} is unknown; choose 'cycle' or 'iterations'")
        step_size_down = step_size_up if step_size_down is None else step_size_down
        if not (step_size_up > 0 and step_size_down > 0):
            raise ValueError(
                f"step_size_up={step_size_up!r} and step_size_down={step_size_down!r}: both must be above 0"
            )
        self.total_size = float(step_size_up + step_size_down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self._scale_fn, self.scale_mode = mode, gamma, scale_fn, scale_mode
        self.max_lrs, self.cycle_momentum = of_groups("max_lr", max_lr, optimizer), cycle_momentum
        lowest = of_groups("base_lr", base_lr, optimizer)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, lowest, strict=True):
                group["lr"] = rate
        if cycle_momentum:
            _begin_momenta(optimizer, base_momentum, max_momentum, last_epoch)
        self._lowest = lowest
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lowest

    def _scale(self, cycle):
        if self._scale_fn is not None:
            return self._scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.mode == "triangular":
            return 1.0
        return 0.5 ** (cycle - 1) if self.mode == "triangular2" else self.gamma**self.last_epoch

    def get_lr(self):
        """The rates of the groups for `last_epoch`; sets the momenta."""
        done = 1 + self.last_epoch / self.total_size
        cycle = math.floor(done)
        part, turn = done - cycle, self.step_ratio
        share = (part / turn if part <= turn else (part - 1) / (turn - 1)) * self._scale(cycle)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            high = group["max_momentum"]
            _set_momentum(group, high - (high - group["base_momentum"]) * share)
        return [low + (high - low) * share for low, high in zip(self._lowest, self.max_lrs, strict=True)]
