"""Layers that subtract a mean and divide by a spread: layer, root-mean-square and batch normalisation, one node each.

Means and variances add up in float64 whatever the dtype of the input, since they pass through every element after them.
"""

import numpy as np

from fastact import _tape
from fastact._tape import raw


def _meet(operands):
    """The arrays of `operands` (None stays) in the floating dtype of the Tensors among them."""
    given = tuple(operand for operand in operands if operand is not None)
    values = iter(_tape.values_of(given))
    arrays = [None if operand is None else np.asarray(next(values)) for operand in operands]
    if arrays[0].dtype.kind in "iub":
        arrays[0] = arrays[0].astype(np.float32 if arrays[1] is None else arrays[1].dtype)
    return arrays


def _mean(x, axes):
    return np.mean(x, axis=axes, keepdims=True, dtype=np.float64)


def _moments(x, axes, center):
    """Mean (None: not wanted) and mean square around it, both float64."""
    mean = _mean(x, axes) if center else None
    deviation = x if mean is None else x - mean
    return mean, _mean(np.square(deviation, dtype=np.float64), axes)


def _standardized(x, mean, square, eps):
    """(x - mean) / √(square + eps), and the factor 1/√, in the dtype of x."""
    factor = 1.0 / np.sqrt(square + eps)
    normal = x * factor if mean is None else (x - mean) * factor
    return normal.astype(x.dtype), factor.astype(x.dtype)


def _through(g, normal, factor, axes, center):
    """The gradient with respect to what was standardised from the gradient `g` of the result."""
    inner = g - normal * _mean(g * normal, axes).astype(g.dtype)
    if center:
        inner -= _mean(g, axes).astype(g.dtype)
    return inner * factor


def _recorded(operands, values, normal, input_gradient, name):
    """normal · weight + bias as one node; `input_gradient` takes the gradient with respect to `normal`."""
    _, weight, bias = values
    y = normal if weight is None else normal * weight
    y = y if bias is None else y + bias

    def backward(g):
        dweight = None if weight is None else _tape.unbroadcast(g * normal, weight.shape)
        dbias = None if bias is None else _tape.unbroadcast(g, bias.shape)
        return input_gradient(g if weight is None else g * weight), dweight, dbias

    return _tape.record(y, operands, backward, name, True, y is normal)


def over_last(name, input, normalized_shape, weight, bias, eps, center):
    """Layer normalisation (`center`) or root-mean-square normalisation over the last axes, as a Tensor."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(f"{name} of {shape} got an input of shape {input.shape}: its last axes must be {shape}")
    for part, what in ((weight, "weight"), (bias, "bias")):
        if part is not None and np.shape(raw(part)) != shape:
            raise ValueError(f"{name} of {shape} got a {what} of shape {np.shape(raw(part))}: expected {shape}")
    values = _meet((input, weight, bias))
    x, axes = values[0], tuple(range(-len(shape), 0))
    eps = float(np.finfo(np.promote_types(x.dtype, np.float32)).eps) if eps is None else eps
    normal, factor = _standardized(x, *_moments(x, axes, center), eps)
    return _recorded((input, weight, bias), values, normal, lambda g: _through(g, normal, factor, axes, center), name)


def _channels(part, x, what):
    """One figure for each channel, shaped to meet the input."""
    if part is None:
        return None
    array = np.asarray(raw(part))
    if array.shape != (x.shape[1],):
        raise ValueError(
            f"batch_norm got {what} of shape {array.shape} for {x.shape[1]} channels: expected one for each"
        )
    return array.reshape(-1, *(1,) * (x.ndim - 2))


def over_batch(input, running_mean, running_var, weight, bias, training, momentum, eps):
    """Batch normalisation of each channel (axis 1), as a Tensor; moves the running figures in training."""
    if input.ndim < 2:
        raise ValueError(f"batch_norm got an input of shape {input.shape}: expected (N, C) or (N, C, ...)")
    values = _meet((input, weight, bias))
    x, axes = values[0], (0, *range(2, input.ndim))
    values[1:] = _channels(values[1], x, "weight"), _channels(values[2], x, "bias")
    if training:
        count = x.size // max(x.shape[1], 1)
        if count < 2:
            raise ValueError(
                f"batch_norm in training got one value for each channel, in an input of shape {x.shape}: its variance "
                "says nothing; use larger batches (drop_last=True), or eval()"
            )
        mean, square = _moments(x, axes, True)
        _move(running_mean, mean, momentum)
        _move(running_var, square * (count / (count - 1)), momentum)
    else:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm outside of training needs running_mean and running_var")
        mean = _channels(running_mean, x, "running_mean").astype(np.float64)
        square = _channels(running_var, x, "running_var").astype(np.float64)
    normal, factor = _standardized(x, mean, square, eps)

    def backward(g):
        return _through(g, normal, factor, axes, True) if training else g * factor

    operands = tuple(_reshaped(part, x) for part in (weight, bias))
    return _recorded((input, *operands), values, normal, backward, "BatchNorm")


def _reshaped(part, x):
    """`part` as the node's operand: a Tensor in the shape in which it meets the input."""
    return part.reshape(-1, *(1,) * (x.ndim - 2)) if isinstance(part, _tape.TensorBase) and x.ndim > 2 else part


def _move(running, found, momentum):
    """Let a running figure move towards that of the batch, in place."""
    if running is None:
        return
    array = raw(running)
    array += (momentum * (found.reshape(array.shape) - array)).astype(array.dtype)
    if isinstance(running, _tape.TensorBase):
        running._touch()
