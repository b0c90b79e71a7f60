"""Callbacks of a Trainer: what happens between epochs and batches. The loop itself is in ``_loop.py``."""

import csv
import math
import pathlib

from fastact.train.history import counts_up


class Callback:
    """Base class: override the methods that matter.

    ``figures`` is the dict of an epoch's numbers (``loss``, ``val_loss``, metrics, ``lr``). ``trainer.stop = True`` ends the
    training after the epoch.

    Examples
    --------
    >>> from fastact.train import Callback
    >>> class Target(Callback):
    ...     def on_epoch_end(self, trainer, figures):
    ...         if figures["loss"] < 0.01:
    ...             trainer.stop = True
    """

    def on_train_begin(self, trainer):
        """Before the first epoch of a `fit`."""

    def on_epoch_begin(self, trainer):
        """Before each epoch."""

    def on_batch_end(self, trainer):
        """After each step of the optimizer."""

    def on_epoch_end(self, trainer, figures):
        """After each epoch and its validation."""

    def on_train_end(self, trainer):
        """After the last epoch of a `fit`, also when it ends by an exception."""

    def state_dict(self):
        """What a checkpoint must keep: a dict of numbers, texts and arrays."""
        return {}

    def load_state_dict(self, state):
        """Take over what `state_dict` gave."""


class _Monitor:
    """Looks at one figure and knows when it is the best so far."""

    def __init__(self, name, mode, min_delta=0.0):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode={mode!r} is unknown; choose 'auto', 'min' or 'max'")
        self.name, self.mode, self.min_delta, self.best = name, mode, abs(min_delta), None
        self.loaded = False

    def begin(self):
        """Forget the best at the start of a fit, unless it was loaded; whether it was forgotten."""
        loaded, self.loaded = self.loaded, False
        self.best = self.best if loaded else None
        return not loaded

    def value(self, figures):
        """The figure that is watched: the one named, else val_loss, else loss."""
        name = self.name or ("val_loss" if "val_loss" in figures else "loss")
        if name not in figures:
            hint = "; give fit validation_data or validation_split" if name.startswith("val_") else ""
            raise ValueError(f"monitor={name!r} is no figure of this training, which has {', '.join(figures)}{hint}")
        value = figures[name]
        up = counts_up(name) if self.mode == "auto" else self.mode == "max"
        return -value if up else value

    def improved(self, figures):
        """Whether this epoch is the best so far; remembers it."""
        value = self.value(figures)
        if math.isnan(value) or (self.best is not None and not value < self.best - self.min_delta):
            return False
        self.best = value
        return True


class EarlyStopping(Callback):
    """Stop when a figure no longer improves.

    Each `fit` begins anew, but the first one after `Trainer.load` goes on.

    Parameters
    ----------
    monitor : str, optional
        Name of the figure; unless said, "val_loss" where there is validation, else "loss".
    patience : int
        Epochs without improvement that are waited for.
    min_delta : float
        What counts as improvement.
    mode : {"auto", "min", "max"}
        Whether less or more is better; "auto" goes by the name.
    restore_best : bool
        Whether the model ends with the weights of its best epoch, however the training ends.

    Attributes
    ----------
    best_epoch : int
        The epoch (from 1) with the best figure.
    stopped : bool
        Whether it was this callback that ended the training.
    """

    def __init__(self, monitor=None, patience=10, min_delta=0.0, mode="auto", restore_best=True):
        if patience < 0:
            raise ValueError(f"patience={patience} is invalid: it must be 0 or more")
        self.patience, self.restore_best = patience, restore_best
        self._monitor = _Monitor(monitor, mode, min_delta)
        self.best_epoch, self.stopped, self._weights, self._since = 0, False, None, 0

    def on_train_begin(self, trainer):
        if self._monitor.begin():
            self.best_epoch, self._weights, self.stopped = 0, None, True
        if self.stopped:  # a further fit waits anew
            self.stopped, self._since = False, trainer.epoch

    def on_epoch_end(self, trainer, figures):
        if self._monitor.improved(figures):
            self.best_epoch = trainer.epoch
            if self.restore_best:
                self._weights = {name: value.numpy().copy() for name, value in trainer.model.state_dict().items()}
        elif trainer.epoch - max(self.best_epoch, self._since) > self.patience:
            trainer.stop = self.stopped = True

    def on_train_end(self, trainer):
        if self.restore_best and self._weights is not None:
            trainer.model.load_state_dict(self._weights)

    def state_dict(self):
        names = ("best_epoch", "stopped", "_since", "_weights")
        return {"best": self._monitor.best, **{name: getattr(self, name) for name in names}}

    def load_state_dict(self, state):
        state = dict(state)
        self._monitor.best, self._monitor.loaded = state.pop("best"), True
        vars(self).update(state)


class ModelCheckpoint(Callback):
    """Save the whole training after epochs, so that it can go on after a crash.

    A file appears whole or not at all; a process that is killed at any moment leaves the last one intact.
    ``Trainer.load(path)`` goes on from it with the same bits as a run that was never interrupted.

    Parameters
    ----------
    path : path-like
        Where to; ``{epoch}`` and the names of figures are filled in, as in ``"run-{epoch:03d}-{val_loss:.3f}.safetensors"``.
    monitor, mode
        As in `EarlyStopping`, for `save_best_only`.
    save_best_only : bool
        Whether only epochs that improve the figure are saved.
    every : int
        Epochs from one file to the next.
    """

    def __init__(self, path, monitor=None, mode="auto", save_best_only=False, every=1):
        if every < 1:
            raise ValueError(f"every={every} is invalid: it must be 1 or more")
        self.path, self.save_best_only, self.every = str(path), save_best_only, every
        self._monitor = _Monitor(monitor, mode)

    def on_train_begin(self, trainer):
        self._monitor.begin()

    def on_epoch_end(self, trainer, figures):
        if trainer.epoch % self.every == 0 and (not self.save_best_only or self._monitor.improved(figures)):
            try:
                path = self.path.format(epoch=trainer.epoch, **figures)
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(
                    f"the path {self.path!r} does not fit ({error!r}): in braces stand epoch, {', '.join(figures)}"
                ) from error
            trainer.save(path)

    def state_dict(self):
        return {"best": self._monitor.best}

    def load_state_dict(self, state):
        self._monitor.best, self._monitor.loaded = state["best"], True


class LRScheduler(Callback):
    """Step a scheduler of `fastact.optim.lr_scheduler`.

    Parameters
    ----------
    scheduler : scheduler, or callable
        A scheduler of the trainer's optimizer, or what makes one of an optimizer:
        ``LRScheduler(lambda optimizer: CosineAnnealingLR(optimizer, T_max=50))``.
    interval : {"epoch", "batch"}
        When it steps.
    monitor : str, optional
        The figure that ReduceLROnPlateau watches; unless said, "val_loss" where there is validation, else "loss".
    """

    def __init__(self, scheduler, interval="epoch", monitor=None):
        if interval not in ("epoch", "batch"):
            raise ValueError(f"interval={interval!r} is unknown; choose 'epoch' or 'batch'")
        if not (hasattr(scheduler, "optimizer") or callable(scheduler)):
            raise TypeError(f"LRScheduler takes a scheduler, or what makes one of an optimizer; got {scheduler!r}")
        self.scheduler, self.interval = scheduler, interval
        self._monitor, self._pending = _Monitor(monitor, "min"), None

    def on_train_begin(self, trainer):
        groups = trainer.optimizer.param_groups
        before = [{name: value for name, value in group.items() if name != "params"} for group in groups]
        if not self._is_made():
            self.scheduler = self.scheduler(trainer.optimizer)
        if self.scheduler.optimizer is not trainer.optimizer:
            raise ValueError(
                "the scheduler belongs to another optimizer than the trainer's; give LRScheduler what makes it: "
                "LRScheduler(lambda optimizer: StepLR(optimizer, 10))"
            )
        if self._pending is not None:
            self.scheduler.load_state_dict(self._pending)
            self._pending = None
            for group, settings in zip(groups, before, strict=True):
                group.update(settings)  # a new scheduler sets rates anew

    def _is_made(self):
        return hasattr(self.scheduler, "optimizer")

    def on_batch_end(self, trainer):
        if self.interval == "batch":
            self.scheduler.step()

    def on_epoch_end(self, trainer, figures):
        if self.interval != "epoch":
            return
        if type(self.scheduler).__name__ == "ReduceLROnPlateau":
            self.scheduler.step(self._monitor.value(figures))
        else:
            self.scheduler.step()

    def state_dict(self):
        return self._pending or (self.scheduler.state_dict() if self._is_made() else {})

    def load_state_dict(self, state):
        self._pending = state or None


class CSVLogger(Callback):
    """Write one line for each epoch into a CSV file, as they end.

    The file begins with the epochs that the trainer went through before, so that a training that is taken up again writes
    the file of one that was never interrupted.

    Parameters
    ----------
    path : path-like
        The file; an existing one is replaced.
    """

    def __init__(self, path):
        self.path, self._file = pathlib.Path(path), None

    def on_train_begin(self, trainer):
        self._file = self.path.open("w", newline="", encoding="utf-8")
        self._table = None
        for number in range(1, len(trainer.history) + 1):
            self._write(number, trainer.history.epoch(number))

    def on_epoch_end(self, trainer, figures):
        self._write(trainer.epoch, figures)

    def _write(self, number, figures):
        if self._table is None:
            self._table = csv.DictWriter(self._file, ["epoch", *figures], extrasaction="ignore")
            self._table.writeheader()
        self._table.writerow({"epoch": number, **figures})
        self._file.flush()

    def on_train_end(self, trainer):
        if self._file is not None:
            self._file.close()
            self._file = None
