"""Every activation of the table, as NumPy functions: dtypes, shapes, layouts, out=, where=, overlap, pickling, errors.

How right the numbers are is the business of test_activations.py.
"""

import functools
import os
import pickle
import subprocess
import sys

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import strategies as fs
import subjects

import fastact as fa
import fastact.vjp

ROWS = pytest.mark.parametrize("name", subjects.table())
KIND = pytest.mark.parametrize("kind", ["value", "derivative"])
DTYPE = pytest.mark.parametrize("dtype", fs.FLOATS)
PLAIN = [
    name for name, row in subjects.table().items() if row["n_parameter"] == 0 and name not in ("gelu", "gelu_tanh")
]
KEEP_INTEGERS = ("relu", "relu6")
PARAMETRISED = [name for name, row in subjects.table().items() if row["n_parameter"]]


equal = functools.partial(np.array_equal, equal_nan=True)


def operands(name, kind, size, dtype, seed=1):
    """The arrays that a function takes, and the function."""
    arrays = [fs.values(size, dtype, "plain", seed + i) for i in range(1 if kind == "value" else 2)]
    return subjects.fastact_function(name, kind), arrays


@pytest.mark.parametrize("name", PLAIN)
def test_without_parameters_it_is_a_ufunc(name):
    for module, inputs in ((fa, 1), (fa.vjp, 2)):
        function = getattr(module, name)
        assert isinstance(function, np.ufunc)
        assert (function.nin, function.nout, function.__name__) == (inputs, 1, name)


@pytest.mark.parametrize("name", [*PARAMETRISED, "gelu"])
def test_with_parameters_it_carries_a_ufunc(name):
    for module, inputs in ((fa, 1), (fa.vjp, 2)):
        function = getattr(module, name)
        assert callable(function)
        assert not isinstance(function, np.ufunc)
        assert isinstance(function.ufunc, np.ufunc)
        assert function.ufunc.nin == inputs + subjects.table()[name]["n_parameter"]


@pytest.mark.filterwarnings("ignore:numpy.core")
@ROWS
@KIND
def test_it_pickles_into_a_fresh_process(name, kind, tmp_path):
    function = subjects.fastact_function(name, kind)
    function = getattr(function, "func", function)
    (tmp_path / "function").write_bytes(pickle.dumps(function))
    given = subjects.required(name)
    arguments = ("x" if kind == "value" else "x, x") + f", **{given}"
    code = f"import pickle, sys; f = pickle.load(open('function', 'rb')); x = [0.5, -2.0]; print(f({arguments}))"
    path = os.pathsep.join([os.path.dirname(os.path.dirname(fa.__file__)), *filter(None, sys.path)])
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    x = [0.5, -2.0]
    assert run.stdout.strip() == str(function(x, **given) if kind == "value" else function(x, x, **given))


@ROWS
@hypothesis.given(x=fs.arrays())
def test_shape_and_dtype_are_kept(isa, name, x):
    for kind in ("value", "derivative"):
        function = subjects.fastact_function(name, kind)
        got = function(x) if kind == "value" else function(x, x)
        assert got.shape == x.shape
        assert got.dtype == x.dtype.newbyteorder("=")
        assert got.dtype.isnative
        assert isinstance(got, np.ndarray if x.ndim else np.generic)


@ROWS
@KIND
@hypothesis.given(data=st.data())
def test_input_is_left_alone(name, kind, data):
    x = data.draw(fs.arrays())
    before = x.tobytes()
    function = subjects.fastact_function(name, kind)
    function(x) if kind == "value" else function(x, x)
    assert x.tobytes() == before


@ROWS
@pytest.mark.parametrize("given", [*fs.SMALL_INTEGERS, *fs.WIDE_INTEGERS])
def test_integers_compute_in_the_float_that_holds_them(isa, name, given):
    x = np.array([0, 1, 3, 7, 100, 1, 0, 5, 9] * 9).astype(given)
    if np.issubdtype(given, np.signedinteger):
        x[::3] *= -1
    compute = np.float32 if given in fs.SMALL_INTEGERS else np.float64
    keeps = name in KEEP_INTEGERS
    function = subjects.fastact_function(name)
    got = function(x)
    assert got.dtype == (given if keeps else compute)
    assert equal(got, function(x.astype(compute)).astype(got.dtype))
    assert equal(got[::2], function(x[::2]))
    vjp = subjects.fastact_function(name, "derivative")
    assert vjp(x, x).dtype == compute
    assert equal(vjp(x, x), vjp(x.astype(compute), x.astype(compute)))


@ROWS
def test_extreme_integers(name):
    function = subjects.fastact_function(name)
    for given in (np.int64, np.uint64, np.int8, np.uint8):
        info = np.iinfo(given)
        x = np.array([info.min, info.max, 0, 1], given)
        want = function(x.astype(np.float64))
        if name == "relu":
            want = np.maximum(x, 0)
        assert np.allclose(function(x), want, rtol=1e-6, atol=1e-30, equal_nan=True)
        assert function(x)[0] == pytest.approx(float(want[0]), rel=1e-6, nan_ok=True)


@ROWS
def test_lists_and_scalars(name):
    function, vjp = subjects.fastact_function(name), subjects.fastact_function(name, "derivative")
    for x in ([0.5, -1.5], [[1.0], [2.0]], (3.0, -0.0), [], 0.25, -2.0):
        got = function(x)
        assert got.dtype == np.float64
        assert equal(got, function(np.asarray(x, np.float64)))
        assert equal(vjp(x, x), vjp(np.asarray(x, np.float64), np.asarray(x, np.float64)))
    assert type(function(0.25)) is np.float64
    assert type(function(np.float32(0.25))) is np.float32
    assert type(function(np.array(0.25, np.float32))) is np.float32
    assert type(vjp(0.25, 1.0)) is np.float64
    assert function([1, 2]).dtype == (np.int64 if name in KEEP_INTEGERS else np.float64)
    assert function(True).dtype == (np.bool_ if name in KEEP_INTEGERS else np.float32)


@ROWS
@KIND
@pytest.mark.parametrize("given", fs.NOT_REAL, ids=lambda d: np.dtype(d).name)
def test_what_is_no_real_number_is_a_type_error(name, kind, given):
    function = subjects.fastact_function(name, kind)
    x = np.array([1, 2]).astype(given)
    with pytest.raises(TypeError):
        function(x) if kind == "value" else function(x, x)


@ROWS
def test_wrong_arguments_are_type_errors(name):
    function, vjp = subjects.fastact_function(name), subjects.fastact_function(name, "derivative")
    for call in (lambda: function(), lambda: vjp([1.0]), lambda: function([1.0], nonsense=1), lambda: function(None)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="broadcast"):
        vjp(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match=r"broadcast"):
        function(np.ones(3), out=np.ones(2))


def test_errors_name_the_derivative():
    for arguments in ([1.0], [1.0, 1.0, 1.0, 1.0]):
        with pytest.raises(TypeError, match=r"^vjp\.elu\(\) .* expected vjp\.elu\(x, g, alpha=1\.0"):
            fa.vjp.elu(*arguments)
    with pytest.raises(TypeError, match=r"^elu\(\) got 'alpha' by position and by name"):
        fa.elu(1.0, 1.0, alpha=1.0)
    for call in (lambda: fa.elu(1.0, None), lambda: fa.elu(1.0, alpha=None)):
        with pytest.raises(TypeError, match=r"^elu\(\) got alpha=None: expected elu\(x, alpha=1\.0"):
            call()


@ROWS
@KIND
@DTYPE
@pytest.mark.parametrize("layout", fs.LAYOUTS)
def test_out_of_any_layout(isa, name, kind, dtype, layout):
    for size in (0, 1, 5, 17, 70, 1025):
        function, arrays = operands(name, kind, size, dtype)
        out = fs.LAYOUTS[layout](np.full(size, 7, dtype))
        if not out.flags.writeable:
            with pytest.raises(ValueError, match="read-only"):
                function(*arrays, out=out)
            continue
        assert function(*arrays, out=out) is out
        assert equal(out, function(*arrays))


@ROWS
@KIND
def test_out_of_another_dtype(name, kind):
    function, arrays = operands(name, kind, 33, np.float32)
    wide = np.empty(33)
    assert function(*arrays, out=wide) is wide
    assert equal(wide, function(*arrays).astype(np.float64))
    narrow = np.empty(33, np.float32)
    wide = [a.astype(np.float64) for a in arrays]
    assert function(*wide, out=narrow) is narrow
    assert equal(narrow, function(*wide).astype(np.float32))
    with pytest.raises(TypeError):
        function(*arrays, out=np.empty(33, np.int64))


@ROWS
@KIND
@hypothesis.given(data=st.data())
def test_where_leaves_the_rest_alone(isa, name, kind, data):
    shape = data.draw(fs.shapes())
    mask = data.draw(fs.masks(shape))
    dtype = data.draw(fs.dtypes)
    arrays = [fs.values(int(np.prod(shape)), dtype, "plain", seed).reshape(shape) for seed in (1, 2)]
    function = subjects.fastact_function(name, kind)
    arrays = arrays[: 1 if kind == "value" else 2]
    out = np.full(shape, 7, dtype)
    function(*arrays, out=out, where=mask)
    assert equal(out, np.where(mask, function(*arrays), dtype(7)))


@ROWS
@KIND
@DTYPE
def test_in_place(isa, name, kind, dtype):
    for size in fs.LENGTHS:
        function, arrays = operands(name, kind, size, dtype)
        want = function(*(a.copy() for a in arrays))
        for position in range(len(arrays)):
            given = [a.copy() for a in arrays]
            function(*given, out=given[position])
            assert equal(given[position], want), (size, position)


@ROWS
@KIND
@hypothesis.given(data=st.data())
def test_overlapping_out(isa, name, kind, data):
    x, out = data.draw(fs.overlapping())
    others = [] if kind == "value" else [fs.values(x.size, x.dtype.type, "plain", 3)]
    function = subjects.fastact_function(name, kind)
    want = function(x.copy(), *others)
    function(x, *others, out=out)
    assert equal(out, want)


@ROWS
def test_vjp_of_one_array_as_both(isa, name):
    vjp = subjects.fastact_function(name, "derivative")
    x = fs.values(100, np.float32, "plain", 9)
    want = vjp(x, x.copy())
    assert equal(vjp(x, x), want)
    assert equal(vjp(x, x, out=x), want)


@ROWS
def test_operands_broadcast(isa, name):
    vjp = subjects.fastact_function(name, "derivative")
    x, g = fs.values(12, np.float64, "plain", 1).reshape(3, 4), fs.values(4, np.float64, "plain", 2)
    full = np.broadcast_to(g, (3, 4)).copy()
    assert equal(vjp(x, g), vjp(x, full))
    assert equal(vjp(x[:, :1], g), vjp(np.repeat(x[:, :1], 4, 1), full))
    assert equal(vjp(x, 2.0), vjp(x, np.full((3, 4), 2.0)))
    assert vjp(x.astype(np.float32), 2.0).dtype == np.float32


@pytest.mark.parametrize("name", PARAMETRISED)
@KIND
def test_parameters_by_position_keyword_and_array(isa, name, kind):
    x = fs.values(41, np.float32, "plain", 4)
    arrays = [x] if kind == "value" else [x, x[::-1].copy()]
    function = subjects.fastact_function(name, kind)
    defaults = subjects.defaults_of(name)
    assert equal(function(*arrays), function(*arrays, **defaults))
    for parameters in subjects.parameter_sets(name)[1:]:
        want = function(*arrays, **parameters)
        assert want.dtype == np.float32
        assert not equal(want, function(*arrays))
        assert equal(function(*arrays, *parameters.values()), want)
        rounded = [np.float32(value) for value in parameters.values()]
        assert equal(function(*arrays, *(np.full(41, value) for value in rounded)), want)
        assert equal(function.ufunc(*arrays, *rounded), want)
        assert equal(function(*(a.tolist() for a in arrays), **parameters).astype(np.float32).shape, want.shape)
        assert function(x.astype(np.float64), *arrays[1:], **parameters).dtype == np.float64
        wide = function(*arrays, *(np.array([value]) for value in parameters.values()))
        assert wide.dtype == np.float64


@pytest.mark.parametrize("x", [np.float32([1, -1]), [1.0], 1.0])
def test_a_parameter_that_no_float_holds(x):
    with pytest.raises(OverflowError, match=r"elu\(\) got for alpha an integer of 1329 bits: expected a number"):
        fa.elu(x, 10**400)
    with pytest.raises(OverflowError, match=r"elu\(\) got for alpha an integer of 1025 bits"):
        fa.elu(x, alpha=-(2**1024))
    assert np.array_equal(fa.elu(np.float64([-1.0]), 2**1023), fa.elu(np.float64([-1.0]), 2.0**1023))


@pytest.mark.parametrize("name", PARAMETRISED)
def test_parameters_broadcast_against_x(isa, name):
    x = fs.values(12, np.float64, "plain", 1).reshape(3, 4)
    sets = [tuple(p.values()) for p in subjects.parameter_sets(name)[1:]]
    columns = [np.array([a, b, a]).reshape(3, 1) for a, b in zip(*sets, strict=True)]
    function = subjects.fastact_function(name)
    got = function(x, *columns)
    assert got.shape == (3, 4)
    assert equal(got[1], function(x[1], *sets[1]))
    assert equal(got[::2], function(x[::2], *sets[0]))


def test_gelu_names_its_two_forms():
    x = np.array([0.5, -1.0])
    assert equal(fa.gelu(x), fa.gelu(x, approximate="none"))
    assert not equal(fa.gelu(x), fa.gelu(x, approximate="tanh"))
    assert not equal(fa.vjp.gelu(x, x), fa.vjp.gelu(x, x, approximate="tanh"))
    for function, arrays in ((fa.gelu, [x]), (fa.vjp.gelu, [x, x])):
        with pytest.raises(ValueError, match=r"none.*tanh.*quick|quick.*none.*tanh"):
            function(*arrays, approximate="quick")


@ROWS
def test_subclasses_and_foreign_arrays_pass_through(name):
    class Marked(np.ndarray):
        pass

    x = fs.values(6, np.float32, "plain", 2)
    function = subjects.fastact_function(name)
    assert type(function(x.view(Marked))) is Marked
    assert type(function(np.ma.masked_array(x, x > 0))) is np.ma.MaskedArray

    class Foreign:
        def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
            return ufunc, method

    ufunc, method = function(Foreign())
    assert isinstance(ufunc, np.ufunc)
    assert method == "__call__"


@ROWS
@KIND
@pytest.mark.parametrize("n", [10, 1000, 300_000])
@DTYPE
def test_results_one_element_behind_or_before_the_input(isa, name, kind, n, dtype):
    x = np.linspace(-3, 3, n).astype(dtype)
    x[n // 2], x[n // 3] = 1e30, -500
    function, rest = subjects.fastact_function(name, kind), () if kind == "value" else (np.ones(n - 1, dtype),)
    for source, target in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        buffer = x.copy()
        function(buffer[source], *rest, out=buffer[target])
        assert equal(buffer[target], function(x[source].copy(), *rest))


def test_accumulate_takes_each_result_as_the_next_input(isa):
    x = np.linspace(-1, 1, 3000)
    want = [x[0]]
    for value in x[1:]:
        want.append(float(fa.leaky_relu.ufunc(want[-1], value)))
    assert equal(fa.leaky_relu.ufunc.accumulate(x), want)


@pytest.mark.parametrize("choice", [None, "", False, [], np.ones(2), "Tanh"])
def test_another_approximation_is_refused(choice):
    for x in (1.0, np.ones(2, np.float32)):
        with pytest.raises(ValueError, match="^gelu.. got approximate=.*expected 'none' or 'tanh'"):
            fa.gelu(x, approximate=choice)
        with pytest.raises(ValueError, match="^vjp.gelu.. got approximate=.*expected 'none' or 'tanh'"):
            fa.vjp.gelu(x, x, approximate=choice)


@pytest.mark.parametrize("name", [*PARAMETRISED, "gelu"])
def test_the_bare_ufunc_pickles(name):
    for module in (fa, fa.vjp):
        ufunc = getattr(module, name).ufunc
        assert pickle.loads(pickle.dumps(ufunc)) is ufunc


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8"])
def test_frames_have_no_dtype_of_their_own(dtype):
    pandas = pytest.importorskip("pandas")
    x = np.array([[-1, 2], [3, -4]], dtype)
    frame = pandas.DataFrame(x)
    for function in (fa.elu, fa.vjp.elu):
        operands = 1 if function is fa.elu else 2
        got = function(*[frame] * operands, alpha=0.5)
        assert isinstance(got, pandas.DataFrame)
        np.testing.assert_array_equal(got.to_numpy(), function(*[x] * operands, alpha=0.5))
    np.testing.assert_array_equal(fa.prelu(frame, 0.25).to_numpy(), fa.prelu(x, 0.25))
