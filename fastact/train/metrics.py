"""Metrics by name, for `Trainer(metrics=...)`: functions of true and predicted labels or values, as scikit-learn's are."""

import numpy as np


def accuracy(true, predicted):
    """Share of predictions that are right (of all their columns, where there are several)."""
    right = np.asarray(true) == np.asarray(predicted)
    return float(right.reshape(len(right), -1).all(axis=1).mean())


def balanced_accuracy(true, predicted):
    """Mean over the classes of the share of their samples that are recognised."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    return float(np.mean([np.mean(predicted[true == label] == label) for label in np.unique(true)]))


def f1(true, predicted):
    """2·precision·recall / (precision + recall) of each class, averaged over the classes (macro F1)."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    scores = []
    for label in np.union1d(true, predicted):
        hits = np.sum((true == label) & (predicted == label))
        scores.append(2 * hits / (np.sum(true == label) + np.sum(predicted == label)))
    return float(np.mean(scores))


def mae(true, predicted):
    """Mean absolute error."""
    return float(np.mean(np.abs(np.subtract(true, predicted, dtype=np.float64))))


def mse(true, predicted):
    """Mean squared error."""
    return float(np.mean(np.square(np.subtract(true, predicted, dtype=np.float64))))


def rmse(true, predicted):
    """Root of the mean squared error."""
    return float(np.sqrt(mse(true, predicted)))


def r2(true, predicted):
    """R², the share of the variance that is explained, averaged over the columns; 0 for a constant column missed."""
    true, predicted = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    residual = np.square(true - predicted).sum(axis=0)
    total = np.square(true - true.mean(axis=0)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(total > 0, 1 - residual / total, np.where(residual == 0, 1.0, 0.0))
    return float(np.mean(scores))


METRICS = {function.__name__: function for function in (accuracy, balanced_accuracy, f1, mae, mse, rmse, r2)}


def named(metrics):
    """{name: function} of a list of names and functions."""
    found = {}
    for metric in [metrics] if isinstance(metrics, str) or callable(metrics) else metrics:
        if isinstance(metric, str):
            if metric not in METRICS:
                raise ValueError(
                    f"metric {metric!r} is unknown; choose {', '.join(METRICS)}, or give a function of true and "
                    "predicted values"
                )
            found[metric] = METRICS[metric]
        elif callable(metric):
            name = getattr(metric, "__name__", type(metric).__name__)
            if name in (*found, "loss", "lr"):
                raise ValueError(
                    f"two figures of the training would be called {name!r}: give the function another __name__"
                )
            found[name] = metric
        else:
            raise TypeError(f"a metric is a name or a function of true and predicted values, got {metric!r}")
    return found
