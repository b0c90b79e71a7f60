"""LayerNorm, RMSNorm and BatchNorm1d; their arithmetic is in ``fastact/_normalize.py``."""

import numpy as np

from fastact import _tape
from fastact.nn import functional, init
from fastact.nn.layers import empty_parameter
from fastact.nn.module import Module


class LayerNorm(Module):
    """(x − mean) / √(variance + eps) · weight + bias, over the last axes (Ba, Kiros and Hinton 2016).

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Lengths of the axes that are normalised together.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether weight and bias are there.
    bias : bool
        Whether the bias is there.
    device : str, optional
        Only "cpu".
    dtype : dtype, optional
        float32 unless said.

    Examples
    --------
    >>> import fastact.torch as torch
    >>> torch.nn.LayerNorm(3)(torch.tensor([[1.0, 2.0, 3.0]])).detach()
    tensor([[-1.2247,  0.0000,  1.2247]])
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = empty_parameter(self.normalized_shape, dtype, device) if elementwise_affine else None
        self.bias = empty_parameter(self.normalized_shape, dtype) if elementwise_affine and bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input):
        """The input, normalised over its last axes."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        bias = "" if isinstance(self, RMSNorm) else f", bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}{bias}"


class RMSNorm(LayerNorm):
    """x / √(mean of x² + eps) · weight, over the last axes (Zhang and Sennrich 2019).

    Parameters
    ----------
    normalized_shape, elementwise_affine, device, dtype
        As `LayerNorm`.
    eps : float, optional
        The spacing of float64 at 1 for input of that dtype, else that of float32, unless given.
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__(normalized_shape, eps, elementwise_affine, False, device, dtype)

    def forward(self, input):
        """The input, normalised over its last axes."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class BatchNorm1d(Module):
    """(x − mean) / √(variance + eps) · weight + bias for each channel over the batch (Ioffe and Szegedy 2015).

    Parameters
    ----------
    num_features : int
        Number of channels, C of inputs (N, C) and (N, C, L).
    eps : float
        Added to the variance.
    momentum : float, optional
        The share of the newest batch in the running figures; None averages all batches alike.
    affine, bias : bool
        Whether weight and bias are there; no bias without a weight.
    track_running_stats : bool
        Whether running mean and variance are kept, and used outside of training.
    device : str, optional
        Only "cpu".
    dtype : dtype, optional
        float32 unless said.
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = empty_parameter(num_features, dtype, device) if affine else None
        self.bias = empty_parameter(num_features, dtype) if affine and bias else None
        kept = np.zeros(num_features, np.float32 if dtype is None else dtype) if track_running_stats else None
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, None if kept is None else _tape.constant(kept.copy()))
        self.register_buffer("num_batches_tracked", None if kept is None else _tape.constant(np.zeros((), np.int64)))
        self.reset_parameters()

    def reset_running_stats(self):
        """Forget the batches so far."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self):
        """Forget the batches so far, and set the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input):
        """The input, each channel normalised."""
        shape = np.shape(input)
        if len(shape) not in (2, 3) or shape[1] != self.num_features:
            raise ValueError(
                f"BatchNorm1d({self.num_features}) got an input of shape {shape}: expected (N, {self.num_features}) or "
                f"(N, {self.num_features}, L)"
            )
        momentum = self.momentum
        if self.training and self.track_running_stats:
            init.constant_(self.num_batches_tracked, self.num_batches_tracked.item() + 1)
            momentum = 1.0 / self.num_batches_tracked.item() if momentum is None else momentum
        of_batch = self.training or not self.track_running_stats
        moved = self.training and self.track_running_stats
        return functional.batch_norm(
            input,
            self.running_mean if moved or not of_batch else None,
            self.running_var if moved or not of_batch else None,
            self.weight,
            self.bias,
            of_batch,
            momentum,
            self.eps,
        )

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )
