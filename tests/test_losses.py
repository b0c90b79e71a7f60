"""cross_entropy, nll_loss, probability_cross_entropy and their gradients, against torch in float64."""

import warnings

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import reference
import strategies
import torch
import torch.nn.functional as F
import ulp

import fastact as fa

REDUCTIONS = ("mean", "sum", "none")


def close(dtype, scale=1.0):
    eps = np.finfo(dtype).eps
    return {"rtol": 16 * eps, "atol": 32 * eps * scale, "equal_nan": True}


def classes_second(x, axis):
    """torch wants the classes on axis 1 (on axis 0 of a vector)."""
    return torch.tensor(np.ascontiguousarray(np.moveaxis(np.asarray(x, np.float64), axis, min(1, x.ndim - 1))))


@st.composite
def problems(draw):
    """(logits, axis, target, options) with every option drawn."""
    shape = draw(strategies.shapes(min_dims=1, min_side=1, max_side=6))
    x = draw(strategies.arrays(shape=shape, kind=st.sampled_from(["plain", "wide"])))
    axis = draw(strategies.axes(x.ndim))
    random = np.random.default_rng(draw(strategies.seeds))
    n, rows = x.shape[axis], np.delete(x.shape, axis)
    options = {
        "reduction": draw(st.sampled_from(REDUCTIONS)),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
    }
    if draw(st.booleans()):
        options["weight"] = random.uniform(0.1, 3, n)
    if draw(st.booleans()):
        target = random.uniform(0, 1, x.shape).astype(x.dtype.newbyteorder("="))
    else:
        target = random.integers(0, n, rows).astype(draw(st.sampled_from(["i8", "u1", "i4", "u8"])))
        options["ignore_index"] = draw(st.sampled_from([-100, 0, 3]))
    return x, axis, target, options


def torch_loss(function, x, axis, target, options):
    """torch's loss and gradient in float64, in fastact's layout."""
    t = classes_second(x, axis).requires_grad_()
    is_index = target.dtype.kind != "f"
    goal = torch.tensor(target.astype(np.int64)) if is_index else classes_second(target, axis)
    keywords = dict(options)
    if "weight" in keywords:
        rounded = keywords["weight"].astype(x.dtype.newbyteorder("="))
        keywords["weight"] = torch.tensor(rounded.astype(np.float64))
    loss = function(t, goal, **keywords)
    loss.sum().backward()
    return loss.detach().numpy(), np.moveaxis(t.grad.numpy(), min(1, x.ndim - 1), axis)


@hypothesis.settings(max_examples=150)
@hypothesis.given(problem=problems())
def test_cross_entropy_agrees_with_torch(isa, problem):
    x, axis, target, options = problem
    want, gradient = torch_loss(F.cross_entropy, x, axis, target, options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, got = fa.value_and_grad.cross_entropy(x, target, axis=axis, **options)
        alone = fa.cross_entropy(x, target, axis=axis, **options)
    assert loss.dtype == got.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_array_equal(loss, alone)
    np.testing.assert_allclose(loss, want, **close(loss.dtype, float(np.abs(x).max()) + 1))
    if not np.isnan(want).any():
        np.testing.assert_allclose(got, gradient, **close(loss.dtype, 4))


@hypothesis.given(problem=problems())
def test_nll_loss_agrees_with_torch(problem):
    x, axis, target, options = problem
    options.pop("label_smoothing")
    if target.dtype.kind == "f":
        with pytest.raises(TypeError, match="expected integers"):
            fa.nll_loss(x, target, axis=axis, **options)
        return
    want, gradient = torch_loss(F.nll_loss, x, axis, target, options)
    loss, got = fa.value_and_grad.nll_loss(x, target, axis=axis, **options)
    np.testing.assert_array_equal(loss, fa.nll_loss(x, target, axis=axis, **options))
    np.testing.assert_allclose(loss, want, **close(loss.dtype, 10 * float(np.abs(x).max()) + 1))
    if not np.isnan(want).any():
        np.testing.assert_allclose(got, gradient, **close(loss.dtype))


@hypothesis.given(data=st.data(), dtype=strategies.dtypes, reduction=st.sampled_from(REDUCTIONS))
def test_probability_cross_entropy(data, dtype, reduction):
    shape = data.draw(strategies.shapes(min_dims=1, min_side=1))
    axis = data.draw(strategies.axes(len(shape)))
    random = np.random.default_rng(data.draw(strategies.seeds))
    probs, target = random.uniform(1e-6, 1, shape).astype(dtype), random.uniform(0, 1, shape).astype(dtype)
    target[random.uniform(0, 1, shape) < 0.3] = 0
    probs[target == 0] = 0
    p = torch.tensor(np.where(target == 0, 1, probs).astype("f8"), requires_grad=True)
    losses = -(torch.tensor(target.astype("f8")) * p.log()).sum(axis)
    want = {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]
    want.sum().backward()
    loss, got = fa.value_and_grad.probability_cross_entropy(probs, target, axis=axis, reduction=reduction)
    np.testing.assert_allclose(loss, want.detach().numpy(), **close(dtype))
    np.testing.assert_allclose(got, p.grad.numpy(), **close(dtype))
    np.testing.assert_array_equal(loss, fa.probability_cross_entropy(probs, target, axis=axis, reduction=reduction))


def test_the_notebooks_form():
    probs, one_hot = np.array([0.7, 0.2, 0.1]), [1, 0, 0]
    assert fa.probability_cross_entropy(probs, one_hot, reduction="sum") == -np.log(0.7)
    assert fa.probability_cross_entropy(np.array([0.0, 1.0]), [1, 0], reduction="sum") == np.inf
    assert fa.probability_cross_entropy(np.array([0.0, 1.0]), [0, 1], reduction="sum") == 0


@pytest.mark.parametrize("dtype", strategies.FLOATS)
@pytest.mark.parametrize("n", [2, 3, 10, 33, 100])
def test_hard_rows_are_accurate(isa, dtype, n):
    random = np.random.default_rng(n)
    bound = 1.0 if dtype == np.float32 else 2.0
    rows = [random.normal(0, sigma, n) for sigma in (0.1, 3, 30)]
    rows += [np.where(np.arange(n) == 1, 0, -20.0) - random.random(n), random.normal(size=n) - 1e5]
    for row in rows:
        x = row.astype(dtype)
        for target in (int(np.argmax(x)), 0):
            loss, gradient = fa.value_and_grad.cross_entropy(x, target)
            with reference.MPFR.context():
                exact_loss = reference.cross_entropy_row(reference.MPFR, x.astype("f8"), target)
                exact_gradient = reference.cross_entropy_row_gradient(reference.MPFR, x.astype("f8"), target)
            for got, exact in (([loss], [exact_loss]), (gradient, exact_gradient)):
                head, tail = reference.split(np.array(exact, object))
                errors = ulp.errors(np.array(got, dtype), head, tail if dtype == np.float64 else 0.0)
                assert errors.max() <= bound, (x, target, errors)


@pytest.mark.parametrize("n", [5, 100, 1025])
def test_gradient_at_the_target_is_accurate_in_float64(isa, n):
    """Close to -1, where the errors of a sum without its tail would be two ULPs."""
    for seed in range(6):
        random = np.random.default_rng([n, seed])
        x = random.normal(0, 0.05, n)
        for target in (int(np.argmax(x)), int(random.integers(n))):
            got = fa.value_and_grad.cross_entropy(x, target)[1][[target]]
            with reference.MPFR.context():
                exact = reference.split(reference.cross_entropy_row_gradient(reference.MPFR, x, target), reference.MPFR)
            assert ulp.errors(got, exact[0][[target]], exact[1][[target]]).max() <= 0.75, (n, seed, target)


@pytest.mark.parametrize("dtype", strategies.FLOATS)
def test_gradient_of_probability_targets_is_accurate(isa, dtype):
    """Also at the largest logit, where softmax may be small and the sum over the others near 1."""
    random = np.random.default_rng(3)
    for n in (2, 5, 40, 300):
        x, target = random.normal(0, 2, n).astype(dtype), random.random(n).astype(dtype)
        target /= target.sum()
        target[np.argmax(x)] *= random.choice([0.01, 1, 3])
        gradient = fa.value_and_grad.cross_entropy(x, target)[1]
        with reference.MPFR.context():
            exact = reference.softmax_row(reference.MPFR, x.astype("f8")) * sum(
                reference.MPFR.array(target.astype("f8"))
            ) - reference.MPFR.array(target.astype("f8"))
            error = np.abs(reference.MPFR.array(gradient.astype("f8")) - exact).astype("f8")
        assert (error <= 2 * np.finfo(dtype).eps * (np.abs(gradient) + target * 0.5)).all()


@pytest.mark.parametrize("dtype", strategies.FLOATS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinite_probability_targets(isa, dtype, smoothing, infinity):
    for n in (3, 20):
        for c in range(3):
            x, target = np.arange(n, 0, -1).astype(dtype)[None], np.zeros((1, n), dtype)
            target[0, c] = infinity
            t = torch.from_numpy(x).requires_grad_()
            want = torch.nn.functional.cross_entropy(t, torch.from_numpy(target), label_smoothing=smoothing)
            want.backward()
            loss, gradient = fa.value_and_grad.cross_entropy(x, target, label_smoothing=smoothing)
            assert loss == want.item() == infinity
            np.testing.assert_array_equal(gradient, t.grad.numpy())


def test_confident_prediction_keeps_loss_and_gradient():
    loss, gradient = fa.value_and_grad.cross_entropy(np.float32([[0, -20, -25]]), [0])
    assert abs(loss / 2.075041564150623e-09 - 1) < 1.2e-7
    assert abs(gradient[0, 0] / -2.0750415619977245e-09 - 1) < 1.2e-7
    spread = np.float32([[0, -20, -25]])
    _, gradient = fa.value_and_grad.cross_entropy(spread, np.float32([[1, 0, 0]]))
    assert abs(gradient[0, 0] / -2.0750415619977245e-09 - 1) < 1.2e-7


def test_nothing_to_average():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(fa.cross_entropy(np.zeros((2, 3)), [-100, -100]))
        assert fa.cross_entropy(np.zeros((2, 3)), [-100, -100], reduction="sum") == 0
        assert np.isnan(fa.cross_entropy(np.zeros((0, 3)), np.zeros(0, int)))
        assert fa.cross_entropy(np.zeros((0, 3)), np.zeros(0, int), reduction="none").shape == (0,)
        loss, gradient = fa.value_and_grad.cross_entropy(np.full((2, 3), np.nan), [-100, -100])
        np.testing.assert_array_equal(gradient, 0)
        assert np.isnan(fa.cross_entropy(np.array([[np.nan, 0.0]]), [1]))
        assert np.isnan(fa.cross_entropy(np.array([[np.inf, 0.0]]), [1]))
        assert fa.cross_entropy(np.array([[-np.inf, 0.0]]), [0]) == np.inf


@pytest.mark.parametrize("module", [fa, fa.value_and_grad])
@pytest.mark.parametrize("dtype", ["i1", "i4", "i8"])
@pytest.mark.parametrize("bad", [3, -1, -99, 100])
def test_a_bad_class_is_named(module, dtype, bad):
    target = np.array([[0, 1], [bad, 2]], dtype)
    with pytest.raises(IndexError, match=rf"class {bad} at position \(1, 0\): expected 0 <= class < 3"):
        module.cross_entropy(np.zeros((2, 2, 3)), target)
    with pytest.raises(IndexError, match=rf"nll_loss\(\) got class {bad} at position 1"):
        module.nll_loss(np.zeros((2, 3)), np.array([0, bad], dtype))


def test_unsigned_classes_do_not_wrap():
    for bad in (2**64 - 100, 2**63):
        with pytest.raises(IndexError, match=f"class {bad} at position 1"):
            fa.cross_entropy(np.zeros((2, 3)), np.array([0, bad], np.uint64))
    with pytest.raises(IndexError, match="class 3 at the target"):
        fa.cross_entropy(np.zeros(3), 3)


def test_shapes_and_options_are_checked():
    x = np.zeros((2, 3, 4))
    for target, match in [
        (np.zeros((2, 4), int), r"expected \(2, 3\).*pass axis=1"),
        (np.zeros((3, 2), int), r"expected \(2, 3\)"),
        (np.zeros((2, 4)), r"class probabilities, or integers.*pass axis=1"),
    ]:
        with pytest.raises(ValueError, match=match):
            fa.cross_entropy(x, target)
    for options, match in [
        ({"reduction": "average"}, "'mean', 'sum', 'none'"),
        ({"label_smoothing": 1.5}, "from 0.0 to 1.0"),
        ({"weight": np.ones(3)}, r"one for each class, \(4,\)"),
    ]:
        with pytest.raises(ValueError, match=match):
            fa.cross_entropy(x, np.zeros((2, 3), int), **options)
    with pytest.raises(ValueError, match="expected class indices"):
        fa.cross_entropy(x, x, ignore_index=0)
    with pytest.raises(TypeError, match="got a target of dtype"):
        fa.cross_entropy(x, np.zeros((2, 3), bool))
    with pytest.raises(np.exceptions.AxisError):
        fa.cross_entropy(x, np.zeros((2, 3), int), axis=3)
    with pytest.raises(ValueError, match="class axis"):
        fa.cross_entropy(np.float64(1), 0)


def test_layouts_give_the_same_bits(isa):
    random = np.random.default_rng(8)
    x, target = random.normal(size=(7, 40, 5)).astype(np.float32), random.integers(0, 40, (7, 5))
    rows = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    loss, gradient = fa.value_and_grad.cross_entropy(rows, target, reduction="none")
    for layout in strategies.LAYOUTS.values():
        other_loss, other = fa.value_and_grad.cross_entropy(
            layout(x), np.asfortranarray(target), axis=1, reduction="none"
        )
        np.testing.assert_array_equal(other_loss, loss)
        np.testing.assert_array_equal(np.moveaxis(other, 1, -1), gradient)


def general(name, *operands, **options):
    """The loss by the way of arguments that are no plain arrays: a subclass."""
    return getattr(fa.value_and_grad, name)(*(a.view(Subclass) for a in operands), **options)


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", [*strategies.FLOATS, np.float16])
@pytest.mark.parametrize("shape", [(10,), (1, 10), (32, 10), (5, 1000), (3, 1025), (4, 6, 3)])
@pytest.mark.parametrize("axis", [0, -1])
def test_direct_lane_gives_the_same_bits(dtype, reduction, shape, axis):
    random = np.random.default_rng(9)
    x, probs = random.normal(size=shape).astype(dtype), random.random(shape).astype(dtype)
    classes, rows = shape[axis], np.delete(shape, axis)
    target = random.integers(0, classes, rows)
    weight = random.uniform(0.1, 2, classes).astype(np.float64 if dtype == np.float64 else np.float32)
    common, last = {"reduction": reduction, "axis": axis}, {"ignore_index": int(target.ravel()[-1])}
    for name, operands, more in [
        ("cross_entropy", (x, target), {}),
        ("cross_entropy", (x, target), {"weight": weight} | last),
        ("cross_entropy", (x, target), {"weight": weight.astype(np.float16)}),
        ("cross_entropy", (x, target), {"weight": weight, "label_smoothing": 0.25}),
        ("cross_entropy", (x, probs), {"weight": weight, "label_smoothing": 0.25}),
        ("nll_loss", (x, target), {"weight": weight}),
        ("probability_cross_entropy", (probs + dtype(1e-3), probs), {}),
    ]:
        want_loss, want = general(name, *operands, **common, **more)
        loss, gradient = getattr(fa.value_and_grad, name)(*operands, **common, **more)
        np.testing.assert_array_equal(loss, want_loss)
        np.testing.assert_array_equal(gradient, want)
        np.testing.assert_array_equal(getattr(fa, name)(*operands, **common, **more), want_loss)
        assert type(loss) is type(want_loss)
        assert type(gradient) is np.ndarray


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "u2", "i4", "u4", ">i8", "u8", list])
def test_direct_lane_takes_any_classes(dtype):
    x = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    target = np.array([0, 2, 1, 2])
    given = target.tolist() if dtype is list else target.astype(dtype)
    assert fa.cross_entropy(x, given) == fa.cross_entropy(x, target)
    assert fa.cross_entropy(x, np.repeat(given, 2)[::2]) == fa.cross_entropy(x, target)
    for one in (2, np.array(2), given[1]):
        assert fa.cross_entropy(x[1], one) == fa.cross_entropy(x[1:2], [2])
    with pytest.raises(IndexError, match="class 3 at the target"):
        fa.cross_entropy(x[1], target.dtype.type(3))
    with pytest.raises(TypeError, match="dtype bool"):
        fa.cross_entropy(x[1], True)


class Delegate:
    def __fastact_function__(self, function, args, kwargs):
        return function, args, kwargs


@pytest.mark.parametrize("module", [fa, fa.value_and_grad])
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss", "probability_cross_entropy"])
def test_types_may_take_over(module, name):
    function, delegate = getattr(module, name), Delegate()
    for operands in ((delegate, [0]), (np.zeros((1, 2)), delegate)):
        got, args, kwargs = function(*operands, reduction="sum")
        assert got is function
        assert args == operands
        assert kwargs["reduction"] == "sum"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_smoothed_gradient_of_an_unlikely_target(dtype):
    """At the target, -share of the target + its softmax: not the difference of 1 - ... and 1 - softmax."""
    x = np.zeros(50_000, dtype)
    x[7] = 60
    gradient = fa.value_and_grad.cross_entropy(x, 3, label_smoothing=1.0)[1]
    np.testing.assert_allclose(gradient[3], -2e-5, rtol=2 * np.finfo(dtype).eps)
    weight = np.full(1000, 1e6, dtype)
    weight[3] = 1e-6
    gradient = fa.value_and_grad.cross_entropy(x[:1000], 3, label_smoothing=0.1, weight=weight, reduction="sum")[1]
    np.testing.assert_allclose(gradient[3], 99_900 * np.exp(-60.0) - 9.001e-07, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("weight, loss", [([np.inf, -np.inf], np.nan), ([1e308, 1e308], np.inf)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_weights_without_a_sum(weight, loss, order):
    logits = np.ones((2, 2), order=order)
    found = fa.cross_entropy(logits, [0, 0], weight=np.array(weight), label_smoothing=0.1, reduction="sum")
    np.testing.assert_equal(found, loss)


def test_probability_cross_entropy_wants_rows_for_indices():
    with pytest.raises(
        ValueError, match=r"got a target of shape \(2,\): expected that of the first operand, \(2, 3\).*eye\(3\)"
    ):
        fa.probability_cross_entropy(np.full((2, 3), 1 / 3), np.array([0, 1]))


def test_linear_cross_entropy_names_the_shape_it_was_given():
    with pytest.raises(ValueError, match=r"indices of shape \(3,\): expected \(6,\), which is x's \(6, 5\)"):
        fa.linear_cross_entropy(np.ones((6, 5)), np.ones((7, 5)), np.zeros(3, int))


def test_only_a_target_is_told_of_ignore_index():
    masked = np.ma.array([0, 1], mask=[0, 1])
    with pytest.raises(TypeError, match=r"give target.filled\(ignore_index\)"):
        fa.cross_entropy(np.ones((2, 2)), masked)
    with pytest.raises(TypeError, match=r"give x.filled\(value\)$"):
        fa.vjp.softmax(y=masked, g=np.ones(2))
    probabilities = np.ma.array(np.eye(2), mask=np.eye(2))
    for loss in (fa.cross_entropy, fa.probability_cross_entropy):
        with pytest.raises(TypeError, match=r"give target.filled\(0\)$"):
            loss(np.ones((2, 2)), probabilities)
