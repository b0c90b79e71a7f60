"""Optimizers under torch's names; nothing is defined here."""

from fastact._names import missing as _missing
from fastact.optim import lr_scheduler as lr_scheduler
from fastact.optim.adagrad import Adagrad
from fastact.optim.adam import Adam, AdamW
from fastact.optim.optimizer import Optimizer
from fastact.optim.rmsprop import RMSprop
from fastact.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]


def __getattr__(name):
    raise _missing(
        "fastact.optim", name, __all__, "SGD, Adam, AdamW, RMSprop and Adagrad, whose steps are kernels of fastact"
    )
