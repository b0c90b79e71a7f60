"""Learning rates that change as training goes on, under torch's names; cycles are in ``_cycles.py``, warm-ups and
schedules of schedules in ``_warmups.py``.

Each scheduler sets ``lr`` in the groups of its optimizer when ``step()`` is called, once an epoch or once a batch.
"""

import math
from collections import Counter

from fastact._names import refuse_others
from fastact.optim._cycles import CyclicLR as CyclicLR
from fastact.optim._cycles import OneCycleLR as OneCycleLR
from fastact.optim._schedule import FactorScheduler, LRScheduler, check_optimizer, of_groups
from fastact.optim._warmups import ChainedScheduler as ChainedScheduler
from fastact.optim._warmups import ConstantLR as ConstantLR
from fastact.optim._warmups import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from fastact.optim._warmups import LinearLR as LinearLR
from fastact.optim._warmups import MultiplicativeLR as MultiplicativeLR
from fastact.optim._warmups import PolynomialLR as PolynomialLR
from fastact.optim._warmups import SequentialLR as SequentialLR


class LambdaLR(FactorScheduler):
    """initial rate · lr_lambda(epoch).

    Parameters
    ----------
    optimizer, last_epoch
        As in `LRScheduler`.
    lr_lambda : callable, or one for each group
        Gives the factor of an epoch.
    """

    def get_lr(self):
        return self._times_factors(self.base_lrs)


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
        check_optimizer(optimizer)
        if factor >= 1.0:
            raise ValueError(f"factor={factor!r} is invalid: it must be below 1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"mode={mode!r} and threshold_mode={threshold_mode!r}: expected 'min' or 'max', and 'rel' or 'abs'"
            )
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = of_groups("min_lr", min_lr, optimizer)
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


refuse_others(
    globals(), "fastact.optim.lr_scheduler", globals(), "some of torch's schedulers; LambdaLR takes any formula"
)
