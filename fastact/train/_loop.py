"""One pass of training over the data, and one of prediction: what Trainer and the estimators of ``fastact.sklearn`` share."""

import copy
import inspect

import numpy as np

from fastact import _tape
from fastact._grad_mode import no_grad
from fastact.nn import functional
from fastact.nn.module import Module

ROWS_AT_ONCE = 4096  # of a prediction: bounds the memory of hidden layers


class Criterion:
    """A loss with sample weights.

    Parameters
    ----------
    loss : Module or callable
        Of (output, target), averaging over the samples; for weights one with a ``reduction``.
    """

    def __init__(self, loss):
        self.loss, self._each = loss, None

    def __call__(self, output, target, weight=None, total=None):
        """The mean loss of a batch as a Tensor; with `weight`, Σ weight·loss / total."""
        if weight is None:
            return self.loss(output, target)
        if self._each is None:
            self._each = self._unreduced()
        losses = self._each(output, target)
        if losses.ndim > 1:
            losses = losses.reshape(len(weight), -1).mean(dim=1)
        return (losses * weight).sum() / total

    def _unreduced(self):
        if isinstance(self.loss, Module) and hasattr(self.loss, "reduction"):
            each = copy.copy(self.loss)
            each.reduction = "none"
            return each
        if not isinstance(self.loss, Module) and "reduction" in _arguments(self.loss):
            return lambda output, target: self.loss(output, target, reduction="none")
        raise TypeError(
            f"sample_weight needs the loss of each sample, and {name_of(self.loss)} has no reduction='none'; use a loss "
            "of fastact.nn, or give yours an argument reduction"
        )

    def own_weight(self, target):
        """The weight that the loss itself gives each sample by its class, or None where all count 1."""
        if target.dtype.kind not in "iu":
            return None
        weight, ignored = getattr(self.loss, "weight", None), target == getattr(self.loss, "ignore_index", None)
        if weight is None and not np.any(ignored):
            return None
        safe = np.where(ignored, 0, target)
        own = np.ones(target.shape) if weight is None else np.asarray(_tape.raw(weight), np.float64)[safe]
        own = np.where(ignored, 0.0, own)
        return own.reshape(len(own), -1).mean(axis=1) if own.ndim > 1 else own


def _arguments(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()


def name_of(loss):
    """What to call a loss in an error."""
    return type(loss).__name__ if isinstance(loss, Module) else getattr(loss, "__name__", type(loss).__name__)


class Samples:
    """Inputs and targets with what each sample counts.

    Parameters
    ----------
    x, y : ndarray
    weight : ndarray, optional
        Sample weights.
    own : ndarray, optional
        What the loss itself makes a sample count (`Criterion.own_weight`).
    """

    def __init__(self, x, y, weight=None, own=None):
        self.x, self.y, self.weight = x, y, weight
        self.counts = own if weight is None else weight if own is None else weight * own

    def __len__(self):
        return len(self.x)

    def batch(self, chosen):
        """x, y, weights and their total for an index array or a slice."""
        x, y = self.x[chosen], self.y[chosen]
        total = float(len(x)) if self.counts is None else float(self.counts[chosen].sum())
        return x, y, None if self.weight is None else self.weight[chosen], total


def train_epoch(model, criterion, optimizer, samples, order, batch_size, *, before=None, after=None):
    """Step through all batches once.

    Parameters
    ----------
    model : Module
    criterion : Criterion
    optimizer : Optimizer
    samples : Samples
    order : ndarray of int, or None
        The order of the samples; None takes them as they stand.
    batch_size : int
    before : callable, optional
        Called with the total weight of a batch before its step.
    after : callable, optional
        Called with the batch's outputs (an ndarray), its loss and its choice of samples after the step.

    Returns
    -------
    float
        The mean loss over the samples, each batch's taken before its step.
    """
    loss_sum = weight_sum = 0.0
    constant, count = _tape.constant, len(samples)
    for start in range(0, count, batch_size):
        chosen = slice(start, start + batch_size) if order is None else order[start : start + batch_size]
        x, y, weight, total = samples.batch(chosen)
        if total == 0.0:
            continue  # nothing in it counts
        output = model(constant(x))
        loss = criterion(output, constant(y), weight, total)
        optimizer.zero_grad()
        loss.backward()
        if before is not None:
            before(total)
        optimizer.step()
        value = loss.item()
        loss_sum += value * total
        weight_sum += total
        if after is not None:
            after(output._raw(), value, chosen)
    return loss_sum / weight_sum if weight_sum else float("nan")


def outputs_of(model, x):
    """What `model` makes of `x` in evaluation mode, in pieces, as an ndarray."""
    was = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            parts = [
                _tape.raw(model(_tape.constant(x[start : start + ROWS_AT_ONCE])))
                for start in range(0, max(len(x), 1), ROWS_AT_ONCE)
            ]
    finally:
        for module, training in was:
            module.training = training
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def loss_of(criterion, outputs, samples):
    """The mean loss of outputs that are already known."""
    _, y, weight, total = samples.batch(slice(None))
    with no_grad():
        if weight is not None and total == 0.0:
            return float("nan")
        return criterion(_tape.constant(outputs), _tape.constant(y), weight, total).item()


def softmax(outputs):
    """Softmax over the class axis of outputs."""
    return functional.softmax(outputs, dim=1 if outputs.ndim > 1 else 0)
