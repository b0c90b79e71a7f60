"""What a Trainer takes for y: labels, classes and values, and the loss that goes with them."""

import numpy as np
import pytest

import fastact.nn.functional as F
from fastact import nn, optim
from fastact.train import Trainer
from tests.train.make import blobs, line, model, trainer, weights

FIT = {"epochs": 3, "batch_size": 16}


@pytest.mark.parametrize(
    "labels", [[0, 1, 2], [3, -1, 7], ["b", "a", "c"], np.array(["x", "yy", "z"], object)], ids=str
)
def test_labels_come_back_as_they_were(labels):
    x, y = blobs()
    y = np.asarray(labels)[y]
    trained = trainer(optimizer=lambda parameters: optim.Adam(parameters, lr=0.05))
    trained.fit(x, y, epochs=30, batch_size=16, validation_split=0.2)
    assert trained.score(x, y) > 0.9 and trained.predict(x).tolist()[:1] == y.tolist()[:1]
    proba = trained.predict_proba(x)
    assert proba.shape == (60, 3) and np.allclose(proba.sum(axis=1), 1)
    if trained.classes is not None:
        assert trained.classes.tolist() == sorted(set(y.tolist()))
        assert (trained.classes[proba.argmax(axis=1)] == trained.predict(x)).all()
        with pytest.raises(ValueError, match="labels that the first fit did not see.*known are"):
            trained.fit(x, np.full(60, type(y.tolist()[0])(99)), **FIT)


def test_later_fits_keep_to_the_kind_of_the_first(tmp_path):
    x, y = line()
    trained, floats = trainer(1), trainer(1)
    trained.fit(x, y, **FIT)
    floats.fit(x, y, **FIT)
    trained.save(tmp_path / "model")
    for one in (trained, Trainer.load(tmp_path / "model")):
        one.fit(x, y.astype(int), **FIT)
    floats.fit(x, y.astype(int).astype(float), **FIT)
    assert trained.history["loss"] == floats.history["loss"] and min(trained.history["loss"]) > 0.1
    assert (weights(trained) == weights(one)).all() and trained.predict(x).dtype == np.float32
    texts = np.array(["1", "2", "0"] * 20)
    for first in (y, blobs()[1], blobs()[1] * 2):
        before = trainer(1 if first is y else 3)
        before.fit(x, first, **FIT)
        with pytest.raises(ValueError, match=r"y has dtype <U1, the first fit had numbers: give such"):
            before.fit(x, texts, **FIT)
    named = trainer()
    named.fit(x, texts, **FIT)
    with pytest.raises(ValueError, match="y has dtype int64, the first fit had texts: give such"):
        named.fit(x, np.ones(60, int), **FIT)


@pytest.mark.parametrize("loss", [None, nn.CrossEntropyLoss(), F.cross_entropy])
def test_nothing_remains_of_a_first_fit_that_fails(loss):
    x, y = blobs()
    steps = []
    for labels, held, said in [
        (y, y + 1, "validation y has the class 3, the model has 3 outputs: make them agree"),
        (y, -1 - y, "validation y has the class -[123], "),
        (
            np.array(["a", "b", "c"])[y],
            np.array(["d"] * 60),
            "validation y has labels that the first fit did not see: 'd'",
        ),
        (y, np.array(["d"] * 60), "validation y has dtype <U1"),
        (y, np.ones((60, 2)), r"validation y has shape \(60, 2\)"),
    ]:
        trained = trainer(loss=loss, optimizer=lambda parameters: optim.SGD(parameters, lr=0.1))
        trained.optimizer.step = lambda: steps.append(1)
        with pytest.raises(ValueError, match=said):
            trained.fit(x, labels, validation_data=(x, held), **FIT)
        assert trained._targets is None and not steps
    with pytest.raises(ValueError, match="^validation X of dtype <U1 does not convert"):
        trained.fit(x, y, validation_data=(np.full((60, 4), "a"), y), **FIT)
    ignoring = trainer(loss=nn.CrossEntropyLoss(ignore_index=7))
    ignoring.fit(x, y, validation_data=(x, np.where(y == 1, 7, y)), **FIT)

    def failing(output, target):
        raise ZeroDivisionError

    broken = trainer(loss=failing)
    with pytest.raises(ZeroDivisionError):
        broken.fit(x, y * 2, **FIT)
    broken.loss = loss
    assert len(broken.fit(x, np.array(["a", "b", "c"])[y], **FIT)) == 3


def test_bools_and_given_losses():
    x, y = blobs(classes=2)
    trained = trainer(2).fit(x, y == 1, **FIT)
    assert len(trained) == 3
    ignoring = trainer(loss=nn.CrossEntropyLoss())
    ignoring.fit(x, np.where(y == 1, -100, y), **FIT)
    alone = trainer(loss=nn.CrossEntropyLoss())
    alone.fit(x[y != 1], y[y != 1], epochs=3, batch_size=60)
    smoothed = trainer(loss=lambda output, target: F.cross_entropy(output, target, label_smoothing=0.3))
    assert smoothed.fit(x, y, **FIT)["loss"] != alone.history["loss"]
    assert smoothed.predict(x).shape == (60,)
    soft = trainer(loss=nn.CrossEntropyLoss())
    soft.fit(x, np.full((60, 3), 1 / 3), **FIT)
    assert soft.predict(x).max() <= 2


def test_values_of_either_shape():
    x, y = line()
    for target in (y, y[:, None], np.stack([y, -y], axis=1)):
        outputs = 1 if target.ndim == 1 else target.shape[1]
        trained = trainer(outputs, optimizer=lambda parameters: optim.Adam(parameters, lr=0.03))
        trained.fit(x, target, epochs=150, batch_size=60)
        assert trained.predict(x).shape == target.shape and trained.score(x, target) > 0.95
    with pytest.raises(TypeError, match="predict_proba needs a classifier"):
        trained.predict_proba(x)


@pytest.mark.skipif(not hasattr(nn, "BCEWithLogitsLoss"), reason="no binary loss yet")
def test_binary_losses():
    x, y = blobs(classes=2)
    for loss, last in ((nn.BCEWithLogitsLoss(), []), (nn.BCELoss(), [nn.Sigmoid()])):
        for labels in (y, np.array(["no", "yes"])[y]):
            trained = Trainer(nn.Sequential(*model(1), *last), loss, seed=0)
            trained.optimizer.param_groups[0]["lr"] = 0.05
            trained.fit(x, labels, epochs=30, batch_size=16)
            assert trained.score(x, labels) > 0.9 and trained.predict(x).shape == (60,)
            assert np.allclose(trained.predict_proba(x).sum(axis=1), 1) and trained.predict_proba(x).shape == (60, 2)
    with pytest.raises(ValueError, match="BCEWithLogitsLoss tells two classes apart, y has 3"):
        trainer(1, loss=nn.BCEWithLogitsLoss()).fit(x, ["a", "b", "c"] * 20, **FIT)
