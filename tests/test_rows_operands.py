"""Operands and options that functions of rows and losses must not take in silence: masks that would be lost, imaginary
parts, axes and numbers of another kind.  Errors say what was given and what was expected."""

import pickle
import subprocess
import sys
import weakref

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


X, CLASSES = np.zeros((2, 3)), np.array([0, 1])
ROW_FUNCTIONS = [fa.softmax, fa.log_softmax, fa.softmin, fa.logsumexp]


@pytest.mark.parametrize("losses", [fa, fa.value_and_grad])
@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"axis": None}, TypeError, "got axis=None: expected one int"),
        ({"axis": (0, 1)}, TypeError, r"got axis=\(0, 1\): expected one int"),
        ({"axis": 1.0}, TypeError, r"got axis=1\.0: expected one int"),
        ({"axis": 2}, np.exceptions.AxisError, "expected -2 to 1"),
        ({"ignore_index": None}, TypeError, "got ignore_index=None: expected an int"),
        ({"ignore_index": 1.0}, TypeError, r"got ignore_index=1\.0: expected an int"),
        ({"ignore_index": 2**70}, ValueError, "got ignore_index=1180591620717411303424: expected an int that int64"),
        ({"weight": np.ones(3) * 1j}, TypeError, "got a weight of dtype complex128"),
        ({"weight": np.ones(3, object)}, TypeError, "got a weight of dtype object"),
        ({"weight": "abc"}, TypeError, "got a weight of dtype <U3"),
        ({"weight": 3.0}, ValueError, r"got weight of shape \(\): expected one for each class, \(3,\)"),
        ({"reduction": np.array(["mean", "sum"])}, ValueError, "expected one of 'mean', 'sum', 'none'"),
        ({"reduction": None}, ValueError, "got reduction=None"),
    ],
)
def test_options_of_losses_over_rows(losses, options, error, match):
    for name in ("cross_entropy", "nll_loss"):
        with pytest.raises(error, match=match):
            getattr(losses, name)(X, CLASSES, **options)


@pytest.mark.parametrize("smoothing", ["a", None, 1j, [0.1], np.array([0.1, 0.2]), -0.1, np.nan, 10**400])
def test_label_smoothing_is_a_number(smoothing):
    for call in (
        lambda: fa.cross_entropy(X, CLASSES, label_smoothing=smoothing),
        lambda: fa.linear_cross_entropy(X, np.ones((4, 3)), CLASSES, label_smoothing=smoothing),
    ):
        with pytest.raises((TypeError, ValueError), match="got label_smoothing=.*expected a number from 0.0 to 1.0"):
            call()


@pytest.mark.parametrize("value", ["a", None, 1j, np.array([1.0, 2.0]), np.nan])
def test_beta_and_delta_are_numbers(value):
    for name, option in (("smooth_l1_loss", "beta"), ("huber_loss", "delta")):
        with pytest.raises((TypeError, ValueError), match=f"got {option}=.*expected a"):
            getattr(fa, name)(X, X, **{option: value})


def test_beta_and_delta_may_be_huge(recwarn):
    x, target = np.float32([1, 3]), np.float32([0, 0])
    assert fa.huber_loss(x, target, delta=1e300) == 2.5
    assert fa.smooth_l1_loss(x, target, beta=np.float64(1e300)) == 0
    assert not recwarn.list


@pytest.mark.parametrize("function", ROW_FUNCTIONS)
@pytest.mark.parametrize(
    ("axis", "error", "match"),
    [
        ("a", TypeError, "got axis='a': expected an int, a tuple of ints, or None"),
        (1.0, TypeError, r"got axis=1\.0: expected"),
        ((0, 1.0), TypeError, "expected an int"),
        ((0, 0), ValueError, "names an axis twice"),
        ((0, 5), np.exceptions.AxisError, "axis 5 is out of bounds.*expected -2 to 1"),
        (2**70, np.exceptions.AxisError, "out of bounds"),
    ],
)
def test_axes_of_functions_over_rows(function, axis, error, match):
    with pytest.raises(error, match=match):
        function(X, axis)


@pytest.mark.parametrize("function", ROW_FUNCTIONS)
@pytest.mark.parametrize("x", [X * 1j, X.astype(object), X.astype(str), X.astype("M8[s]")])
def test_dtype_does_not_admit_what_is_not_real(function, x):
    with pytest.raises(TypeError, match="got elements of dtype"):
        function(x, dtype=np.float32)


@pytest.mark.parametrize("function", ROW_FUNCTIONS)
def test_scalars_take_a_scalar_mask(function):
    assert function(3.0, where=True) == function(3.0)
    assert function(np.float32(3), where=False) == function(np.float32([3, 0]), where=[False, False])[..., None][0]
    with pytest.raises(ValueError, match=r"got where of shape \(2,\): expected one that broadcasts to x, \(\)"):
        function(3.0, where=[True, False])


@pytest.mark.parametrize("function", ROW_FUNCTIONS)
def test_gufuncs_pickle(function):
    assert pickle.loads(pickle.dumps(function.gufunc)) is function.gufunc


def test_means_over_nothing_are_nan_with_label_smoothing_too():
    weight = np.array([0.0, 1, 1])
    for smoothing in (0.0, 0.1):
        assert np.isnan(fa.cross_entropy(X, [0, 0], weight=weight, label_smoothing=smoothing))
        assert np.isnan(fa.cross_entropy(X, [-100, 0], weight=weight, label_smoothing=smoothing))
    assert fa.cross_entropy(X, [0, 0], weight=weight, label_smoothing=0.3, reduction="sum") > 0
    empty = np.zeros((2, 0))
    assert np.isnan(fa.cross_entropy(empty, empty))
    assert fa.cross_entropy(empty, empty, reduction="sum") == 0
    np.testing.assert_array_equal(fa.cross_entropy(empty, empty, reduction="none"), [0, 0])


@pytest.mark.parametrize("function", ROW_FUNCTIONS)
@pytest.mark.parametrize("x", [X, np.ma.array(X, mask=[[1, 0, 0], [0, 0, 0]])])
def test_masks_are_checked_for_plain_and_masked_arrays(function, x):
    for where, error, match in [
        ([1, 1, 0], TypeError, r"expected bool .*astype\(bool\)"),
        (np.ma.array([True, False, True], mask=[1, 0, 0]), TypeError, r"masked elements.*filled\(False\)"),
        (np.ones((4, 2, 3), bool), ValueError, r"broadcasts to x, \(2, 3\)"),
    ]:
        with pytest.raises(error, match=match):
            function(x, where=where)


def test_errors_about_targets_name_the_mend():
    for target, error, match in [
        (CLASSES.astype(float), ValueError, r"convert class indices with \.astype\(numpy\.int64\)"),
        (np.eye(3, dtype=int)[CLASSES], ValueError, r"one-hot rows give target\.argmax\(axis=1\)"),
        (CLASSES.astype(bool), TypeError, r"convert with \.astype\(numpy\.int64\)"),
    ]:
        with pytest.raises(error, match=match):
            fa.cross_entropy(X, target)


OUT_OF_MEMORY = """
import resource, numpy as np, fastact as fa
fa.set_num_threads(1)
x = np.zeros(40_000_000, np.float16)
out = np.full_like(x, 7)
fa.{function}(x[:4])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000,) * 2)
try:
    fa.{function}(x, out=out)
except MemoryError:
    print("MemoryError")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux does")
@pytest.mark.parametrize("function", ["softmax", "softmax.gufunc"])
def test_a_row_that_memory_cannot_stage_is_a_memory_error(function):
    script = OUT_OF_MEMORY.format(function=function)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.stdout == "MemoryError\n", run.stderr


SINGLE = np.ones((1, 2), np.float32)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "call",
    [
        lambda: fa.softmax([1e300, 0.0], dtype=np.float32),
        lambda: fa.log_softmax([0.0, -1e300], out=np.empty(2, np.float32)),
        lambda: fa.vjp.softmax(y=SINGLE, g=[[1e300, 1.0]]),
        lambda: fa.vjp.log_softmax(y=SINGLE, g=[[1e300, 1.0]]),
        lambda: fa.vjp.logsumexp(SINGLE, [1e300]),
        lambda: fa.mse_loss(SINGLE, [[1e300, 0.0]]),
        lambda: fa.binary_cross_entropy(SINGLE, [[1e300, 0.0]]),
        lambda: fa.cross_entropy(SINGLE, [0], weight=np.array([1e300, 1.0])),
        lambda: fa.cross_entropy(SINGLE, [[1e300, 1.0]]),
        lambda: fa.linear_cross_entropy(SINGLE * np.float32(1e30), np.full((3, 2), 1e30, np.float32), [0]),
        lambda: fa.value_and_grad.linear_cross_entropy(SINGLE * np.float32(np.inf), np.ones((3, 2), np.float32), [0]),
    ],
)
def test_what_a_dtype_cannot_hold_never_warns(call):
    call()


def test_vjps_refuse_masks():
    y = fa.softmax([1.0, 2.0])
    masked = np.ma.masked_array([1.0, 0.0], [True, False])
    for call in (
        lambda: fa.vjp.softmax(y=masked, g=y),
        lambda: fa.vjp.log_softmax(y=y, g=masked),
        lambda: fa.vjp.logsumexp(masked, 1.0),
    ):
        with pytest.raises(TypeError, match=r"masked array.*filled"):
            call()


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss", "probability_cross_entropy", "elu", "gelu"])
def test_functions_can_be_referred_to_weakly(name):
    function = getattr(fa, name)
    assert weakref.ref(function)() is function
