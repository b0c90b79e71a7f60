"""Losses as modules over ``functional.py``."""

from fastact.nn import functional
from fastact.nn.module import Module


class CrossEntropyLoss(Module):
    """Cross-entropy of logits with class indices or class probabilities; the classes stand along axis 1.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int
        Target that counts for nothing.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        Share of the target that is spread evenly over all classes.

    Examples
    --------
    >>> from fastact import nn
    >>> import fastact.torch as torch
    >>> nn.CrossEntropyLoss()(torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([0]))
    tensor(0.2395)
    """

    def __init__(
        self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
    ):
        super().__init__()
        self.weight, self.ignore_index, self.label_smoothing = weight, ignore_index, label_smoothing
        self.reduction = functional._reduction(size_average, reduce, reduction)

    def forward(self, input, target):
        """The loss of logits `input` against `target`."""
        return functional.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(Module):
    """Minus the log-probability of the target class; the classes stand along axis 1.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int
        Target that counts for nothing.
    reduction : {"mean", "sum", "none"}
    """

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        super().__init__()
        self.weight, self.ignore_index = weight, ignore_index
        self.reduction = functional._reduction(size_average, reduce, reduction)

    def forward(self, input, target):
        """The loss of log-probabilities `input` against `target`."""
        return functional.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class MSELoss(Module):
    """Squared difference of two inputs of equal shape."""

    function = staticmethod(functional.mse_loss)

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        self.reduction = functional._reduction(size_average, reduce, reduction)

    def forward(self, input, target):
        """The loss of `input` against `target`."""
        return self.function(input, target, reduction=self.reduction)


class L1Loss(MSELoss):
    """Absolute difference of two inputs of equal shape."""

    function = staticmethod(functional.l1_loss)
