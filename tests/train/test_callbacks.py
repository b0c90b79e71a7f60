"""Callbacks: when they stop, save, step and write, and what their errors say."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest

from fastact import optim
from fastact.train import Callback, CSVLogger, EarlyStopping, LRScheduler, ModelCheckpoint, Trainer
from tests.train.make import blobs, trainer, weights


class Scripted(Callback):
    """Puts given numbers into the figures, before the other callbacks look; marks the weights with the epoch."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def on_epoch_end(self, trainer, figures):
        figures[self.name] = self.values[trainer.epoch - 1]
        trainer.model[0].bias.data = np.full(8, float(trainer.epoch), np.float32)


def run(values, *callbacks, name="val_loss", epochs=None):
    trained = trainer(callbacks=[Scripted(name, values), *callbacks])
    trained.fit(*blobs(), epochs=epochs or len(values), batch_size=60)
    return trained


@pytest.mark.parametrize(
    ("values", "options", "ran", "best"),
    [
        ([3, 2, 1, 2, 2, 2, 0], {"patience": 2}, 6, 3),
        ([3, 2, 1, 2, 2, 2, 0], {"patience": 0}, 4, 3),
        ([3, 2, 1, 2], {"patience": 9}, 4, 3),
        ([3, 2.9, 2.8, 2.7, 2.6], {"patience": 1, "min_delta": 0.5}, 3, 1),
        ([1, np.nan, np.nan, np.nan], {"patience": 1}, 3, 1),
        ([1, 2, 3, 2, 2], {"patience": 1, "mode": "max"}, 5, 3),
    ],
)
def test_early_stopping(values, options, ran, best):
    stopping = EarlyStopping(**options)
    trained = run(values, stopping)
    assert (trained.epoch, stopping.best_epoch, stopping.stopped) == (
        ran,
        best,
        ran < len(values) or ran - best > options["patience"],
    )
    assert trained.model[0].bias.tolist() == [best] * 8, "the best weights are back"


def test_a_further_fit_waits_anew():
    stopping = EarlyStopping(patience=2)
    trained = run([1, 2, 2, 2, 2, 3, 3, 3, 0.5, 2, 2, 2, *[np.nan] * 4], stopping, epochs=11)
    assert trained.epoch == 4 and stopping.stopped
    trained.fit(*blobs(), epochs=7, batch_size=60)
    assert trained.epoch == 8 and stopping.stopped and stopping.best_epoch == 5
    assert trained.model[0].bias.tolist() == [5] * 8, "the best of this fit, not of the one before"
    trained.fit(*blobs(), epochs=4, batch_size=60)
    assert trained.epoch == 12 and stopping.stopped and stopping.best_epoch == 9
    trained.fit(*blobs(), epochs=4, batch_size=60)
    assert trained.epoch == 15 and stopping.stopped and stopping.best_epoch == 0


def test_callbacks_of_one_trainer_serve_another(tmp_path):
    stopping, saving = EarlyStopping(patience=0), ModelCheckpoint(tmp_path / "best", save_best_only=True)
    run([1, 2], stopping, saving)
    second = run([9, 8, 10], stopping, saving)
    assert stopping.best_epoch == 2 and second.model[0].bias.tolist() == [2] * 8
    resumed = Trainer.load(tmp_path / "best", callbacks=[Scripted("val_loss", [9, 8, 8.5]), stopping, saving])
    assert resumed.model[0].bias.tolist() == [2] * 8, "saved in the second fit"
    resumed.fit(*blobs(), epochs=1, batch_size=60)
    assert (resumed.epoch, stopping.best_epoch, Trainer.load(tmp_path / "best", callbacks=()).epoch) == (3, 2, 2)


def test_early_stopping_by_a_metric_and_without_restoring():
    trained = run(
        [0.1, 0.9, 0.5, 0.5], EarlyStopping("val_accuracy", patience=1, restore_best=False), name="val_accuracy"
    )
    assert trained.epoch == 4 and trained.model[0].bias.tolist() == [4] * 8
    plain = trainer(callbacks=[EarlyStopping(patience=1)])
    plain.fit(*blobs(), epochs=3, batch_size=16)
    with pytest.raises(
        ValueError, match="monitor='val_f1' is no figure of this training, which has loss, lr.*validation_data"
    ):
        trainer(callbacks=[EarlyStopping("val_f1")]).fit(*blobs(), epochs=1, batch_size=60)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: EarlyStopping(patience=-1), "patience=-1"),
        (lambda: EarlyStopping(mode="best"), "mode='best' is unknown; choose 'auto', 'min' or 'max'"),
        (lambda: ModelCheckpoint("x", every=0), "every=0"),
        (lambda: LRScheduler(None, interval="year"), "interval='year'"),
    ],
)
def test_settings_out_of_range(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_checkpoints_by_name_by_number_and_of_the_best(tmp_path):
    run(
        [3.0, 4.0, 2.0, 5.0],
        ModelCheckpoint(tmp_path / "best", save_best_only=True),
        ModelCheckpoint(tmp_path / "e{epoch:02d}-{val_loss:.1f}", every=2),
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "e02-4.0", "e04-5.0"]
    assert Trainer.load(tmp_path / "best", callbacks=()).epoch == 3


class Halving:
    """A scheduler in the form of torch's."""

    def __init__(self, optimizer):
        self.optimizer, self.count, self.seen = optimizer, 0, []

    def step(self, metrics=None):
        self.count += 1
        self.seen.append(metrics)
        self.optimizer.param_groups[0]["lr"] /= 2

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class ReduceLROnPlateau(Halving):
    """A scheduler that looks at a figure."""


def test_schedulers_step_by_epoch_batch_and_figure():
    by_epoch = trainer(callbacks=[LRScheduler(Halving)])
    assert by_epoch.fit(*blobs(), epochs=3, batch_size=30)["lr"] == [1e-3, 5e-4, 2.5e-4]
    by_batch = trainer(callbacks=[LRScheduler(Halving, interval="batch")])
    assert by_batch.fit(*blobs(), epochs=2, batch_size=30)["lr"] == [1e-3, 2.5e-4]
    plateau = LRScheduler(ReduceLROnPlateau)
    run([3.0, 2.0], plateau)
    assert plateau.scheduler.seen == [3.0, 2.0]
    optimizer = optim.SGD([by_epoch.model[0].bias], lr=0.1)
    with pytest.raises(ValueError, match="the scheduler belongs to another optimizer.*LRScheduler\\(lambda"):
        trainer(callbacks=[LRScheduler(Halving(optimizer))]).fit(*blobs(), epochs=1, batch_size=60)


@pytest.mark.skipif(not hasattr(optim, "lr_scheduler"), reason="no schedulers yet")
def test_the_schedulers_of_optim():
    kinds = optim.lr_scheduler
    trained = trainer(callbacks=[LRScheduler(lambda optimizer: kinds.StepLR(optimizer, 2, gamma=0.1))])
    assert trained.fit(*blobs(), epochs=4, batch_size=30)["lr"] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])
    plateau = LRScheduler(lambda optimizer: kinds.ReduceLROnPlateau(optimizer, patience=0, factor=0.5))
    assert run([1.0, 1.0, 1.0], plateau).history["lr"] == pytest.approx([1e-3, 1e-3, 5e-4])


def test_the_csv_file_grows_and_goes_on(tmp_path):
    path, lengths = tmp_path / "log.csv", []

    class Look(Callback):
        def on_epoch_end(self, trainer, figures):
            lengths.append(len(path.read_text().splitlines()))

    trained = trainer(callbacks=[CSVLogger(path), Look()], metrics=["accuracy"])
    trained.fit(*blobs(), epochs=2, batch_size=30, validation_split=0.5)
    trained.fit(*blobs(), epochs=1, batch_size=30, validation_split=0.5)
    assert lengths == [2, 3, 4]
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "lr", "val_loss", "val_accuracy"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["val_loss"]) for row in rows] == trained.history["val_loss"]


def test_the_order_of_events():
    events = []

    class Spy(Callback):
        def __getattribute__(self, name):
            if name.startswith("on_"):
                events.append(name)
            return super().__getattribute__(name)

        def on_batch_end(self, trainer):
            trainer.stop = True

    trained = trainer(callbacks=[Spy()])
    trained.fit(*blobs(), epochs=3, batch_size=30)
    assert events == [
        "on_train_begin",
        "on_epoch_begin",
        "on_batch_end",
        "on_batch_end",
        "on_epoch_end",
        "on_train_end",
    ]


def test_the_end_is_told_also_after_an_exception(tmp_path):
    class Interrupt(Callback):
        def on_epoch_end(self, trainer, figures):
            if trainer.epoch == 3:
                raise KeyboardInterrupt

    stopping = EarlyStopping()
    trained = trainer(callbacks=[Scripted("val_loss", [2, 1, 3]), stopping, Interrupt(), CSVLogger(tmp_path / "log")])
    with pytest.raises(KeyboardInterrupt):
        trained.fit(*blobs(), epochs=5, batch_size=60)
    assert trained.model[0].bias.tolist() == [2] * 8
    assert trained.callbacks[-1]._file is None


def test_states_of_callbacks_round_trip():
    stopping, other = EarlyStopping(patience=1), EarlyStopping(patience=1)
    first = run([3, 1, 2], stopping)
    other.load_state_dict(stopping.state_dict())
    assert (other.best_epoch, other._monitor.best) == (2, 1) and weights(first)[0] == other._weights["0.weight"][0, 0]
    fresh = LRScheduler(Halving)
    fresh.load_state_dict({"count": 7})
    assert fresh.state_dict() == {"count": 7}
    fresh.on_train_begin(SimpleNamespace(optimizer=first.optimizer))
    assert fresh.scheduler.count == 7 and fresh.state_dict() == {"count": 7}


def test_a_scheduler_made_anew_leaves_the_saved_rate_alone():
    class Warming(Halving):
        def __init__(self, optimizer):
            super().__init__(optimizer)
            optimizer.param_groups[0]["lr"] = 1.0

    resumed, first = LRScheduler(Warming), LRScheduler(Warming)
    resumed.load_state_dict({"count": 3})
    optimizer = trainer().optimizer
    for callback, rate in ((resumed, 1e-3), (first, 1.0)):
        callback.on_train_begin(SimpleNamespace(optimizer=optimizer))
        assert optimizer.param_groups[0]["lr"] == rate


def test_a_path_of_unknown_figures_is_named(tmp_path):
    x, y = blobs()
    saving = trainer(callbacks=[ModelCheckpoint(tmp_path / "{accuracy}")])
    with pytest.raises(ValueError, match="does not fit .KeyError.*in braces stand epoch, loss, lr"):
        saving.fit(x, y, epochs=1, batch_size=30)


def test_a_scheduler_is_one_or_makes_one():
    with pytest.raises(TypeError, match="LRScheduler takes a scheduler, or what makes one.*; got 3"):
        LRScheduler(3)
