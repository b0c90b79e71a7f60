"""Optimizers under torch's names; nothing is defined here."""

from fastact._names import refuse_others as _refuse_others
from fastact.optim import lr_scheduler as lr_scheduler
from fastact.optim.adagrad import Adagrad
from fastact.optim.adam import Adam, AdamW
from fastact.optim.optimizer import Optimizer
from fastact.optim.rmsprop import RMSprop
from fastact.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]


_refuse_others(
    globals(), "fastact.optim", __all__, "SGD, Adam, AdamW, RMSprop and Adagrad, whose steps are kernels of fastact"
)
