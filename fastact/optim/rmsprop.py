"""RMSprop."""

from fastact import _tape
from fastact.optim.optimizer import Optimizer


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012), centred as in Graves (2013, arXiv:1308.0850).

    g ← g + weight_decay·p; v ← alpha·v + (1 − alpha)g²; b ← momentum·b + g / (√v + eps); p ← p − lr·b. Centred, the square
    of the mean gradient is first taken off v under the root.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to train.
    lr : float
        Learning rate.
    alpha : float
        Share of the old mean square.
    eps, weight_decay, momentum : float
        As in the formula.
    centered : bool
        Divide by the standard deviation rather than by the root of the mean square.
    maximize : bool
        Climb instead.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        settings = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered}
        super().__init__(params, {**settings, "weight_decay": weight_decay, "maximize": maximize})

    def _check(self, group):
        super()._check(group)
        if not 0.0 <= group["alpha"] <= 1.0:
            raise ValueError(f"alpha={group['alpha']!r} is invalid: it must be from 0 to 1")

    def _step(self, group, piece):
        _tape.rmsprop(
            group["params"],
            self.state,
            piece,
            group["lr"],
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["centered"],
            group["maximize"],
        )
