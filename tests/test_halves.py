"""float16 and bfloat16: the float32 result rounded once, on all 65,536 numbers; dtype rules; loops whenever ml_dtypes comes."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest
import subjects

import fastact as fa

HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
HALF = pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
ROWS = pytest.mark.parametrize("name", subjects.table())
KIND = pytest.mark.parametrize("kind", ["value", "derivative"])


def every_number(half):
    return np.arange(1 << 16, dtype=np.uint16).view(half)


def bits(y):
    return np.where(np.isnan(y.astype(np.float32)), np.uint16(0x7FFF), y.view(np.uint16))


def call(name, kind, x):
    function = subjects.fastact_function(name, kind)
    return function(x) if kind == "value" else function(x, np.ones_like(x))


@ROWS
@KIND
@HALF
def test_the_single_result_is_rounded_once(isa, name, kind, half):
    x = every_number(half)
    got = call(name, kind, x)
    assert got.dtype == half
    with np.errstate(over="ignore", invalid="ignore"):
        want = call(name, kind, x.astype(np.float32)).astype(half)
    assert np.array_equal(bits(got), bits(want))


@HALF
def test_layouts_give_the_same_bits(isa, half):
    x = every_number(half)
    want = bits(fa.sigmoid(x))
    for step in (2, 3, -1, -5):
        assert np.array_equal(bits(fa.sigmoid(x[::step])), want[::step])
    for length in (*range(40), 511, 512, 513, 1025):
        assert np.array_equal(bits(fa.sigmoid(x[5 : 5 + length])), want[5 : 5 + length])
    memory = np.zeros(2 * x.size + 1, np.uint8)
    shifted = memory[1:].view(half)
    shifted[...] = x
    assert np.array_equal(bits(fa.sigmoid(shifted)), want)
    in_place = x.copy()
    assert fa.sigmoid(in_place, out=in_place) is in_place
    assert np.array_equal(bits(in_place), want)


@HALF
def test_threads_give_the_same_bits(half):
    x = np.tile(every_number(half), 40)
    with fa.num_threads(1):
        want = fa.gelu(x)
    for n in (2, 3, 8):
        with fa.num_threads(n):
            assert np.array_equal(bits(fa.gelu(x)), bits(want))


# Large calls look results up in a table; which way a call runs is learned, so each is made often enough for all ways.
LARGE, CALLS = (1 << 18) + 3, 7


def bit_for_bit(y):
    return y.view(np.uint16)


@ROWS
@HALF
def test_large_calls_give_the_bits_of_short_ones(isa, name, half):
    function = subjects.fastact_function(name, "value")
    x = every_number(half)
    want = np.resize(bit_for_bit(function(x)), LARGE)
    large, out = np.resize(x, LARGE), np.empty(LARGE, half)
    for turn in range(CALLS):
        with fa.num_threads(1 + turn % 3):
            out.fill(0)
            function(large, out=out)
        assert np.array_equal(bit_for_bit(out), want), f"call {turn}"
    function(large, out=large)
    assert np.array_equal(bit_for_bit(large), want)


@HALF
def test_results_that_may_pass_the_caches_have_the_same_bits(isa, half):
    want = np.resize(bit_for_bit(fa.tanh(every_number(half))), 8 * LARGE)
    x = np.resize(every_number(half), 8 * LARGE)
    for _ in range(10):
        assert np.array_equal(bit_for_bit(fa.tanh(x)), want)


@HALF
def test_large_calls_follow_their_parameters(half):
    x = every_number(half)
    large = np.resize(x, LARGE)
    for turn in range(CALLS):
        for name, parameters in (("leaky_relu", (0.5 + turn,)), ("softplus", (1.0 + turn % 2, 20.0)), ("elu", (0.25,))):
            function = getattr(fa, name)
            want = np.resize(bit_for_bit(function(x, *parameters)), LARGE)
            assert np.array_equal(bit_for_bit(function(large, *parameters)), want), (name, parameters)
    slopes = np.linspace(-1, 1, LARGE, dtype=np.float32).astype(half)
    got = fa.leaky_relu(large, slopes)
    for part in (slice(0, 1000), slice(-1000, None)):
        assert np.array_equal(bit_for_bit(got[part]), bit_for_bit(fa.leaky_relu(large[part], slopes[part])))


@HALF
def test_large_calls_on_any_layout_give_the_same_bits(half):
    x = every_number(half)
    want = np.resize(bit_for_bit(fa.gelu(x)), LARGE)
    memory = np.zeros(2 * LARGE + 2, np.uint8)
    shifted = memory[1:-1].view(half)
    shifted[...] = np.resize(x, LARGE)
    spread_out = np.zeros((LARGE, 2), half)[:, 0]
    spread_out[...] = shifted
    for _ in range(CALLS):
        assert np.array_equal(bit_for_bit(fa.gelu(shifted)), want)
        assert np.array_equal(bit_for_bit(fa.gelu(spread_out)), want)
        overlapping = np.resize(x, LARGE + 1)
        fa.gelu(overlapping[:-1], out=overlapping[1:])
        assert np.array_equal(bit_for_bit(overlapping[1:]), want)


@HALF
def test_large_calls_of_many_threads_at_once(half):
    x, slopes = every_number(half), (0.25, 0.5, 2.0, 3.0)
    large = np.resize(x, LARGE)
    wants = [np.resize(bit_for_bit(fa.leaky_relu(x, slope)), LARGE) for slope in slopes]

    def work(slope, want):
        return all(np.array_equal(bit_for_bit(fa.leaky_relu(large, slope)), want) for _ in range(CALLS))

    with ThreadPoolExecutor(len(slopes)) as pool:
        assert all(pool.map(work, slopes, wants))


@HALF
def test_parameters_leave_the_dtype_alone_and_arrays_promote(half):
    x = np.ones(5, half)
    for number in (0.25, 1):
        assert fa.leaky_relu(x, number).dtype == half
        assert fa.elu(x, alpha=number).dtype == half
        assert fa.vjp.elu(x, x, number).dtype == half
    assert fa.leaky_relu(x, np.ones(5, half)).dtype == half
    assert fa.leaky_relu(x, np.ones(5, np.float32)).dtype == np.float32
    assert fa.leaky_relu(x, np.ones(5, np.float64)).dtype == np.float64
    assert fa.sigmoid(x, dtype=np.float32).dtype == np.float32


@HALF
def test_scalars_of_numpy_and_other_halves_promote_as_in_numpy(half):
    x, other = np.ones(5, half), np.ones(5, *[kind for kind in HALVES.values() if kind is not half])
    for function in (fa.elu, lambda x, alpha: fa.vjp.elu(x, x, alpha)):
        assert function(x, np.float32(2)).dtype == np.float32
        assert function(x, np.float64(2)).dtype == np.float64
        assert function(x, np.int16([2])).dtype == np.float32
        assert function(x, half(2)).dtype == half
        assert function(x, other).dtype == np.float32
        assert function(x, other[0]).dtype == np.float32
        assert function(x.astype(np.float32), np.float64(2)).dtype == np.float64
    assert fa.softplus(x, 0.1, np.float64(20)) == pytest.approx(fa.softplus(x.astype(float), 0.1), rel=1e-15)


def test_a_number_beside_bfloat16_promotes_as_numpy_has_it():
    x = np.ones(4, ml_dtypes.bfloat16)
    assert fa.vjp.sigmoid(x, 1.0).dtype == fa.swiglu(x, 1.5).dtype == np.add(x, 1.0).dtype == np.float32
    assert fa.vjp.glu(x, 1.0).dtype == x.dtype


def run(code):
    path = os.pathsep.join([os.path.dirname(os.path.dirname(fa.__file__)), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("order", ["fastact, ml_dtypes", "ml_dtypes, fastact"])
def test_the_order_of_imports_does_not_matter(order):
    code = f"import {order}, numpy as np; x = np.ones(3, ml_dtypes.bfloat16)\n"
    code += "print(fastact.gelu(x).dtype, fastact.vjp.elu(x, x).dtype, fastact.leaky_relu(x, 0.5).dtype)"
    assert run(code) == ["bfloat16"] * 3


def test_asking_whether_ml_dtypes_is_installed_does_not_matter():
    code = "import fastact, importlib.util, numpy as np; importlib.util.find_spec('ml_dtypes')\n"
    code += "import ml_dtypes; print(fastact.relu(np.ones(3, ml_dtypes.bfloat16)).dtype)"
    assert run(code) == ["bfloat16"]


def test_fastact_does_not_import_ml_dtypes():
    assert run("import sys, fastact; print('ml_dtypes' in sys.modules)") == ["False"]
