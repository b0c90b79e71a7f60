"""`python -m fastact train` and `predict`: a model from a CSV file, and what it makes of another one."""

import csv
import math
import pathlib
import sys
import time
from collections import Counter

import numpy as np

import fastact.torch as torch
from fastact import nn, optim
from fastact._progress import Progress
from fastact._table import MOST_CLASSES, Inputs, TableError, check_present, is_text, numbers, read
from fastact.train import Callback, EarlyStopping, Trainer

FEWEST_ROWS = 10
TO_STOP_BY = 0.15  # share of the training rows that says when to stop


def train(given):
    """Train on the file of the parsed arguments `given`, report, save; returns the exit code."""
    try:
        table = read(given.data, drop=given.drop, drop_missing=given.drop_missing, target=given.target)
        _train(given, table)
    except TableError as error:
        print(f"fastact train: {error}", file=sys.stderr)
        return 1
    return 0


def _train(given, table):
    output = given.output or pathlib.Path(given.data.with_suffix(".safetensors").name)
    if output.is_dir() or not output.parent.is_dir():
        found = "it is a folder" if output.is_dir() else "its folder does not exist"
        raise TableError(f"cannot write {output}: {found}; name another file by --output")
    target = table.column(given.target)
    if len(table) < FEWEST_ROWS:
        raise TableError(f"{given.data} has {len(table)} rows of values: at least {FEWEST_ROWS} are needed")
    check_present(table, given.target)
    classes = _is_classes(table, given.target, given.task)
    names = [name for name in table.columns if name != given.target]
    if not names:
        raise TableError(f"{given.data} has no column besides the target {given.target!r}: nothing to learn from")
    for name in given.text:
        table.column(name)
    random = np.random.default_rng(given.seed)
    if classes:
        _check_classes(given.target, target)
    chosen, held_out = _split(np.arange(len(table)), target if classes else None, given.held_out, random)
    chosen, to_stop_by = _split(chosen, target if classes else None, TO_STOP_BY, random)
    inputs = Inputs.learn(table, names, given.text, chosen)
    x = inputs.encode(table)
    y, scaling = _targets(table, given.target, classes, chosen)
    _say_what_is_there(given, table, inputs, target, classes)
    torch.manual_seed(given.seed)
    widths = [x.shape[1], *given.hidden, len(set(y)) if classes else 1]
    print(
        f"{len(chosen)} rows to train on, {len(to_stop_by)} to stop by, {len(held_out)} held out; {widths[0]} inputs"
        + "".join(f" -> {width} {given.activation.upper()}" for width in given.hidden)
        + (f" -> {widths[-1]} classes" if classes else " -> 1 value")
    )
    trainer, seconds = _fitted(given, widths, (x[chosen], y[chosen]), (x[to_stop_by], y[to_stop_by]))
    trainer.extra = {"target": given.target, "inputs": inputs.columns, "scaling": scaling}
    report = _report_classes if classes else _report_values
    report(trainer, x[held_out], y[held_out], y[chosen], scaling, seconds)
    try:
        trainer.save(output)
    except OSError as error:
        raise TableError(f"{error.strerror or error}; name another file by --output") from error
    print(f"wrote {output}; predict by: python -m fastact predict {output} NEW.csv")


def _is_classes(table, name, task):
    """Whether the target holds classes: texts, or few different whole numbers."""
    if task != "auto":
        return task == "classes"
    cells = table.column(name)
    if is_text(cells):
        return True
    values = numbers(table, name)
    return bool((values == np.round(values)).all()) and len(set(values)) <= min(MOST_CLASSES, len(values) // 5)


def _check_classes(name, cells):
    """Refuse a target of one class, or of hardly more rows than classes."""
    count = len(set(cells))
    if count < 2:
        raise TableError(f"column {name!r} holds {cells[0]!r} alone: there is nothing to tell apart")
    if 2 * count > len(cells):
        raise TableError(
            f"column {name!r} holds {count} different texts in {len(cells)} rows: too many classes to learn; name another "
            "column by --target"
        )


def _targets(table, name, classes, chosen):
    """The target, and how values were standardised (by the rows that are trained on)."""
    if classes:
        return np.array(table.column(name)), None
    y = numbers(table, name)
    mean, scale = float(y[chosen].mean()), float(y[chosen].std())
    if scale == 0:
        raise TableError(f"column {name!r} holds {table.column(name)[0]} alone: there is nothing to fit")
    return (y - mean) / scale, {"mean": mean, "scale": scale}


def _say_what_is_there(given, table, inputs, target, classes):
    texts = [column["name"] for column in inputs.columns if "values" in column]
    kinds = f"{len(inputs.columns) - len(texts)} columns of numbers, {len(texts)} of texts"
    if classes:
        counts = Counter(target)
        common = ", ".join(f"{label} {count}" for label, count in counts.most_common(6))
        said = f"{len(counts)} classes ({common}{', ...' if len(counts) > 6 else ''})"
    else:
        values = numbers(table, given.target)
        said = f"values from {values.min():g} to {values.max():g}"
    print(f"{given.data}: {len(table)} rows, {kinds}; target {given.target!r}: {said}")


class _Lines(Callback):
    """Prints the first epoch, and each at which the loss to stop by has fallen by three tenths."""

    def __init__(self, progress):
        self.progress, self.lowest = progress, math.inf

    def on_epoch_end(self, trainer, figures):
        said = f"loss {figures['loss']:.4f}, to stop by {figures['val_loss']:.4f}"
        self.progress.step(said)
        if figures["val_loss"] < self.lowest * 0.7:
            self.lowest = figures["val_loss"]
            self.progress.line(f"epoch {trainer.epoch:4d}   {said}")


def _split(rows, labels, share, random):
    """`rows` in two parts by chance, the second of about `share`: class by class where there are labels, each of which
    stays in the first part at least once."""
    labels = np.zeros(len(rows)) if labels is None else np.asarray(labels)[rows]
    apart = []
    for label in np.unique(labels):
        same = random.permutation(rows[labels == label])
        apart.append(same[: min(round(len(same) * share), len(same) - 1)])
    second = np.concatenate(apart)
    if not len(second):
        found, counts = np.unique(labels, return_counts=True)
        second = random.permutation(rows[np.isin(labels, found[counts > 1])])[:1]
    first = random.permutation(np.setdiff1d(rows, second))
    return first, random.permutation(second)


def _fitted(given, widths, train, to_stop_by):
    layers = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(n_in, n_out), getattr(nn, ACTIVATIONS[given.activation])()]
    model = nn.Sequential(*layers[:-1])
    start = time.perf_counter()
    with Progress(given.epochs, "epoch") as progress:
        trainer = Trainer(
            model,
            None,
            optim.Adam(model.parameters(), lr=given.learning_rate),
            callbacks=[EarlyStopping(patience=given.patience), _Lines(progress)],
            seed=given.seed,
        )
        trainer.fit(
            *train, epochs=given.epochs, batch_size=given.batch_size, validation_data=to_stop_by, progress=False
        )
    trainer.callbacks.pop()  # the lines belong to this run
    return trainer, time.perf_counter() - start


ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "Tanh", "elu": "ELU", "sigmoid": "Sigmoid"}


def _ending(trainer, seconds):
    best = trainer.callbacks[0].best_epoch
    return f"after {seconds:.1f} seconds and {trainer.epoch} epochs (the weights are those of epoch {best})"


def _report_classes(trainer, x, y, known, scaling, seconds):
    guess = Counter(known.tolist()).most_common(1)[0][0]
    predicted = trainer.predict(x)
    print(
        f"held-out accuracy {(predicted == y).mean():.2%} {_ending(trainer, seconds)}; "
        f"guessing {guess!s} always: {(y == guess).mean():.2%}"
    )
    wrong = Counter((str(a), str(b)) for a, b in zip(y, predicted, strict=True) if a != b)
    for (true, taken), count in wrong.most_common(5):
        print(f"  {true} taken for {taken}: {count} of {(y == true).sum()}")


def _report_values(trainer, x, y, known, scaling, seconds):
    error = float(np.sqrt(np.mean((trainer.predict(x) - y) ** 2))) * scaling["scale"]
    guess = float(np.sqrt(np.mean((known.mean() - y) ** 2))) * scaling["scale"]
    print(
        f"held-out error {error:.4g} (root of the mean square), R² {trainer.score(x, y):.4f} "
        f"{_ending(trainer, seconds)}; guessing the mean always: {guess:.4g}"
    )


def predict(given):
    """Write what the model of the parsed arguments `given` makes of their file; returns the exit code."""
    try:
        trainer = Trainer.load(given.model)
        if "inputs" not in trainer.extra:
            raise TableError(f"{given.model} was not made by `fastact train`: load it by fastact.train.Trainer.load")
        table = read(given.data, settled=True)
        x = Inputs(trainer.extra["inputs"]).encode(table)
    except (OSError, ValueError) as error:
        print(f"fastact predict: {error}", file=sys.stderr)
        return 1
    header, rows = _predictions(trainer, x)
    try:
        file = given.output.open("w", newline="", encoding="utf-8") if given.output else sys.stdout
    except OSError as error:
        print(f"fastact predict: cannot write {given.output}: {error.strerror}", file=sys.stderr)
        return 1
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    if given.output:
        file.close()
    return 0


def _predictions(trainer, x):
    """A header, and a row for each sample: the prediction, for classes each one's probability too."""
    target, scaling = trainer.extra["target"], trainer.extra["scaling"]
    predicted = trainer.predict(x)
    if scaling is not None:
        values = predicted.astype(np.float64) * scaling["scale"] + scaling["mean"]
        return [target], [[f"{value:.9g}"] for value in values]
    shares = trainer.predict_proba(x)
    header = [target, *(f"p({label})" for label in trainer.classes)]
    return header, [[label, *(f"{share:.6f}" for share in row)] for label, row in zip(predicted, shares, strict=True)]
