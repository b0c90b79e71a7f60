"""The table of what each peer calls each activation.

A row here is all that a function needs besides its row in fastact's own table; a function without a row is measured
against whatever can be derived from that table.  No code that runs anything belongs here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Function:
    """How the peers compute one activation.

    Attributes
    ----------
    formula : str
        The function on ``x`` (and ``gate``) and its parameters, as NumPy people write it; NumPy, numexpr and numba run
        it, and JAX where ``jax`` is empty.
    derivative : str
        The vjp on ``x`` and the cotangent ``g``, likewise; empty if no short expression exists.
    parameters : dict
        Values to measure with, by name.
    positive : bool
        Whether x must lie in (0, 1) rather than be normally distributed.
    scipy, torch, jax : str
        Calls; ``{out}`` stands where the output argument goes.
    torch_backward : str
        ``aten(name)(...)`` on g, x, the forward result ``value`` and the output argument; empty: autograd's backward
        pass.
    onnx : tuple
        Operator, its domain ("" is the standard one), and its attributes.
    onnx_avx512 : bool
        Whether onnxruntime has an AVX-512 kernel for it (core/mlas/lib/platform.cpp), from which nothing can hold it;
        its other kernels are AVX2 and below everywhere.
    """

    formula: str
    derivative: str = ""
    parameters: dict = field(default_factory=dict)
    positive: bool = False
    scipy: str = ""
    torch: str = ""
    jax: str = ""
    torch_backward: str = ""
    onnx: tuple[str, str, dict] | None = None
    onnx_avx512: bool = False


NORMAL_CDF = "(0.5 + 0.5*erf(x*0.7071067811865476))"
NORMAL_PDF = "(0.3989422804014327*exp(-0.5*x*x))"
SIGMOID = "1/(1 + exp(-x))"
TANH_GELU = "tanh(0.7978845608028654*(x + 0.044715*x*x*x))"
SOFTPLUS = "(maximum(x, 0) + log1p(exp(-abs(x))))"

FUNCTIONS: dict[str, Function] = {
    "relu": Function(
        "maximum(x, 0)",
        "where(x > 0, g, 0.0)",
        torch="torch.clamp_min(x, 0{out})",
        jax="jax.nn.relu(x)",
        torch_backward="aten('threshold_backward')(g, x, 0{out})",
        onnx=("Relu", "", {}),
    ),
    "leaky_relu": Function(
        "maximum(x, 0.01*x)",
        "where(x > 0, g, 0.01*g)",
        torch="nn.leaky_relu(x, 0.01{out})",
        jax="jax.nn.leaky_relu(x)",
        torch_backward="aten('leaky_relu_backward')(g, x, 0.01, False{out})",
        onnx=("LeakyRelu", "", {"alpha": 0.01}),
    ),
    "sigmoid": Function(
        SIGMOID,
        f"g*({SIGMOID})*(1 - {SIGMOID})",
        scipy="special.expit(x{out})",
        torch="torch.sigmoid(x{out})",
        jax="jax.nn.sigmoid(x)",
        torch_backward="aten('sigmoid_backward')(g, value{out})",
        onnx=("Sigmoid", "", {}),
    ),
    "tanh": Function(
        "tanh(x)",
        "g*(1 - tanh(x)*tanh(x))",
        torch="torch.tanh(x{out})",
        jax="jnp.tanh(x)",
        torch_backward="aten('tanh_backward')(g, value{out})",
        onnx=("Tanh", "", {}),
    ),
    "elu": Function(
        "maximum(x, 0) + expm1(minimum(x, 0))",
        "g*exp(minimum(x, 0))",
        torch="nn.elu(x{out})",
        jax="jax.nn.elu(x)",
        torch_backward="aten('elu_backward')(g, 1, 1, 1, False, x{out})",
        onnx=("Elu", "", {"alpha": 1.0}),
    ),
    "gelu": Function(
        f"x*{NORMAL_CDF}",
        f"g*({NORMAL_CDF} + x*{NORMAL_PDF})",
        scipy="np.multiply(x, special.ndtr(x{out}){out})",
        torch="nn.gelu(x{out})",
        jax="jax.nn.gelu(x, approximate=False)",
        torch_backward="aten('gelu_backward')(g, x, approximate='none'{out})",
        onnx=("Gelu", "com.microsoft", {}),
        onnx_avx512=True,
    ),
    "gelu_tanh": Function(
        f"0.5*x*(1 + {TANH_GELU})",
        f"g*(0.5*(1 + {TANH_GELU}) + 0.5*x*(1 - {TANH_GELU}*{TANH_GELU})*(0.7978845608028654 + 0.1070322244089*x*x))",
        torch="nn.gelu(x, approximate='tanh'{out})",
        jax="jax.nn.gelu(x, approximate=True)",
        torch_backward="aten('gelu_backward')(g, x, approximate='tanh'{out})",
        onnx=("FastGelu", "com.microsoft", {}),
    ),
    "silu": Function(
        "x/(1 + exp(-x))",
        f"g*({SIGMOID})*(1 + x*(1 - {SIGMOID}))",
        scipy="np.multiply(x, special.expit(x{out}){out})",
        torch="nn.silu(x{out})",
        jax="jax.nn.silu(x)",
        torch_backward="aten('silu_backward')(g, x{out})",
        onnx=("QuickGelu", "com.microsoft", {"alpha": 1.0}),
        onnx_avx512=True,
    ),
    "softplus": Function(
        SOFTPLUS,
        f"g*({SIGMOID})",
        torch="nn.softplus(x{out})",
        jax="jax.nn.softplus(x)",
        torch_backward="aten('softplus_backward')(g, x, 1, 20{out})",
        onnx=("Softplus", "", {}),
    ),
    "relu6": Function(
        "minimum(maximum(x, 0), 6)",
        torch="torch.clamp(x, 0, 6{out})",
        jax="jax.nn.relu6(x)",
        torch_backward="aten('hardtanh_backward')(g, x, 0, 6{out})",
        onnx=("Clip", "", {"min": 0.0, "max": 6.0}),
    ),
    "prelu": Function(
        "maximum(x, 0) + weight*minimum(x, 0)",
        parameters={"weight": 0.25},
        torch="torch.prelu(x, weight_tensor)",
        onnx=("LeakyRelu", "", {"alpha": 0.25}),
    ),
    "celu": Function(
        "maximum(x, 0) + expm1(minimum(x, 0))",
        "g*exp(minimum(x, 0))",
        torch="nn.elu(x{out})",
        jax="jax.nn.celu(x)",
        torch_backward="aten('elu_backward')(g, 1, 1, 1, False, x{out})",
        onnx=("Celu", "", {"alpha": 1.0}),
    ),
    "selu": Function(
        "1.0507009873554805*maximum(x, 0) + 1.7580993408473766*expm1(minimum(x, 0))",
        torch="torch.selu(x)",
        jax="jax.nn.selu(x)",
        onnx=("Selu", "", {}),
        torch_backward="aten('elu_backward')(g, 1.6732632423543772, 1.0507009873554805, 1, False, x{out})",
    ),
    "logit": Function(
        "log(x/(1 - x))",
        "g/(x*(1 - x))",
        positive=True,
        scipy="special.logit(x{out})",
        torch="torch.logit(x{out})",
        jax="jax.scipy.special.logit(x)",
        torch_backward="aten('logit_backward')(g, x{out})",
    ),
    "log_sigmoid": Function(
        "minimum(x, 0) - log1p(exp(-abs(x)))",
        "g/(1 + exp(x))",
        scipy="special.log_expit(x{out})",
        torch="nn.log_sigmoid(x{out})",
        jax="jax.nn.log_sigmoid(x)",
        torch_backward="aten('log_sigmoid_backward')(g, x, buffer{out})",
    ),
    "tanhshrink": Function("x - tanh(x)", "g*tanh(x)*tanh(x)", torch="torch.nn.functional.tanhshrink(x)"),
    "erf": Function(
        "erf(x)",
        "g*1.1283791670955126*exp(-(x*x))",
        scipy="special.erf(x{out})",
        torch="torch.erf(x{out})",
        jax="jax.scipy.special.erf(x)",
        onnx=("Erf", "", {}),
    ),
    "quick_gelu": Function(
        "x/(1 + exp(-1.702*x))", torch="x*torch.sigmoid(1.702*x)", onnx=("QuickGelu", "com.microsoft", {"alpha": 1.702})
    ),
    "mish": Function(
        f"x*tanh({SOFTPLUS})",
        torch="nn.mish(x{out})",
        jax="jax.nn.mish(x)",
        torch_backward="aten('mish_backward')(g, x)",
        onnx=("Mish", "", {}),
    ),
    "softsign": Function(
        "x/(1 + abs(x))",
        "g/((1 + abs(x))*(1 + abs(x)))",
        torch="torch.nn.functional.softsign(x)",
        jax="jax.nn.soft_sign(x)",
        onnx=("Softsign", "", {}),
    ),
    "hardsigmoid": Function(
        "minimum(maximum(x + 3, 0), 6)*0.16666666666666666",
        torch="nn.hardsigmoid(x{out})",
        jax="jax.nn.hard_sigmoid(x)",
        torch_backward="aten('hardsigmoid_backward')(g, x{out})",
        onnx=("HardSigmoid", "", {"alpha": 1 / 6, "beta": 0.5}),
    ),
    "hardswish": Function(
        "x*minimum(maximum(x + 3, 0), 6)*0.16666666666666666",
        torch="nn.hardswish(x{out})",
        jax="jax.nn.hard_swish(x)",
        torch_backward="aten('hardswish_backward')(g, x{out})",
        onnx=("HardSwish", "", {}),
    ),
    "hardtanh": Function(
        "minimum(maximum(x, -1), 1)",
        "where(abs(x) < 1, g, 0.0)",
        scipy="np.clip(x, -1, 1{out})",
        torch="torch.clamp(x, -1, 1{out})",
        jax="jax.nn.hard_tanh(x)",
        torch_backward="aten('hardtanh_backward')(g, x, -1, 1{out})",
        onnx=("Clip", "", {"min": -1.0, "max": 1.0}),
    ),
    "hardshrink": Function(
        "where(abs(x) > 0.5, x, 0.0)",
        "where(abs(x) > 0.5, g, 0.0)",
        torch="torch.hardshrink(x, 0.5{out})",
        torch_backward="aten('hardshrink_backward')(g, x, 0.5{out})",
        onnx=("Shrink", "", {"lambd": 0.5}),
    ),
    "softshrink": Function(
        "x - minimum(maximum(x, -0.5), 0.5)",
        "where(abs(x) > 0.5, g, 0.0)",
        torch="nn.softshrink(x, 0.5{out})",
        torch_backward="aten('softshrink_backward')(g, x, 0.5{out})",
        onnx=("Shrink", "", {"lambd": 0.5, "bias": 0.5}),
    ),
    "threshold": Function(
        "where(x > threshold, x, value)",
        parameters={"threshold": 0.1, "value": -1.0},
        torch="torch.threshold(x, 0.1, -1.0{out})",
    ),
    "squared_relu": Function(
        "maximum(x, 0)*maximum(x, 0)",
        "2*g*maximum(x, 0)",
        torch="torch.square(torch.clamp_min(x, 0{out}){out})",
        jax="jnp.square(jax.nn.relu(x))",
    ),
    "softcap": Function("cap*tanh(x/cap)", parameters={"cap": 30.0}, torch="30.0*torch.tanh(x/30.0)"),
    "swiglu": Function(
        "x*gate/(1 + exp(-gate))",
        scipy="np.multiply(special.expit(gate{out})*gate, x{out})",
        torch="torch.mul(nn.silu(gate{out}), x{out})",
        jax="x*jax.nn.silu(gate)",
    ),
    "geglu": Function(
        f"x*gate*{NORMAL_CDF.replace('x', 'gate')}",
        torch="torch.mul(nn.gelu(gate{out}), x{out})",
        jax="x*jax.nn.gelu(gate, approximate=False)",
    ),
    "reglu": Function(
        "x*maximum(gate, 0)", torch="torch.mul(torch.clamp_min(gate, 0{out}), x{out})", jax="x*jax.nn.relu(gate)"
    ),
}
