"""einsum: torch's values and gradients for drawn equations and shapes, and its errors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fastact.torch as ft

SHAPES = {"a": 2, "b": 3, "c": 1, "d": 0, "A": 4}
EQUATIONS = (
    "ab,bA->aA", "ab,bA", "aa", "aa->a", "aab->ba", "ab->", "ab->ba", "a,b->ab", "a,a->", "ab,b->a", "...a,...a->...",
    "...ab,...bA->...aA", "...a->a...", "...->", "a...,b...->ab...", "ab,bA,A->a", "aab,bb->a", "da,ab->db", "da,ab->b", "Aab,Aba",
    "ba , b -> a", "a,,b->ab",
)  # fmt: skip


def outcome(t, equation, arrays):
    tensors = [t.tensor(array, requires_grad=True) for array in arrays]
    y = t.einsum(equation, *tensors)
    weights = np.random.default_rng(4).normal(size=tuple(y.shape))
    (y * t.tensor(weights)).sum().backward()
    return [np.asarray(y.detach()), *(np.asarray(tensor.grad) for tensor in tensors)]


def drawn_shapes(draw, equation):
    """A shape for each operand; now and then 1 in place of a length that stands elsewhere too."""
    shapes = []
    extra = draw(st.lists(st.integers(1, 3), max_size=2))
    for term in equation.replace(" ", "").partition("->")[0].split(","):
        named = [SHAPES[letter] for letter in term.replace("...", "")]
        if draw(st.integers(0, 4)) == 0 and named and len(set(term)) == len(term):
            named[draw(st.integers(0, len(named) - 1))] = 1
        before = len(term.partition("...")[0])
        more = (
            [draw(st.sampled_from([1, n])) for n in extra][draw(st.integers(0, len(extra))) :] if "..." in term else []
        )
        shapes.append((*named[:before], *more, *named[before:]))
    return shapes


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_values_and_gradients_are_torchs(data):
    equation = data.draw(st.sampled_from(EQUATIONS))
    shapes = drawn_shapes(data.draw, equation)
    generator = np.random.default_rng(len(equation))
    arrays = [generator.normal(size=shape) for shape in shapes]
    ours, theirs = outcome(ft, equation, arrays), outcome(torch, equation, arrays)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-13)


def test_other_forms_of_the_call():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    expected = a @ b
    for given_ in (("ij,jk", [a, b]), (a, [0, 1], b, [1, 2], [0, 2]), (a, [Ellipsis, 1], b, [1, 2])):
        np.testing.assert_array_equal(ft.einsum(*given_), expected)
        operands = [ft.tensor(part) if isinstance(part, np.ndarray) else part for part in given_]
        if isinstance(given_[0], str):
            operands[1] = [*map(ft.tensor, given_[1])]
        np.testing.assert_array_equal(np.asarray(ft.einsum(*operands)), expected)
    assert type(ft.einsum("ij->i", a)) is np.ndarray and ft.einsum("i,i", ft.tensor([1, 2]), [3, 4]).item() == 11
    x = ft.tensor(a.astype(np.float32), requires_grad=True)
    y = ft.einsum("ij,jk->ik", x, b)  # b is weak
    assert y.dtype == np.float32 and y.requires_grad and ft.einsum("i->", np.full(9, 100, np.int8)) == 900


def test_an_operand_changed_in_place_is_noticed():
    x, w = ft.ones(3, requires_grad=True), ft.ones(3)
    y = ft.einsum("i,i->", x, w)
    w.zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ft.einsum("ij,jk", x), "is of 2 operands, got 1"),
        (lambda x: ft.einsum("i", x), "axes of operand 0 'i', and it has 2"),
        (lambda x: ft.einsum("ijk...", x), "axes of operand 0"),
        (lambda x: ft.einsum("ij->ii", x), "'i' in its result: expected once"),
        (lambda x: ft.einsum("ij->k", x), "'k' in its result"),
        (lambda x: ft.einsum("i1", x), "expected letters"),
        (lambda x: ft.einsum("i......", x), "at most once"),
        (lambda x: ft.einsum("ii", x), "lengths 2 and 3 under one letter in operand 0"),
        (lambda x: ft.einsum("ij,ji", x, x), "lengths 3 and 2 under one letter in operand 1"),
        (lambda x: ft.einsum(x, 3, x), "list of ints was expected"),
    ],
)
def test_errors(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(ft.ones(2, 3))
