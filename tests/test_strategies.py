"""Proof that strategies.py reaches the corners it promises, and that each layout is the one it is named for."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import strategies as fs

SEARCH = hypothesis.settings(max_examples=3000, derandomize=True, database=None, phases=[hypothesis.Phase.generate])


def reaches(strategy, condition):
    """Fail unless the strategy makes a value that meets the condition."""
    hypothesis.find(strategy, condition, settings=SEARCH)


CORNERS = {
    "0-d": lambda x: x.ndim == 0,
    "4-d": lambda x: x.ndim == 4 and x.size > 1,
    "empty": lambda x: x.size == 0 and x.ndim == 1,
    "empty axis among others": lambda x: x.ndim == 3 and x.size == 0 and max(x.shape) > 1,
    "float32": lambda x: x.dtype == np.float32,
    "float64": lambda x: x.dtype == np.float64,
    "nan": lambda x: np.isnan(x).any(),
    "inf": lambda x: (x == np.inf).any(),
    "-inf": lambda x: (x == -np.inf).any(),
    "-0.0": lambda x: ((x == 0) & np.signbit(x)).any(),
    "subnormal": lambda x: ((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)).any(),
    "largest": lambda x: (x == np.finfo(x.dtype).max).any(),
    "negative stride": lambda x: x.size > 1 and min(x.strides) < 0,
    "zero stride": lambda x: x.ndim and x.shape[0] > 1 and x.size and x.strides[0] == 0,
    "gap": lambda x: x.ndim == 1 and x.size > 1 and x.strides[0] == 2 * x.itemsize,
    "odd stride": lambda x: x.ndim == 1 and x.size > 1 and x.strides[0] % x.itemsize,
    "misaligned": lambda x: not x.flags.aligned,
    "byte-swapped": lambda x: not x.dtype.isnative,
    "read-only": lambda x: not x.flags.writeable and 0 not in x.strides,
    "Fortran order": lambda x: x.flags.f_contiguous and not x.flags.c_contiguous,
    "neither order": lambda x: x.ndim > 2 and x.size and not x.flags.forc and min(x.strides) > 0,
    "several blocks": lambda x: x.size > 1024,
    "sprinkled": lambda x: x.size > 60 and 0 < np.isfinite(x).sum() < x.size,
}


@pytest.mark.parametrize("corner", CORNERS)
def test_arrays_reach(corner):
    reaches(fs.arrays(), lambda x: bool(CORNERS[corner](x)))


@pytest.mark.parametrize("length", fs.LENGTHS)
def test_lengths_reach(length):
    assert length in fs.LENGTHS
    assert fs.values(length, np.float32, "plain", 1).size == length


def test_lengths_surround_every_vector_and_block():
    for boundary in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        assert {boundary - 1, boundary, boundary + 1} <= set(fs.LENGTHS)


@pytest.mark.parametrize("name", fs.LAYOUTS)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 5), (2, 3, 4), (2, 0, 3), (2, 3, 2, 5)])
@pytest.mark.parametrize("dtype", fs.FLOATS)
def test_layouts_keep_values(name, shape, dtype):
    x = fs.values(int(np.prod(shape)), dtype, "sprinkled", 5).reshape(shape)
    moved = fs.LAYOUTS[name](x)
    assert moved.shape == x.shape
    assert moved.dtype.newbyteorder("=") == x.dtype
    assert np.array_equal(moved, x, equal_nan=True)
    assert not np.shares_memory(moved, x)


def test_layouts_are_what_they_are_named_for():
    x = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    made = {name: layout(x) for name, layout in fs.LAYOUTS.items()}
    assert made["contiguous"].flags.c_contiguous
    assert max(made["reversed"].strides) < 0
    assert made["strided"].strides == (384, 64, 8)
    assert made["fortran"].flags.f_contiguous
    assert not made["transposed"].flags.forc
    assert not made["misaligned"].flags.aligned
    assert made["odd_stride"].strides[-1] == 5
    assert not made["swapped"].dtype.isnative
    assert not made["read_only"].flags.writeable
    assert fs.broadcast_layout(x).strides[0] == 0


@pytest.mark.parametrize("ndim", [0, 1, 3])
def test_axes_reach_both_ends(ndim):
    for axis in {0, -1, max(ndim, 1) - 1, -max(ndim, 1)}:
        reaches(fs.axes(ndim), lambda a, axis=axis: a == axis)


@pytest.mark.parametrize(
    "condition",
    [
        lambda p: p[0].ctypes.data == p[1].ctypes.data and p[0].size > 4,
        lambda p: p[0].ctypes.data < p[1].ctypes.data and p[1].size > 4 and p[1].strides[0] > 0,
        lambda p: p[0].ctypes.data > p[1].ctypes.data and p[1].size > 4,
        lambda p: p[1].strides[0] < 0 and p[1].size > 4,
    ],
    ids=["same", "forward", "backward", "reversed"],
)
def test_overlapping_reaches(condition):
    reaches(fs.overlapping(), condition)


@hypothesis.given(fs.overlapping())
@hypothesis.settings(max_examples=100, derandomize=True)
def test_overlapping_pairs_share_memory(pair):
    x, out = pair
    assert x.shape == out.shape
    assert x.size < 20 or np.shares_memory(x, out)


@pytest.mark.parametrize("kind", fs.VALUE_KINDS)
@pytest.mark.parametrize("dtype", fs.FLOATS)
def test_values_are_of_their_kind(kind, dtype):
    x = fs.values(4000, dtype, kind, 3)
    assert x.dtype == dtype
    held = {
        "plain": lambda: np.isfinite(x).all() and 2.5 < x.std() < 3.5,
        "wide": lambda: np.abs(x).max() > 100,
        "tiny": lambda: np.abs(x).max() <= 4 * np.finfo(dtype).tiny and (np.abs(x) < np.finfo(dtype).tiny).any(),
        "any": lambda: np.isfinite(x).all() and np.abs(x).max() > 1e30 and np.abs(x[x != 0]).min() < 1e-30,
        "special": lambda: {*map(str, x)} == {*map(str, fs.special_values(dtype))},
        "sprinkled": lambda: 40 < np.isnan(x).sum() + np.isinf(x).sum() < 110,
    }
    assert held[kind]()


def test_masks_reach_all_and_none():
    reaches(fs.masks((5, 3)), lambda m: m.all())
    reaches(fs.masks((5, 3)), lambda m: not m.any())
    reaches(fs.masks((5, 3)), lambda m: 0 < m.sum() < 15)


def test_shapes_have_ones_and_zeros():
    reaches(fs.shapes(), lambda s: 1 in s and 0 in s)
    reaches(st.tuples(fs.dtypes, fs.shapes(min_dims=2)), lambda p: p[0] == np.float64 and len(p[1]) == 4)
