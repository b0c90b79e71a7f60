"""Names of torch scripts beyond layers and losses: each gives torch's value, dtype and gradient."""

import decimal
import fractions

import numpy as np
import pytest
import torch

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn, optim

VALUES = np.random.default_rng(5).normal(size=(4, 6))
# by how they are written for both libraries: x has shape (4, 6), c is all 1.5, i indexes, mask is x > 0
CALLS = """
x.cumsum(1); t.cumsum(x, 0); x.cumprod(1); (x * (x > 0)).cumprod(0); x.prod(); x.prod(1); t.prod(x, 1, keepdim=True)
(x * (x > 0.5)).prod(0); t.tensor([2, 3]).prod(); t.tensor([True, True]).cumsum(0)
x.chunk(4, 1)[1]; t.chunk(x, 5)[3]; x.split(4, 1)[1]; t.split(x, [1, 3], 0)[1]; x.unbind(0)[1]; t.unbind(x, 1)[-1]
x.narrow(1, 2, 3); x.select(0, -1); x.repeat(2, 3); x.repeat(2, 1, 3); t.tile(x, (3,)); x.repeat_interleave(2, 0)
x.repeat_interleave(3); x.repeat_interleave(t.tensor([1, 0, 2, 1]), 0); x.index_select(1, i); t.index_select(x, 0, i)
x.masked_select(mask); t.masked_select(x, mask[0]); x.take(i); x.flip(0); t.flip(x, [0, 1]); x.roll(1, 0); t.roll(x, -2)
x.roll((1, 2), (0, 1)); x.triu(); t.tril(x, 1); t.diag(x[0]); x.diag(1); x.diag(-2); x.unflatten(1, (2, -1)); x.movedim(0, 1)
x.unsqueeze(0).expand_as(t.zeros(2, 4, 6)); x.broadcast_to((2, 4, 6)); x.sort(1)[0]; t.sort(x, dim=0, descending=True)[1]
x.argsort(1, descending=True); x.topk(2, 1)[0]; t.topk(x, 3, largest=False)[1]; x.median(); x.median(1)[0]; x.median(0)[1]
x.scatter(1, i.view(-1, 1), 2.0); x.scatter(1, i.view(-1, 1), c); t.zeros(4, 6).scatter_(1, i.view(-1, 1), 1.0)
t.where(mask)[1]; mask.nonzero(); t.nonzero(mask, as_tuple=True)[0]; x.count_nonzero(); mask.count_nonzero(0)
t.tensor([3, 1, 1]).unique(); t.bincount(t.tensor([0, 1, 1, 5])); t.nan_to_num(t.where(mask, x, float("nan"))); x.round(decimals=1); x.trunc() + x.floor() + x.ceil() + x.round() + x.sign()
x.add(c, alpha=2); x.sub(c, alpha=0.5); t.add(x, 1, alpha=3); t.sub(x, c, alpha=2); x.clamp_min(0.1); t.clip(x, -0.5, 0.5)
x.lerp(c, 0.3); t.lerp(x, c, 0.1); x.addcmul(c, x, value=0.5); t.addcdiv(x, x, c, value=2); c.rsqrt(); t.rsqrt(x * x + 1)
t.addmm(c[:, :4], x, x.T); t.outer(x[0], x[1]); t.bmm(x.view(2, 2, 6), x.view(2, 6, 2)); x.atan(); t.sinh(x); x.cosh()
t.logaddexp(x, c); t.floor_divide(x.detach(), 2); t.remainder(x, 0.7); t.true_divide(x, c); t.logical_and(mask, x < 1); mask.logical_xor(x < 1)
x.detach().clone().clamp_(-0.5, 0.5); x.detach().clone().exp_(); x.detach().clone().relu_(); x.detach().clone().lerp_(c, 0.2)
x.detach().clone().addcmul_(c, c, value=0.1); x.detach().clone().addcdiv_(c, c, value=-0.1); x.detach().clone().sigmoid_()
x.detach().clone().masked_fill_(mask, 7.0); x.detach().clone().add_(c, alpha=3); x.detach().clone().sub_(c, alpha=2)
x.half(); x.half().float(); x.type(t.float32); x.new_zeros(3); x.new_ones(2, 2); x.new_full((2,), 3.0); x.new_tensor([1, 2])
t.Tensor([1, 2.5]); t.Tensor([[1], [2]]); t.hstack([x, c]); t.vstack([x[0], c]); t.hstack([x[0], c[0]]); t.concatenate([x, c], 1)
t.var_mean(x, 0)[0]; t.std_mean(x, 1)[1]; t.isclose(x, x + 1e-9); t.empty_like(x) * 0; t.bernoulli(t.ones(3)); x.ravel()
x.std(False); x.var(True); t.std(x, False); c.std(0); (x * (x > 0)).std(1); x[:1].var(0, unbiased=False); x.norm("fro")
x.norm(float("-inf")); x.norm(float("-inf"), 1); x.norm(3); (x * 0).norm(3, 1); x.norm(0.5, 0, True); (x.detach() > 0).double().norm(0)
x.clamp(c * 0, c / 3); x.clamp(min=x[0]); t.clamp(x, max=x.T[:1].T); x[0].clamp(min=x); x.clamp(x[1], x[0]); x.masked_fill(mask, x[0, 0])
x.where(mask, c); x.where(x > 1, 0.0); x[0, 0].gather(0, i[:1]); x[0, 0].scatter(0, i[0], x[1, 1]); x[:0].cumprod(0); x[:, :0].cumprod(1)
t.tensor([1, 4], dtype=t.int8).sqrt(); t.tensor([200], dtype=t.uint8).sqrt(); t.tensor([True]).log1p(); t.tensor([3, 4]).round()
F.prelu(x[0, 0], t.tensor([0.2], dtype=t.float64)); t.einsum("ij,kj->ik", x, c); t.einsum("...j,j", x, x[0])
F.cosine_similarity(x, c); F.cosine_similarity(x, x + c, dim=0); t.swapaxes(x, 0, 1)
x.quantile(0.3); x.quantile(0.3, 1); t.quantile(x, t.tensor([0.0, 0.25, 1.0], dtype=t.float64), dim=0); x.quantile(0.5, keepdim=True); x[0, 0].quantile(0.5); x[0, 0].quantile(0.2, -1, True); x[0].quantile(0.2, 0, True)
t.quantile(x, t.tensor([0.1, 0.9], dtype=t.float64), 1, True); t.quantile(t.where(mask, x, float("nan")), 0.5, 0); t.nansum(t.where(mask, x, float("nan")), 0)
t.where(mask, x, float("nan")).nanmean(1, True); t.nanmean(x); x.diff(); t.diff(x, 2, 0); x[:, :1].diff(); x.diagonal(); t.diagonal(x, 1)
x.view(2, 2, 6).diagonal(-1, 1, 2); x[:, :4].trace(); t.trace(x); x.scatter_add(1, i.view(-1, 1), c); t.scatter_add(x, 0, i.view(1, -1), x[:1, :4])
x.index_add(1, i, c[:, :4], alpha=2); t.index_add(x, 0, i, x); x.frac(); t.frac(x * 3); x[0].inner(x[1]); t.inner(x, c); x.view(2, 2, 6).inner(x.view(4, 1, 6)); x[0, 0].inner(x); x[0, 0].scatter_add(0, i[0], x[1, 1]); x.fliplr(); t.flipud(x)
x.moveaxis(0, 1); t.swapdims(x, 0, 1); x.reshape_as(t.zeros(2, 12)); x.div(0.7, rounding_mode="floor"); t.div(x, c, rounding_mode="trunc")
t.tensor([7, -7]).div(2, rounding_mode="trunc"); t.div(t.tensor([7, -7]), t.tensor([2, 2]), rounding_mode="floor"); t.divide(x, 3); x.divide(c)
t.subtract(x, c, alpha=2); x.subtract(1); x.absolute(); t.negative(x); (x / 9).asin(); t.acos(x / 9); x.atan2(c); t.atan2(c, x); x.fmod(0.7); t.fmod(x, -c)
x.exp2(); x.greater(0); t.less(x, c); x.greater_equal(c); x.less_equal(0.1); t.not_equal(x, x); x.mm(x.T); t.mm(x, x.T); x.mv(x[0]); t.dot(x[0], x[1])
t.cat([t.tensor([]).double(), x]); t.cat((x, t.zeros(0, dtype=t.float64), c), 1); t.cat([t.tensor([]), t.tensor([[1, 2]])]); t.cat([t.tensor([]), t.tensor([1, 2])])
t.tensor([3, 1, 1]).unique(return_counts=True)[1]; t.unique(t.tensor([[3, 1], [3, 3]]), return_inverse=True)[1]; t.unique(t.tensor([[3, 1], [3, 1]]), dim=0)
t.unique(t.tensor([[3, 1], [3, 1]]), return_inverse=True, return_counts=True, dim=0)[2]; t.hstack([x[0, 0], x[0]]); t.column_stack([x[0], x[1]]); t.column_stack((x, x[:, 0]))
t.meshgrid(x[0], x[:, 0], indexing="ij")[0]; t.meshgrid([x[0], x[:, 0]], indexing="xy")[1]; t.searchsorted(t.tensor([1.0, 2.0, 3.0]).double(), x)
t.searchsorted(t.tensor([1, 2, 3]), t.tensor([2, 4]), right=True); t.bucketize(x, t.tensor([-1.0, 0.0, 1.0]).double()); t.isin(i, t.tensor([0, 3]))
t.cdist(x, x[:3] + 1); t.cdist(x, c, p=1.0); t.clone(x); t.detach(x); x.short(); x.round().median(); t.median(x[:0]); t.tensor([1.5]).byte(); (x > 0).double().frac()
"""
CALLS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(";")]


def outcome(t, functional, text):
    x = t.tensor(VALUES, requires_grad=True)
    names = {"x": x, "c": t.full((4, 6), 1.5, dtype=t.float64), "i": t.tensor([0, 3, 2, 0]), "mask": x > 0}
    y = eval(text, {**names, "t": t, "F": functional})
    if y.requires_grad:
        weights = np.random.default_rng(6).normal(size=tuple(y.shape))
        (y * t.tensor(weights).to(y.dtype)).sum().backward()
    return y.detach(), x.grad


@pytest.mark.parametrize("text", CALLS)
def test_value_dtype_and_gradient_are_torchs(text):
    ours, gradient = outcome(ft, F, text)
    theirs, expected = outcome(torch, torch.nn.functional, text)
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12, atol=1e-14)
    assert (gradient is None) == (expected is None)
    if gradient is not None:
        np.testing.assert_allclose(gradient.numpy(), expected.numpy(), rtol=1e-11, atol=1e-13)


def test_what_a_tensor_says_of_itself():
    x, wide = ft.zeros(2, 3), torch.zeros(2, 3)
    assert x.device == "cpu" and x.device.type == "cpu" and str(x.device) == "cpu" and x.device == ft.device("cpu")
    assert x.to(x.device) is x and not x.is_cuda and x.is_floating_point() and not ft.is_floating_point(x > 0)
    assert x.stride() == wide.stride() and x.T.is_contiguous() == wide.T.is_contiguous() and x.element_size() == 4
    assert ft.Tensor(2, 3).shape == (2, 3) and ft.Tensor(4).dtype == ft.float32
    assert ft.finfo(x.dtype).eps == torch.finfo(torch.float32).eps and x.equal(x.clone()) and x.allclose(x + 1e-9)


def test_containers_by_name_and_of_parameters():
    def heads(lib, ones):
        model = lib.Module()
        model.heads = lib.ModuleDict({"a": lib.Linear(3, 2), "b": lib.Linear(3, 1)})
        model.scales = lib.ParameterList([lib.Parameter(ones)])
        return model

    ours = heads(nn, ft.ones(2))
    assert list(ours.state_dict()) == list(heads(torch.nn, torch.ones(2)).state_dict())
    assert list(ours.state_dict()) == ["heads.a.weight", "heads.a.bias", "heads.b.weight", "heads.b.bias", "scales.0"]
    assert list(ours.heads) == ["a", "b"] and "a" in ours.heads and len(ours.heads) == 2 and len(ours.scales) == 1
    y = (ours.heads["a"](ft.ones(1, 3)) * ours.scales[0]).sum()
    y.backward()
    assert ours.scales[0].grad is not None and ours.heads["b"].weight.grad is None
    with pytest.raises(KeyError, match="choose another name"):
        ours.heads["keys"] = nn.Identity()


@pytest.mark.parametrize(
    ("module", "name", "mend"),
    [
        (ft, "fft", "training scripts"),
        (ft.autograd, "Function", "grad, backward"),
        (nn, "Conv2d", "perceptrons"),
        (F, "conv2d", "perceptrons"),
        (optim, "LBFGS", "Adagrad"),
        (optim.lr_scheduler, "LambdaRL", "LambdaLR"),
    ],
)
def test_a_name_that_is_not_offered_says_so(module, name, mend):
    with pytest.raises(AttributeError, match=f"has no '{name}'.*{mend}"):
        getattr(module, name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.split([1, 2]), "in all 3, for an axis of 4"),
        (lambda x: x.split(0), "1 or more"),
        (lambda x: x.chunk(0), "1 or more"),
        (lambda x: x.repeat(2), "one for each"),
        (lambda x: x.narrow(0, 3, 2), "length is 4"),
        (lambda x: x.topk(9), "expected 0 to 6"),
        (lambda x: x.norm("nuc"), "'nuc'"),
        (lambda x: x.gather(1, ft.tensor([[-1]])), "gather got index -1 for an axis of 6: expected 0 to 5"),
        (lambda x: x.scatter(0, ft.tensor([[4]]), 1.0), "scatter got index 4 for an axis of 4"),
        (lambda x: x.index_select(0, [-1]), "index_select got indices from -1 to -1 for an axis of 4"),
        (lambda x: x.masked_fill(x > 0, [1.0, 2.0]), "masked_fill takes one value"),
        (lambda x: x.bmm(x), "use matmul"),
        (lambda x: ft.tensor([1, 2]).exp_(), "convert it first"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, message):
    with pytest.raises((ValueError, IndexError, RuntimeError), match=message):
        call(ft.tensor(VALUES))


def test_a_generator_of_its_own_repeats_what_it_draws():
    data = ft.utils.data.TensorDataset(ft.arange(12))

    def drawn(seed):
        made = ft.Generator().manual_seed(seed)
        loader = ft.utils.data.DataLoader(data, batch_size=5, shuffle=True, generator=made)
        first, _ = ft.utils.data.random_split(data, [4, 8], generator=made)
        parts = [batch for (batch,) in loader] + [
            first.indices,
            ft.randperm(9, generator=made),
            ft.randn(3, generator=made),
        ]
        return np.concatenate([np.asarray(part) for part in parts])

    ft.manual_seed(1)
    expected = ft.rand(2).numpy()
    ft.manual_seed(1)
    assert (drawn(3) == drawn(3)).all() and (drawn(3) != drawn(4)).any()
    np.testing.assert_array_equal(ft.rand(2).numpy(), expected)
    with pytest.raises(TypeError, match=r"torch\.Generator\(\)"):
        ft.randn(3, generator=np.random.default_rng(0))


@pytest.mark.parametrize("wrong", [F.relu, nn.ReLU, 3])
def test_what_is_no_module_is_not_taken_for_one(wrong):
    for make in (
        lambda: nn.Sequential(nn.Linear(2, 2), wrong),
        lambda: nn.ModuleList([wrong]),
        lambda: nn.ModuleDict({"a": wrong}),
        lambda: nn.Sequential(nn.Linear(2, 2)).append(wrong),
        lambda: nn.Sequential(nn.Linear(2, 2)).__setitem__(0, wrong),
    ):
        with pytest.raises(TypeError, match=r"holds modules, got .*nn.ReLU\(\)"):
            make()


def test_draws_in_proportion_and_what_else_is_no_derivative():
    ft.manual_seed(4)
    drawn = ft.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]]).multinomial(3000, replacement=True)
    assert drawn.dtype == ft.int64 and drawn.shape == (2, 3000) and (drawn[1] == 0).all()
    assert 0 not in drawn[0] and abs((drawn[0] == 2).double().mean().item() - 0.75) < 0.03
    assert sorted(ft.multinomial(ft.tensor([1.0, 2.0, 3.0]), 3).tolist()) == [0, 1, 2]
    x = ft.zeros(2, 3)
    assert (x.ndimension(), x.nbytes, x.itemsize) == (2, 24, 4)
    assert ft.set_printoptions(precision=2) is ft.set_float32_matmul_precision("high") is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: x.mm(x[0]), r"mm takes tensors of 2 and 2 axes, got \(2, 3\) and \(3,\); use matmul"),
        (lambda x: x.dot(x), "dot takes tensors of 1 and 1 axes"),
        (lambda x: x.mv(x.T), "mv takes tensors of 2 and 1 axes"),
        (lambda x: x.bmm(x), "bmm takes tensors of 3 and 3 axes"),
        (lambda x: x.outer(x), "outer takes two tensors of one axis"),
        (lambda x: x.addmm(x[0], x), "mm takes tensors of 2 and 2 axes"),
        (lambda x: x.div(2, rounding_mode="up"), "rounding_mode='up' is unknown"),
        (lambda x: x.quantile(1.5), "expected numbers from 0 to 1"),
        (lambda x: x[:0].quantile(0.5), r"no element, a tensor of shape \(0, 3\)"),
        (lambda x: x[0, 0].flatten(1), "dim=1 is out of range"),
        (lambda x: x[0].trace(), "trace takes a matrix"),
        (lambda x: (x - 1).multinomial(1), "rows of finite numbers of 0 or more"),
        (lambda x: ft.meshgrid(x[0], indexing="yx"), "choose 'ij' or 'xy'"),
    ],
)
def test_errors_name_what_was_given(call, said):
    with pytest.raises(ValueError, match=said):
        call(ft.zeros(2, 3))


def test_two_floating_dtypes_are_not_put_together():
    x, other, index = ft.zeros(3), ft.ones(3).double(), ft.tensor([0, 2, 2])
    for call in (
        lambda s: x.scatter(0, index, s),
        lambda s: x.scatter_add(0, index, s),
        lambda s: x.index_add(0, index, s),
    ):
        with pytest.raises(TypeError, match="float32 and float64 meet"):
            call(other)
        assert call(other.numpy()).dtype == ft.float32


def test_iterators_of_tensors_keep_their_gradient():
    a = ft.tensor([1.0, 2.0], requires_grad=True)
    for stack in (ft.hstack, ft.vstack, ft.column_stack):
        for several in ((t for t in [a, a]), {1: a, 2: a}.values(), map(ft.exp, [a, a])):
            assert stack(several).requires_grad
    assert isinstance(ft.hstack(x for x in [np.ones(2), np.ones(2)]), np.ndarray)


def test_numbers_of_any_kind_compare_elementwise():
    t = ft.tensor([1, 2])
    assert (t < 2**70).tolist() == [True, True]
    assert (t == 2**70).tolist() == [False, False]
    assert (t == fractions.Fraction(1)).tolist() == [True, False]
    assert (t <= decimal.Decimal(1)).tolist() == [True, False]
    assert (ft.tensor([1.0, 2.0]) == np.array([1, "a"], object)).tolist() == [True, False]
    assert (t == "a") is False


def test_integers_compare_and_subtract_without_rounding_first():
    t = ft.tensor([2**24 + 1])
    assert not (t == np.array([2.0**24])).item()
    assert not (t == np.float64(2**24)).item()
    assert (t > np.array([2.0**24 + 0.5])).item()
    difference = t - np.array([2.0**24])
    assert (difference.dtype, difference.item()) == (np.float32, 1.0)


class Plain(np.ndarray):
    pass


def test_subclasses_of_ndarray_do_not_enter_a_tensor():
    f = ft.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    product = f * np.array([[1.0, 2.0], [3.0, 4.0]]).view(Plain)
    assert type(product.detach().numpy()) is np.ndarray
    product.sum().backward()
    assert f.grad.tolist() == [[1.0, 2.0], [3.0, 4.0]]
