"""Adam and AdamW."""

from fastact import _tape
from fastact.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980).

    g ← g + weight_decay·p; m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; p ← p − lr·m̂ / (√v̂ + eps), m̂ and v̂ being m and v
    divided by 1 − βᵗ.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to train.
    lr : float
        Learning rate.
    betas : (float, float)
        β₁ and β₂, in [0, 1).
    eps : float
        Added to the denominator.
    weight_decay : float
        As in the formula.
    amsgrad : bool
        Use the largest v so far (Reddi, Kale and Kumar 2018).
    maximize : bool
        Climb instead.
    """

    decoupled = False

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        if decoupled_weight_decay:
            self.decoupled = True
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def _check(self, group):
        super()._check(group)
        for number, beta in enumerate(group["betas"]):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"betas[{number}]={beta!r} is invalid: it must be at least 0 and below 1")

    def _step(self, group, piece):
        beta1, beta2 = group["betas"]
        if not max(beta1, beta2) < 1.0:  # set by hand
            self._check(group)
        _tape.adam(
            group["params"],
            self.state,
            piece,
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            self.decoupled,
            group["amsgrad"],
            group["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101): p ← p·(1 − lr·weight_decay) first.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        As in `Adam`.
    weight_decay : float
        0.01 unless said.
    """

    decoupled = True

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
