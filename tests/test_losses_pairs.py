"""Losses of pairs and linear_cross_entropy, with their gradients, against torch in float64."""

import itertools
import tracemalloc
import warnings

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import strategies
import torch
import torch.nn.functional as F

import fastact as fa
from fastact import _core

PAIRS = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {"beta": [1.0, 0.0, 0.25, 3.0]},
    "huber_loss": {"delta": [1.0, 0.25, 3.0]},
    "binary_cross_entropy": {"weight": True},
    "binary_cross_entropy_with_logits": {"weight": True, "pos_weight": True},
    "kl_div": {"log_target": [False, True]},
}
REDUCTIONS = ("mean", "sum", "none")


def close(dtype, scale=1.0):
    eps = np.finfo(dtype).eps
    return {"rtol": 8 * eps, "atol": 8 * eps * scale, "equal_nan": True}


def operands(name, shape, dtype, options, random):
    """(x, target) in the loss's domain."""
    x, target = random.normal(0, 3, shape), random.normal(0, 3, shape)
    if name.startswith("binary"):
        target = np.where(random.random(shape) < 0.5, random.random(shape) < 0.5, random.random(shape))
    if name == "binary_cross_entropy":
        x = 1 / (1 + np.exp(-np.clip(x, -8, 8)))
    if name == "kl_div":
        x = -np.abs(x)
        target = -np.abs(target) if options.get("log_target") else np.maximum(0, random.uniform(-0.3, 1, shape))
    return np.asarray(x, dtype), np.asarray(target, dtype)


@st.composite
def problems(draw, name):
    shape = draw(strategies.shapes(max_dims=3))
    dtype = draw(strategies.dtypes)
    random = np.random.default_rng(draw(strategies.seeds))
    options = {"reduction": draw(st.sampled_from([*REDUCTIONS, "batchmean"] if name == "kl_div" else REDUCTIONS))}
    for option, choices in PAIRS[name].items():
        if choices is not True:
            options[option] = draw(st.sampled_from(choices))
        elif draw(st.booleans()):
            kept = draw(st.integers(0, len(shape)))
            sides = [1 if draw(st.booleans()) else n for n in shape[kept:]]
            options[option] = random.uniform(0.1, 3, sides).astype(dtype)
    if options["reduction"] == "batchmean" and not shape:
        options["reduction"] = "sum"
    x, target = operands(name, shape, dtype, options, random)
    layout = draw(strategies.layouts)
    return strategies.LAYOUTS[layout](x), strategies.LAYOUTS[layout](target), options


def torch_loss(name, x, target, options):
    t = torch.tensor(np.array(x, "f8"), requires_grad=True)
    keywords = {
        k: torch.tensor(np.broadcast_to(np.array(v, "f8"), x.shape).copy()) if k.endswith("weight") else v
        for k, v in options.items()
    }
    loss = getattr(F, name)(t, torch.tensor(np.array(target, "f8")), **keywords)
    loss.sum().backward()
    return loss.detach().numpy(), t.grad.numpy()


@pytest.mark.parametrize("name", PAIRS)
@hypothesis.given(data=st.data())
def test_pairs_agree_with_torch(isa, name, data):
    x, target, options = data.draw(problems(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch about "mean" of kl_div
        want, gradient = torch_loss(name, x, target, options)
        warnings.simplefilter("error")
        loss, got = getattr(fa.value_and_grad, name)(x, target, **options)
        alone = getattr(fa, name)(x, target, **options)
    dtype = x.dtype.newbyteorder("=")
    assert loss.dtype == got.dtype == dtype
    assert np.shape(loss) == want.shape
    assert np.shape(got) == x.shape
    np.testing.assert_array_equal(loss, alone)
    np.testing.assert_allclose(loss, want, **close(dtype, 16))
    np.testing.assert_allclose(got, gradient, **close(dtype, 4))


def test_long_arrays_and_threads_give_the_same_bits(isa):
    random = np.random.default_rng(1)
    for name, n in itertools.product(PAIRS, (1023, 1025, 200_001)):
        x, target = operands(name, n, np.float32, {}, random)
        with fa.num_threads(1):
            loss, gradient = getattr(fa.value_and_grad, name)(x, target)
        want, want_gradient = torch_loss(name, x, target, {"reduction": "sum"})
        np.testing.assert_allclose(loss * n, want, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(gradient * n, want_gradient, rtol=1e-6, atol=1e-6)
        with fa.num_threads(3):
            again, gradient_again = getattr(fa.value_and_grad, name)(x, target)
        assert loss == again
        np.testing.assert_array_equal(gradient, gradient_again)


@pytest.mark.skipif(not {"avx2", "avx512"} <= set(_core.available_isas()), reason="needs AVX2 and AVX-512")
@pytest.mark.parametrize("dtype", strategies.FLOATS)
@pytest.mark.parametrize("name", PAIRS)
def test_instruction_sets_give_the_same_bits(name, dtype):
    x, target = operands(name, 5003, dtype, {}, np.random.default_rng(2))
    results, previous = [], _core.selected_isa()
    for isa in ("avx2", "avx512"):
        _core.select_isa(isa)
        results.append(getattr(fa.value_and_grad, name)(x, target, reduction=r) for r in ("sum", "none"))
        results[-1] = list(results[-1])
    _core.select_isa(previous)
    for (loss, gradient), (other, other_gradient) in zip(*results, strict=True):
        np.testing.assert_array_equal(loss, other)
        np.testing.assert_array_equal(gradient, other_gradient)


@pytest.mark.parametrize("dtype", strategies.FLOATS)
def test_certain_predictions(dtype):
    inf = np.inf
    probs, target = np.array([0, 0, 1, 1, 0.5], dtype), [0, 1, 0, 1, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, gradient = fa.value_and_grad.binary_cross_entropy(probs, target, reduction="none")
        np.testing.assert_array_equal(loss, np.array([0, inf, inf, 0, np.log(2)], dtype))
        np.testing.assert_array_equal(gradient, np.array([1, -inf, inf, -1, -2], dtype))
        assert fa.value_and_grad.binary_cross_entropy(np.array([-0.0], dtype), [1])[1] == -inf
        slopes = fa.value_and_grad.l1_loss(np.array([np.nan, inf], dtype), [0, inf], reduction="sum")[1]
        assert np.isnan(slopes).all()
        x = np.array([-inf, inf, -inf, inf, np.nan, 40], dtype)
        loss, gradient = fa.value_and_grad.binary_cross_entropy_with_logits(x, [0, 1, 1, 0, 0, 1], reduction="none")
        np.testing.assert_allclose(loss, [0, 0, inf, inf, np.nan, np.exp(-40)], rtol=1e-6)
        np.testing.assert_allclose(gradient, [0, 0, -1, 1, np.nan, -np.exp(-40)], rtol=1e-6)
        assert fa.kl_div(np.array([-inf, 0], dtype), [0, 1], reduction="sum") == 0
        assert fa.mse_loss(np.array([1e30 if dtype == np.float32 else 1e200], dtype), [0]) == inf
        assert np.isnan(fa.mse_loss(np.empty(0, dtype), []))
        assert fa.mse_loss(np.empty(0, dtype), [], reduction="sum") == 0


def test_small_probabilities_are_not_rounded_away():
    probs = np.array([1e-10, 1e-30], np.float32)
    loss = fa.binary_cross_entropy(probs, [0, 0], reduction="none")
    np.testing.assert_allclose(loss, probs, rtol=1e-7)


@pytest.mark.parametrize("module", [fa, fa.value_and_grad])
def test_arguments_of_pairs_are_checked(module):
    x = np.zeros((2, 3))
    for name in PAIRS:
        function = getattr(module, name)
        with pytest.raises(ValueError, match=rf"{name}\(\) got a target of shape \(3,\): expected.*\(2, 3\)"):
            function(x, np.zeros(3))
        with pytest.raises(ValueError, match="'mean', 'sum', 'none'"):
            function(x, x, reduction="average")
        with pytest.raises(TypeError, match="complex128"):
            function(x, x.astype(complex))
        with pytest.raises(TypeError, match="object"):
            function(x.astype(object), x)
    with pytest.raises(ValueError, match="beta=-1: expected a number from 0 on"):
        module.smooth_l1_loss(x, x, beta=-1)
    with pytest.raises(ValueError, match="delta=0: expected a positive"):
        module.huber_loss(x, x, delta=0)
    with pytest.raises(ValueError, match=r"pos_weight of shape \(2,\): expected one that broadcasts"):
        module.binary_cross_entropy_with_logits(x, x, pos_weight=[1, 2])


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("dtype", [*strategies.FLOATS, np.float16])
@pytest.mark.parametrize("name", PAIRS)
def test_direct_lane_gives_the_same_bits(name, dtype, reduction):
    random = np.random.default_rng(4)
    x, target = operands(name, (7, 33), dtype, {}, random)
    common = {"reduction": reduction if name == "kl_div" or reduction != "batchmean" else "sum"}
    choices = [{}] + [
        {option: value}
        for option, values in PAIRS[name].items()
        for value in ([random.uniform(0.1, 3, x.shape).astype(dtype)] if values is True else values)
    ]
    for options in choices:
        options |= common
        want_loss, want = getattr(fa.value_and_grad, name)(x.view(Subclass), target, **options)
        loss, gradient = getattr(fa.value_and_grad, name)(x, target, **options)
        np.testing.assert_array_equal(loss, want_loss)
        np.testing.assert_array_equal(gradient, want)
        np.testing.assert_array_equal(getattr(fa, name)(x, target, **options), want_loss)
        assert type(loss) is type(want_loss)


class Delegate:
    def __fastact_function__(self, function, args, kwargs):
        return function, args, kwargs


@pytest.mark.parametrize("module", [fa, fa.value_and_grad])
@pytest.mark.parametrize("name", [*PAIRS, "linear_cross_entropy"])
def test_types_may_take_over(module, name):
    function, delegate = getattr(module, name), Delegate()
    more = (np.zeros((3, 2)),) if name == "linear_cross_entropy" else ()
    for operands in ((delegate, *more, [0]), (np.zeros((1, 2)), *more, delegate)):
        got, args, kwargs = function(*operands, reduction="sum")
        assert (got, args, kwargs["reduction"]) == (function, operands, "sum")


def linear_problem(tokens, features, classes, dtype, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(tokens, features)).astype(dtype)
    weight, bias = random.normal(size=(classes, features)).astype(dtype), random.normal(size=classes).astype(dtype)
    return x, weight, bias, random.integers(0, classes, tokens)


@pytest.mark.parametrize("dtype", strategies.FLOATS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_linear_cross_entropy_agrees_with_torch(monkeypatch, dtype, reduction, has_bias, smoothing):
    monkeypatch.setattr("fastact._loss_linear.TILE_BYTES", 7 * 50 * np.dtype(dtype).itemsize)
    monkeypatch.setattr("fastact._loss_linear.CHUNK_BYTES", 1000)
    x, weight, bias, target = linear_problem(24, 12, 50, dtype)
    target[[3, 8]] = -100
    options = {"reduction": reduction, "label_smoothing": smoothing}
    tensors = [torch.tensor(a.astype("f8"), requires_grad=True) for a in (x, weight, bias)]
    logits = F.linear(tensors[0], tensors[1], tensors[2] if has_bias else None)
    want = F.cross_entropy(logits, torch.tensor(target), **options)
    want.sum().backward()
    given = bias if has_bias else None
    loss, gradients = fa.value_and_grad.linear_cross_entropy(
        x.reshape(2, 12, 12), weight, target.reshape(2, 12), bias=given, **options
    )
    close = {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(np.reshape(loss, want.shape), want.detach().numpy(), **close)
    alone = fa.linear_cross_entropy(x.reshape(2, 12, 12), weight, target.reshape(2, 12), bias=given, **options)
    np.testing.assert_array_equal(alone, loss)
    for got, tensor in zip(gradients[: 2 + has_bias], tensors, strict=False):
        assert got.dtype == dtype
        np.testing.assert_allclose(got.reshape(tensor.shape), tensor.grad.numpy(), **close)
    assert has_bias or gradients[2] is None


@pytest.mark.parametrize("dtype", strategies.FLOATS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_small_linear_cross_entropy_gives_the_same_bits(dtype, reduction):
    x, weight, bias, target = linear_problem(7, 5, 11, dtype)
    target[2] = -100
    for options in ({}, {"bias": bias, "label_smoothing": 0.2}):
        want_loss, want = fa.value_and_grad.linear_cross_entropy(
            x.view(Subclass), weight, target, reduction=reduction, **options
        )
        loss, gradients = fa.value_and_grad.linear_cross_entropy(x, weight, target, reduction=reduction, **options)
        np.testing.assert_array_equal(loss, want_loss)
        assert type(loss) is type(want_loss)
        for got, other in zip(gradients, want, strict=True):
            np.testing.assert_array_equal(got, other)
        alone = fa.linear_cross_entropy(x, weight, target, reduction=reduction, **options)
        np.testing.assert_array_equal(alone, want_loss)


def test_linear_cross_entropy_holds_no_full_logits():
    x, weight, _, target = linear_problem(1024, 16, 32_000, np.float32)  # 131 MB of logits
    tracemalloc.start()
    _, gradients = fa.value_and_grad.linear_cross_entropy(x, weight, target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - sum(g.nbytes for g in gradients[:2]) <= 64 << 20


def test_linear_cross_entropy_checks_its_arguments():
    x, weight, bias, target = linear_problem(4, 3, 5, np.float64)
    for call, error, match in [
        (lambda: fa.linear_cross_entropy(x, weight.T, target), ValueError, r"expected \(classes, 3\)"),
        (lambda: fa.linear_cross_entropy(x, weight, target[:3]), ValueError, r"expected \(4,\)"),
        (lambda: fa.linear_cross_entropy(x, weight, target * 1.0), TypeError, "expected integers"),
        (lambda: fa.linear_cross_entropy(x, weight, target + 5), IndexError, "0 <= class < 5"),
        (lambda: fa.linear_cross_entropy(x, weight, target, bias=bias[:2]), ValueError, "one for each class"),
        (lambda: fa.linear_cross_entropy(x, weight, target, label_smoothing=2), ValueError, "from 0.0 to 1.0"),
        (lambda: fa.linear_cross_entropy(1.0, weight, 0), ValueError, "got a scalar"),
    ]:
        with pytest.raises(error, match=match):
            call()
    assert np.isnan(fa.linear_cross_entropy(x, weight, np.full(4, -100)))
    loss, (dx, dweight, _) = fa.value_and_grad.linear_cross_entropy(x[:0], weight, target[:0], reduction="sum")
    assert (loss, dx.shape) == (0, (0, 3))
    np.testing.assert_array_equal(dweight, 0)
    loss, gradients = fa.value_and_grad.linear_cross_entropy(x[:, :0], weight[:, :0], target, bias=bias)
    assert loss == fa.cross_entropy(np.tile(bias, (4, 1)), target)  # no features: the bias alone
    assert [g.shape for g in gradients] == [(4, 0), (5, 0), (5,)]


@pytest.mark.parametrize(("d", "beta", "loss"), [(2e200, 1e300, 2e100), (3e-200, 4.5e-200, 1e-200)])
def test_smooth_l1_neither_overflows_nor_vanishes_on_the_way(d, beta, loss):
    value, gradient = fa.value_and_grad.smooth_l1_loss(np.array([d]), np.zeros(1), beta=beta)
    np.testing.assert_allclose(value, loss, rtol=1e-15)
    np.testing.assert_allclose(gradient, d / beta, rtol=1e-15)
