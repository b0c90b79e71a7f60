"""float16 and bfloat16: the float32 result rounded once, on all 65,536 numbers; dtype rules; loops whenever ml_dtypes comes."""

import os
import subprocess
import sys

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
