"""Losses as modules over ``functional.py``, made from the table `LOSSES`."""

from fastact._tape import TensorBase
from fastact.nn import functional
from fastact.nn._functional_losses import reduction_of
from fastact.nn.module import Module

# torch's class name: (torch's function name, the parameters it has, with their defaults); `reduction` is with all of them
LOSSES = {
    "CrossEntropyLoss": ("cross_entropy", {"weight": None, "ignore_index": -100, "label_smoothing": 0.0}),
    "NLLLoss": ("nll_loss", {"weight": None, "ignore_index": -100}),
    "BCELoss": ("binary_cross_entropy", {"weight": None}),
    "BCEWithLogitsLoss": ("binary_cross_entropy_with_logits", {"weight": None, "pos_weight": None}),
    "KLDivLoss": ("kl_div", {"log_target": False}),
    "MSELoss": ("mse_loss", {}),
    "L1Loss": ("l1_loss", {}),
    "SmoothL1Loss": ("smooth_l1_loss", {"beta": 1.0}),
    "HuberLoss": ("huber_loss", {"delta": 1.0}),
    "PoissonNLLLoss": ("poisson_nll_loss", {"log_input": True, "full": False, "eps": 1e-8}),
    "GaussianNLLLoss": ("gaussian_nll_loss", {"full": False, "eps": 1e-6}),
}
# torch's order of the arguments, with its two older ones that say the reduction; `PLAIN` for those not named here
ORDER = {
    "CrossEntropyLoss": ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing"),
    "NLLLoss": ("weight", "size_average", "ignore_index", "reduce", "reduction"),
    "BCELoss": ("weight", "size_average", "reduce", "reduction"),
    "BCEWithLogitsLoss": ("weight", "size_average", "reduce", "reduction", "pos_weight"),
    "KLDivLoss": ("size_average", "reduce", "reduction", "log_target"),
    "SmoothL1Loss": ("size_average", "reduce", "reduction", "beta"),
    "HuberLoss": ("reduction", "delta"),
    "PoissonNLLLoss": ("log_input", "full", "size_average", "eps", "reduce", "reduction"),
    "GaussianNLLLoss": ("full", "eps", "reduction"),
}
PLAIN = ("size_average", "reduce", "reduction")
__all__ = [*LOSSES]


class _Loss(Module):
    """A loss as a module; its parameters are attributes, its weights buffers."""

    def __init__(self, *args, **options):
        super().__init__()
        given = {**self.defaults, **functional._given(type(self).__name__, self.order, args, options)}
        older = given.pop("size_average", None), given.pop("reduce", None)
        given["reduction"] = reduction_of(*older, given["reduction"])
        for name, value in given.items():
            if isinstance(value, TensorBase):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, input, target, *more):
        """The loss of `input` against `target`; GaussianNLLLoss takes the variances after them."""
        return self.function(input, target, *more, **{name: getattr(self, name) for name in self.defaults})


def _make(name, function_name, defaults):
    function = getattr(functional, function_name)
    defaults = {**defaults, "reduction": "mean"}
    order = ORDER.get(name, PLAIN)
    parameters = ", ".join(f"{key}={value!r}" for key, value in defaults.items())
    return type(
        name,
        (_Loss,),
        {
            "__doc__": f"``{name}({parameters})``: `functional.{function_name}` as a module.\n\n    {function.__doc__}",
            "__module__": __name__,
            "function": staticmethod(function),
            "defaults": defaults,
            "order": order,
            "__signature__": functional.signature_of(**{argument: defaults.get(argument) for argument in order}),
        },
    )


for _name, (_function_name, _defaults) in LOSSES.items():
    globals()[_name] = _make(_name, _function_name, _defaults)
