"""Operators of Tensor, its elementwise methods, and its changes in place.

Each operator is one ufunc, so that the tape records it by the rule in ``_tensor_rules.py``; no formula belongs here.
"""

import numbers
from typing import Any

import numpy as np

from fastact import _tape, activations
from fastact._tape import raw

BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
COMPARISON = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def _of_numpy(names):
    """NumPy's ufuncs of these names."""
    return {name: getattr(np, name) for name in names.split()}


METHODS: dict[str, Any] = {
    **_of_numpy(
        "exp exp2 log log2 log10 log1p expm1 sqrt square absolute negative arcsin arccos sin cos tan sign sinh "
        "cosh arctan floor ceil trunc signbit isnan isinf isfinite logical_not"
    ),
    "abs": np.absolute,
    "neg": np.negative,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    **{name: getattr(activations, name) for name in ("relu", "sigmoid", "tanh", "erf")},
}
SCALED = {"add": np.add, "sub": np.subtract, "subtract": np.subtract}
METHODS_OF_TWO = {
    **SCALED,
    **_of_numpy(
        "multiply true_divide floor_divide remainder matmul fmod arctan2 logaddexp logical_and logical_or "
        "logical_xor maximum minimum not_equal less less_equal greater greater_equal"
    ),
    "mul": np.multiply,
    "pow": np.power,
    "atan2": np.arctan2,
    **COMPARISON,
}
# axes of the two operands of a product that is no matmul
PRODUCTS = {"mm": (2, 2), "mv": (2, 1), "dot": (1, 1), "bmm": (3, 3)}


IN_PLACE = (
    "abs addcdiv addcmul ceil clamp exp floor lerp log neg reciprocal relu round rsqrt sigmoid sqrt square tanh trunc"
)


class Operators:
    """What Tensor computes element by element, and how its values change in place."""

    __slots__ = ()

    def __setitem__(self, index, value):
        writable(self, value)[raw_index(index)] = raw(value)

    def fill_(self, value):
        """Set every element to `value`, in place."""
        writable(self)[...] = value
        return self

    def zero_(self):
        """Set every element to 0, in place."""
        return self.fill_(0)

    def copy_(self, source):
        """Take the values of `source`, in place."""
        writable(self, source)[...] = raw(source)
        return self

    def normal_(self, mean=0.0, std=1.0):
        """Fill with normal random numbers, in place."""
        from fastact._random import generator

        writable(self)[...] = generator().normal(mean, std, self.shape)
        return self

    def uniform_(self, low=0.0, high=1.0):
        """Fill with uniform random numbers, in place."""
        from fastact._random import generator

        writable(self)[...] = generator().uniform(low, high, self.shape)
        return self

    def clamp(self, min=None, max=None):
        """The elements limited to [min, max], numbers or tensors; the gradient goes to the limit outside, else to the element."""
        if min is None and max is None:
            raise ValueError("clamp needs min, max or both")
        low, high = (-np.inf if min is None else min), (np.inf if max is None else max)
        numbers = all(isinstance(limit, (int, float)) for limit in (low, high))
        if numbers:
            values = (self._raw(), low, high)
            limited = np.clip(self._raw(), min, max)
            widened = limited.dtype.kind == "f" and not self.is_floating_point()
            limited = limited.astype(np.float32 if widened else self.dtype, copy=False)
        else:
            values = tuple(_tape.values_of((self, low, high)))
            limited = values[0] if min is None else np.maximum(values[0], values[1])
            limited = limited if max is None else np.minimum(limited, values[2])

        def derivative(g):
            x, bottom, top = values
            zero, reached = g.dtype.type(0), (x >= bottom) & (x <= top)
            shares = (reached, (x < bottom) & (bottom < top), (x > top) | (top < bottom))
            return tuple(
                _tape.unbroadcast(np.where(share, g, zero), np.shape(value))
                for share, value in zip(shares[: 1 if numbers else 3], values, strict=False)
            )

        return _tape.record(limited, (self,) if numbers else (self, low, high), derivative, "Clamp", True)

    clip = clamp

    def clamp_min(self, min):
        """The elements that are not below `min`, and `min` for the others."""
        return self.clamp(min=min)

    def clamp_max(self, max):
        """The elements that are not above `max`, and `max` for the others."""
        return self.clamp(max=max)

    def round(self, *, decimals=0):
        """The nearest whole numbers, or decimal fractions; even ones in the middle."""
        if self.dtype.kind in "iub" and decimals >= 0:
            return self.clone()
        if decimals == 0:
            return _tape.apply_ufunc(np.rint, (self,))
        return _tape.apply_ufunc(np.rint, (self * 10.0**decimals,)) / 10.0**decimals

    def rsqrt(self):
        """1 / √x."""
        return 1.0 / self.sqrt()

    def lerp(self, end, weight):
        """The way from here to `end`, of which `weight` is done."""
        return self + weight * (end - self)

    def addcmul(self, tensor1, tensor2, *, value=1):
        """This tensor + value · tensor1 · tensor2."""
        return self + value * (tensor1 * tensor2)

    def addcdiv(self, tensor1, tensor2, *, value=1):
        """This tensor + value · tensor1 / tensor2."""
        return self + value * (tensor1 / tensor2)

    def addmm(self, mat1, mat2, *, beta=1, alpha=1):
        """beta · this tensor + alpha · mat1 @ mat2."""
        product = mat1.mm(mat2)
        return (self if beta == 1 else self * beta) + (product if alpha == 1 else product * alpha)

    def div(self, other, *, rounding_mode=None):
        """The quotient; "floor" and "trunc" round it, down or towards 0, in the dtype of whole numbers too."""
        if rounding_mode not in (None, "floor", "trunc"):
            raise ValueError(f"rounding_mode={rounding_mode!r} is unknown; choose None, 'floor' or 'trunc'")
        quotient = _tape.apply_ufunc(np.true_divide, (self, other))
        if rounding_mode is None:
            return quotient
        whole = all(np.asarray(raw(part)).dtype.kind in "iub" for part in (self, other))
        if whole and rounding_mode == "floor":
            return self // other
        rounded = getattr(quotient, rounding_mode)()
        return rounded.to(np.result_type(self._raw(), raw(other))) if whole else rounded

    divide = div

    def outer(self, vec2):
        """Each element times each of `vec2`."""
        if self.ndim != 1 or np.ndim(raw(vec2)) != 1:
            raise ValueError(f"outer takes two tensors of one axis, got {self.shape} and {np.shape(raw(vec2))}")
        return self.unsqueeze(1) * vec2

    def reciprocal(self):
        """1 / x; of integers too, which `numpy.reciprocal` rounds to 0."""
        return 1.0 / self


def raw_index(index):
    """`index` with the arrays of the Tensors in it."""
    return tuple(raw(part) for part in index) if isinstance(index, tuple) else raw(index)


def writable(target, source=None):
    """The array of `target` for a change in place, noted by the tape; refused where a gradient would be lost."""
    if _tape.is_recording():
        if target.requires_grad:
            raise RuntimeError(
                "a tensor that requires grad cannot be changed in place while its graph is recorded; "
                "do it under no_grad(), or compute a new tensor"
            )
        if isinstance(source, _tape.TensorBase) and source.requires_grad:
            raise RuntimeError(
                "a value that requires grad cannot be written into a tensor: its gradient would be lost; "
                "use where, cat or stack, or detach() it"
            )
    target._touch()
    return target._raw()


def _forward(ufunc):
    return lambda self, other: _tape.apply_ufunc(ufunc, (self, other))


def _scaled(ufunc):
    def operate(self, other, *, alpha=1):
        return _tape.apply_ufunc(ufunc, (self, other if alpha == 1 else np.multiply(other, alpha)))

    return operate


def _written(method):
    def operate(self, *args, **kwargs):
        array = writable(self)
        result = getattr(_tape.constant(array), method)(*args, **kwargs)
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise RuntimeError(
                f"a tensor of {self.dtype} cannot hold {method} of itself, {result.dtype}; convert it first"
            )
        array[...] = raw(result)
        return self

    operate.__doc__ = f"`{method}`, in place."
    operate.__name__, operate.__qualname__ = f"{method}_", f"Operators.{method}_"
    return operate


def _reflected(ufunc):
    return lambda self, other: _tape.apply_ufunc(ufunc, (other, self))


def _in_place(ufunc):
    def operate(self, other):
        if self.requires_grad and self.is_leaf and _tape.is_recording():
            raise RuntimeError(
                "a leaf that requires grad cannot be changed in place while its graph is recorded; "
                "do it under no_grad(), or write a = a + b"
            )
        result = _tape.apply_ufunc(ufunc, (self, other))
        if result.shape != self.shape:
            raise RuntimeError(
                f"a tensor of shape {self.shape} cannot hold a result of shape {result.shape}; write a = a + b instead"
            )
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise RuntimeError(
                f"a tensor of {self.dtype} cannot hold a result of {result.dtype}; write a = a + b, or convert it first"
            )
        if result.requires_grad:
            return result
        self._raw()[...] = result._raw()
        self._touch()
        return self

    return operate


def _changing(ufunc):
    def operate(self, other, *, alpha=1):
        array = writable(self, other)
        ufunc(array, raw(other) if alpha == 1 else alpha * raw(other), out=array, casting="same_kind")
        return self

    return operate


def _product(name, axes):
    def operate(self, other):
        given = self.shape, np.shape(raw(other))
        if tuple(map(len, given)) != axes:
            raise ValueError(
                f"{name} takes tensors of {axes[0]} and {axes[1]} axes, got {given[0]} and {given[1]}; use matmul"
            )
        return _tape.apply_ufunc(np.matmul, (self, other))

    return operate


def _of_one(ufunc):
    return lambda self: _tape.apply_ufunc(ufunc, (self,))


def _is_comparable(other):
    """Whether it is numbers, or an array of whatever; texts and other objects are unequal, and in no order."""
    array = np.asarray(raw(other))
    one_object = array.dtype == object and array.ndim == 0
    return array.dtype.kind not in "SUTmM" and (not one_object or isinstance(other, numbers.Number))


def _compared(ufunc):
    return lambda self, other: _tape.apply_ufunc(ufunc, (self, other)) if _is_comparable(other) else NotImplemented


def _define(name, function, ufunc):
    function.__name__ = name
    function.__qualname__ = f"Operators.{name}"
    function.__doc__ = f"`numpy.{ufunc.__name__}`, recorded on the tape."
    setattr(Operators, name, function)


def _define_all():
    for name, ufunc in BINARY.items():
        _define(f"__{name}__", _forward(ufunc), ufunc)
        _define(f"__r{name}__", _reflected(ufunc), ufunc)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        _define(f"__i{name}__", _in_place(BINARY[name]), BINARY[name])
    for name in ("add", "sub", "mul", "truediv", "pow"):
        _define(f"{name.removeprefix('true')}_", _changing(BINARY[name]), BINARY[name])
    for name, ufunc in COMPARISON.items():
        _define(f"__{name}__", _compared(ufunc), ufunc)
    for name, ufunc in UNARY.items():
        _define(f"__{name}__", _of_one(ufunc), ufunc)
    for name, ufunc in METHODS.items():
        _define(name, _of_one(ufunc), ufunc)
    for name, ufunc in METHODS_OF_TWO.items():
        _define(name, _scaled(ufunc) if name in SCALED else _forward(ufunc), ufunc)
    for name, axes in PRODUCTS.items():
        _define(name, _product(name, axes), np.matmul)
    for name in IN_PLACE.split():
        setattr(Operators, f"{name}_", _written(name))


_define_all()
