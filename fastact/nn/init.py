"""Values to start from, written into a tensor in place: torch's names and laws."""

import math

import numpy as np

from fastact._random import drawing_from
from fastact._random import generator as current
from fastact._tape import raw

GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def _put(tensor, values):
    raw(tensor)[...] = values
    tensor._touch()
    return tensor


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Numbers drawn evenly from [a, b)."""
    with drawing_from(generator):
        return _put(tensor, current().uniform(a, b, tensor.shape))


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal numbers."""
    with drawing_from(generator):
        return _put(tensor, current().normal(mean, std, tensor.shape))


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal numbers, drawn again until they lie in [a, b]."""
    with drawing_from(generator):
        values = current().normal(mean, std, tensor.shape)
        outside = (values < a) | (values > b)
        while outside.any():
            values[outside] = current().normal(mean, std, int(outside.sum()))
            outside = (values < a) | (values > b)
    return _put(tensor, values)


def constant_(tensor, val):
    """One value everywhere."""
    return _put(tensor, val)


def ones_(tensor):
    """Ones."""
    return _put(tensor, 1)


def zeros_(tensor):
    """Zeros."""
    return _put(tensor, 0)


def eye_(tensor):
    """The identity matrix."""
    _check_matrix("eye_", tensor)
    return _put(tensor, np.eye(*tensor.shape))


def calculate_gain(nonlinearity, param=None):
    """The factor that keeps the spread of activations through a nonlinearity.

    Parameters
    ----------
    nonlinearity : str
        "linear", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
    param : float, optional
        The slope of "leaky_relu", 0.01 unless given.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"no gain is known for {nonlinearity!r}: choose one of {', '.join([*GAINS, 'leaky_relu'])}")
    return GAINS[nonlinearity]


def _check_matrix(name, tensor):
    if len(tensor.shape) != 2:
        raise ValueError(f"{name} fills matrices, got a tensor of shape {tensor.shape}")


def _fans(tensor):
    if len(tensor.shape) < 2:
        raise ValueError(f"fan in and fan out need at least 2 axes, got a tensor of shape {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Evenly from ±gain·√(6 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Normal with deviation gain·√(2 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def _kaiming(tensor, a, mode, nonlinearity):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode={mode!r} is unknown; choose 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Evenly from ±gain·√(3 / fan) (He et al. 2015); `a` is the slope of "leaky_relu"."""
    bound = math.sqrt(3.0) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal with deviation gain / √fan (He et al. 2015); `a` is the slope of "leaky_relu"."""
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor, gain=1, generator=None):
    """A matrix with orthogonal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2013)."""
    if len(tensor.shape) < 2:
        raise ValueError(f"orthogonal_ needs at least 2 axes, got a tensor of shape {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    with drawing_from(generator):
        q, r = np.linalg.qr(current().standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return _put(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """A matrix of normal numbers with a share `sparsity` of zeros in each column (Martens 2010)."""
    _check_matrix("sparse_", tensor)
    rows, columns = tensor.shape
    normal_(tensor, 0.0, std, generator)
    with drawing_from(generator):
        for column in range(columns):
            raw(tensor)[current().permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return tensor
