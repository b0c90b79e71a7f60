"""Torch scripts after their import lines were changed, the notebook's own loop among them."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import fastact.torch as ft
from fastact import nn, optim

NOTEBOOK = """
class SimpleMultiClassModel(nn.Module):
    def __init__(self):
        super(SimpleMultiClassModel, self).__init__()
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(x)

torch.manual_seed(0)
model = SimpleMultiClassModel()
if start is not None:
    model.load_state_dict(start)
criterion = nn.CrossEntropyLoss()
optimizer = make_optimizer(model.parameters(), lr=0.01)
inputs = torch.randn(4, 5)
if data is not None:
    inputs = torch.tensor(data)
labels = torch.tensor([0, 2, 1, 0])
losses = []
for _ in range(10):
    preds = model(inputs)
    loss = criterion(preds, labels)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
optimizer.zero_grad()
outputs = model(inputs)
loss = criterion(outputs, outputs)
loss.backward()
optimizer.step()
losses.append(loss.item())
"""


def run(names, start=None, data=None):
    scope = {"start": start, "data": data, **names}
    exec(NOTEBOOK, scope)
    return scope


@pytest.mark.parametrize("algorithm", ["Adam", "SGD"])
def test_the_notebooks_loop(algorithm):
    theirs = run({"torch": torch, "nn": torch.nn, "make_optimizer": getattr(torch.optim, algorithm)})
    ours = run({"torch": ft, "nn": nn, "make_optimizer": getattr(optim, algorithm)})
    assert all(a > b for a, b in zip(ours["losses"][:9], ours["losses"][1:10], strict=True))
    fresh = torch.nn.Linear(5, 3)
    start = {"fc.weight": fresh.weight.detach(), "fc.bias": fresh.bias.detach()}
    data = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    theirs = run({"torch": torch, "nn": torch.nn, "make_optimizer": getattr(torch.optim, algorithm)}, start, data)
    ours = run({"torch": ft, "nn": nn, "make_optimizer": getattr(optim, algorithm)}, start, data)
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=2e-6, atol=1e-6)


SCRIPT = """
{imports}
from {data} import DataLoader, TensorDataset
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
X = torch.randn(200, 10)
y = (X.sum(dim=1) > 0).long()
loader = DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True)
class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.head = nn.Linear(hidden, 2)
    def forward(self, x):
        return self.head(F.relu(self.layers(x)))
model = Net(32).to(device)
optimizer = optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
for epoch in range(10):
    model.train()
    running = 0.0
    for batch, target in loader:
        batch, target = batch.to(device), target.to(device)
        optimizer.zero_grad()
        loss = criterion(model(batch), target)
        loss.backward()
        optimizer.step()
        running += loss.item() * batch.size(0)
model.eval()
with torch.no_grad():
    logits = model(X)
    probabilities = torch.softmax(logits, dim=1)
    confidence, predicted = torch.max(probabilities, 1)
    accuracy = (predicted == y).float().mean().item()
print(f"{{running / len(X):.4f}} {{accuracy:.3f}} {{torch.allclose(probabilities.sum(1), torch.ones(200), atol=1e-5)}}")
"""
IMPORTS = {
    "torch": "import torch\nimport torch.nn as nn\nimport torch.optim as optim\nimport torch.nn.functional as F",
    "changed": "import fastact.torch as torch\nfrom fastact import nn, optim\nimport fastact.nn.functional as F",
    "prefixed": "import fastact.torch as torch\nimport fastact.torch.nn as nn\nimport fastact.torch.optim as optim\n"
    "import fastact.torch.nn.functional as F\nfrom fastact.torch.nn import Linear\nfrom fastact.torch.optim import Adam",
}  # fmt: skip


@pytest.mark.parametrize("kind", IMPORTS)
def test_a_script_trains_after_its_import_lines_changed(kind, capsys):
    data = "torch.utils.data" if kind == "torch" else "fastact.torch.utils.data"
    exec(SCRIPT.format(imports=IMPORTS[kind], data=data), {"__name__": "script"})
    loss, accuracy, normalized = capsys.readouterr().out.split()
    assert float(loss) < 0.1 and float(accuracy) > 0.97 and normalized == "True"


def test_submodules_import_first_in_a_fresh_process():
    code = "import fastact.torch.nn.functional as F, fastact.torch.utils.data as d; print(F.relu(-1.0), d.DataLoader.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0.0", "DataLoader"] or done.stdout.split() == ["-0.0", "DataLoader"]


def test_import_of_the_package_stays_light():
    code = "import fastact, sys; print([m for m in sys.modules if m.startswith(('fastact.nn', 'fastact.torch', 'fastact._t'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_name_says_so_and_names_the_nearest():
    with pytest.raises(AttributeError, match="fastact.torch has no 'sigmoit'.*nearest: sigmoid"):
        ft.sigmoit  # noqa: B018
    with pytest.raises(AttributeError, match="fastact.torch has no 'fft'"):
        ft.fft  # noqa: B018
    assert not hasattr(ft, "compile")


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn", "empty"])
def test_factories_take_shapes_as_torch_does(name):
    make, other = getattr(ft, name), getattr(torch, name)
    for size in ((2, 3), ((2, 3),), ([2, 3],), ((),)):
        assert make(*size).shape == tuple(other(*size).shape) and make(*size).dtype == np.float32
    assert make(2, dtype=ft.float64, requires_grad=True).requires_grad


def test_factories_give_torchs_values_and_dtypes():
    for call in (
        lambda t: t.arange(5), lambda t: t.arange(1, 2, 0.25), lambda t: t.arange(1.0, 4.0), lambda t: t.full((2,), 7),
        lambda t: t.full((2,), 1.5), lambda t: t.eye(3), lambda t: t.linspace(0, 1, 5), lambda t: t.zeros_like(t.arange(3)),
        lambda t: t.ones_like(t.zeros(2)), lambda t: t.tensor([1, 2], dtype=t.float32), lambda t: t.full_like(t.ones(2), 3),
    ):  # fmt: skip
        ours, theirs = call(ft), call(torch)
        assert ours.dtype == np.dtype(str(theirs.dtype).split(".")[1])
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_seeds_repeat_random_numbers():
    draws = []
    for seed in (3, 3, 4):
        ft.manual_seed(seed)
        draws.append(
            (ft.randn(3).tolist(), ft.rand(2).tolist(), ft.randperm(5).tolist(), ft.randint(0, 9, (4,)).tolist())
        )
    assert draws[0] == draws[1] != draws[2]


def test_the_loader_visits_every_sample_once():
    x = ft.arange(10)
    for options, lengths in (({"batch_size": 4}, [4, 4, 2]), ({"batch_size": 4, "drop_last": True}, [4, 4])):
        loader = ft.utils.data.DataLoader(ft.utils.data.TensorDataset(x, x * 2), shuffle=True, **options)
        batches = list(loader)
        assert [len(batch[0]) for batch in batches] == lengths and len(loader) == len(lengths)
        assert all((b == a * 2).all() for a, b in batches)
        assert len({value for a, _ in batches for value in a.tolist()}) == sum(lengths)
    pairs = [(np.ones(2, np.float32) * i, i) for i in range(3)]
    (a, b), _ = ft.utils.data.DataLoader(pairs, batch_size=2)
    assert a.shape == (2, 2) and b.tolist() == [0, 1] and b.dtype == np.int64


def test_the_only_device_is_the_cpu():
    assert ft.device("cpu") == "cpu" and not ft.cuda.is_available()
    for call in (lambda: ft.device("cuda"), lambda: ft.zeros(2, device="cuda"), lambda: ft.zeros(2).cuda()):
        with pytest.raises(RuntimeError, match="CPU only"):
            call()


def test_what_is_elsewhere_says_where():
    for name, hint in (("save", "save_safetensors"), ("load", "never unpickles"), ("set_default_dtype", "to(dtype)")):
        with pytest.raises(AttributeError, match=f"no '{name}': .*{re.escape(hint)}"):
            getattr(ft, name)


def test_a_random_split_shares_out_every_sample():
    split, data = ft.utils.data.random_split, list(range(10))
    ft.manual_seed(0)
    for lengths, sizes in (([7, 3], [7, 3]), ([0.5, 0.25, 0.25], [6, 2, 2])):
        parts = split(data, lengths)
        assert [len(part) for part in parts] == sizes
        assert sorted(sample for part in parts for sample in part) == data
    first = next(iter(ft.utils.data.DataLoader(parts[0], batch_size=6)))
    assert sorted(first.tolist()) == sorted(parts[0])
    with pytest.raises(ValueError, match="add up to 9 for a dataset of 10"):
        split(data, [5, 4])


@pytest.mark.parametrize("name", [name for name in ("relu", "sigmoid", "tanh", "erf") if hasattr(ft.Tensor, name)])
def test_activations_are_methods_too(name):
    x = np.linspace(-2, 2, 7)
    mine, other = ft.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    getattr(mine, name)().sum().backward()
    getattr(other, name)().sum().backward()
    np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(getattr(ft, name)(mine.detach()).numpy(), getattr(torch, name)(other.detach()).numpy())


def test_rows_are_methods_too():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    mine, other = ft.tensor(x), torch.tensor(x)
    for name in ("softmax", "log_softmax", "logsumexp"):
        np.testing.assert_allclose(getattr(mine, name)(-1).numpy(), getattr(other, name)(-1).numpy(), atol=1e-14)
        np.testing.assert_allclose(getattr(mine, name)(dim=0).numpy(), getattr(other, name)(dim=0).numpy(), atol=1e-14)
    kept = mine.logsumexp((0, 2), keepdim=True)
    np.testing.assert_allclose(kept.numpy(), ft.logsumexp(mine, dim=(0, 2), keepdim=True).numpy())
    np.testing.assert_allclose(kept.numpy(), torch.logsumexp(other, (0, 2), keepdim=True).numpy())
    assert mine.softmax(0, dtype=ft.float32).dtype == np.float32


WITHOUT_TENSORS = {
    "sum": lambda x: ft.sum(x),
    "by name": lambda x: ft.mean(input=x),
    "argmax": lambda x: ft.argmax(x, 0),
    "max": lambda x: ft.max(x, 0),
    "sort": lambda x: ft.sort(x),
    "add": lambda x: ft.add(x, x, alpha=2),
    "clamp": lambda x: ft.clamp(x, max=2),
    "where": lambda x: ft.where(x > 2),
    "split": lambda x: ft.split(x, 1),
    "isin": lambda x: ft.isin(x, [3.0]),
    "vstack": lambda x: ft.vstack([x, x]),
    "hstack": lambda x: ft.hstack([x, x]),
    "column_stack": lambda x: ft.column_stack([x, x]),
    "var_mean": lambda x: ft.var_mean(x, 0),
    "std_mean": lambda x: ft.std_mean(x),
    "bucketize": lambda x: ft.bucketize(x, [1.0, 4.0]),
}


@pytest.mark.parametrize("name", WITHOUT_TENSORS)
def test_a_result_is_a_tensor_where_an_operand_is_one(name):
    x = np.array([[3.0, 1.0], [2.0, 5.0]])
    plain, tensors = WITHOUT_TENSORS[name](x), WITHOUT_TENSORS[name](ft.from_numpy(x))
    assert type(plain) is type(tensors) or not isinstance(tensors, tuple)
    pairs = zip(plain, tensors, strict=True) if isinstance(tensors, tuple) else [(plain, tensors)]
    for array, tensor in pairs:
        assert isinstance(array, (np.ndarray, np.generic)) and isinstance(tensor, ft.Tensor)
        np.testing.assert_array_equal(array, tensor.numpy())
    assert isinstance(ft.lerp(x, ft.from_numpy(x), 0.5), ft.Tensor) and isinstance(
        ft.vstack([x, ft.tensor(x)]), ft.Tensor
    )
