"""The names that torch scripts use at the top: ``import fastact.torch as torch``.

Names only: what they stand for is defined in the modules of fastact. A name that is not here raises AttributeError.
"""

import sys
import types
import typing

import numpy as np

import fastact as fa
from fastact import _autograd as autograd
from fastact import _data, nn, optim
from fastact._device import device
from fastact._grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from fastact._names import missing
from fastact._random import Generator, initial_seed, manual_seed
from fastact._tensor import Tensor, tensor
from fastact._tensor_dispatch import like_operands
from fastact._tensor_einsum import einsum
from fastact._tensor_factories import (
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from fastact._tensor_more import bucketize, cdist, isin, meshgrid, searchsorted
from fastact._tensor_operators import METHODS, METHODS_OF_TWO
from fastact._tensor_reduce import taking_synonyms
from fastact._tensor_shape import cat, stack, where
from fastact.nn.functional import log_softmax, one_hot, softmax

__all__ = [
    "Generator", "Tensor", "arange", "as_tensor", "autograd", "bernoulli", "bucketize", "cat", "cdist", "device",
    "einsum", "empty", "empty_like", "enable_grad", "eye", "from_numpy", "full", "full_like", "initial_seed",
    "is_grad_enabled", "isin", "linspace", "log_softmax", "manual_seed", "meshgrid", "nn", "no_grad", "normal",
    "one_hot", "ones", "ones_like", "optim", "rand", "rand_like", "randint", "randn", "randn_like", "randperm",
    "searchsorted", "set_grad_enabled", "softmax", "stack", "tensor", "where", "zeros", "zeros_like",
]  # fmt: skip

inference_mode = no_grad
concat = concatenate = cat
Size = tuple
finfo, iinfo = np.finfo, np.iinfo
get_num_threads = fa.get_num_threads
half, float, double = map(np.dtype, ("float16", "float32", "float64"))
float16, float32, float64 = half, float, double
uint8, int8, int16, int32, int64 = map(np.dtype, ("uint8", "int8", "int16", "int32", "int64"))
short, int, long, bool = int16, int32, int64, np.dtype("bool")
pi, e, inf, nan = np.pi, np.e, np.inf, np.nan
relu, sigmoid, tanh = fa.relu, fa.sigmoid, fa.tanh
_by_name: typing.Any = object()  # what stands here only for type checkers to know the name
exp = exp2 = log = log2 = log10 = log1p = expm1 = sqrt = square = abs = absolute = neg = negative = asin = _by_name
arcsin = acos = arccos = sin = cos = tan = sign = sinh = cosh = atan = arctan = floor = ceil = trunc = _by_name
signbit = isnan = isinf = isfinite = logical_not = erf = mul = multiply = true_divide = floor_divide = _by_name
remainder = pow = matmul = fmod = atan2 = arctan2 = logaddexp = logical_and = logical_or = logical_xor = _by_name
maximum = minimum = eq = ne = lt = le = gt = ge = not_equal = less = less_equal = greater = greater_equal = _by_name
globals().update({**METHODS, **METHODS_OF_TWO})

FloatTensor, DoubleTensor, LongTensor = (
    (lambda data, dtype=dtype: tensor(data, dtype)) for dtype in (float32, float64, int64)
)


def _beside(input, others):
    """`input` as a Tensor: unless it is one, of the floating dtype of the Tensors among `others`."""
    met = (part.dtype for part in others if isinstance(part, Tensor) and part.is_floating_point())
    return input if isinstance(input, Tensor) else as_tensor(input, next(met, None))


def _method(name):
    """A function that calls the method `name` of its first argument, made a Tensor."""

    def call(input, *args, **kwargs):
        others = () if name == "bincount" else (*args, *kwargs.values())
        return getattr(_beside(input, others), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = getattr(Tensor, name).__doc__
    return like_operands(call)


sum = mean = var = std = norm = max = min = amax = amin = argmax = argmin = all = any = clamp = reshape = _by_name
flatten = squeeze = unsqueeze = transpose = permute = t = gather = masked_fill = numel = logsumexp = _by_name
reciprocal = add = sub = prod = cumsum = cumprod = sort = argsort = topk = median = count_nonzero = unique = _by_name
bincount = nan_to_num = split = chunk = unbind = narrow = select = tile = repeat_interleave = index_select = _by_name
masked_select = take = flip = roll = triu = tril = diag = unflatten = movedim = broadcast_to = nonzero = _by_name
scatter = ravel = swapaxes = clip = clamp_min = clamp_max = round = rsqrt = lerp = addcmul = addcdiv = addmm = _by_name
bmm = outer = is_floating_point = isclose = allclose = equal = clone = detach = div = divide = mm = mv = dot = _by_name
quantile = nansum = nanmean = diff = diagonal = trace = scatter_add = index_add = multinomial = frac = inner = _by_name
fliplr = flipud = moveaxis = swapdims = subtract = _by_name
for _name in [name for name, value in globals().items() if value is _by_name and name != "_by_name"]:
    globals()[_name] = _method(_name)


bucketize, isin, searchsorted, where = map(like_operands, (bucketize, isin, searchsorted, where))


def _together(parts):
    return [_beside(part, parts) for part in parts]


def is_tensor(obj):
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


@like_operands
def hstack(tensors):
    """Tensors put together along axis 1, or along the only axis; numbers along a new one."""
    tensors = [part.reshape(1) if part.ndim == 0 else part for part in _together(tensors)]
    return cat(tensors, 1 if tensors[0].ndim > 1 else 0)


@like_operands
def vstack(tensors):
    """Tensors put together along axis 0, those of one axis as rows."""
    return cat([part.reshape(1, -1) if part.ndim < 2 else part for part in _together(tensors)], 0)


@like_operands
def column_stack(tensors):
    """Tensors put together along axis 1, those of one axis as columns."""
    return cat([part.reshape(-1, 1) if part.ndim < 2 else part for part in _together(tensors)], 1)


@like_operands
@taking_synonyms
def var_mean(input, dim=None, *, correction=1, keepdim=False):
    """Variance and mean over `dim`."""
    input = as_tensor(input)
    return input.var(dim, correction, keepdim), input.mean(dim, keepdim)


@like_operands
@taking_synonyms
def std_mean(input, dim=None, *, correction=1, keepdim=False):
    """Standard deviation and mean over `dim`."""
    input = as_tensor(input)
    return input.std(dim, correction, keepdim), input.mean(dim, keepdim)


def get_default_dtype():
    """float32: what Python floats become."""
    return float32


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Accepted: equal seeds give equal bits in any case."""


def set_printoptions(*args, **options):
    """Accepted and ignored: tensors are printed with four decimals."""


def set_float32_matmul_precision(precision):
    """Accepted and ignored: products of float32 are computed in float32."""


def set_num_threads(n):
    """Limit the threads of fastact's kernels; `fastact.set_num_threads`."""
    fa.set_num_threads(n)


cuda = types.SimpleNamespace(
    is_available=lambda: False, device_count=lambda: 0, manual_seed=lambda seed: None, manual_seed_all=lambda seed: None
)
backends = types.SimpleNamespace(cudnn=types.SimpleNamespace(deterministic=True, benchmark=False, enabled=False))
utils = _data.make_modules(__name__)
sys.modules.update(
    {
        f"{__name__}.autograd": autograd,
        f"{__name__}.nn": nn,
        f"{__name__}.nn.functional": nn.functional,
        f"{__name__}.optim": optim,
    }
)


ELSEWHERE = {
    "save": "nn.save_safetensors(model, path) writes weights in a format that torch reads too",
    "load": "nn.load_safetensors(model, path) reads weights; fastact never unpickles a file",
    "set_default_dtype": "give tensors and layers a dtype, or convert them: model.to(dtype)",
    "bfloat16": "NumPy knows that dtype once ml_dtypes is imported: import ml_dtypes first",
    "compile": "there is nothing to compile: leave the call out",
}


bfloat16: np.dtype
if not typing.TYPE_CHECKING:  # or every misspelt name would be Any

    def __getattr__(name):
        if name == "bfloat16" and "ml_dtypes" in sys.modules:
            return np.dtype(name)
        if name in ELSEWHERE:
            raise AttributeError(f"fastact.torch has no {name!r}: {ELSEWHERE[name]}")
        raise missing(
            "fastact.torch", name, globals(), "the names that training scripts use at the top, not all of torch"
        )
