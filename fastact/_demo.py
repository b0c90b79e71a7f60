"""`python -m fastact demo`: a classifier of handwritten digits, from the data to the figures, on fastact.nn and optim.

It stands for a user's first program: nothing here may reach into what users cannot reach.
"""

import csv
import math
import time
from collections import Counter
from typing import NamedTuple

import numpy as np

import fastact as fa
import fastact.torch as torch
from fastact import nn, optim
from fastact._progress import Progress
from fastact.data import load_digits

HIDDEN = 512
BATCH = 64
LEARNING_RATE = 4e-3
SMOOTHING = 0.1
NOISE = 0.2
HELD_OUT = 360
TABLE, FIGURES = "losses.csv", ("loss.png", "confusion.png", "misread.png")


class Digits(NamedTuple):
    """Images with their labels."""

    images: np.ndarray
    labels: np.ndarray


class Epoch(NamedTuple):
    """What one pass through the training digits gave."""

    train_loss: float
    held_out_loss: float
    accuracy: float


class Reading(NamedTuple):
    """What the model makes of images: the digit it reads in each, and how sure it is."""

    digits: np.ndarray
    confidence: np.ndarray


def split(random):
    """Return training and held-out digits drawn by `random`, centred on the training mean, and that mean."""
    images, labels = load_digits()
    order = random.permutation(len(images))
    held_out, train = order[:HELD_OUT], order[HELD_OUT:]
    mean = images[train].mean(axis=0)
    return Digits(images[train] - mean, labels[train]), Digits(images[held_out] - mean, labels[held_out]), mean


def train_epoch(model, criterion, optimizer, data, random):
    """Take one pass through `data` in shuffled batches, a little noise on the pixels; return the mean loss."""
    total = 0.0
    order = random.permutation(len(data.labels))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        noise = random.normal(0, NOISE, data.images[batch].shape).astype(np.float32)
        loss = criterion(model(torch.tensor(data.images[batch] + noise)), torch.tensor(data.labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(order)


def read(model, images):
    """Return what `model` reads in `images`, and the logits behind it."""
    with torch.no_grad():
        logits = model(torch.tensor(images)).numpy()
    probabilities = fa.softmax(logits)
    return Reading(probabilities.argmax(axis=1), probabilities.max(axis=1)), logits


def train(model, train_digits, held_out, *, epochs, random):
    """Train `model` with Adam and a learning rate that falls along a cosine; return one Epoch for each pass."""
    criterion = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)
    history = []
    with Progress(epochs, "epoch") as progress:
        for number in range(1, epochs + 1):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * (number - 1) / epochs)) / 2
            train_loss = train_epoch(model, criterion, optimizer, train_digits, random)
            reading, logits = read(model, held_out.images)
            held_out_loss = float(fa.cross_entropy(logits, held_out.labels, label_smoothing=SMOOTHING))
            history.append(Epoch(train_loss, held_out_loss, float((reading.digits == held_out.labels).mean())))
            progress.step(f"loss {train_loss:.4f}, held out {history[-1].accuracy:.2%}")
            if number in (1, epochs) or number % math.ceil(epochs / 8) == 0:
                progress.line(
                    f"epoch {number:3d}   loss {train_loss:.4f}   held-out loss {held_out_loss:.4f}"
                    f"   held-out accuracy {history[-1].accuracy:.2%}"
                )
    return history


def write_losses(path, history):
    """Write one line an epoch: its number, both losses and the accuracy."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["epoch", *Epoch._fields])
        table.writerows([number, *epoch] for number, epoch in enumerate(history, 1))


def describe_misread(reading, labels):
    """Return one line that says which digits were taken for which."""
    wrong = np.flatnonzero(reading.digits != labels)
    pairs = Counter((int(labels[i]), int(reading.digits[i])) for i in wrong).most_common()
    said = [f"{true} as {taken}" + (f" ({count} times)" if count > 1 else "") for (true, taken), count in pairs[:5]]
    more = ["..."] if len(pairs) > 5 else []
    return f"misread {len(wrong)} of {len(labels)}" + (": " + ", ".join(said + more) if said else "")


def run(*, epochs, seed, output):
    """Train, report and draw.

    Parameters
    ----------
    epochs : int
        Passes through the training digits.
    seed : int
        Seeds the split, the weights, the order of the batches and the noise.
    output : pathlib.Path
        Folder for losses.csv and the figures; made if missing.

    Returns
    -------
    list of Epoch
        Losses and accuracy of each pass.
    """
    prepare(output)
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    train_digits, held_out, mean = split(random)
    model = nn.Sequential(nn.Linear(64, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, 10))
    print(
        f"{len(train_digits.labels)} digits to train on, {HELD_OUT} held out; 64 pixels -> {HIDDEN} GELU -> 10 classes"
    )
    start = time.perf_counter()
    history = train(model, train_digits, held_out, epochs=epochs, random=random)
    seconds = time.perf_counter() - start
    reading, _ = read(model, held_out.images)
    said = describe_misread(reading, held_out.labels)
    print(f"held-out accuracy {history[-1].accuracy:.2%} after {seconds:.1f} seconds; {said}")
    try:
        write_results(output, history, reading, held_out, mean)
    except OSError as error:
        raise SystemExit(f"cannot write {error.filename}: {error.strerror}; name another folder by --output") from error
    return history


def prepare(output):
    """Make the folder; a name in it that is taken by another folder is refused before the training, not after it."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"cannot make the folder {output}: {error.strerror}; name another by --output") from error
    for name in (TABLE, *FIGURES):
        if (output / name).is_dir():
            raise SystemExit(f"cannot write {output / name}: there is a folder of that name; name another by --output")


def write_results(output, history, reading, held_out, mean):
    """Write the losses, and the pictures where matplotlib is installed."""
    write_losses(output / TABLE, history)
    try:
        from fastact import _demo_figures as figures
    except ModuleNotFoundError as error:
        print(f"wrote {output / TABLE}")
        print(f"the pictures need {error.name}: pip install 'fastact[train]', or {error.name} alone")
        return
    drawn = (
        figures.loss_curve(history),
        figures.confusion(reading.digits, held_out.labels),
        figures.misread(held_out.images + mean, reading, held_out.labels),
    )
    for name, figure in zip(FIGURES, drawn, strict=True):
        figure.savefig(output / name)
    print(f"wrote {TABLE}, {', '.join(FIGURES[:-1])} and {FIGURES[-1]} into {output}")
