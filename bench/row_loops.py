"""The softmax family and cross-entropy as NumPy expressions and as numba loops, written as well as those allow."""

from __future__ import annotations

import math

import numpy as np

NUMPY_FUNCTIONS = ("softmax", "log_softmax", "logsumexp", "cross_entropy", "value_and_grad_cross_entropy")


def softmax(x, y=None, axis=-1):
    """Softmax into y."""
    y = np.subtract(x, x.max(axis=axis, keepdims=True), out=y)
    np.exp(y, out=y)
    return np.divide(y, y.sum(axis=axis, keepdims=True), out=y)


def log_softmax(x, y=None, axis=-1):
    """Log-softmax into y."""
    y = np.subtract(x, x.max(axis=axis, keepdims=True), out=y)
    return np.subtract(y, np.log(np.exp(y).sum(axis=axis, keepdims=True)), out=y)


def logsumexp(x, scratch=None, axis=-1):
    """Log of the sum of exponentials, through a scratch array."""
    largest = x.max(axis=axis, keepdims=True)
    shifted = np.subtract(x, largest, out=scratch)
    total = np.exp(shifted, out=shifted).sum(axis=axis, keepdims=True)
    return np.squeeze(np.log(total) + largest, axis=axis)


def cross_entropy(x, scratch, target):
    """Mean cross-entropy of logits against class indices."""
    chosen = x[np.arange(len(x)), target]
    return (logsumexp(x, scratch) - chosen).mean()


def value_and_grad_cross_entropy(x, target):
    """Mean cross-entropy and its gradient."""
    index = np.arange(len(x))
    largest = x.max(axis=-1, keepdims=True)
    gradient = np.subtract(x, largest)
    chosen = gradient[index, target]
    np.exp(gradient, out=gradient)
    total = gradient.sum(axis=-1, keepdims=True)
    loss = (np.log(total[:, 0]) - chosen).mean()
    np.divide(gradient, total * len(x), out=gradient)
    gradient[index, target] -= gradient.dtype.type(1 / len(x))
    return loss, gradient


def _softmax(x, y):
    for i in range(x.shape[0]):
        largest = x[i].max()
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            y[i, j] = math.exp(x[i, j] - largest)
            total += y[i, j]
        scale = x.dtype.type(1) / total
        for j in range(x.shape[1]):
            y[i, j] *= scale
    return y


def _log_softmax(x, y):
    for i in range(x.shape[0]):
        largest = x[i].max()
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += math.exp(x[i, j] - largest)
        shift = largest + math.log(total)
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] - shift
    return y


def _logsumexp(x, y):
    for i in range(x.shape[0]):
        largest = x[i].max()
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += math.exp(x[i, j] - largest)
        y[i] = largest + math.log(total)
    return y


def _cross_entropy(x, target):
    loss = 0.0
    for i in range(x.shape[0]):
        largest = x[i].max()
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += math.exp(x[i, j] - largest)
        loss += largest + math.log(total) - x[i, target[i]]
    return loss / x.shape[0]


def _value_and_grad_cross_entropy(x, target, y):
    loss = 0.0
    for i in range(x.shape[0]):
        largest = x[i].max()
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            y[i, j] = math.exp(x[i, j] - largest)
            total += y[i, j]
        loss += largest + math.log(total) - x[i, target[i]]
        scale = x.dtype.type(1) / (total * x.dtype.type(x.shape[0]))
        for j in range(x.shape[1]):
            y[i, j] *= scale
        y[i, target[i]] -= x.dtype.type(1) / x.dtype.type(x.shape[0])
    return loss / x.shape[0], y


_compiled: dict[str, object] = {}


def numba_loop(function: str) -> object:
    """The compiled loop of a function over the rows of a matrix."""
    import numba

    if function not in _compiled:
        source = globals()["_" + function.replace(".", "_")]
        _compiled[function] = numba.njit(fastmath=True, error_model="numpy")(source)
    return _compiled[function]
