"""Losses in whatever state a process has put its floating-point unit: the same bits, and the state left as it was."""

import ctypes
import ctypes.util
import platform

import numpy as np
import pytest
import torch

import fastact as fa

LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
X86 = platform.machine() in ("x86_64", "AMD64")
TOWARDS_ZERO, EXCEPTIONS = (0xC00, 0x1D) if X86 else (0xC00000, 0x0F)  # all but inexact, which Python sets too
RANDOM = np.random.default_rng(3)
LOGITS, TARGET = RANDOM.normal(0, 3, (5, 7)), [0, 3, 6, -100, 2]
TINY = {"float16": 2e-4, "float32": 1e-20, "float64": 1e-160}  # their squares are subnormal


def tiny(dtype):
    """Operands whose losses and gradients are subnormal."""
    return np.full(3, TINY[dtype], dtype), np.zeros(3, dtype)


def calls(dtype):
    x, weight = LOGITS.astype(dtype), np.log1p(np.linspace(0.2, 2, 7)).astype(dtype)
    p = fa.softmax(x)
    small, zero = tiny(dtype)
    return {
        "cross_entropy": lambda loss: loss.cross_entropy(x, TARGET),
        "cross_entropy, sum": lambda loss: loss.cross_entropy(x, TARGET, reduction="sum"),
        "cross_entropy, smoothed": lambda loss: loss.cross_entropy(x, TARGET, weight=weight, label_smoothing=0.5),
        "cross_entropy, general lane": lambda loss: loss.cross_entropy(np.asfortranarray(x), TARGET, weight=weight),
        "cross_entropy, probabilities": lambda loss: loss.cross_entropy(x, p),
        "nll_loss": lambda loss: loss.nll_loss(fa.log_softmax(x), TARGET),
        "probability_cross_entropy": lambda loss: loss.probability_cross_entropy(p, p),
        "mse_loss": lambda loss: loss.mse_loss(small, zero),
        "mse_loss, general lane": lambda loss: loss.mse_loss(small, zero.tolist()),
        "huber_loss": lambda loss: loss.huber_loss(small, zero, reduction="sum"),
        "l1_loss": lambda loss: loss.l1_loss(x, p),
        "binary_cross_entropy": lambda loss: loss.binary_cross_entropy(p, p),
        "kl_div": lambda loss: loss.kl_div(fa.log_softmax(x), p),
    }


def bits(result):
    return [np.asarray(part).tobytes() for part in (result if isinstance(result, tuple) else (result,))]


CASES = pytest.mark.parametrize("case", calls("float64"))
DTYPE = pytest.mark.parametrize("dtype", TINY)
LOSSES = pytest.mark.parametrize("losses", [fa, fa.value_and_grad])


@CASES
@DTYPE
@LOSSES
def test_flush_to_zero_changes_nothing(case, dtype, losses):
    call = calls(dtype)[case]
    expected = bits(call(losses))
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    try:
        found = call(losses)
    finally:
        torch.set_flush_denormal(False)
    assert bits(found) == expected


@CASES
@DTYPE
@LOSSES
def test_the_rounding_mode_changes_nothing(case, dtype, losses):
    call = calls(dtype)[case]
    expected = bits(call(losses))
    before = LIBM.fegetround()
    assert LIBM.fesetround(TOWARDS_ZERO) == 0
    try:
        found = call(losses)
        assert LIBM.fegetround() == TOWARDS_ZERO
    finally:
        LIBM.fesetround(before)
    assert bits(found) == expected


@CASES
@DTYPE
@LOSSES
def test_no_exception_flag_is_left(case, dtype, losses):
    call = calls(dtype)[case]
    call(losses)
    LIBM.feclearexcept(EXCEPTIONS)
    call(losses)
    assert LIBM.fetestexcept(EXCEPTIONS) == 0


@pytest.mark.parametrize("dtype, n", [("float16", 2048), ("bfloat16", 256)])
def test_losses_of_halves_are_rounded_once(dtype, n):
    """A mean above the middle of 1 and the next number by so little that a float32 is the middle."""
    kind = np.dtype(dtype) if dtype == "float16" else pytest.importorskip("ml_dtypes").bfloat16
    x = np.ones(n, kind)
    x[:6] = [1.5, 1.5, 1.5, 0.5, 0, 2.0**-12]
    zero = np.zeros_like(x)
    mean = (x.astype(np.float64) ** 2).mean()
    assert np.float32(mean) == 1 + 1 / n
    assert float(fa.mse_loss(x, zero)) == 1 + 2 / n
    assert float(fa.mse_loss(x, zero.tolist())) == 1 + 2 / n
    assert fa.value_and_grad.mse_loss(x, zero)[0] == fa.mse_loss(x, zero)
    each = fa.mse_loss(np.full(3, 1 + 2 / n, kind), np.zeros(3, kind), reduction="none")
    assert each.astype(float).tolist() == [1 + 4 / n] * 3
