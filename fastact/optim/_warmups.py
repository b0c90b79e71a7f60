"""Schedules that warm up, decay to an end, start again, or follow one upon the other."""

import math
from bisect import bisect_right

from fastact.optim._schedule import FactorScheduler, LRScheduler, check_optimizer


class MultiplicativeLR(FactorScheduler):
    """The rate times lr_lambda(epoch) every epoch; arguments as of `LambdaLR`."""

    def get_lr(self):
        return self._rates() if self.last_epoch == 0 or self._resumed else self._times_factors(self._rates())

    def _begin_again(self):
        self.last_epoch = 0  # from the rate that is set, as there is no other
        self._set(self._times_factors(self._rates()))


class LinearLR(LRScheduler):
    """The rate times what goes evenly from `start_factor` to `end_factor` in `total_iters` epochs, and stays there."""

    def __init__(self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1):
        if not 0.0 < start_factor <= 1.0 or not 0.0 <= end_factor <= 1.0:
            raise ValueError(
                f"start_factor={start_factor!r}, end_factor={end_factor!r}: expected above 0 and from 0, to 1 at most"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self._rates()]
        if self._resumed or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [rate * (1.0 + rise / before) for rate in self._rates()]


class ConstantLR(LRScheduler):
    """The rate times `factor` for `total_iters` epochs, then as it was."""

    def __init__(self, optimizer, factor=1.0 / 3, total_iters=5, last_epoch=-1):
        if not 0.0 <= factor <= 1.0:
            raise ValueError(f"factor={factor!r} is invalid: it must be from 0 to 1")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self._rates()]
        if self.last_epoch != self.total_iters:
            return self._rates()
        return [rate * (1.0 / self.factor) for rate in self._rates()]


class PolynomialLR(LRScheduler):
    """initial rate · (1 − epoch / total_iters)^power, and 0 from then on."""

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0 or self._resumed or self.last_epoch > self.total_iters:
            return self._rates()
        left = (1.0 - self.last_epoch / self.total_iters) / (1.0 - (self.last_epoch - 1) / self.total_iters)
        return [rate * left**self.power for rate in self._rates()]


class CosineAnnealingWarmRestarts(LRScheduler):
    """eta_min + (initial rate − eta_min)·(1 + cos(π·epoch / T))/2, and after T epochs from the start (arXiv:1608.03983).

    Parameters
    ----------
    optimizer, last_epoch
        As in `LRScheduler`.
    T_0 : int
        Epochs until the first restart.
    T_mult : int
        How many times longer each further round is.
    eta_min : float
        The lowest rate.
    """

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1):
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r} is invalid: it must be a whole number of at least 1")
        self.T_0, self.T_i, self.T_mult, self.eta_min, self.T_cur = T_0, T_0, T_mult, eta_min, last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch=None):
        """Go on by one epoch, or to `epoch`, which may lie between two."""
        if epoch is None and self.last_epoch >= 0:
            epoch, self.T_cur = self.last_epoch + 1, self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur - self.T_i, self.T_i * self.T_mult
        else:
            epoch = 0 if epoch is None else epoch
            if epoch < 0:
                raise ValueError(f"epoch={epoch!r} is invalid: it must be 0 or more")
            self._enter(epoch)
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _enter(self, epoch):
        """Note how far `epoch` is into its round, and how long the round is."""
        if epoch < self.T_0 or self.T_mult == 1:
            self.T_cur, self.T_i = epoch % self.T_0, self.T_0
            return
        rounds = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        self.T_cur = epoch - self.T_0 * (self.T_mult**rounds - 1) / (self.T_mult - 1)
        self.T_i = self.T_0 * self.T_mult**rounds


class _Several(LRScheduler):
    """What schedulers of schedulers have in common."""

    _unsaved = ("optimizer", "_schedulers")

    def _take(self, optimizer, schedulers):
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ValueError(f"{type(self).__name__} got no scheduler: give it one or more")
        self.optimizer = self._schedulers[0].optimizer if optimizer is None else optimizer
        check_optimizer(self.optimizer)
        for scheduler in self._schedulers:
            if scheduler.optimizer is not self.optimizer:
                raise ValueError(f"{type(self).__name__} takes schedulers of one optimizer: make all of the same")
            if not hasattr(scheduler, "base_lrs") and not isinstance(scheduler, _Several):
                raise ValueError(
                    f"{type(self).__name__} cannot step a {type(scheduler).__name__}, which needs a figure: step that "
                    "yourself"
                )

    def _undo(self):
        for scheduler in self._schedulers:
            scheduler._undo()

    def state_dict(self):
        """Everything but the optimizer and functions, the states of the schedulers included."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` gave."""
        own = dict(state_dict)
        for scheduler, state in zip(self._schedulers, own.pop("_schedulers"), strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict(own)


class SequentialLR(_Several):
    """Schedulers one upon the other.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of schedulers
        All of this optimizer.
    milestones : list of int
        The epoch at which each but the first begins, as at its own epoch 0.
    last_epoch : int
        As in `LRScheduler`.
    """

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        self._take(optimizer, schedulers)
        self._milestones = list(milestones)
        if len(self._milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"SequentialLR got {len(self._schedulers)} schedulers and {len(self._milestones)} milestones: expected "
                "one milestone less, for where each but the first begins"
            )
        self.last_epoch = last_epoch + 1
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._undo()
        self._schedulers[bisect_right(self._milestones, 0)].step()
        self._last_lr = self._rates()

    def step(self):
        """Go on by one epoch of the scheduler whose turn it is."""
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        if number and self._milestones[number - 1] == self.last_epoch:
            self._schedulers[number]._begin_again()
        else:
            self._schedulers[number].step()
        self._last_lr = self._rates()


class ChainedScheduler(_Several):
    """Schedulers that all act on the rate, one after the other in every epoch.

    Parameters
    ----------
    schedulers : sequence of schedulers
        All of one optimizer.
    optimizer : Optimizer, optional
        That one.
    """

    def __init__(self, schedulers, optimizer=None):
        self._take(optimizer, schedulers)
        self._last_lr = self._rates()

    def step(self):
        """Go on by one epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()
