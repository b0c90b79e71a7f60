"""History: what every epoch of a training run gave, as columns, and its picture."""

import math

from fastact._extras import extra


class History:
    """The figures of a training run: one column for each (loss, metrics, the same on validation data, learning rate).

    ``history["val_loss"]`` is a list with one number for each epoch.

    Attributes
    ----------
    seconds : list of float
        What each epoch took.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 1.5, "val_loss": 1.25})
    >>> history.append({"loss": 0.5, "val_loss": 0.75})
    >>> history["loss"], history.best("val_loss")
    ([1.5, 0.5], (2, 0.75))
    """

    def __init__(self):
        self._columns, self.seconds = {}, []

    def append(self, figures, seconds=math.nan):
        """Add one epoch: a dict of names and numbers."""
        done = len(self)
        self.seconds.append(seconds)
        for name in figures:
            self._columns.setdefault(name, [math.nan] * done)
        for name, column in self._columns.items():
            column.append(float(figures.get(name, math.nan)))

    def __getitem__(self, name):
        if name not in self._columns:
            raise KeyError(f"the history has no {name!r}; it has {', '.join(self._columns) or 'no epoch yet'}")
        return list(self._columns[name])

    def __contains__(self, name):
        return name in self._columns

    def __iter__(self):
        return iter(self._columns)

    def __len__(self):
        return len(self.seconds)

    def keys(self):
        """Names of the columns."""
        return self._columns.keys()

    def epoch(self, number):
        """The figures of one epoch, counted from 1 (−1: the last), as a dict."""
        place = number if number < 0 else number - 1
        return {name: column[place] for name, column in self._columns.items()}

    def best(self, name="val_loss"):
        """The epoch (from 1) with the best figure of a column, and that figure: losses and errors count down."""
        column = self[name]
        sign = -1 if counts_up(name) else 1
        number = min(range(len(column)), key=lambda i: math.inf if math.isnan(column[i]) else sign * column[i])
        return number + 1, column[number]

    def state_dict(self):
        """Everything in it, for `load_state_dict`."""
        return {"columns": {name: list(column) for name, column in self._columns.items()}, "seconds": self.seconds}

    def load_state_dict(self, state):
        """Take over what `state_dict` gave."""
        self._columns = {name: list(column) for name, column in state["columns"].items()}
        self.seconds = list(state["seconds"])

    def plot(self, path=None):
        """Draw the loss, and below it each metric, over the epochs.

        Parameters
        ----------
        path : path-like, optional
            A file to write the picture to.

        Returns
        -------
        matplotlib.figure.Figure
            Shown by notebooks as it is. pyplot is not touched.

        Raises
        ------
        ModuleNotFoundError
            Without matplotlib; the text names the extra that brings it.
        """
        extra("matplotlib", "train", "History.plot")
        from fastact.train._plot import draw

        figure = draw(self)
        if path is not None:
            figure.savefig(path)
        return figure

    def __repr__(self):
        if not len(self):
            return "History(no epoch yet)"
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.epoch(-1).items())
        return f"History({len(self)} epochs; the last: {figures})"


_DOWN = ("loss", "error", "mse", "mae", "rmse", "deviance", "lr")


def counts_up(name):
    """Whether more is better for a figure of this name: not where it is a loss or an error."""
    last = name.removeprefix("val_")
    return not any(last == word or last.endswith(f"_{word}") for word in _DOWN)
