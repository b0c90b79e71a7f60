"""Cross-entropy of a linear layer's outputs without ever holding all of them: a tile of tokens at a time.  The products are
NumPy's; what a tile's logits become is the row kernels'."""

import numpy as np

from . import _core
from ._loss_arguments import (
    UNCOUNTED,
    check_reduction,
    checked_ignore_index,
    checked_smoothing,
    computed_in,
    first_operand,
)
from ._loss_rows import class_indices
from .reductions import delegated, in_dtype, unmasked

TILE_BYTES = 52 << 20  # logits that are held at a time
SMALL_BYTES = 1 << 18  # logits up to here: a call costs more than what it computes
CHUNK_BYTES = 6 << 20  # a piece of dweight that is added up at a time: smaller ones cost more packing in BLAS


@np.errstate(all="ignore")
def loss_of_linear(function, x, weight, target, options, with_gradient):
    """The loss, or (loss, (dx, dweight, dbias)); other types may take the call over."""
    result = _direct(x, weight, target, with_gradient, **options)
    if result is not None:
        return result
    result = delegated(function, (x, weight, target), options)
    if result is not NotImplemented:
        return result
    loss, gradients = evaluate(function.__name__, x, weight, target, with_gradient, **options)
    return (loss, gradients) if with_gradient else loss


def _direct(x, weight, target, with_gradient, *, bias, ignore_index, reduction, label_smoothing):
    """The same steps for small plain matrices of one dtype, or None for others and for wrong arguments."""
    if not (type(x) is type(weight) is np.ndarray and x.dtype == weight.dtype and x.dtype in (np.float32, np.float64)):
        return None
    if not (x.ndim == weight.ndim == 2 and x.shape[1] == weight.shape[1]):
        return None
    if len(x) * len(weight) * x.itemsize > SMALL_BYTES:
        return None
    logits = np.matmul(x, weight.T)
    if bias is not None:
        if type(bias) is not np.ndarray or bias.dtype != x.dtype or bias.shape != weight.shape[:1]:
            return None
        np.add(logits, bias, out=logits)
    kinds = (_core.CROSS_ENTROPY, None)
    result = _core.direct_rows(
        kinds, logits, target, with_gradient, 1, reduction, None, ignore_index, label_smoothing, True
    )
    if result is None or not with_gradient:
        return result
    loss, dlogits = result
    dbias = None if bias is None else dlogits.sum(axis=0)
    return loss, (np.matmul(dlogits, weight), np.matmul(dlogits.T, x), dbias)


def evaluate(name, x, weight, target, with_gradient, *, bias, ignore_index, reduction, label_smoothing):
    """(loss, (dx, dweight, dbias) or None)."""
    check_reduction(name, reduction)
    label_smoothing, ignore_index = checked_smoothing(name, label_smoothing), checked_ignore_index(name, ignore_index)
    x = first_operand(name, x)
    result_dtype, compute = x.dtype, computed_in(x.dtype)
    weight, bias = _layer(name, x, weight, bias)
    target = unmasked(name, target, UNCOUNTED)
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}() got a target of dtype {target.dtype}: expected integers (class indices)")
    classes, rows = len(weight), x.shape[:-1]
    if target.shape != rows:
        raise ValueError(
            f"{name}() got target indices of shape {target.shape}: expected {rows}, which is x's {x.shape} without its features"
        )
    index = class_indices(name, target, (*rows, classes), x.ndim - 1, ignore_index).reshape(-1)
    count = _core.weight_of(index, ignore_index, None) if reduction == "mean" else 1.0
    operands = (a if a is None else in_dtype(a, compute) for a in (x.reshape(index.size, x.shape[-1]), weight, bias))
    tiles = _Tiles(*operands, index, ignore_index, label_smoothing, _core.quotient(1.0, count))
    each = np.empty(index.shape, compute) if reduction == "none" else None
    gradients = tiles.gradients(bias is not None) if with_gradient else None
    total = tiles.run(each, gradients)
    loss = _core.mean_of(x, total, count) if each is None else None
    if each is not None:
        loss = in_dtype(each.reshape(rows), result_dtype)[()]
    if gradients is not None:
        dx, dweight, dbias = gradients
        dbias = dbias if dbias is None else in_dtype(dbias, bias.dtype)
        gradients = in_dtype(dx.reshape(x.shape), result_dtype), in_dtype(dweight, weight.dtype), dbias
    return loss, gradients


def _layer(name, x, weight, bias):
    """weight and bias as arrays of shapes that fit."""
    if x.ndim == 0:
        raise ValueError(f"{name}() got a scalar: expected an array with features on its last axis")
    weight = first_operand(name, weight)
    if weight.ndim != 2 or weight.shape[1] != x.shape[-1]:
        raise ValueError(
            f"{name}() got weight of shape {weight.shape}: expected (classes, {x.shape[-1]}), the features being "
            f"those of x, {x.shape}"
        )
    if bias is not None:
        bias = first_operand(name, bias)
        if bias.shape != weight.shape[:1]:
            raise ValueError(f"{name}() got bias of shape {bias.shape}: expected ({len(weight)},), one for each class")
    return weight, bias


class _Tiles:
    """One call: the operands, and the walk over tiles of tokens."""

    def __init__(self, x, weight, bias, index, ignore_index, label_smoothing, factor):
        self.x, self.weight, self.bias, self.index = x, weight, bias, index
        self.ignore_index, self.label_smoothing, self.factor = ignore_index, label_smoothing, factor
        most = max(1, TILE_BYTES // max(1, len(weight) * x.itemsize))
        n_tiles = max(1, -(-len(x) // most))
        self.size = max(1, -(-len(x) // n_tiles))

    def gradients(self, has_bias):
        """Room for dx, dweight and dbias."""
        classes, dtype = len(self.weight), self.x.dtype
        dbias = np.zeros(classes, dtype) if has_bias else None
        return np.empty(self.x.shape, dtype), np.empty(self.weight.shape, dtype), dbias

    def run(self, each, gradients):
        """The sum of the losses of all tokens; each and gradients are filled where they are not None."""
        logits = np.empty((self.size, len(self.weight)), self.x.dtype)
        total = 0.0
        if gradients is not None and len(self.x) == 0:
            gradients[1][...] = 0
        for start in range(0, len(self.x), self.size):
            part = slice(start, min(start + self.size, len(self.x)))
            tile = logits[: part.stop - part.start]
            np.matmul(self.x[part], self.weight.T, out=tile)
            if self.bias is not None:
                np.add(tile, self.bias, out=tile)
            total += self._losses(tile, part, each, None if gradients is None else tile)
            if gradients is not None:
                self._backward(tile, part, gradients)
        return total

    def _losses(self, tile, part, each, gradient):
        return _core.row_loss(
            _core.CROSS_ENTROPY, tile, 1, self.index[part], None, None, float(len(self.weight)),
            self.label_smoothing, self.ignore_index, self.factor, None if each is None else each[part], gradient, True,
        )  # fmt: skip

    def _backward(self, tile, part, gradients):
        """From the gradient of a tile's logits to those of x, weight and bias."""
        dx, dweight, dbias = gradients
        np.matmul(tile, self.weight, out=dx[part])
        if dbias is not None:
            dbias += tile.sum(axis=0)
        if part.start == 0:
            np.matmul(tile.T, self.x[part], out=dweight)
            return
        step = max(1, CHUNK_BYTES // max(1, dweight[:1].nbytes))
        piece = np.empty((min(step, len(dweight)), dweight.shape[1]), dweight.dtype)
        for first in range(0, len(dweight), step):
            classes = slice(first, min(first + step, len(dweight)))
            added = piece[: classes.stop - first]
            np.matmul(tile[:, classes].T, self.x[part], out=added)
            np.add(dweight[classes], added, out=dweight[classes])
