"""Adagrad."""

import numpy as np

from fastact import _tape
from fastact.optim.optimizer import Optimizer


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer 2011, JMLR 12).

    g ← g + weight_decay·p; s ← s + g²; p ← p − lr / (1 + (t − 1)·lr_decay) · g / (√s + eps), t being the number of the step.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to train.
    lr : float
        Learning rate.
    lr_decay, weight_decay, eps : float
        As in the formula.
    initial_accumulator_value : float
        What s begins with.
    maximize : bool
        Climb instead.

    Raises
    ------
    ValueError
        If a setting is negative.
    TypeError
        If a parameter is neither float32 nor float64.

    Examples
    --------
    >>> from fastact import nn, optim
    >>> model = nn.Linear(3, 2)
    >>> optimizer = optim.Adagrad(model.parameters(), lr=0.1)
    >>> model([[1.0, 2.0, 3.0]]).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        settings = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "initial_accumulator_value": initial_accumulator_value}
        super().__init__(params, {**settings, "weight_decay": weight_decay, "maximize": maximize})

    def add_param_group(self, param_group):
        """As of any optimizer; the sums of the new parameters begin at once, as in torch."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for param in group["params"]:
            start = np.full(param.shape, group["initial_accumulator_value"], param.dtype)
            self.state[param] = {"step": 0, "sum": start}

    def _check(self, group):
        super()._check(group)
        for name in ("lr_decay", "initial_accumulator_value"):
            if not group[name] >= 0.0:
                raise ValueError(f"{name}={group[name]!r} is invalid: it must be 0 or more")

    def _step(self, group, piece):
        _tape.adagrad(
            group["params"],
            self.state,
            piece,
            group["lr"],
            group["lr_decay"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )
