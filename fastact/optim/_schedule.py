"""What all schedulers have in common; they themselves are in ``lr_scheduler.py`` and ``_cycles.py``."""

from fastact.optim.optimizer import Optimizer


def check_optimizer(optimizer):
    """Refuse what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a scheduler takes an optimizer, got {type(optimizer).__name__}")


def of_groups(name, value, optimizer):
    """One value for each group: `value` itself if it is a list."""
    check_optimizer(optimizer)
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
        check_optimizer(optimizer)
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
        self._set(self.get_lr())

    def _set(self, rates):
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _undo(self):
        """Go back by one epoch, leaving the rates."""
        self.last_epoch -= 1

    def _begin_again(self):
        """Go to epoch 0, from the initial rates."""
        self.last_epoch = 0
        self._set(self.base_lrs)
        self._set(self.get_lr())

    def _rates(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        """Everything but the optimizer and functions."""
        return {name: value for name, value in vars(self).items() if name not in self._unsaved}

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)


class FactorScheduler(LRScheduler):
    """What schedules by functions of the epoch have in common: `LambdaLR` explains the arguments."""

    _unsaved = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.lr_lambdas = of_groups("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def _times_factors(self, rates):
        return [rate * factor(self.last_epoch) for rate, factor in zip(rates, self.lr_lambdas, strict=True)]
