"""Trainer: what it learns, how it reads X and y, weights of samples, validation, metrics, and its errors."""

import io
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics
import torch

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import nn, optim
from fastact.train import METRICS, EarlyStopping, History, Trainer
from tests.train.make import blobs, line, model, trainer, weights

FIT = {"epochs": 3, "batch_size": 16}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])}


def test_it_does_the_steps_that_torch_does():
    x, y = blobs()
    ours, theirs = model().double(), torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    theirs = theirs.double()
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    optimizer, losses = torch.optim.Adam(theirs.parameters()), []
    for _ in range(3):
        total = 0.0
        for start in range(0, len(x), 16):
            batch = torch.tensor(x[start : start + 16]), torch.tensor(y[start : start + 16])
            loss = torch.nn.functional.cross_entropy(theirs(batch[0]), batch[1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch[0])
        losses.append(total / len(x))
    trained = Trainer(ours)
    history = trained.fit(x, y, shuffle=False, **FIT)
    np.testing.assert_allclose(history["loss"], losses, rtol=0, atol=1e-12)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name].numpy(), value.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["classes", "weighted classes", "values"])
def test_a_weight_counts_as_that_many_samples(kind):
    x, y = line() if kind == "values" else blobs()
    loss = nn.CrossEntropyLoss(weight=ft.tensor([1.0, 2.0, 0.5]).double()) if kind == "weighted classes" else None
    weight = np.random.default_rng(0).integers(0, 4, 60)
    runs = []
    for repeat in (False, True):
        trained = Trainer(model(1 if kind == "values" else 3).double(), loss)
        data = (np.repeat(x, weight, axis=0), np.repeat(y, weight)) if repeat else (x, y)
        trained.fit(*data, epochs=5, batch_size=500, sample_weight=None if repeat else weight)
        runs.append(trained)
    np.testing.assert_allclose(runs[0].history["loss"], runs[1].history["loss"], atol=1e-12)
    np.testing.assert_allclose(weights(runs[0]), weights(runs[1]), atol=1e-9)
    assert runs[0].history["loss"][-1] < runs[0].history["loss"][0]


def test_weights_of_validation_and_of_whole_batches():
    x, y = blobs()
    weight = np.r_[np.zeros(40), np.ones(20)]
    trained = trainer(metrics="accuracy")
    trained.fit(x, y, validation_data=(x, y, weight), sample_weight=weight, shuffle=False, epochs=1, batch_size=20)
    expected = F.cross_entropy(trained.model(x[40:]), ft.tensor(y[40:])).item()
    assert trained.history["val_loss"][0] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(TypeError, match="sample_weight needs the loss of each sample, and <lambda>"):
        trainer(loss=lambda a, b: F.cross_entropy(a, b)).fit(x, y, sample_weight=weight, **FIT)


def test_the_validation_split_is_held_out_and_stays_the_same():
    x, y = blobs()
    seen = []

    class Spy(nn.Sequential):
        def forward(self, input):
            if self.training:
                seen.append(np.asarray(input.detach()).copy())
            return super().forward(input)

    trained = Trainer(Spy(*model()), seed=3)
    trained.fit(x, y, epochs=2, batch_size=60, validation_split=0.25)
    trained.fit(x, y, epochs=1, batch_size=60, validation_split=0.25)
    rows = [{row.tobytes() for row in batch} for batch in seen if len(batch) > 1]
    assert [len(part) for part in rows] == [45] * 3 and rows[0] == rows[1] == rows[2]
    assert seen[-1].tobytes() != seen[-2].tobytes(), "shuffled anew"


def test_equal_seeds_repeat_and_epochs_add_up():
    x, y = blobs()
    once, again, other = trainer(), trainer(), trainer(seed=2)
    once.fit(x, y, epochs=5, batch_size=7)
    for epochs in (2, 0, 3):
        ft.rand(3)
        assert again.fit(x, y, epochs=epochs, batch_size=7) is again.history
    other.fit(x, y, epochs=5, batch_size=7)
    assert once.history["loss"] == again.history["loss"] != other.history["loss"]
    assert (weights(once) == weights(again)).all() and again.epoch == 5
    for _ in range(2):
        ft.manual_seed(5)
        unseeded = Trainer(model(seed=5))
        unseeded.fit(x, y, **FIT)
        other, once = once, unseeded
    assert (weights(once) == weights(other)).all(), "manual_seed repeats a trainer without seed"


def test_metrics_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 4, (2, 50))
    known = {
        "accuracy": "accuracy_score",
        "balanced_accuracy": "balanced_accuracy_score",
        "mae": "mean_absolute_error",
        "mse": "mean_squared_error",
        "rmse": "root_mean_squared_error",
        "r2": "r2_score",
    }
    for name, metric in METRICS.items():
        options = {"average": "macro"} if name == "f1" else {}
        theirs = getattr(sklearn.metrics, known.get(name, "f1_score"))
        assert metric(true, predicted) == pytest.approx(theirs(true, predicted, **options), abs=1e-12)
    assert METRICS["r2"](np.ones((2, 1)), np.zeros((2, 1))) == 0 and METRICS["r2"]([1.0], [1.0]) == 1


def test_metrics_of_training_and_validation():
    x, y = blobs()
    calls = []

    def share_of_zeros(true, predicted):
        calls.append(len(true))
        return (predicted == 0).mean()

    trained = trainer(metrics=["accuracy", share_of_zeros])
    history = trained.fit(x, y, validation_split=0.5, **FIT)
    assert list(history) == [
        "loss",
        "accuracy",
        "share_of_zeros",
        "lr",
        "val_loss",
        "val_accuracy",
        "val_share_of_zeros",
    ]
    assert calls == [30] * 6 and 0 <= history["accuracy"][-1] <= 1
    with pytest.raises(ValueError, match="metric 'acuracy' is unknown; choose accuracy"):
        trainer(metrics=["acuracy"])


def test_metrics_of_training_are_those_of_its_batches():
    x, y = blobs(count=100)
    still = trainer(metrics=["accuracy"], optimizer=lambda parameters: optim.SGD(parameters, lr=0.0))
    history = still.fit(x, y, epochs=2, batch_size=7, validation_data=(x, y))
    assert history["accuracy"] == history["val_accuracy"] == [still.score(x, y)] * 2
    assert history["loss"] == pytest.approx(history["val_loss"])


def test_predictions_come_in_pieces(monkeypatch):
    x, y = blobs()
    trained = trainer()
    trained.fit(x, y, **FIT)
    whole = trained.predict_proba(x)
    monkeypatch.setattr("fastact.train._loop.ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(trained.predict_proba(x), whole, atol=1e-6)
    assert trained.predict(x[:0]).shape == (0,)


def test_inputs_of_every_kind():
    x, y = blobs()
    reference = trainer().fit(x, y, **FIT)["loss"]
    for inputs in (x.tolist(), ft.tensor(x), np.asfortranarray(x), x.astype(np.float32)):
        assert trainer().fit(inputs, y.tolist(), **FIT)["loss"] == reference
    assert len(trainer().fit((x * 10).astype(int), y, **FIT)) == 3
    assert len(trainer().fit(x > 0, ft.tensor(y), **FIT)) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": -1}, "epochs=-1 is invalid"),
        ({"batch_size": 0}, "batch_size=0 is invalid"),
        ({"batch_size": 2.5}, "batch_size=2.5 is invalid"),
        ({"y": np.zeros(59, int)}, r"X has shape \(60, 4\) and y \(59,\)"),
        ({"X": [["a"] * 4] * 60}, "does not convert to numbers"),
        ({"y": np.linspace(0, 1, 60)}, r"outputs of shape \(60, 3\), y has shape \(60,\).*astype\(int\)"),
        ({"y": np.arange(60)}, "the model has 3 outputs, y has 60 classes: 0, 1, 2, 3, 4, 5, 6, 7, ..."),
        ({"sample_weight": np.ones(3)}, r"sample_weight has shape \(3,\); expected one for each sample, \(60,\)"),
        ({"sample_weight": -np.ones(60)}, "negative or non-finite"),
        ({"sample_weight": np.zeros(60)}, "0 for every sample"),
        ({"validation_split": 1.0}, "validation_split=1.0 is invalid"),
        ({"validation_split": 0.001}, "leaves nothing on one side"),
        ({"validation_split": 0.5, "validation_data": blobs()}, "both given"),
        ({"validation_data": (np.ones((2, 4)), [0])}, "validation X has shape"),
        ({"validation_data": (1,)}, r"is \(X, y\) or \(X, y, sample_weight\)"),
        ({"progress": "maybe"}, "progress='maybe' is unknown"),
    ],
)
def test_errors_say_what_was_expected(change, said):
    x, y = blobs()
    with pytest.raises(ValueError, match=said):
        trainer().fit(**{"X": x, "y": y, **FIT, **change})


def test_other_errors():
    x, y = blobs()
    with pytest.raises(ValueError, match="one output and y the classes 0, 1, 2.*BCEWithLogitsLoss"):
        trainer(1).fit(x, y, **FIT)
    with pytest.raises(TypeError, match="y has dtype complex128"):
        trainer().fit(x, y * 1j, **FIT)
    with pytest.raises(RuntimeError, match="call fit first"):
        trainer().predict(x)
    with pytest.raises(TypeError, match="a callback is an instance"):
        trainer(callbacks=["stop"])
    with pytest.raises(TypeError, match="a metric is a name or a function"):
        trainer(metrics=[3])
    fitted = trainer()
    fitted.fit(x, y, **FIT)
    with pytest.raises(
        ValueError, match=r"an output of shape \(3,\) of X of shape \(4,\).*a single sample as X\[None\]"
    ):
        fitted.predict(x[0])
    with pytest.raises(ValueError, match="X has 60 samples, y 3"):
        fitted.score(x, y[:3])
    with pytest.warns(RuntimeWarning, match="the loss of epoch 1 is nan: lower the learning rate"):
        trainer().fit(x * np.nan, y, epochs=1, batch_size=60)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Trainer("mlp"), TypeError, "takes a fastact.nn.Module as its model, got str"),
        (lambda: Trainer(torch.nn.Linear(4, 3)), TypeError, "takes a fastact.nn.Module as its model, got Linear"),
        (lambda: trainer(loss="mse"), TypeError, "a loss is an instance such as .*got 'mse'"),
        (lambda: trainer(loss=nn.MSELoss), TypeError, "a loss is an instance such as .*got <class"),
        (lambda: trainer(optimizer="adam"), TypeError, "lambda parameters: optim.AdamW.*got 'adam'"),
        (lambda: trainer(optimizer=optim.Adam(model().parameters())), ValueError, "none of the model's parameters"),
        (lambda: trainer(metrics=[lambda a, b: 0.0, lambda a, b: 1.0]), ValueError, "would be called '<lambda>'"),
    ],
)
def test_parts_that_are_none_are_named(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_one_callback_needs_no_list():
    stopping = EarlyStopping(patience=0)
    assert trainer(callbacks=stopping).callbacks == [stopping]


def test_history_as_columns_and_picture(tmp_path):
    history = History()
    assert repr(history) == "History(no epoch yet)"
    history.append({"loss": 2.0, "accuracy": 0.1}, 0.5)
    history.append({"loss": 1.0, "val_loss": 3.0, "accuracy": 0.3}, 0.5)
    assert history["loss"] == [2.0, 1.0] and np.isnan(history["val_loss"][0]) and len(history) == 2
    assert history.best("loss") == (2, 1.0) == history.best("val_loss")[:1] + (1.0,) and history.best("accuracy") == (
        2,
        0.3,
    )
    assert history.epoch(1)["loss"] == 2.0 and "val_loss" in history and list(history.keys())[0] == "loss"
    with pytest.raises(KeyError, match="no 'f1'; it has loss, accuracy, val_loss"):
        history["f1"]
    pytest.importorskip("matplotlib")
    figure = history.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() and figure._repr_png_().startswith(b"\x89PNG")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["training", "validation"]


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"History.plot needs matplotlib.*pip install 'fastact\[train\]'"):
        trainer().fit(*blobs(), **FIT).plot()


def test_training_needs_numpy_alone(tmp_path):
    program = """
import sys
for name in ("matplotlib", "tqdm", "scipy", "torch", "sklearn", "safetensors", "pandas", "onnx"):
    sys.modules[name] = None
import numpy as np, fastact
from fastact import nn
trainer = fastact.train.Trainer(nn.Linear(2, 2))
trainer.fit(np.eye(2), [0, 1], epochs=1, batch_size=2)
trainer.save("model")
print(fastact.train.Trainer.load("model").epoch, "fastact.sklearn" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT
    )
    assert (done.stdout, done.stderr) == ("1 False\n", "")


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("show", "drawn"), [("auto", True), (True, True), (False, False)])
def test_a_bar_on_a_terminal(monkeypatch, show, drawn):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    trainer().fit(*blobs(), **FIT, progress=show)
    assert ("/12" in screen.getvalue()) == drawn


def test_silence_where_nobody_watches(capsys):
    trainer().fit(*blobs(), **FIT)
    assert capsys.readouterr() == ("", "")


def test_a_bar_in_a_notebook(monkeypatch):
    IPython = pytest.importorskip("IPython")
    shown = []
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr("IPython.display.display", lambda bar, display_id: shown.append(bar.data) or Handle(shown))
    trainer().fit(*blobs(), **FIT)
    assert shown[0].startswith("<progress value='1' max='12'") and "epoch 3/3, loss" in shown[-1]


class Handle:
    """What display() gives back."""

    def __init__(self, shown):
        self.shown = shown

    def update(self, bar):
        self.shown.append(bar.data)
