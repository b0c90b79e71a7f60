"""Operands that functions of rows and losses must not take in silence: masks that would be lost, imaginary parts."""

import numpy as np
import pytest

import fastact as fa

MASKED = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], [[False, True], [False, False]])


def test_out_takes_the_mask():
    out = np.ma.masked_array(np.zeros((2, 2)), mask=[[False, False], [True, True]])
    assert fa.softmax(MASKED, out=out) is out
    assert out.mask.tolist() == MASKED.mask.tolist()
    assert out.compressed().tolist() == fa.softmax(MASKED).compressed().tolist()


@pytest.mark.parametrize("g", [np.ones((2, 2)) * 1j, np.ones((2, 2), object), np.full((2, 2), "1")])
def test_gradients_are_real(g):
    y = fa.softmax(np.zeros((2, 2)))
    for call in (
        lambda: fa.vjp.softmax(y=y, g=g),
        lambda: fa.vjp.log_softmax(y=y, g=g),
        lambda: fa.vjp.logsumexp(y, g[0]),
        lambda: fa.probability_cross_entropy(y, g),
    ):
        with pytest.raises(TypeError, match="got .* dtype"):
            call()


@pytest.mark.parametrize("losses", [fa, fa.value_and_grad])
def test_losses_refuse_masks(losses):
    target = np.ma.masked_array([0, 1], [True, False])
    for operands in ((MASKED, [0, 1]), (MASKED.data, target), (MASKED.data, MASKED)):
        with pytest.raises(TypeError, match=r"masked array.*filled"):
            losses.cross_entropy(*operands)
    losses.cross_entropy(np.ma.masked_array(MASKED.data), [0, 1])
