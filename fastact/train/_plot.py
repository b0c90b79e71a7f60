"""The picture of a History. Needs matplotlib."""

import io

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


class Picture(Figure):
    """A figure that notebooks show without pyplot."""

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def draw(history):
    """A figure with one panel for the loss and one for each metric; training and validation in each."""
    names = [name for name in history if not name.startswith("val_") and name != "lr"]
    figure = Picture(figsize=(7, 2.6 + 1.8 * max(len(names) - 1, 0)), dpi=120, layout="constrained")
    panels = figure.subplots(max(len(names), 1), 1, sharex=True, squeeze=False)[:, 0]
    epochs = range(1, len(history) + 1)
    marker = "o" if len(history) == 1 else None
    for panel, name in zip(panels, names, strict=False):
        panel.plot(epochs, history[name], marker=marker, label="training")
        if f"val_{name}" in history:
            panel.plot(epochs, history[f"val_{name}"], marker=marker, label="validation")
        panel.set_ylabel(name)
        panel.grid(alpha=0.3)
        panel.legend()
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
