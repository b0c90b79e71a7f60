"""Figures of the demo. Needs matplotlib; nothing is computed here but what is drawn."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLUMNS = 6


def loss_curve(history):
    """Return a figure of both losses over the epochs, with the held-out accuracy below."""
    epochs = np.arange(1, len(history) + 1)
    figure = Figure(figsize=(7, 5), dpi=120, layout="constrained")
    losses, accuracy = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    losses.plot(epochs, [epoch.train_loss for epoch in history], label="training (pixels with noise)")
    losses.plot(epochs, [epoch.held_out_loss for epoch in history], label="held out")
    losses.set(ylabel="cross-entropy, labels smoothed")
    losses.legend()
    accuracy.plot(epochs, [100 * epoch.accuracy for epoch in history], color="tab:green")
    accuracy.set(xlabel="epoch", ylabel="held-out accuracy, %")
    accuracy.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (losses, accuracy):
        axes.grid(alpha=0.3)
    return figure


def confusion(read, labels):
    """Return a figure that counts, for each true digit, what was read."""
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (labels, read), 1)
    figure = Figure(figsize=(6, 5.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.sqrt(counts), cmap="Blues")
    for true in range(10):
        for taken in range(10):
            if counts[true, taken]:
                colour = "white" if true == taken else "tab:red"
                axes.text(taken, true, counts[true, taken], ha="center", va="center", color=colour)
    axes.set(xlabel="digit read", ylabel="digit written", xticks=range(10), yticks=range(10))
    axes.set_title(f"{np.trace(counts)} of {counts.sum()} held-out digits read correctly")
    return figure


def misread(images, reading, labels):
    """Return a figure of the misread digits, the surest mistakes first, at most three rows of them."""
    wrong = np.flatnonzero(reading.digits != labels)
    wrong = wrong[np.argsort(-reading.confidence[wrong])][: 3 * COLUMNS]
    rows = max(1, -(-len(wrong) // COLUMNS))
    figure = Figure(figsize=(1.6 * COLUMNS, 2.1 * rows), dpi=120, layout="constrained")
    for axes in figure.subplots(rows, COLUMNS, squeeze=False).flat:
        axes.set_axis_off()
    for axes, i in zip(figure.axes, wrong, strict=False):
        axes.imshow(images[i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(f"{labels[i]} read as {reading.digits[i]}\n{reading.confidence[i]:.0%} sure", fontsize=9)
    if not len(wrong):
        figure.suptitle("no held-out digit was misread")
    return figure
