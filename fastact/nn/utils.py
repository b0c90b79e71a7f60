"""What is done to parameters and gradients between a backward pass and a step."""

import numpy as np

from fastact import _tape
from fastact._tape import TensorBase, raw
from fastact._tensor_shape import cat


def _gradients(parameters):
    parameters = [parameters] if isinstance(parameters, TensorBase) else list(parameters)
    return [parameter for parameter in parameters if parameter.grad is not None]


def _scale(parameter, change):
    """Replace a gradient by ``change(gradient)``, in place where it can be."""
    gradient = parameter._raw_grad()
    if gradient.flags.writeable:
        gradient[...] = change(gradient)
    else:
        parameter.grad = change(gradient)


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all elements of several tensors together, as a Tensor."""
    arrays = [np.asarray(raw(tensor)) for tensor in tensors]
    norms = [np.linalg.norm(array.ravel(), norm_type) for array in arrays]
    total = np.linalg.norm(np.array(norms, arrays[0].dtype if arrays else np.float32), norm_type) if norms else 0.0
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"the norm of order {norm_type} of the gradients is {total}, so they cannot be clipped; look for the step "
            "that overflowed, or pass error_if_nonfinite=False"
        )
    return _tape.constant(np.asarray(total, arrays[0].dtype if arrays else np.float32))


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Shorten all gradients together, in place, so that their norm is `max_norm` at most.

    Parameters
    ----------
    parameters : iterable of Parameter, or one
    max_norm : float
        The largest norm allowed.
    norm_type : float
        The p of the norm; ``inf`` for the largest element.
    error_if_nonfinite : bool
        Whether a norm that is NaN or infinite raises.
    foreach
        Accepted and ignored.

    Returns
    -------
    Tensor
        The norm before.
    """
    found = _gradients(parameters)
    total = get_total_norm([parameter.grad for parameter in found], float(norm_type), error_if_nonfinite)
    factor = np.minimum(1.0, float(max_norm) / (total.item() + 1e-6))  # NaN stays NaN
    for parameter in found:
        _scale(parameter, lambda gradient: gradient * gradient.dtype.type(factor))
    return total


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Limit every element of the gradients to ±`clip_value`, in place."""
    for parameter in _gradients(parameters):
        _scale(parameter, lambda gradient: np.clip(gradient, -clip_value, clip_value))


def parameters_to_vector(parameters):
    """All parameters along one axis."""
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec, parameters):
    """Write the elements of `vec` into the parameters, in place and in order."""
    values, start = raw(vec), 0
    for parameter in parameters:
        count = parameter.numel()
        parameter._raw()[...] = values[start : start + count].reshape(parameter.shape)
        parameter._touch()
        start += count
