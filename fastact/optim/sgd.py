"""Stochastic gradient descent."""

from fastact import _tape
from fastact.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    g ← g + weight_decay·p; b ← momentum·b + (1 − dampening)·g; p ← p − lr·b (nesterov: p − lr·(g + momentum·b)).

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to train.
    lr : float
        Learning rate.
    momentum, dampening, weight_decay : float
        As in the formula.
    nesterov : bool
        Needs momentum above 0 and no dampening.
    maximize : bool
        Climb instead.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def _check(self, group):
        super()._check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                f"nesterov needs momentum above 0 and dampening 0, got momentum={group['momentum']} and "
                f"dampening={group['dampening']}"
            )

    def _saved(self, state):
        return {name: value for name, value in state.items() if name != "step"}

    def _loaded(self, state):
        return {**state, "step": int(state.get("momentum_buffer") is not None)}

    def _step(self, group, piece):
        _tape.sgd(
            group["params"],
            self.state,
            piece,
            group["lr"],
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            group["maximize"],
        )
