"""``fastact.torch.autograd``: gradients handed back instead of added to leaves, and passes from several tensors.

The pass itself is in ``_tape.pyx``.
"""

import numpy as np

from fastact import _tape
from fastact._grad_mode import enable_grad, no_grad, set_grad_enabled
from fastact._names import refuse_others
from fastact._tape import TensorBase
from fastact._tensor import NO_CREATE_GRAPH, start_of

__all__ = ["backward", "enable_grad", "grad", "no_grad", "set_grad_enabled"]


def _several(tensors, name):
    tensors = (tensors,) if isinstance(tensors, TensorBase) else tuple(tensors)
    for tensor in tensors:
        if not isinstance(tensor, TensorBase):
            raise TypeError(f"{name} must be a tensor or a sequence of tensors, got {type(tensor).__name__} in it")
    if not tensors:
        raise ValueError(f"{name} is empty: give one tensor or more")
    return tensors


def _joined(tensors, starts, name):
    """One tensor and the gradient from which a pass through all of `tensors` begins."""
    tensors = _several(tensors, name)
    if starts is None or isinstance(starts, (TensorBase, np.ndarray)):
        starts = (starts,) * len(tensors) if starts is None else (starts,)
    if len(starts) != len(tensors):
        raise ValueError(
            f"{name} has {len(tensors)} tensors, and there are {len(starts)} gradients: expected one for each"
        )
    starts = [start_of(tensor, start) for tensor, start in zip(tensors, starts, strict=True)]
    if len(tensors) == 1:
        return tensors[0], starts[0]
    starts = [_tape.first_of(tensor, start) for tensor, start in zip(tensors, starts, strict=True)]
    with enable_grad():
        return _tape.record(np.ones(()), tensors, lambda g: tuple(starts), "Join"), None


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False):
    """Add the gradients of several tensors together to ``.grad`` of every leaf that they were made from.

    Parameters
    ----------
    tensors : Tensor, or sequence of Tensor
        Where the pass begins.
    grad_tensors : Tensor or array_like, or a sequence of them, optional
        The gradient with respect to each of `tensors`; None for a single element, where it is 1.
    retain_graph : bool
        Keep the graph for another backward pass.
    create_graph : bool
        Not supported: derivatives of derivatives are not recorded.

    Raises
    ------
    RuntimeError
        If one of the tensors does not require grad, or a gradient has not the shape of its tensor.

    Examples
    --------
    >>> import fastact.torch as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.backward([x.sum(), (x * x).sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    if create_graph:
        raise NotImplementedError(NO_CREATE_GRAPH)
    _tape.backward(*_joined(tensors, grad_tensors, "tensors"), bool(retain_graph))


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of the sum of `outputs` with respect to `inputs`, without adding to any ``.grad``.

    Parameters
    ----------
    outputs : Tensor, or sequence of Tensor
        What is differentiated.
    inputs : Tensor, or sequence of Tensor
        Leaves or results on the way, with respect to which.
    grad_outputs : Tensor or array_like, or a sequence of them, optional
        The gradient with respect to each of `outputs`; None for a single element, where it is 1.
    retain_graph : bool
        Keep the graph for another backward pass.
    create_graph : bool
        Not supported: derivatives of derivatives are not recorded.
    only_inputs : bool
        Accepted: there is no other way.
    allow_unused : bool
        Whether inputs that `outputs` were not made from get None; otherwise they are errors.
    is_grads_batched : bool
        Not supported.
    materialize_grads : bool
        Whether such inputs get zeros.

    Returns
    -------
    tuple of Tensor
        In the order of `inputs`, outside of every graph.

    Raises
    ------
    RuntimeError
        If an input does not require grad, or none of `outputs` was made from it.
    NotImplementedError
        For create_graph and is_grads_batched.

    Examples
    --------
    >>> import fastact.torch as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    >>> x.grad is None
    True
    """
    if create_graph:
        raise NotImplementedError(NO_CREATE_GRAPH)
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched=True: call grad() once for each gradient, with retain_graph=True")
    if materialize_grads and allow_unused is False:
        raise ValueError("materialize_grads=True needs unused inputs to be allowed; leave allow_unused out")
    inputs = _several(inputs, "inputs")
    for number, tensor in enumerate(inputs):
        if not tensor.requires_grad:
            raise RuntimeError(
                f"input {number} of grad() does not require grad; set requires_grad=True before it is used"
            )
    found = _tape.gradients(*_joined(outputs, grad_outputs, "outputs"), bool(retain_graph), inputs)
    if not (allow_unused or materialize_grads) and any(part is None for part in found):
        number = [part is None for part in found].index(True)
        raise RuntimeError(
            f"input {number} of grad() was not used to make the outputs; leave it out, or pass allow_unused=True"
        )
    if materialize_grads:
        found = [
            np.zeros_like(tensor._raw()) if part is None else part for part, tensor in zip(found, inputs, strict=True)
        ]
    return tuple(None if part is None else _tape.constant(part) for part in found)


refuse_others(globals(), "fastact.torch.autograd", __all__, "grad, backward and the modes of recording")
