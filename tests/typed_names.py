"""What type checkers make of fastact's names. Only mypy reads this, in `make lint`: it reports a name that it does not know,
and an ignore where it takes a misspelt name."""

from typing import TYPE_CHECKING

import fastact as fa
import fastact.nn.functional as F
import fastact.torch as torch
from fastact import nn, optim

if TYPE_CHECKING:
    modules = (
        fa.cli,
        fa.data.load_digits,
        fa.nn,
        fa.optim,
        fa.sklearn,
        fa.torch,
        fa.train.Trainer,
        fa.vjp,
        fa.value_and_grad,
    )
    functions = (
        fa.gelu,
        fa.vjp.gelu,
        F.gelu,
        torch.exp,
        torch.argmax,
        torch.relu,
        torch.bfloat16,
        optim.lr_scheduler.StepLR,
    )
    layer: nn.ReLU = nn.ReLU()
    losses = (nn.CrossEntropyLoss(), nn.NLLLoss)

    misspelt = (
        fa.gelo,  # type: ignore[attr-defined]
        fa.autograd,  # type: ignore[attr-defined]
        fa.vjp.gelo,  # type: ignore[attr-defined]
        nn.Lineal,  # type: ignore[attr-defined]
        F.gelo,  # type: ignore[attr-defined]
        optim.Adan,  # type: ignore[attr-defined]
        optim.lr_scheduler.StepRL,  # type: ignore[attr-defined]
        torch.argmaks,  # type: ignore[attr-defined]
        torch.autograd.grat,  # type: ignore[attr-defined]
    )
