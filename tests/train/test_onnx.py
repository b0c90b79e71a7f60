"""ONNX files: onnxruntime gives what the model gives, for every layer and for models of the user's own."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import fastact as fa
import fastact.nn.functional as F
import fastact.torch as torch
from fastact import nn
from fastact.nn import _onnx
from fastact.nn._onnx_layers import ELEMENTWISE
from fastact.train import Trainer
from tests.train.make import blobs
from tests.train.test_checkpoint import ARGUMENTS, CLASSES, CONTAINERS

RANDOM = np.random.default_rng(5)
LOSSES = [name for name in CLASSES if name.endswith("Loss")]
LAYERS = [name for name in CLASSES if name not in (*CONTAINERS, *LOSSES)]


def run(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["output"], {"input": x})[0]


def assert_equal_outputs(model, path, shape, x=None, rtol=2e-6, dtype=np.float32):
    """Export, run with other batches than the one that was traced, and compare."""
    nn.export_onnx(model, path, shape)
    for rows in (1, 5, 13):
        batch = (RANDOM.normal(size=(rows, *shape[1:])) * 3).astype(dtype) if x is None else x[:rows]
        with torch.no_grad():
            expected = np.asarray(model.eval()(torch.tensor(batch)))
        ours = run(path, batch)
        assert ours.dtype == expected.dtype and ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=rtol, atol=rtol)


def warmed(name, dtype):
    """A layer with weights that are not those of a fresh one, and an input's shape."""
    options = ARGUMENTS.get(name, ())
    layer = getattr(nn, name)(*options).to(dtype)
    for value in layer.state_dict().values():
        if value.dtype.kind == "f":
            value._raw()[...] = RANDOM.uniform(0.5, 1.5, value.shape)
    return layer, (None, 2, 3) if name == "LayerNorm" else (None, 4) if name == "GLU" else (None, 3)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer(name, dtype, tmp_path):
    layer, shape = warmed(name, dtype)
    if name != "Embedding":  # a linear layer gives the model its dtype
        layer = nn.Sequential(nn.Linear(shape[-1], shape[-1]).to(dtype), layer)
    if (name, dtype) == ("GELU", "float64"):
        for model in (layer, nn.Sequential(layer[0], model_of(fa.erf))):
            with pytest.raises(
                NotImplementedError, match=r"onnxruntime has no (gelu|erf) in float64: export model.float\(\)"
            ):
                nn.export_onnx(model, tmp_path / "layer", shape)
        assert not (tmp_path / "layer").exists()
        layer = nn.Sequential(layer[0], nn.GELU(approximate="tanh"))
    x = RANDOM.integers(0, 5, (13, 3)) if name == "Embedding" else None
    assert_equal_outputs(layer, tmp_path / "layer", shape, x, 3e-6 if dtype == "float32" else 1e-12, dtype)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm(4), (None, 4)),
        (nn.LayerNorm((3, 4), bias=False), (None, 3, 4)),
        (nn.LayerNorm(4, elementwise_affine=False), (None, 4)),
        (nn.BatchNorm1d(4), (None, 4)),
        (nn.BatchNorm1d(3, affine=False), (None, 3, 4)),
        (nn.RMSNorm(4), (None, 4)),
    ],
    ids=str,
)
def test_a_small_variance_in_float64(layer, shape, tmp_path):
    """Where eps counts, it must be the float64 number: ONNX holds attributes in float32."""
    for name, value in layer.state_dict().items():
        if value.dtype.kind == "f":
            value._raw()[...] = 3e-6 if name == "running_var" else RANDOM.uniform(0.5, 1.5, value.shape)
    model = nn.Sequential(nn.Identity(), layer, nn.PReLU()).double()  # the last gives a model without weights its dtype
    nn.export_onnx(model, tmp_path / "net", shape)
    x = RANDOM.normal(size=(5, *shape[1:])) * 2e-3
    with torch.no_grad():
        expected = np.asarray(model.eval()(torch.tensor(x)))
    np.testing.assert_allclose(run(tmp_path / "net", x), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.GELU(approximate="tanh"), (None, 7)),
        (nn.LeakyReLU(0.3), (None, 7)),
        (nn.ELU(alpha=0.5), (None, 7)),
        (nn.Softplus(beta=2.0), (None, 7)),
        (nn.Softplus(beta=0.5, threshold=1.0), (None, 7)),
        (nn.Softmax(dim=-1), (None, 3, 4)),
        (nn.Flatten(), (None, 3, 4)),
        (nn.Flatten(2), (None, 3, 4, 2)),
        (nn.Linear(4, 2, bias=False), (None, 3, 4)),
        (nn.Linear(4, 2), (None, 3, 4)),
    ],
    ids=str,
)
def test_settings_and_shapes(layer, shape, tmp_path):
    assert_equal_outputs(layer, tmp_path / "layer", shape)


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if hasattr(fa, name)])
def test_every_elementwise_function(name, tmp_path):
    function = getattr(fa, name)
    parameters = {"threshold": (0.5, 2.0), "softcap": (3.0,)}.get(name, ())

    class Net(nn.Module):
        def forward(self, x):
            return function(x, *parameters)

    assert_equal_outputs(Net(), tmp_path / "net", (None, 9), rtol=3e-6)


class Residual(nn.Module):
    """A model of the user's own, with parameters, operators and functions of its own."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.block = nn.Sequential(nn.Linear(8, 8), nn.SiLU(), nn.Sequential(nn.Linear(8, 8)))
        self.scale = nn.Parameter(torch.full((8,), 0.5))
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        h = self.embed(x).mean(dim=1)
        h = h + self.block(h) * self.scale
        h = (1 - F.relu(h)) / 2 + fa.tanh(-h) ** 2 + np.exp(h @ self.block[0].weight)
        return self.out(h.view(h.size(0), 2, 4).flatten(1))


@pytest.mark.skipif(not hasattr(nn, "Embedding"), reason="no embeddings yet")
def test_a_class_of_the_users_own(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "net"
    assert_equal_outputs(Residual().train(), path, (None, 6), RANDOM.integers(0, 10, (13, 6)))
    names = {part.name for part in onnx.load(path).graph.initializer}
    assert {"embed.weight", "block.0.weight", "scale", "out.bias"} <= names


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: F.softmax(F.dropout(F.relu(x), 0.5, training=False), dim=-1),
        lambda x: F.log_softmax(abs(x), 1) + F.softmin(x, dim=1),
        lambda x: x.relu() + x.tanh().exp() - x.sigmoid().sqrt() + x.abs().log(),
        lambda x: x.softmax(dim=1) * x.log_softmax(1),
    ],
)
def test_functions_and_methods_of_a_forward(forward, tmp_path):
    assert_equal_outputs(model_of(forward), tmp_path / "net", (None, 9), rtol=3e-6)


def test_a_trained_model_and_the_forms_of_its_shape(tmp_path):
    x, y = blobs()
    trained = Trainer(nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 3)), seed=0)
    trained.fit(x, y, epochs=5, batch_size=16)
    trained.model.train()
    for shape in ((None, 4), (1, 4), (4,), 4, [60, 4]):
        nn.export_onnx(trained.model, tmp_path / "model", shape)
        assert (run(tmp_path / "model", x.astype(np.float32)).argmax(axis=1) == trained.predict(x)).all()
    assert trained.model.training and nn.Module.__call__.__qualname__ == "Module.__call__"
    graph = onnx.load(tmp_path / "model").graph
    assert [dim.dim_param or dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim] == ["batch", 4]


def model_of(function):
    return type("Net", (nn.Module,), {"forward": lambda self, x: function(x)})()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x.argmax(dim=1), "calls .argmax on its input"),
        (lambda x: x[:, :1], "takes parts of its input by index"),
        (lambda x: np.sin(x), "the function sin is not exported; there are add"),
        (lambda x: np.add.reduce(x), "add with reduce"),
        (lambda x: np.asarray(x), "does something with its input that is not exported"),
        (lambda x: fa.softmax(x, axis=(0, 1)), r"softmax with .'axis': \(0, 1\). is not exported"),
        (lambda x: fa.logsumexp(x, axis=1), "logsumexp with"),
        (lambda x: x.reshape(-1), "does not keep the batch on the first axis"),
        (lambda x: 3, "returned int"),
    ],
)
def test_what_is_not_exported_is_named(function, said, tmp_path):
    with pytest.raises(NotImplementedError, match=said):
        nn.export_onnx(model_of(function), tmp_path / "net", (None, 4))
    assert not list(tmp_path.iterdir())


def test_other_errors(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"input_shape=\(None, None\) is invalid.*as in \(None, 64\)"):
        nn.export_onnx(nn.ReLU(), tmp_path / "net", (None, None))
    with pytest.raises(TypeError, match="writes a Module, got dict"):
        nn.export_onnx({}, tmp_path / "net", (None, 4))
    with pytest.raises(ValueError, match="does not fit a weight"):
        nn.export_onnx(nn.Linear(3, 2), tmp_path / "net", (None, 4))
    assert not _onnx._lock.locked()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"nn.export_onnx needs onnx.*pip install 'fastact\[onnx\]'"):
        nn.export_onnx(nn.ReLU(), tmp_path / "net", (None, 4))


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda x: torch.where(x > 0, x, x * 0.1), "compares values"),
        (lambda x: x if x.mean(1) else -x, "compares values"),
        (lambda x: x * x.sum(), "mixes the samples"),
        (lambda x: x * x.mean(0), "mixes the samples"),
        (lambda x: x.chunk(2, 1)[0], "calls .chunk"),
        (lambda x: x[:, 1:], "by index"),
    ],
)
def test_what_cannot_be_exported_is_named(forward, said, tmp_path):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return forward(self.layer(x))

    with pytest.raises(NotImplementedError, match=said):
        nn.export_onnx(Model(), tmp_path / "model", (None, 4))
