"""Functions behind the layers, under torch's names: linear, dropout, normalisations, embedding, one_hot, normalize,
cosine_similarity.

`functional.py` hands them on. The arithmetic of the normalisations is in ``fastact/_normalize.py``.
"""

import numpy as np

from fastact import _normalize, _tape
from fastact._random import generator
from fastact._tape import raw
from fastact._tensor_dispatch import like_operands
from fastact._tensor_reduce import taking_synonyms


def as_array(input):
    """`input` as something with axes: Tensors, arrays and what takes fastact's functions over itself as they are."""
    if isinstance(input, (_tape.TensorBase, np.ndarray)) or hasattr(type(input), "__fastact_function__"):
        return input
    return np.asarray(input)


def linear(input, weight, bias=None):
    """x Wᵀ + b.

    Parameters
    ----------
    input : Tensor or array_like, shape (..., in)
    weight : Tensor or array_like, shape (out, in) or (in,)
        Of one axis: the result has none for the outputs.
    bias : Tensor or array_like, shape (out,), (1,) or (), optional
    """
    if as_array(weight).ndim == 1:
        y = np.matmul(as_array(input), as_array(weight))
        return y if bias is None else np.add(y, bias)
    if isinstance(weight, _tape.TensorBase) and (
        bias is None or (isinstance(bias, _tape.TensorBase) and bias.shape == weight.shape[:1])
    ):
        return _tape.linear(input, weight, bias)
    y = np.matmul(as_array(input), as_array(weight).T)
    return y if bias is None else np.add(y, bias)


def draw_kept(shape, p):
    """Which elements dropout keeps: each with probability 1 - `p`, from the generator that `manual_seed` starts."""
    return generator().random(shape, np.float32) >= p


@like_operands
def dropout(input, p=0.5, training=True, inplace=False):
    """Each element 0 with probability `p`, the others divided by 1 - p; the input itself outside of training.

    Parameters
    ----------
    input : Tensor or array_like
    p : float
        From 0 to 1.
    training : bool
        False gives the input back.
    inplace : bool
        Accepted and ignored.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout got p={p!r}: expected a probability from 0 to 1")
    input = as_array(input)
    if not training or p == 0:
        return input
    x = input if isinstance(input, _tape.TensorBase) else _tape.constant(input)
    values = x._raw() if x.is_floating_point() else x._raw().astype(np.float32)
    scale = values.dtype.type(0.0 if p == 1 else 1.0 / (1.0 - p))
    factor = draw_kept(x.shape, p) * scale
    return _tape.record(values * factor, (x,), lambda g: g * factor, "Dropout")


@like_operands
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x − mean) / √(variance + eps) · weight + bias, over the last axes.

    Parameters
    ----------
    input : Tensor or array_like
    normalized_shape : int or tuple of int
        Lengths of the axes that are normalised together, the last ones of the input.
    weight, bias : Tensor or array_like, shape `normalized_shape`, optional
    eps : float
        Added to the variance, which is divided by the count.
    """
    return _normalize.over_last("layer_norm", as_array(input), normalized_shape, weight, bias, eps, True)


@like_operands
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / √(mean of x² + eps) · weight, over the last axes; arguments as `layer_norm`.

    Parameters
    ----------
    eps : float, optional
        The spacing of float64 at 1 for input of that dtype, else that of float32, unless given.
    """
    return _normalize.over_last("rms_norm", as_array(input), normalized_shape, weight, None, eps, False)


@like_operands
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """(x − mean) / √(variance + eps) · weight + bias for each channel, axis 1 of the input.

    Parameters
    ----------
    input : Tensor or array_like, shape (N, C) or (N, C, ...)
    running_mean, running_var : Tensor, shape (C,), or None
        Means and variances so far: in training they move towards those of the batch, otherwise they are used.
    weight, bias : Tensor or array_like, shape (C,), optional
    training : bool
        Whether the batch's own mean and variance are used.
    momentum : float
        The share of the batch in the running figures.
    eps : float
        Added to the variance.
    """
    return _normalize.over_batch(as_array(input), running_mean, running_var, weight, bias, training, momentum, eps)


@like_operands
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight` at the indices `input`.

    Parameters
    ----------
    input : Tensor or array_like of int
        Indices from 0 to the number of rows.
    weight : Tensor or array_like, shape (rows, length)
    padding_idx : int, optional
        A row that gets no gradient; may count from the end.
    max_norm : float, optional
        Rows that are used and longer than this are first shortened, in place.
    norm_type : float
        The p of the norm of `max_norm`.
    scale_grad_by_freq : bool
        Divide a row's gradient by how often it was used.
    sparse : bool
        Accepted and ignored: gradients are dense.
    """
    index, table = np.asarray(raw(input)), as_array(weight)
    if index.dtype.kind not in "iu":
        raise TypeError(f"embedding takes integer indices, got {index.dtype}; convert them with .long()")
    rows = table.shape[0]
    if index.size and not (index.min() >= 0 and index.max() < rows):
        wrong = index[(index < 0) | (index >= rows)].flat[0]
        raise IndexError(f"embedding got index {wrong} for a weight of {rows} rows: expected 0 to {rows - 1}")
    if max_norm is not None:
        _shorten(table, np.unique(index), max_norm, norm_type)
    values = raw(table)

    def backward(g):
        spread = np.zeros(values.shape, values.dtype)
        np.add.at(spread, index.ravel(), g.reshape(-1, *values.shape[1:]))
        if scale_grad_by_freq:
            spread /= np.maximum(np.bincount(index.ravel(), minlength=rows), 1)[:, None].astype(values.dtype)
        if padding_idx is not None:
            spread[padding_idx] = 0
        return spread

    return _tape.record(values[index], (table,), backward, "Embedding", watched=(input,))


def _shorten(table, used, max_norm, norm_type):
    rows = raw(table)[used]
    lengths = np.linalg.norm(rows, norm_type, axis=1, keepdims=True)
    raw(table)[used] = np.where(lengths > max_norm, rows * (max_norm / (lengths + 1e-7)), rows)
    if isinstance(table, _tape.TensorBase):
        table._touch()


@like_operands
def one_hot(tensor, num_classes=-1):
    """Rows of an identity matrix: 1 at each index, 0 elsewhere, along a new last axis.

    Parameters
    ----------
    tensor : Tensor or array_like of int
        Indices from 0.
    num_classes : int
        How many; -1 takes the largest index plus one.
    """
    index = np.asarray(raw(tensor))
    if index.dtype.kind not in "iu":
        raise TypeError(f"one_hot takes integer indices, got {index.dtype}; convert them with .long()")
    if num_classes == -1:
        if index.size == 0:
            raise ValueError("one_hot cannot infer num_classes from no indices; give it")
        num_classes = max(int(index.max()) + 1, 1)
    wrong = index[(index < 0) | (index >= num_classes)]
    if wrong.size:
        allowed = f"from 0 to {num_classes - 1}"
        raise ValueError(f"one_hot got index {wrong.flat[0]}; with {num_classes} classes it must be {allowed}")
    return _tape.constant((index[..., None] == np.arange(num_classes)).astype(np.int64))


@like_operands
@taking_synonyms
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x divided by its p-norm along `dim`, but by `eps` at least."""
    tensor = as_array(input)
    tensor = tensor if isinstance(tensor, _tape.TensorBase) else _tape.constant(tensor)
    return tensor / np.maximum(tensor.norm(p, dim, keepdim=True), eps)


@like_operands
@taking_synonyms
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between `x1` and `x2` along `dim`; lengths count as `eps` at least."""
    first, second = (x if isinstance(x, _tape.TensorBase) else _tape.constant(np.asarray(x)) for x in (x1, x2))
    shape = np.broadcast_shapes(first.shape, second.shape)
    first, second = first.expand(shape), second.expand(shape)  # an axis of length 1 counts as often as it is repeated
    lengths = (np.maximum(part.norm(2, dim, keepdim=True), eps) for part in (first, second))
    return ((first / next(lengths)) * (second / next(lengths))).sum(dim)
