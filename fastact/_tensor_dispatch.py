"""How NumPy and fastact hand a call over when one of its operands is a Tensor."""

import functools

import numpy as np

from fastact import _tape
from fastact._tape import raw

REDUCTIONS = {np.add: "sum", np.maximum: "amax", np.minimum: "amin", np.logical_and: "all", np.logical_or: "any"}
NEUTRAL = {"casting": "same_kind", "order": "K", "subok": True, "where": True, "dtype": None}
FUNCTIONS: dict = {}


def array_ufunc(self, ufunc, method, *inputs, out=None, **options):
    """NumPy's protocol: called for ``ufunc.method(*inputs)`` with a Tensor among the operands."""
    options = {name: value for name, value in options.items() if not _neutral(name, value)}
    if method == "__call__" and out is None and not options.keys() & NEUTRAL.keys():
        return _tape.apply_ufunc(ufunc, inputs, options)
    if method == "reduce" and ufunc in REDUCTIONS and out is None and options.keys() <= {"axis", "keepdims"}:
        dim = options.get("axis", 0)
        return getattr(inputs[0], REDUCTIONS[ufunc])(dim, bool(options.get("keepdims", False)))
    return _unrecorded(ufunc, method, inputs, out, options)


def _neutral(name, value):
    return name in NEUTRAL and value is NEUTRAL[name] or (isinstance(value, str) and NEUTRAL.get(name) == value)


def _unrecorded(ufunc, method, inputs, out, options):
    """A form of call that has no derivative here: allowed where none is wanted."""
    given = [*inputs, *(out or ()), *options.values()]
    if _tape.is_recording() and any(isinstance(v, _tape.TensorBase) and v.requires_grad for v in given):
        form = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        extra = sorted({*options, *(("out",) if out else ())})
        raise TypeError(
            f"{form} with {', '.join(extra) or 'these arguments'} is not differentiated; detach() the tensors "
            "that require grad, or use no_grad()"
        )
    options = {name: raw(value) for name, value in options.items()}
    if out is not None:
        options["out"] = tuple(map(raw, out))
    result = getattr(ufunc, method)(*map(raw, inputs), **options)
    if out is not None:
        for target in out:
            if isinstance(target, _tape.TensorBase):
                target._touch()
        return out[0] if len(out) == 1 else out
    if isinstance(result, tuple):
        return tuple(_tape.constant(part) for part in result)
    return None if result is None else _tape.constant(result)


def fastact_function(self, func, args, kwargs):
    """fastact's protocol: called for a function that is no ufunc with a Tensor among the operands."""
    rule = FUNCTIONS.get(func)
    if rule is not None:
        return rule(*args, **kwargs)
    given = (*args, *kwargs.values())
    if _tape.is_recording() and any(isinstance(v, _tape.TensorBase) and v.requires_grad for v in given):
        raise TypeError(
            f"{func.__name__} with these arguments is not differentiated; detach() the tensors that require "
            "grad, or use no_grad()"
        )
    result = func(*map(raw, args), **{name: raw(value) for name, value in kwargs.items()})
    if isinstance(result, tuple):
        return tuple(_tape.constant(part) for part in result)
    return _tape.constant(result)


def like_operands(function):
    """`function`, which gives Tensors, made to give arrays where no operand is one."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        args = [list(a) if hasattr(a, "__iter__") and not hasattr(a, "__getitem__") else a for a in args]
        result = function(*args, **kwargs)
        return result if _has_tensor((*args, *kwargs.values())) else _plain(result)

    return call


def _has_tensor(parts):
    return any(isinstance(p, _tape.TensorBase) or (isinstance(p, (list, tuple)) and _has_tensor(p)) for p in parts)


def _plain(result):
    if isinstance(result, tuple):
        return getattr(result, "_make", tuple)(map(_plain, result))
    return result._raw()[()] if isinstance(result, _tape.TensorBase) and not result.requires_grad else result
