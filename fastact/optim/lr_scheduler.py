"""Learning rates that change as training goes on, under torch's names.

Each scheduler sets ``lr`` in the groups of its optimizer when ``step()`` is called, once an epoch or once a batch.
"""

import math
from collections import Counter

from fastact._names import missing
from fastact.optim.optimizer import Optimizer


def _of_groups(name, value, optimizer):
    """One value for each group: `value` itself if it is a list."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} has {len(value)} values for an optimizer of {groups} groups: expected one for each")
    return list(value)


class LRScheduler:
    """Base class: ``get_lr()`` gives the rates of the groups for ``last_epoch``.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int
        The epoch after which training goes on; -1 begins, and takes the present rates as the initial ones.
    """

    _unsaved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a scheduler takes an optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"last_epoch={last_epoch} goes on where a schedule stopped, but a group of the optimizer has no "
                    "'initial_lr': load the optimizer's state first, or leave last_epoch out"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._resumed = last_epoch != -1
        self.step()
        self._resumed = False

    def get_lr(self):
        """The rates of the groups for `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr()")

    def get_last_lr(self):
        """The rates that are set."""
        return self._last_lr

    def step(self):
        """Go on by one epoch."""
        self.last_epoch += 1
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _rates(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        """Everything but the optimizer and functions."""
        return {name: value for name, value in vars(self).items() if name not in self._unsaved}

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)


class LambdaLR(LRScheduler):
    """initial rate · lr_lambda(epoch).

    Parameters
    ----------
    optimizer, last_epoch
        As in `LRScheduler`.
    lr_lambda : callable, or one for each group
        Gives the factor of an epoch.
    """

    _unsaved = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.lr_lambdas = _of_groups("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [base * factor(self.last_epoch) for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` epochs."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [rate * self.gamma if due else rate for rate in self._rates()]


class MultiStepLR(LRScheduler):
    """The rate times `gamma` at each epoch of `milestones`."""

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [rate * self.gamma ** self.milestones[self.last_epoch] for rate in self._rates()]

    def load_state_dict(self, state_dict):
        """As of any scheduler; the milestones may have been through JSON, which knows texts alone as keys."""
        super().load_state_dict(state_dict)
        self.milestones = Counter({int(epoch): times for epoch, times in self.milestones.items()})


class ExponentialLR(LRScheduler):
    """The rate times `gamma` every epoch."""

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        begins = self.last_epoch == 0 or self._resumed
        return [rate if begins else rate * self.gamma for rate in self._rates()]


class CosineAnnealingLR(LRScheduler):
    """eta_min + (initial rate − eta_min)·(1 + cos(π·epoch / T_max))/2 (Loshchilov and Hutter 2016).

    Parameters
    ----------
    optimizer, last_epoch
        As in `LRScheduler`.
    T_max : int
        Epochs from the initial rate to the lowest.
    eta_min : float
        The lowest rate.
    """

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        low, epoch, span = self.eta_min, self.last_epoch, self.T_max
        if epoch == 0 or self._resumed:
            return self._rates()
        if (epoch - 1 - span) % (2 * span) == 0:  # the rate was at its lowest, and nothing is left to multiply
            up = (1 - math.cos(math.pi / span)) / 2
            return [rate + (base - low) * up for rate, base in zip(self._rates(), self.base_lrs, strict=True)]
        factor = (1 + math.cos(math.pi * epoch / span)) / (1 + math.cos(math.pi * (epoch - 1) / span))
        return [factor * (rate - low) + low for rate in self._rates()]


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
            for group, highest in zip(optimizer.param_groups, _of_groups("max_lr", max_lr, optimizer), strict=True):
                group["initial_lr"], group["max_lr"] = highest / div_factor, highest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._set_momenta(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _plan(self, pct_start, three_phase):
        """(last step, rates from and to, momenta from and to) of each phase."""
        rise = pct_start * self.total_steps - 1
        first = (rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not three_phase:
            return [first, (self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        second = (2 * pct_start * self.total_steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
        return [first, second, (self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]

    def _set_momenta(self, optimizer, base_momentum, max_momentum, last_epoch):
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError("cycle_momentum needs an optimizer with momentum or betas; pass cycle_momentum=False")
        if last_epoch != -1:
            return
        highest, lowest = (
            _of_groups("max_momentum", max_momentum, optimizer),
            _of_groups("base_momentum", base_momentum, optimizer),
        )
        for group, high, low in zip(optimizer.param_groups, highest, lowest, strict=True):
            group["max_momentum"], group["base_momentum"] = high, low

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
            momentum = self._between(group[names[2]], group[names[3]], share)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum
        return [self._between(group[names[0]], group[names[1]], share) for group in self.optimizer.param_groups]


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a figure has not become better for more than `patience` epochs.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        Which way is better.
    factor : float
        Below 1.
    patience : int
        Epochs without a better figure that are let pass.
    threshold : float
        How much better counts, as a share of the best ("rel") or by itself ("abs").
    threshold_mode : {"rel", "abs"}
    cooldown : int
        Epochs after a reduction in which none is counted.
    min_lr : float, or one for each group
        The lowest rate.
    eps : float
        A smaller reduction is left out.
    """

    def __init__(
        self,
        optimizer,
        mode="min",
        factor=0.1,
        patience=10,
        threshold=1e-4,
        threshold_mode="rel",
        cooldown=0,
        min_lr=0,
        eps=1e-8,
    ):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a scheduler takes an optimizer, got {type(optimizer).__name__}")
        if factor >= 1.0:
            raise ValueError(f"factor={factor!r} is invalid: it must be below 1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"mode={mode!r} and threshold_mode={threshold_mode!r}: expected 'min' or 'max', and 'rel' or 'abs'"
            )
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = _of_groups("min_lr", min_lr, optimizer)
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = self.last_epoch = 0
        self._last_lr = self._rates()

    def _is_better(self, figure):
        sign = 1.0 if self.mode == "min" else -1.0
        if self.threshold_mode == "rel":
            return sign * figure < sign * self.best * (1.0 - sign * self.threshold)
        return sign * figure < sign * self.best - self.threshold

    def step(self, metrics):
        """Go on by one epoch, in which the figure was `metrics`."""
        figure = float(metrics)
        self.last_epoch += 1
        if self._is_better(figure):
            self.best, self.num_bad_epochs = figure, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                rate = max(group["lr"] * self.factor, lowest)
                if group["lr"] - rate > self.eps:
                    group["lr"] = rate
        self._last_lr = self._rates()


def __getattr__(name):
    raise missing(
        "fastact.optim.lr_scheduler", name, globals(), "some of torch's schedulers; LambdaLR takes any formula"
    )
