"""The direct lane of elementwise functions: plain contiguous arrays past NumPy's ufunc machinery.  It must not be told from
the ufunc by anything but time, so each test compares it with the same call made in a way that only the ufunc takes."""

import sys

import ml_dtypes
import numpy as np
import pytest
import strategies as fs
import subjects

ROWS = pytest.mark.parametrize("name", subjects.table())
KIND = pytest.mark.parametrize("kind", ["value", "derivative"])
DTYPE = pytest.mark.parametrize("dtype", [*fs.FLOATS, np.float16, ml_dtypes.bfloat16])


def operands(name, kind, shape, dtype):
    """A function, its arrays, and how to call it so that only the ufunc takes it: with a keyword of NumPy's."""
    function = subjects.fastact_function(name, kind)
    count = subjects.every_row()[name]["n_input"] + (kind == "derivative")
    wide = dtype if dtype in fs.FLOATS else np.float32
    arrays = [fs.values(int(np.prod(shape)), wide, "plain", 7 + i).reshape(shape).astype(dtype) for i in range(count)]
    return function, arrays, lambda *given, **keywords: function(*given, casting="same_kind", **keywords)


@ROWS
@KIND
@DTYPE
@pytest.mark.parametrize("shape", [(0,), (1,), (16,), (5, 7), (2, 3, 700)])
def test_results_are_those_of_the_ufunc(name, kind, dtype, shape):
    function, arrays, ufunc = operands(name, kind, shape, dtype)
    expected = ufunc(*arrays)
    direct = function(*arrays)
    assert (direct.dtype, direct.shape, type(direct)) == (expected.dtype, expected.shape, np.ndarray)
    assert direct.tobytes() == expected.tobytes()
    out = np.full(shape, 3, dtype)
    assert function(*arrays, out=out) is out
    assert out.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["relu", "elu", "gelu"])
@pytest.mark.parametrize("code", ["f2", "f4", "f8"])
def test_metadata_of_the_dtype_stays(name, code):
    function, (x,), ufunc = operands(name, "value", (6,), np.float32)
    marked = x.astype(np.dtype(code, metadata={"unit": "mV"}))
    assert function(marked).dtype.metadata == ufunc(marked).dtype.metadata == {"unit": "mV"}


@pytest.mark.parametrize("name", ["relu", "tanh", "swiglu", "gelu"])
def test_out_may_be_anything_a_ufunc_takes(name):
    function, arrays, ufunc = operands(name, "value", (6,), np.float32)
    expected = ufunc(*arrays)
    assert function(*arrays, out=None).tobytes() == expected.tobytes()
    for out in (np.zeros(6, np.float64), np.zeros((2, 6), np.float32), np.zeros(12, np.float32)[::2]):
        assert function(*arrays, out=(out,)) is out
        assert function(*arrays, out=out) is out
        np.testing.assert_array_equal(out, np.broadcast_to(expected, out.shape))


@pytest.mark.parametrize("name", ["relu", "tanh", "swiglu"])
def test_out_by_position(name):
    function, arrays, ufunc = operands(name, "value", (6,), np.float32)
    out = np.zeros(6, np.float32)
    assert function(*arrays, out) is out
    assert out.tobytes() == ufunc(*arrays).tobytes()
    assert function(*arrays, None).tobytes() == out.tobytes()
    with pytest.raises(TypeError, match="both a positional and keyword"):
        function(*arrays, out, out=out)


@pytest.mark.parametrize("name", ["relu", "gelu", "leaky_relu"])
def test_an_out_that_cannot_be_is_refused_by_numpy(name):
    function, (x,), ufunc = operands(name, "value", (6,), np.float32)
    frozen = np.zeros(6, np.float32)
    frozen.flags.writeable = False
    for out, error in [(frozen, ValueError), (np.zeros(5, np.float32), ValueError), (np.zeros(6, np.int32), TypeError),
                       ([0.0] * 6, TypeError)]:  # fmt: skip
        before = np.array(out)
        for call in (function, ufunc):
            with pytest.raises(error):
                call(x, out=out)
        np.testing.assert_array_equal(out, before)


@ROWS
@KIND
def test_nothing_is_kept_of_a_call(name, kind):
    function, arrays, _ = operands(name, kind, (16,), np.float32)
    out = np.empty(16, np.float32)
    held = [*arrays, out]
    before = [sys.getrefcount(a) for a in held]
    for _ in range(100):
        function(*arrays)
        function(*arrays, out=out)
        with pytest.raises((TypeError, ValueError)):
            function(*arrays, out=np.empty(3, np.float32))
    assert [sys.getrefcount(a) for a in held] == before
