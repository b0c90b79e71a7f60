"""The random generator of the trainer: initial weights, random tensors, shuffles; and others that users make."""

import contextlib
import contextvars

import numpy as np

from fastact._device import check_device

_state = {"generator": np.random.default_rng(), "seed": None}
_instead = contextvars.ContextVar("generator", default=None)  # of one thread: two trainers may be at work


def generator():
    """The generator in use, a `numpy.random.Generator`."""
    instead = _instead.get()
    return _state["generator"] if instead is None else instead


@contextlib.contextmanager
def using(generator):
    """Another generator in place of the one in use, inside ``with`` and in this thread alone."""
    before = _instead.set(generator)
    try:
        yield generator
    finally:
        _instead.reset(before)


class Generator:
    """A generator of its own, for what takes ``generator=``: shuffles, splits, random tensors.

    Parameters
    ----------
    device : str, optional
        Only "cpu".
    """

    def __init__(self, device="cpu"):
        check_device(device)
        self.numpy, self._seed = np.random.default_rng(), None

    def manual_seed(self, seed):
        """Start anew from `seed`; returns the generator."""
        self.numpy, self._seed = _seeded(seed), int(seed)
        return self

    def initial_seed(self):
        """The seed given to `manual_seed`, or None."""
        return self._seed


def drawing_from(given):
    """What is drawn inside ``with`` comes from a Generator, or if that is None from the one in use."""
    if given is not None and not isinstance(given, Generator):
        raise TypeError(f"generator={given!r} is no Generator: make one by torch.Generator().manual_seed(0)")
    return contextlib.nullcontext() if given is None else using(given.numpy)


def _seeded(seed):
    return np.random.default_rng(abs(int(seed)) * 2 + (int(seed) < 0))


def manual_seed(seed):
    """Start the generator anew from `seed`; equal seeds give equal numbers.

    Parameters
    ----------
    seed : int
        Any integer; the numbers are not those that torch draws from the same seed.
    """
    _state["seed"] = int(seed)
    _state["generator"] = _seeded(seed)
    return _state["generator"]


def initial_seed():
    """The seed given to `manual_seed`, or None."""
    return _state["seed"]
