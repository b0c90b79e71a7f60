"""The one random generator of the trainer: initial weights, random tensors, shuffles."""

import contextlib

import numpy as np

_state = {"generator": np.random.default_rng(), "seed": None}


def generator():
    """The generator in use, a `numpy.random.Generator`."""
    return _state["generator"]


@contextlib.contextmanager
def using(generator):
    """Another generator in place of the one in use, inside ``with``."""
    before = _state["generator"]
    _state["generator"] = generator
    try:
        yield generator
    finally:
        _state["generator"] = before


def manual_seed(seed):
    """Start the generator anew from `seed`; equal seeds give equal numbers.

    Parameters
    ----------
    seed : int
        Any integer; the numbers are not those that torch draws from the same seed.
    """
    _state["seed"] = int(seed)
    _state["generator"] = np.random.default_rng(abs(int(seed)) * 2 + (int(seed) < 0))
    return _state["generator"]


def initial_seed():
    """The seed given to `manual_seed`, or None."""
    return _state["seed"]
