"""Small problems and models for the tests of the trainer."""

import numpy as np

import fastact.torch as torch
from fastact import nn
from fastact.train import Trainer


def blobs(count=60, classes=3, seed=0):
    """Points around one centre for each class, and their classes."""
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, count)
    return random.normal(size=(classes, 4))[y] * 3 + random.normal(size=(count, 4)), y


def line(count=60, seed=0):
    """Points, and values that are nearly linear in them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 4))
    return x, x @ [1.0, -2.0, 0.5, 3.0] + 0.01 * random.normal(size=count)


def model(outputs=3, dropout=0.0, seed=0):
    """A small perceptron; the same seed, the same weights."""
    torch.manual_seed(seed)
    layers = [nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, outputs)]
    if dropout:
        layers.insert(2, nn.Dropout(dropout))
    return nn.Sequential(*layers)


def trainer(outputs=3, **options):
    """A trainer of that model with a seed."""
    return Trainer(model(outputs), **{"seed": 1, **options})


def weights(trained):
    """All weights of a trainer's model as one array."""
    return np.concatenate([value.numpy().ravel() for value in trained.model.state_dict().values()])
