"""Training without a loop of one's own: Trainer, History, callbacks; nothing is defined here."""

from fastact.train.callbacks import Callback, CSVLogger, EarlyStopping, LRScheduler, ModelCheckpoint
from fastact.train.history import History
from fastact.train.metrics import METRICS
from fastact.train.trainer import Trainer

__all__ = [
    "METRICS",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LRScheduler",
    "ModelCheckpoint",
    "Trainer",
]
