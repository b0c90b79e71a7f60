"""Hooks, buffers and containers of modules behave as torch's: each line runs on both."""

import copy
import pickle

import numpy as np
import pytest
import torch

import fastact.torch as ft


def plain(value):
    """Values of either library as Python's own."""
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def buffers(lib):
    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("kept", lib.zeros(2))
            self.register_buffer("passing", lib.ones(1), persistent=False)
            self.register_buffer("none", None)
            self.inner = lib.nn.BatchNorm1d(2)
            self.again = self.inner

    net = Net().double()
    dtypes = [str(part.dtype).removeprefix("torch.") for part in (net.kept, net.passing)]
    names = [name for name, _ in net.named_buffers()], [name for name, _ in net.named_buffers("p", recurse=False)]
    twice = [name for name, _ in net.named_buffers(remove_duplicate=False)]
    twice += [name for name, _ in net.named_parameters(remove_duplicate=False)]
    twice += [name for name, _ in net.named_modules(remove_duplicate=False)]
    return dtypes, names, twice, len(list(net.buffers(recurse=False))), list(net.state_dict()), net.none


def states(lib):
    model = lib.nn.Sequential(lib.nn.Linear(2, 1), lib.nn.Linear(1, 1))
    found = {"first": 1}
    same = model.state_dict(destination=found, prefix="m.", keep_vars=True) is found
    kept = found["m.0.weight"] is model[0].weight
    model.load_state_dict({name: value.double() for name, value in model.state_dict().items()}, assign=True)
    return list(found), same, kept, str(model[0].weight.dtype).removeprefix("torch."), model[0].weight.requires_grad


def by_name(lib):
    model = lib.nn.Sequential(lib.nn.Linear(2, 1), lib.nn.Sequential(lib.nn.ReLU()))
    found = model.get_submodule("1.0") is model[1][0], model.get_submodule("") is model
    found += (model.get_parameter("0.bias") is model[0].bias,)
    for call in (lambda: model.get_submodule("1.x"), lambda: model.get_parameter("0.gain")):
        with pytest.raises(AttributeError, match=r"1\.x|x|0\.gain|gain"):
            call()
    return found, str(model.half()[0].weight.dtype).removeprefix("torch.")


def hooks(lib):
    seen = []
    model = lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.ReLU(), lib.nn.Linear(2, 1))
    for parameter in model.parameters():
        parameter.data = lib.ones(parameter.shape)
    x = lib.tensor([[1.0, 2.0, -5.0]])
    handles = [
        model[1].register_forward_hook(
            lambda m, args, y: seen.append((type(m).__name__, args[0].tolist(), y.tolist()))
        ),
        model[0].register_forward_hook(lambda m, args, y: y + 10),
        model[0].register_forward_hook(lambda m, args, y: seen.append(y.tolist()), prepend=True),
        model[2].register_forward_pre_hook(lambda m, args: (args[0] * 2,)),
        model[2].register_forward_pre_hook(lambda m, args: args[0] + 1),
        model.register_forward_hook(lambda m, args, kwargs, y: seen.append(sorted(kwargs)), with_kwargs=True),
        model.register_forward_pre_hook(lambda m, args, kwargs: ((args[0] * 1,), {}), with_kwargs=True),
    ]
    results = [model(x).tolist(), model.eval()(x).tolist()]
    for handle in handles[:-1]:
        handle.remove()
        handle.remove()
    with handles[-1]:
        pass
    return results, seen, model(x).tolist(), copy.deepcopy(model)(x).tolist()


def lists(lib):
    nn = lib.nn
    made = []
    for modules in (nn.Sequential(nn.Linear(1, 1), nn.ReLU()), nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])):
        modules[1] = nn.Tanh()
        modules.insert(0, nn.GELU())
        more = nn.SiLU(), nn.Mish()
        modules += nn.Sequential(*more) if isinstance(modules, nn.Sequential) else more
        del modules[1]
        del modules[-1:]
        made += [
            str(modules),
            str(modules.pop(0)),
            str(modules + type(modules)()),
            len(modules),
            list(modules.state_dict()),
        ]
    named = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    made += [str(named.pop("a")), str(named)]
    named.clear()
    return [*made, len(named), len(nn.ModuleList()), len(nn.ParameterList())]


def parameters(lib):
    nn = lib.nn
    one = nn.Parameter(lib.zeros(2))
    held = nn.ParameterList([one, one])
    held += [lib.ones(1)]
    held[-1] = nn.Parameter(lib.ones(3))
    return len(held), [tuple(part.shape) for part in held], len(list(held.parameters())), list(held.state_dict())


@pytest.mark.parametrize("use", [buffers, states, by_name, hooks, lists, parameters], ids=lambda use: use.__name__)
def test_as_torch_does(use):
    assert plain(use(ft)) == plain(use(torch))


def test_hooks_see_the_layers_of_a_fused_pair():
    model = ft.nn.Sequential(ft.nn.Linear(3, 4), ft.nn.ReLU(), ft.nn.Linear(4, 2)).double()
    x, seen = ft.tensor(np.random.default_rng(0).normal(size=(5, 3))), {}
    expected = model(x).detach().numpy()
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda m, args, y, name=name: seen.update({name: y.detach()}))
    assert model(x).tolist() == expected.tolist()
    assert sorted(seen) == ["0", "1", "2"] and seen["1"].tolist() == ft.relu(seen["0"]).tolist()


def test_a_model_without_hooks_pickles_after_they_are_gone():
    model = ft.nn.Sequential(ft.nn.Linear(3, 4))
    model.register_forward_hook(lambda *given: None).remove()
    assert pickle.loads(pickle.dumps(model))(np.ones((1, 3))).shape == (1, 4)
