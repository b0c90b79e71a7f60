"""Trainers as files: the same bits after resuming, models rebuilt from JSON, and processes killed while they write."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.torch
import torch

import fastact.nn.functional as F
import fastact.torch as ft
from fastact import _safetensors, nn, optim
from fastact._files import HOST
from fastact.nn._architecture import NotDescribable, build, describe
from fastact.train import Callback, CSVLogger, EarlyStopping, LRScheduler, Trainer
from tests.train.make import blobs, line, model, trainer, weights
from tests.train.test_callbacks import Halving

ROOT = pathlib.Path(__file__).parents[2]
FIT = {"batch_size": 16, "validation_split": 0.25}
OPTIMIZERS = [name for name in optim.__all__ if name not in ("Optimizer", "lr_scheduler")]


def same(one, other):
    """Whether two trainers have the same bits in weights, history and optimizer."""
    figures = [{name: one.history[name] for name in one.history} for one in (one, other)]
    states = [[np.asarray(v) for part in t.optimizer.state_dict()["state"].values() for v in part.values() if v is not None]
              for t in (one, other)]  # fmt: skip
    return (
        json.dumps(figures[0]) == json.dumps(figures[1])
        and weights(one).tobytes() == weights(other).tobytes()
        and all((a == b).all() for a, b in zip(*states, strict=True))
    )


@pytest.mark.parametrize("algorithm", OPTIMIZERS)
@pytest.mark.parametrize(
    "dropout", [0.0, pytest.param(0.3, marks=pytest.mark.skipif(not hasattr(nn, "Dropout"), reason="no dropout yet"))]
)
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(tmp_path, algorithm, dropout):
    x, y = blobs()
    momentum = {"momentum": 0.9} if algorithm == "SGD" else {}

    def make():
        optimizer = getattr(optim, algorithm)
        return Trainer(
            model(dropout=dropout),
            nn.CrossEntropyLoss(label_smoothing=0.1),
            lambda parameters: optimizer(parameters, lr=0.01, weight_decay=0.01, **momentum),
            metrics=["accuracy"],
            seed=4,
            callbacks=callbacks(),
        )

    def callbacks():
        return [EarlyStopping(patience=50, restore_best=False), LRScheduler(Halving), CSVLogger(tmp_path / "log.csv")]

    whole, parts = make(), make()
    whole.fit(x, y, epochs=7, **FIT)
    log = (tmp_path / "log.csv").read_bytes()
    parts.fit(x, y, epochs=3, **FIT)
    parts.save(tmp_path / "model")
    ft.manual_seed(99)
    resumed = Trainer.load(tmp_path / "model", callbacks=callbacks())
    assert same(parts, resumed) and not same(whole, resumed)
    resumed.fit(x, y, epochs=4, **FIT)
    assert same(whole, resumed) and resumed.history["lr"][-1] == 0.01 / 64
    assert (tmp_path / "log.csv").read_bytes() == log
    assert resumed.callbacks[0].best_epoch == whole.callbacks[0].best_epoch


def test_groups_frozen_parameters_values_labels_and_notes_return(tmp_path):
    x, y = blobs()
    net = model()
    net[0].bias.requires_grad = False
    groups = [{"params": [net[2].bias], "lr": 0.5}, {"params": [net[0].weight, net[2].weight]}]
    trained = Trainer(net, None, optim.SGD(groups, lr=0.1, momentum=0.5))
    trained.extra["columns"] = ["a", "b"]
    trained.fit(x, np.array(["p", "q", "r"])[y], epochs=2, batch_size=60)
    trained.save(tmp_path / "model")
    loaded = Trainer.load(tmp_path / "model")
    assert loaded.extra == trained.extra and (loaded.predict(x) == trained.predict(x)).all()
    assert [group["lr"] for group in loaded.optimizer.param_groups] == [0.5, 0.1]
    assert not loaded.model[0].bias.requires_grad and repr(loaded.model) == repr(net)
    for either in (trained, loaded):
        either.fit(x, np.array(["p", "q", "r"])[y], epochs=2, batch_size=60)
    assert same(trained, loaded)
    values = trainer(1)
    values.fit(*line(), epochs=1, batch_size=30)
    values.save(tmp_path / "values")
    assert Trainer.load(tmp_path / "values").predict(x).shape == (60,)


def test_other_libraries_find_the_weights(tmp_path):
    trained = trainer()
    trained.fit(*blobs(), epochs=1, batch_size=30)
    trained.save(tmp_path / "model")
    arrays = safetensors.torch.load_file(tmp_path / "model")
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    theirs.load_state_dict({name: value for name, value in arrays.items() if not name.startswith("fastact.")})
    twin = model(seed=9)
    assert nn.load_safetensors(twin, tmp_path / "model") == ([], [])
    assert twin[0].weight.tolist() == theirs[0].weight.tolist() == trained.model[0].weight.tolist()


class Net(nn.Module):
    """A model of the user's own."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)


def own_loss(output, target):
    return F.cross_entropy(output, target)


def own_metric(true, predicted):
    return 1.0


class OwnSGD(optim.SGD):
    """An optimizer of the user's own."""


def test_what_is_the_users_own_must_be_given(tmp_path):
    x, y = blobs()
    trained = Trainer(Net(), own_loss, OwnSGD, metrics=[own_metric, "f1"])
    trained.fit(x, y, epochs=1, batch_size=30)
    trained.save(tmp_path / "model")
    with pytest.raises(
        ValueError, match=r"holds a Net that cannot be built from it \(Net is no class of fastact.nn\).*model=Net"
    ):
        Trainer.load(tmp_path / "model")
    loaded = Trainer.load(tmp_path / "model", Net())
    assert (loaded.predict(x) == trained.predict(x)).all()
    for given, said in [
        ({}, "the metrics of this trainer was own_metric|the loss of this trainer was own_loss.*loss=..."),
        ({"loss": own_loss}, r"the optimizer of this trainer was OwnSGD.*Trainer.load\(path, optimizer=...\)"),
        ({"loss": own_loss, "optimizer": OwnSGD}, "the metrics of this trainer was own_metric"),
    ]:
        with pytest.raises(ValueError, match=said):
            Trainer.load(tmp_path / "model", Net(), **given).fit(x, y, epochs=1, batch_size=30)
    loaded = Trainer.load(tmp_path / "model", Net(), loss=own_loss, optimizer=OwnSGD, metrics=[own_metric, "f1"])
    for either in (trained, loaded):
        either.fit(x, y, epochs=1, batch_size=30)
    assert same(trained, loaded)


def test_another_model_is_not_a_damaged_file(tmp_path):
    trainer().save(tmp_path / "model")
    with pytest.raises(RuntimeError, match=r"of another model.*missing \['weight'.*unexpected \['0.bias'"):
        Trainer.load(tmp_path / "model", model=nn.Linear(2, 2))
    with pytest.raises(TypeError, match=r"takes a fastact.nn.Module as its model, got int"):
        Trainer.load(tmp_path / "model", model=3)


def test_errors_of_files(tmp_path):
    nn.save_safetensors(model(), tmp_path / "weights")
    with pytest.raises(ValueError, match=r"holds no trainer, only weights \(4 arrays\).*nn.load_safetensors"):
        Trainer.load(tmp_path / "weights")
    trained = trainer(callbacks=[EarlyStopping()])
    trained.save(tmp_path / "model")
    arrays, metadata = _safetensors.read(tmp_path / "model")
    for key, value, said in [
        ("format", 2, "written by a newer fastact"),
        ("optimizer", {"class": "lr_scheduler", "groups": [["0.bias"]]}, "which fastact.optim does not have"),
        ("model", {"description": {"class": "functional"}, "dtypes": {}}, "functional is no class of fastact.nn"),
    ]:
        state = json.loads(metadata["fastact.trainer"]) | {key: value}
        _safetensors.write(tmp_path / "changed", arrays, {"fastact.trainer": json.dumps(state)})
        with pytest.raises(ValueError, match=said):
            Trainer.load(tmp_path / "changed")
    for key, value in [
        ("format", "1"),
        ("model", None),
        ("model", {"description": {"class": "Linear", "settings": {"rows": 3}}, "dtypes": {}}),
        ("loss", {"function": "__import__"}),
        ("optimizer_state", {"$array": "nowhere"}),
        ("history", 3),
        ("targets", [1]),
        ("callbacks", [3]),
    ]:
        state = json.loads(metadata["fastact.trainer"]) | {key: value}
        _safetensors.write(tmp_path / "changed", arrays, {"fastact.trainer": json.dumps(state)})
        with pytest.raises(ValueError, match="changed is damaged: what it says of the trainer cannot be read"):
            Trainer.load(tmp_path / "changed")
    _safetensors.write(tmp_path / "changed", arrays, {"fastact.trainer": "{nonsense"})
    with pytest.raises(ValueError, match="changed is damaged.*nn.load_safetensors"):
        Trainer.load(tmp_path / "changed")
    state = json.loads(metadata["fastact.trainer"])
    state["model"]["dtypes"]["0.weight"] = "object"
    _safetensors.write(tmp_path / "changed", arrays, {"fastact.trainer": json.dumps(state)})
    with pytest.raises(ValueError, match="is damaged: it gives '0.weight' the dtype object"):
        Trainer.load(tmp_path / "changed")
    with pytest.warns(RuntimeWarning, match=r"saved with callbacks \['EarlyStopping'\].*begin afresh"):
        Trainer.load(tmp_path / "model", callbacks=[CSVLogger("x")])
    trained.callbacks[0].state_dict = lambda: {"a": object()}
    with pytest.raises(TypeError, match="a checkpoint cannot hold fastact.callbacks.0.a=<object"):
        trained.save(tmp_path / "model")


ARGUMENTS = {
    "Linear": (3, 2), "Softmax": (1,), "LogSoftmax": (-1,), "Softmin": (1,), "LayerNorm": ((2, 3),), "RMSNorm": (3,),
    "BatchNorm1d": (3,), "Embedding": (5, 3), "Threshold": (0.1, 20.0), "PReLU": (3,), "Dropout": (0.25,), "Softcap": (5.0,),
    "Unflatten": (1, (3, 1)),
}  # fmt: skip
CLASSES = [
    name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
]


CONTAINERS = ("Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList")


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in CONTAINERS])
def test_every_module_is_built_from_its_description(name):
    layer = getattr(nn, name)(*ARGUMENTS.get(name, ()))
    twin = build(json.loads(json.dumps(describe(layer))))
    assert type(twin) is type(layer) and repr(twin) == repr(layer)
    assert {k: v.shape for k, v in twin.state_dict().items()} == {k: v.shape for k, v in layer.state_dict().items()}
    for key in ("reduction", "eps", "p", "ignore_index", "label_smoothing", "beta", "delta", "negative_slope", "dim"):
        assert getattr(twin, key, None) == getattr(layer, key, None)


def test_models_with_shared_and_named_parts():
    shared = nn.Linear(3, 3, bias=False)
    other = nn.Linear(3, 3)
    other.weight = shared.weight
    net = nn.Sequential(shared, nn.ModuleList([nn.LeakyReLU(0.3), shared]), nn.Sequential({"out": other}))
    twin = build(json.loads(json.dumps(describe(net))))
    assert repr(twin) == repr(net) and twin[1][1] is twin[0]
    assert twin[2].out.weight is twin[0].weight and len(list(twin.parameters())) == 2
    weighted = build(json.loads(json.dumps(describe(nn.CrossEntropyLoss(weight=ft.tensor([1.0, 2.0]))))))
    assert weighted.weight == [1.0, 2.0]
    odd = nn.LeakyReLU()
    odd.negative_slope = object()
    with pytest.raises(NotDescribable, match="LeakyReLU has negative_slope=<object"):
        describe(odd)


RUN = """
import pathlib, sys
from fastact.train import EarlyStopping, ModelCheckpoint, Trainer
from tests.train.make import blobs, trainer
path, epochs = sys.argv[1], int(sys.argv[2])
callbacks = [ModelCheckpoint(path), EarlyStopping(patience=10**6, restore_best=False)]
exists = pathlib.Path(path).exists()
run = Trainer.load(path, callbacks=callbacks) if exists else trainer(callbacks=callbacks)
print("go", flush=True)
run.fit(*blobs(), epochs=epochs - run.epoch, batch_size=4)
"""


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    path, epochs = tmp_path / "model", 300
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    random, kills = np.random.default_rng(), 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(path), str(epochs)], stdout=subprocess.PIPE, env=environment
        )
        process.stdout.readline()
        if kills < 4:
            time.sleep(random.uniform(0.02, 0.25))
            process.kill()
        process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL and kills < 4
        kills += 1
        if path.exists():
            assert 0 < Trainer.load(path, callbacks=()).epoch <= epochs
    assert kills
    assert os.listdir(tmp_path) == ["model"]
    whole = trainer(callbacks=[Callback(), EarlyStopping(patience=10**6, restore_best=False)])
    whole.fit(*blobs(), epochs=epochs, batch_size=4)
    assert same(whole, Trainer.load(path, callbacks=()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_each_step_of_writing_leaves_a_whole_file(tmp_path):
    x, y = blobs()
    trained = trainer()
    trained.fit(x, y, epochs=1, batch_size=30)
    path = tmp_path / "model"
    trained.save(path)
    old = path.read_bytes()
    trained.fit(x, y, epochs=1, batch_size=30)
    seen, calls = set(), 0
    while True:
        child = os.fork()
        if child == 0:
            die_at(calls)
            trained.save(path)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        seen.add(path.read_bytes() == old)
        assert Trainer.load(path).epoch == (1 if path.read_bytes() == old else 2)
        calls += 1
    assert calls >= 5 and seen == {True, False} and Trainer.load(path).epoch == 2
    assert os.listdir(tmp_path) == ["model"]  # the next save took away what the killed ones left


def test_a_save_takes_away_only_what_killed_processes_left(tmp_path):
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead = int(process.stdout)
    kept = [
        tmp_path / name
        for name in (
            f".model.{HOST}-{os.getpid()}-0123abcd.part",  # somebody writes it at the moment
            f".model.elsewhere-{dead}-0123abcd.part",
            f".other.{HOST}-{dead}-0123abcd.part",
            ".model.part",
        )
    ]
    gone = [tmp_path / f".model.{HOST}-{dead}-0123abcd.part", tmp_path / ".model.elsewhere-1-0123abcd.part"]
    for path in (*kept, *gone):
        path.write_text("half")
    os.utime(gone[1], (0, 0))
    saved = trainer()
    saved.fit(*blobs(), epochs=1, batch_size=30)
    saved.save(tmp_path / "model")
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "model"])


SCHEDULERS = {
    "StepLR": lambda o: optim.lr_scheduler.StepLR(o, 2, 0.5),
    "MultiStepLR": lambda o: optim.lr_scheduler.MultiStepLR(o, [1, 4], 0.3),
    "ExponentialLR": lambda o: optim.lr_scheduler.ExponentialLR(o, 0.8),
    "CosineAnnealingLR": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 7),
    "OneCycleLR": lambda o: optim.lr_scheduler.OneCycleLR(o, 0.05, total_steps=30),
    "CyclicLR": lambda o: optim.lr_scheduler.CyclicLR(o, 0.001, 0.05, step_size_up=2, mode="triangular2"),
    "CyclicLR of its own": lambda o: optim.lr_scheduler.CyclicLR(o, 0.001, 0.05, 3, scale_fn=lambda cycle: 0.7**cycle),
    "ReduceLROnPlateau": lambda o: optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5),
    "LambdaLR": lambda o: optim.lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_resuming_under_a_scheduler_gives_the_bits_of_an_uninterrupted_run(name, tmp_path):
    def make():
        return trainer(
            callbacks=[LRScheduler(SCHEDULERS[name], monitor="loss" if name == "ReduceLROnPlateau" else None)]
        )

    x, y = blobs()
    whole, parts = make(), make()
    whole.fit(x, y, epochs=7, batch_size=16)
    parts.fit(x, y, epochs=3, batch_size=16)
    parts.save(tmp_path / "model")
    resumed = Trainer.load(tmp_path / "model", callbacks=make().callbacks)
    resumed.fit(x, y, epochs=4, batch_size=16)
    assert same(whole, resumed) and not same(whole, parts)
    assert resumed.optimizer.param_groups[0]["lr"] == whole.optimizer.param_groups[0]["lr"]


def die_at(call):
    """Kill this process before the given call (from 0) of those that write, sync or rename."""
    count = [0]

    def lethal(function):
        def called(*args, **kwargs):
            if count[0] == call:
                os.kill(os.getpid(), signal.SIGKILL)
            count[0] += 1
            return function(*args, **kwargs)

        return called

    for name in ("fsync", "replace", "open", "close"):
        setattr(os, name, lethal(getattr(os, name)))
    _safetensors.struct.pack = lethal(_safetensors.struct.pack)
    _safetensors.np.ascontiguousarray = lethal(_safetensors.np.ascontiguousarray)


def test_a_list_of_parameters_is_not_described():
    net = nn.Sequential(nn.Linear(2, 2))
    net.scales = nn.ParameterList([torch.ones(2)])
    with pytest.raises(ValueError, match="a ParameterList holds parameters"):
        describe(net)
