"""Trainer: fit, predict and score a model. The loop over batches is in ``_loop.py``, files in ``_checkpoint.py``."""

import time
import warnings

import numpy as np

from fastact import _random, optim
from fastact._progress import Progress
from fastact._tape import raw
from fastact.nn.module import Module
from fastact.train import _loop, _targets, metrics
from fastact.train._loop import Criterion, Samples
from fastact.train.callbacks import Callback, ModelCheckpoint
from fastact.train.history import History


class Trainer:
    """Trains a model on arrays, and predicts with it.

    Parameters
    ----------
    model : Module
        What to train; for classes with one output (a logit) for each.
    loss : Module or callable, optional
        Of (output, target). Unless said: cross-entropy where y holds integers, bools or texts, mean squared error where
        it holds floats.
    optimizer : Optimizer, or callable of the parameters, optional
        ``Adam(model.parameters(), lr=1e-3)`` unless said.
    metrics : sequence of str or callable
        "accuracy", "balanced_accuracy", "f1", "mae", "mse", "rmse", "r2", or functions of true and predicted values.
    callbacks : sequence of Callback
        What happens between epochs.
    seed : int, optional
        Makes shuffles, the validation split and dropout repeatable. Initial weights are drawn before: call
        ``fastact.torch.manual_seed`` before the model is made.

    Attributes
    ----------
    history : History
        All epochs so far, those before `load` included.
    epoch : int
        How many these are.
    extra : dict
        Notes of your own that `save` keeps: anything that JSON can hold.

    Examples
    --------
    >>> from fastact import nn
    >>> from fastact.data import load_digits
    >>> from fastact.train import Trainer
    >>> images, labels = load_digits()
    >>> trainer = Trainer(nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 10)), metrics=["accuracy"], seed=0)
    >>> history = trainer.fit(images, labels, epochs=10, batch_size=32, validation_split=0.2)
    >>> history["val_accuracy"][-1] > 0.9
    True
    """

    def __init__(self, model, loss=None, optimizer=None, *, metrics=(), callbacks=(), seed=None):
        _check_parts(model, loss)
        self.model, self.loss = model, loss
        self.callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
        self.optimizer, self.metrics = _optimizer_of(model, optimizer), _named_metrics(metrics)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"a callback is an instance of fastact.train.Callback, got {callback!r}")
        self.history, self.stop, self.extra = History(), False, {}
        self._targets = None
        first = int(_random.generator().integers(1 << 63)) if seed is None else seed
        self._generator = np.random.default_rng(first)
        self._split_seed = int(self._generator.integers(1 << 63))

    @property
    def epoch(self):
        """How many epochs the history has."""
        return len(self.history)

    @property
    def classes(self):
        """The labels in the order of the outputs; None where y held indices, or values."""
        return None if self._targets is None else self._targets.classes

    def fit(
        self,
        X,
        y,
        *,
        epochs,
        batch_size,
        sample_weight=None,
        validation_data=None,
        validation_split=0.0,
        shuffle=True,
        progress="auto",
    ):
        """Train for further epochs.

        A second call goes on where the first one ended: ``fit(epochs=3)`` and ``fit(epochs=2)`` give the bits of
        ``fit(epochs=5)``, also with `save` and `load` in between.

        Parameters
        ----------
        X : array_like, shape (samples, ...)
            Inputs; converted to the dtype of the model. Tensors, lists, data frames too.
        y : array_like, shape (samples, ...)
            Class labels (integers, bools, texts), or values (floats).
        epochs : int
            Passes through the samples.
        batch_size : int
            Samples in a step; the last batch of an epoch may be smaller.
        sample_weight : array_like, shape (samples,), optional
            What each sample counts in the mean of the loss; 0 leaves it out.
        validation_data : tuple, optional
            ``(X, y)`` or ``(X, y, sample_weight)`` to be judged after each epoch.
        validation_split : float
            The share of the samples, chosen at random, that is held out for that instead.
        shuffle : bool
            Whether each epoch takes the samples in a new order.
        progress : {"auto", True, False}
            A bar; "auto" draws it on a terminal and in a notebook.

        Returns
        -------
        History
            All epochs so far: loss, metrics, the same with ``val_`` before it, and the learning rate.

        Raises
        ------
        ValueError
            If shapes, labels or settings do not fit; the text says which.
        """
        for name, value, least in (("epochs", epochs, 0), ("batch_size", batch_size, 1)):
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"{name}={value!r} is invalid: it must be a whole number of at least {least}")
        train, held_out = self._split(X, y, sample_weight, validation_data, validation_split)
        criterion = self._criterion(train[1])
        try:
            train, labels = self._samples(criterion, *train)
            held_out, held_out_labels = self._samples(criterion, *held_out, "validation ") if held_out else (None, None)
            self.stop = False
            batches = -(-len(train) // batch_size)
            with _random.using(self._generator), Progress(epochs * batches, "batch", progress) as bar:
                try:
                    self._each("on_train_begin")
                    for number in range(epochs):
                        start = time.perf_counter()
                        order = self._generator.permutation(len(train)) if shuffle else None
                        watch = _Watch(self, bar, f"epoch {number + 1}/{epochs}", len(train))
                        figures = self._epoch(criterion, train, labels, order, batch_size, watch)
                        if held_out is not None:
                            figures |= self._judge(criterion, held_out, held_out_labels, "val_")
                        self._finish(figures, time.perf_counter() - start)
                        if self.stop:
                            break
                finally:
                    self._each("on_train_end")
        except Exception:
            if not self.epoch:
                self._targets = None
            raise
        return self.history

    def _epoch(self, criterion, train, labels, order, batch_size, watch):
        """Train for one epoch; return its figures."""
        self._each("on_epoch_begin")
        if not self.model.training:
            self.model.train()
        rate = self.optimizer.param_groups[0]["lr"]
        after = watch if watch.wanted else None
        loss = _loop.train_epoch(self.model, criterion, self.optimizer, train, order, batch_size, after=after)
        figures = {"loss": loss}
        if self.metrics and watch.outputs:
            outputs, chosen = np.concatenate(watch.outputs), np.concatenate(watch.chosen)
            figures |= self._measured(labels[chosen], self._targets.decode(outputs))
        return {**figures, "lr": float(rate)}

    def _finish(self, figures, seconds):
        """Put an epoch into the history and tell the callbacks, those that save last."""
        if not np.isfinite(figures["loss"]):
            warnings.warn(
                f"the loss of epoch {self.epoch + 1} is {figures['loss']}: lower the learning rate, scale the inputs, "
                "or look for NaN in them",
                RuntimeWarning,
                stacklevel=3,
            )
        self.history.append(figures, seconds)
        for callback in sorted(self.callbacks, key=lambda callback: isinstance(callback, ModelCheckpoint)):
            callback.on_epoch_end(self, figures)

    def _each(self, event):
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def _measured(self, true, predicted, prefix=""):
        return {prefix + name: float(metric(true, predicted)) for name, metric in self.metrics.items()}

    def _judge(self, criterion, samples, labels, prefix):
        outputs = _loop.outputs_of(self.model, samples.x)
        loss = _loop.loss_of(criterion, outputs, samples)
        return {f"{prefix}loss": loss} | self._measured(labels, self._targets.decode(outputs), prefix)

    def _criterion(self, y):
        return Criterion(_targets.choose_loss(y, self._targets) if self.loss is None else self.loss)

    def _samples(self, criterion, X, y, sample_weight, name=""):
        """Samples as the loop takes them, and their labels as they were given."""
        x = _targets.as_inputs(X, self.model, f"{name}X")
        shape = _loop.outputs_of(self.model, x[:1]).shape
        if self._targets is None:
            self._targets = _targets.Targets.learn(criterion.loss, y, shape, given=self.loss is not None)
        dtype = x.dtype if x.dtype.kind == "f" else _targets.dtype_of(self.model)
        target = self._targets.encode(y, shape, dtype, criterion.loss, name)
        labels = y.reshape(len(y)) if self._targets.flat else y
        return Samples(x, target, sample_weight, criterion.own_weight(target)), labels

    def _split(self, X, y, sample_weight, validation_data, share):
        """((X, y, weight), the same held out, or None), checked."""
        if validation_data is not None and share:
            raise ValueError("validation_data and validation_split were both given; choose one")
        if not 0.0 <= share < 1.0:
            raise ValueError(f"validation_split={share!r} is invalid: it must be at least 0 and below 1")
        train = _checked(X, y, sample_weight)
        if validation_data is not None:
            if len(validation_data) not in (2, 3):
                raise ValueError("validation_data is (X, y) or (X, y, sample_weight)")
            return train, _checked(*validation_data, name="validation ")
        if not share:
            return train, None
        count = len(train[1])
        held = round(count * share)
        if not 0 < held < count:
            raise ValueError(f"validation_split={share!r} of {count} samples leaves nothing on one side")
        order = np.random.default_rng(self._split_seed).permutation(count)
        return tuple(
            tuple(None if part is None else part[np.sort(chosen)] for part in train)
            for chosen in (order[held:], order[:held])
        )

    def _outputs(self, X, method):
        if self._targets is None:
            raise RuntimeError(f"{method} needs a trainer that knows its labels: call fit first, or Trainer.load")
        x = _targets.as_inputs(X, self.model)
        outputs = _loop.outputs_of(self.model, x)
        if outputs.shape[:1] != x.shape[:1] or (outputs.ndim < 2 and self._targets.kind.endswith("classes")):
            raise ValueError(
                f"the model makes an output of shape {outputs.shape} of X of shape {x.shape}: expected one row for each "
                "sample in both; put the batch on the first axis, a single sample as X[None]"
            )
        return outputs

    def predict(self, X):
        """Labels as they stood in y, or values.

        Parameters
        ----------
        X : array_like, shape (samples, ...)

        Returns
        -------
        ndarray
        """
        outputs = self._outputs(X, "predict")
        return self._targets.decode(outputs)

    def predict_proba(self, X):
        """Probability of each class, in the order of `classes`; TypeError where values are fitted.

        Parameters
        ----------
        X : array_like, shape (samples, ...)

        Returns
        -------
        ndarray, shape (samples, classes)
        """
        outputs = self._outputs(X, "predict_proba")
        return self._targets.probabilities(outputs)

    def score(self, X, y):
        """Accuracy of labels, R² of values."""
        predicted = self.predict(X)
        y = np.asarray(raw(y))
        if len(y) != len(predicted):
            raise ValueError(f"X has {len(predicted)} samples, y {len(y)}")
        metric = metrics.r2 if self._targets.kind == "values" else metrics.accuracy
        return metric(y.reshape(predicted.shape), predicted)

    def save(self, path):
        """Write model, optimizer, history and all that resuming needs into one safetensors file, whole or not at all.

        ``nn.load_safetensors`` and torch find the weights in it under the names of ``model.state_dict()``.

        Parameters
        ----------
        path : path-like
        """
        from fastact.train import _checkpoint

        _checkpoint.save(self, path)

    @classmethod
    def load(cls, path, model=None, *, loss=None, optimizer=None, metrics=None, callbacks=()):
        """The trainer that `save` or ModelCheckpoint wrote; `fit` goes on with the same bits.

        Nothing in the file is executed: a model of built-in layers is built from its description.

        Parameters
        ----------
        path : path-like
        model : Module, optional
            One like that which was saved; needed where it was a class of your own.
        loss, optimizer, metrics : optional
            As in `Trainer`; needed where these were your own.
        callbacks : sequence of Callback
            Made like those that were saved; each takes over its state.

        Returns
        -------
        Trainer
        """
        from fastact.train import _checkpoint

        if model is not None:
            _check_parts(model, None)
        return _checkpoint.load(cls, path, model, loss, optimizer, metrics, callbacks)


_named_metrics = metrics.named


def _check_parts(model, loss):
    """Refuse what is no model or no loss."""
    if not isinstance(model, Module):
        raise TypeError(f"Trainer takes a fastact.nn.Module as its model, got {type(model).__name__}")
    if isinstance(loss, type) or not (loss is None or callable(loss)):
        raise TypeError(
            f"a loss is an instance such as nn.CrossEntropyLoss(), a function of output and target, or None; got {loss!r}"
        )


def _optimizer_of(model, optimizer):
    """The optimizer itself, or what is made of None or of a function of the parameters."""
    if optimizer is None:
        return optim.Adam(model.parameters(), lr=1e-3)
    if not hasattr(optimizer, "param_groups"):
        if not callable(optimizer):
            raise TypeError(
                "an optimizer is one of fastact.optim, or what makes one of parameters, such as "
                f"lambda parameters: optim.AdamW(parameters, lr=2e-3); got {optimizer!r}"
            )
        return optimizer(model.parameters())
    trained = [id(parameter) for group in optimizer.param_groups for parameter in group.get("params", ())]
    if trained and not {id(parameter) for parameter in model.parameters()}.intersection(trained):
        raise ValueError(
            "the optimizer trains none of the model's parameters: make it of this model's, optim.Adam(model.parameters())"
        )
    return optimizer


class _Watch:
    """What is kept and told about the batches of one epoch."""

    def __init__(self, trainer, bar, title, count):
        self.trainer, self.bar, self.title, self.count = trainer, bar, title, count
        self.hooked = [c for c in trainer.callbacks if type(c).on_batch_end is not Callback.on_batch_end]
        self.wanted = bool(self.hooked or bar.visible or trainer.metrics)
        self.outputs, self.chosen = [], []

    def __call__(self, outputs, loss, chosen):
        if self.trainer.metrics:
            self.outputs.append(outputs)
            self.chosen.append(np.arange(self.count)[chosen] if isinstance(chosen, slice) else chosen)
        for callback in self.hooked:
            callback.on_batch_end(self.trainer)
        if self.bar.visible:
            self.bar.step(f"{self.title}, loss {loss:.4f}")


def _checked(X, y, sample_weight=None, name=""):
    """Arrays of one length; y as an array, texts and all."""
    X, y = np.asarray(raw(X)), np.asarray(raw(y))
    if y.dtype.kind == "O":
        y = np.array(y.tolist())
    if X.ndim == 0 or y.ndim == 0 or len(X) != len(y) or not len(X):
        raise ValueError(f"{name}X has shape {X.shape} and y {y.shape}: they must have equally many samples, 1 or more")
    if y.dtype.kind not in "biufUS":
        raise TypeError(
            f"{name}y has dtype {y.dtype}; expected integers, bools or texts for classes, floats for values"
        )
    if sample_weight is None:
        return X, y, None
    weight = np.asarray(raw(sample_weight), np.float64)
    if weight.shape != (len(y),):
        raise ValueError(f"{name}sample_weight has shape {weight.shape}; expected one for each sample, ({len(y)},)")
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError(f"{name}sample_weight has negative or non-finite entries; expected numbers of 0 or more")
    if not weight.any():
        raise ValueError(f"{name}sample_weight is 0 for every sample: nothing would be learnt")
    return X, y, weight
