"""Every activation of the table gives the same bits everywhere, and leaves the process's floating-point state alone.

Positions, neighbours, layouts, alignment, threads and instruction sets must not matter; NUMERICS promises it for AVX2,
AVX-512 and NEON, and for the plain `base` build within itself.
"""

import ctypes
import platform

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import strategies as fs
import subjects
import ulp

import fastact as fa
from fastact import _core

ROWS = pytest.mark.parametrize("name", subjects.table())
KIND = pytest.mark.parametrize("kind", ["value", "derivative"])
DTYPE = pytest.mark.parametrize("dtype", fs.FLOATS)
EQUAL_SETS = [name for name in _core.available_isas() if name in ("avx512", "avx2", "neon")]


def bits(y):
    """The bits of y as integers, all nans as one."""
    y = np.ascontiguousarray(y)
    return np.where(np.isnan(y), np.array(np.nan, y.dtype), y).view(ulp.BITS[y.dtype.name])


def compute(name, kind, x, g, parameters=None):
    function = subjects.bind("fastact", name, kind, parameters)
    return function(x) if kind == "value" else function(x, g)


def exact_parameters(name):
    """Parameters that are the same in float32 and float64, so that handing them over rounds nothing."""
    return dict.fromkeys(subjects.defaults_of(name), 0.5)


def mixed(dtype, size, seed=0):
    """Plain numbers, every binade and special values in random order, so that wild and tame stand side by side."""
    random = np.random.default_rng(seed)
    parts = [fs.values(size // 2, dtype, "plain", seed), random.choice(ulp.stratified(dtype, 20_000), size - size // 2)]
    return random.permutation(np.concatenate([*parts, fs.special_values(dtype)]))


@pytest.mark.skipif(len(EQUAL_SETS) < 2, reason="fewer than two of avx512, avx2 and neon here")
@ROWS
@KIND
@DTYPE
def test_instruction_sets_agree(name, kind, dtype):
    x = np.concatenate([ulp.stratified(dtype, 300_000), fs.values(100_000, dtype, "plain", 1), mixed(dtype, 50_000)])
    g = fs.values(x.size, dtype, "plain", 2)
    first = _core.select_isa(EQUAL_SETS[0])
    try:
        for parameters in subjects.parameter_sets(name):
            found = {}
            for isa in EQUAL_SETS:
                _core.select_isa(isa)
                found[isa] = bits(compute(name, kind, x, g, parameters))
            for isa in EQUAL_SETS[1:]:
                differ = np.flatnonzero(found[isa] != found[EQUAL_SETS[0]])
                assert not differ.size, f"{differ.size} of {x.size} differ, at x = {x[differ[:5]]}, {parameters}"
    finally:
        _core.select_isa(first)


@ROWS
@KIND
@DTYPE
def test_position_and_length_do_not_matter(isa, name, kind, dtype):
    x, g = mixed(dtype, 1200), fs.values(1200 + fs.special_values(dtype).size, dtype, "plain", 4)
    whole = bits(compute(name, kind, x, g))
    for length in fs.LENGTHS:
        for start in (0, 1, 7, 100):
            part = bits(compute(name, kind, x[start : start + length], g[start : start + length]))
            assert np.array_equal(part, whole[start : start + length]), (start, length)


@ROWS
@KIND
@DTYPE
def test_neighbours_do_not_matter(isa, name, kind, dtype):
    x = mixed(dtype, 600)
    g = fs.values(x.size, dtype, "sprinkled", 5)
    together = bits(compute(name, kind, x, g))
    alone = np.concatenate([bits(compute(name, kind, x[i : i + 1], g[i : i + 1])) for i in range(x.size)])
    assert np.array_equal(together, alone)
    scalars = np.array([compute(name, kind, a, b) for a, b in zip(x, g, strict=True)])
    assert np.array_equal(together, bits(scalars))


@ROWS
@KIND
@DTYPE
def test_a_wild_neighbour_does_not_matter_in_the_tails(isa, name, kind, dtype):
    """Blocks that hold an infinity are computed with more care; where e^-abs(x) nears the subnormals that could show."""
    random = np.random.default_rng(5)
    deepest = 110 if dtype == np.float32 else 760
    size = np.concatenate([random.uniform(15, 110, 1 << 15), random.uniform(15, deepest, 1 << 15)])
    x = (np.sort(size) * random.choice([-1, 1], size.size)).astype(dtype)  # sorted: many blocks without anything wild
    beside = np.full((x.size // 256, 512), np.inf, dtype)
    beside[:, :256] = x.reshape(-1, 256)
    found = compute(name, kind, beside.reshape(-1), np.ones(beside.size, dtype)).reshape(beside.shape)[:, :256]
    np.testing.assert_array_equal(bits(found.reshape(-1)), bits(compute(name, kind, x, np.ones_like(x))))


@ROWS
@KIND
@hypothesis.given(data=st.data())
def test_layout_does_not_matter(isa, name, kind, data):
    shape = data.draw(st.one_of(fs.shapes(), fs.lengths.map(lambda n: (n,))))
    dtype = data.draw(fs.dtypes)
    size = int(np.prod(shape))
    x, g = (fs.values(size, dtype, "sprinkled", seed).reshape(shape) for seed in (data.draw(fs.seeds), 6))
    parameters = data.draw(st.sampled_from(subjects.parameter_sets(name)))
    want = bits(compute(name, kind, x, g, parameters))
    for layout in fs.LAYOUTS.values():
        assert np.array_equal(bits(compute(name, kind, layout(x), layout(g), parameters)), want)
        assert np.array_equal(bits(compute(name, kind, layout(x), g, parameters)), want)
    same = fs.broadcast_layout(x)
    assert np.array_equal(
        bits(compute(name, kind, same, g, parameters)), bits(compute(name, kind, same.copy(), g, parameters))
    )
    if x.ndim > 1:
        turned = bits(compute(name, kind, np.moveaxis(x, 0, -1), np.moveaxis(g, 0, -1), parameters))
        assert np.array_equal(np.moveaxis(turned, -1, 0), want)


@ROWS
@KIND
@DTYPE
def test_alignment_does_not_matter(isa, name, kind, dtype):
    x, g = mixed(dtype, 300), fs.values(300 + fs.special_values(dtype).size, dtype, "plain", 4)
    want = bits(compute(name, kind, x, g))
    for offset in (*range(1, 9), 16, 31, 60):
        memory, target = (np.zeros(x.nbytes + offset, np.uint8)[offset:].view(dtype) for _ in range(2))
        memory[:] = x
        function = subjects.fastact_function(name, kind)
        function(*((memory,) if kind == "value" else (memory, g)), out=target)
        assert np.array_equal(bits(target), want), offset


@ROWS
@KIND
def test_threads_do_not_matter(name, kind):
    x = np.tile(mixed(np.float32, 30_000), 50)
    g = np.tile(fs.values(x.size // 50, np.float32, "plain", 4), 50)
    found = []
    before = _core.get_num_threads()
    for threads in (1, 2, 3):
        _core.set_num_threads(threads)
        found.append(bits(compute(name, kind, x, g)))
    _core.set_num_threads(before)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("name", ["relu", "gelu", "elu"])
@pytest.mark.parametrize("rest", [16, 100, 256, 2047])
def test_a_short_last_piece_of_a_thread_may_pass_the_caches(isa, name, rest):
    x = np.full((1 << 20) + rest, 0.75, np.float32)
    want = bits(subjects.fastact_function(name, "value")(x[:1]))[0]
    with fa.num_threads(2):
        for offset in (0, 4, 16) * 3:
            y = np.empty(x.nbytes + offset, np.uint8)[offset:].view(np.float32)
            subjects.fastact_function(name, "value")(x, out=y)
            assert np.all(bits(y) == want)


@ROWS
@KIND
def test_parameter_arrays_and_scalars_agree(isa, name, kind):
    x, g = mixed(np.float64, 200), fs.values(200 + fs.special_values(np.float64).size, np.float64, "plain", 4)
    arrays = [x] if kind == "value" else [x, g]
    function = subjects.fastact_function(name, kind)
    for parameters in filter(None, subjects.parameter_sets(name)):
        want = bits(function(*arrays, **parameters))
        assert np.array_equal(bits(function(*arrays, *(np.full(x.size, p) for p in parameters.values()))), want)


@ROWS
@KIND
@DTYPE
def test_nothing_ever_warns(isa, name, kind, dtype):
    x = mixed(dtype, 5000)
    g = fs.values(x.size, dtype, "special", 8)
    with np.errstate(all="raise"):
        for parameters in subjects.parameter_sets(name):
            compute(name, kind, x, g, parameters)
            compute(name, kind, x[::2], g[::2], parameters)
            for i in range(40):
                compute(name, kind, x[i], g[i], parameters)


@pytest.fixture
def flushing():
    """The thread flushes subnormal numbers to zero, as after loading a library that was linked with fast-math."""
    torch = pytest.importorskip("torch")
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    yield lambda: float(np.float32(1e-40) * np.float32(1)) == 0
    torch.set_flush_denormal(False)


@ROWS
@KIND
@DTYPE
def test_flush_to_zero_changes_nothing_and_stays_on(isa, name, kind, dtype, flushing):
    import torch

    x, g = np.concatenate([fs.values(500, dtype, "tiny", 3), mixed(dtype, 500)]), None
    g = np.full_like(x, 0.75)
    torch.set_flush_denormal(False)
    want = bits(compute(name, kind, x, g))
    torch.set_flush_denormal(True)
    assert flushing()
    got = compute(name, kind, x, g)
    strided = compute(name, kind, x[::3], g[::3])
    assert flushing()
    torch.set_flush_denormal(False)
    assert np.array_equal(bits(got), want)
    assert np.array_equal(bits(strided), want[::3])


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux", reason="glibc, x86")
@pytest.mark.parametrize("mode", [0x400, 0x800, 0xC00], ids=["down", "up", "to zero"])
@ROWS
@KIND
def test_rounding_mode_changes_nothing_and_stays(isa, name, kind, mode):
    libm = ctypes.CDLL("libm.so.6")
    x = mixed(np.float32, 500)
    g = np.full_like(x, 0.7)
    want = bits(compute(name, kind, x, g, exact_parameters(name)))
    libm.fesetround(mode)
    try:
        got = compute(name, kind, x, g, exact_parameters(name))
        after = libm.fegetround()
    finally:
        libm.fesetround(0)
    assert after == mode
    assert np.array_equal(bits(got), want)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux", reason="glibc, x86")
@ROWS
@KIND
def test_status_flags_are_left_as_they_were(isa, name, kind):
    libm = ctypes.CDLL("libm.so.6")
    x = mixed(np.float32, 500)
    out = np.empty_like(x)
    function = subjects.bind("fastact", name, kind, exact_parameters(name))
    arrays = (x,) if kind == "value" else (x, x)
    everything = 0x3D
    libm.feclearexcept(everything)
    function(*arrays, out=out)
    assert libm.fetestexcept(everything) == 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux", reason="glibc, x86")
@pytest.mark.parametrize("alpha", [0.3, 1e-40, 1e300, 3])
def test_parameters_are_rounded_as_if_nothing_were_set(alpha, flushing):
    import torch

    libm, x = ctypes.CDLL("libm.so.6"), mixed(np.float32, 500)
    half, small = fs.values(500, np.float16, "plain", 3), np.arange(-128, 128, dtype=np.int8)
    calls = [
        lambda: fa.elu(x, alpha),
        lambda: fa.elu(x, alpha=alpha),
        lambda: np.repeat(fa.elu(x[::2], alpha), 2)[: x.size],
        lambda: fa.elu(half, alpha),
        lambda: fa.elu(small, alpha),
        lambda: fa.vjp.elu(x[::2], x[::2], alpha),
    ]
    torch.set_flush_denormal(False)
    want = [bits(call().astype(np.float32)) for call in calls]
    assert np.array_equal(want[0], want[1])
    assert np.array_equal(want[0][::2], want[2][::2])
    torch.set_flush_denormal(True)
    flushed = [call() for call in calls]
    torch.set_flush_denormal(False)
    libm.fesetround(0x800)
    turned = [call() for call in calls]
    libm.fesetround(0)
    for got in (flushed, turned):
        for mine, right in zip(got, want, strict=True):
            assert np.array_equal(bits(mine.astype(np.float32)), right)
    libm.feclearexcept(0x3D)
    fa.elu(x, alpha, out=np.empty_like(x))
    assert libm.fetestexcept(0x3D) == 0


def test_a_parameter_past_the_dtype_does_not_warn():
    x = mixed(np.float32, 500)
    with np.errstate(all="raise"):
        for given in (
            x,
            x[::2],
            np.int8([-1, 1]),
            np.float16([-1, 1]),
            np.int8(-1),
            x[0],
            np.ma.masked_array(x, x > 0),
        ):
            fa.elu(given, 1e300)
            fa.vjp.elu(given, given, alpha=1e300)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("far", [1e4, -1e4, np.inf, np.nan])
def test_neighbours_do_not_matter_to_elu_of_any_alpha(isa, dtype, far):
    x, g = np.array([-2.0, far], dtype), np.array([0.5, 1.0], dtype)
    largest = float(np.finfo(dtype).max)
    for alpha in (largest / 2, -largest / 2, 1e30, 1e-30, 1.5, 0.5):
        assert fa.vjp.elu(x, g, alpha)[0] == fa.vjp.elu(x[:1], g[:1], alpha)[0]
        assert np.isfinite(fa.vjp.elu(x, g, alpha)[0])
        assert fa.elu(x, alpha)[0] == fa.elu(x[:1], alpha)[0]


def test_elu_of_infinite_alpha_is_infinite(isa):
    assert fa.elu(np.array([-2.0, -np.inf, 3.0]), np.inf).tolist() == [-np.inf, -np.inf, 3.0]
