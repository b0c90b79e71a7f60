"""Two trainers at once: each draws its own numbers, and nobody else's."""

import sys
import threading

import numpy as np
import pytest

import fastact.torch as torch
from fastact import _random
from fastact.sklearn import MLPClassifier
from tests.train.make import blobs, model, trainer, weights


def fitted(seed):
    """The weights of a trainer whose dropout, split and shuffles draw many numbers."""
    network = model(dropout=0.3, seed=0)
    network.load_state_dict({name: value * 0 + 0.1 for name, value in network.state_dict().items()})
    made = trainer(seed=seed)
    made.model = network
    made.optimizer = torch.optim.Adam(network.parameters())
    made.fit(*blobs(), epochs=8, batch_size=8, validation_split=0.2, progress=False)
    return weights(made)


def estimated(seed):
    """The weights of an estimator with dropout."""
    x, y = blobs()
    found = MLPClassifier((8,), dropout=0.3, tol=9.0, n_iter_no_change=8, random_state=seed, batch_size=8).fit(x, y)
    return np.concatenate([part.detach().numpy().ravel() for part in found.model_.parameters()])


@pytest.fixture
def eager_switching():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("train", [fitted, estimated])
def test_seeds_repeat_whatever_other_threads_draw(train, eager_switching):
    one_by_one, together = [train(seed) for seed in range(4)], [None] * 4

    def run(seed):
        together[seed] = train(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for alone, beside in zip(one_by_one, together, strict=True):
        np.testing.assert_array_equal(alone, beside)


def test_the_generator_in_use_outlives_trainers_of_other_threads():
    torch.manual_seed(5)
    before, inside, leave = _random.generator(), threading.Event(), threading.Event()

    def hold():
        with _random.using(np.random.default_rng(1)):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with _random.using(np.random.default_rng(2)):
        leave.set()
        thread.join()
    assert _random.generator() is before
