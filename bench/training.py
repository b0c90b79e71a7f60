"""Contestants of the training cells: one step of a multilayer perceptron with ReLU, cross-entropy and Adam.

The text of a step is one for fastact and torch: a user changes the import lines alone.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from bench.cells import Cell
from bench.lineup import Lineup
from bench.subject import Absent
from bench.timing import Contestant

RATE, BETAS, EPSILON = 1e-3, (0.9, 0.999), 1e-8


def module_step(torch: object, widths: tuple[int, ...], x: np.ndarray, t: np.ndarray, **adam: object) -> Callable:
    """A training step by torch's names: ``torch`` is torch itself or fastact's look-alike."""
    torch.manual_seed(0)
    layers = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, **adam)
    inputs, labels = torch.tensor(x), torch.tensor(t)

    def step():
        loss = criterion(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def initial_weights(widths: tuple[int, ...]) -> list[np.ndarray]:
    """Weights (out, in) and biases of each layer, in torch's range."""
    generator = np.random.default_rng(0)
    weights = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        bound = n_in**-0.5
        weights.append(generator.uniform(-bound, bound, (n_out, n_in)).astype(np.float32))
        weights.append(generator.uniform(-bound, bound, n_out).astype(np.float32))
    return weights


def jax_step(widths: tuple[int, ...], x: np.ndarray, t: np.ndarray) -> Callable:
    """A training step compiled as one JAX function, its state donated."""
    import jax
    import jax.numpy as jnp

    def loss_of(weights, x, t):
        for i in range(0, len(weights), 2):
            x = x @ weights[i].T + weights[i + 1]
            x = jax.nn.relu(x) if i + 2 < len(weights) else x
        return jnp.mean(jax.nn.logsumexp(x, -1) - jnp.take_along_axis(x, t[:, None], -1)[:, 0])

    def advance(state, x, t):
        weights, first, second, count = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, t)
        count = count + 1
        first = [BETAS[0] * m + (1 - BETAS[0]) * g for m, g in zip(first, gradients, strict=True)]
        second = [BETAS[1] * v + (1 - BETAS[1]) * g * g for v, g in zip(second, gradients, strict=True)]
        rate, root = RATE / (1 - BETAS[0] ** count), jnp.sqrt(1 - BETAS[1] ** count)
        weights = [
            w - rate * m / (jnp.sqrt(v) / root + EPSILON) for w, m, v in zip(weights, first, second, strict=True)
        ]
        return (weights, first, second, count), loss

    compiled = jax.jit(advance, donate_argnums=0)
    weights = list(map(jnp.asarray, initial_weights(widths)))
    zeros = [jnp.zeros_like(w) for w in weights]
    box = SimpleNamespace(state=(weights, zeros, [jnp.zeros_like(w) for w in weights], jnp.float32(0)))
    x, t = jnp.asarray(x), jnp.asarray(t, jnp.int32)

    def step():
        box.state, loss = compiled(box.state, x, t)
        return loss.block_until_ready()

    return step


def _numpy_backward(weights: list, layers: list, gradient: np.ndarray) -> list[np.ndarray]:
    gradients = []
    for i in range(len(weights) - 2, -1, -2):
        gradients = [gradient.T @ layers[i // 2], gradient.sum(0), *gradients]
        if i:
            gradient = (gradient @ weights[i]) * (layers[i // 2] > 0)
    return gradients


def numpy_step(widths: tuple[int, ...], x: np.ndarray, t: np.ndarray) -> Callable:
    """A training step in plain NumPy."""
    from bench.row_loops import value_and_grad_cross_entropy

    weights = initial_weights(widths)
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    box = SimpleNamespace(count=0)

    def step():
        layers = [x]
        for i in range(0, len(weights), 2):
            product = layers[-1] @ weights[i].T + weights[i + 1]
            layers.append(np.maximum(product, 0) if i + 2 < len(weights) else product)
        loss, gradient = value_and_grad_cross_entropy(layers[-1], t)
        box.count += 1
        rate, root = RATE / (1 - BETAS[0] ** box.count), (1 - BETAS[1] ** box.count) ** 0.5
        for w, m, v, g in zip(weights, first, second, _numpy_backward(weights, layers, gradient), strict=True):
            m += (1 - BETAS[0]) * (g - m)
            v += (1 - BETAS[1]) * (g * g - v)
            w -= rate * m / (np.sqrt(v) / root + EPSILON)
        return loss

    return step


def products(widths: tuple[int, ...], x: np.ndarray) -> Callable:
    """The matrix products of a step alone, by ``np.matmul`` into given buffers."""
    calls = []
    for i, weight in enumerate(initial_weights(widths)[::2]):
        layer = x if i == 0 else np.ones((len(x), weight.shape[1]), np.float32)
        delta = np.ones((len(x), weight.shape[0]), np.float32)
        calls += [(layer, weight.T, np.empty_like(delta)), (delta.T, layer, np.empty_like(weight))]
        if i:
            calls.append((delta, weight, np.empty_like(layer)))

    def step():
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return step


def _torch(widths: tuple[int, ...], x: np.ndarray, t: np.ndarray, name: str, **adam: object) -> Contestant:
    import torch

    torch.set_grad_enabled(True)
    contestant = Contestant(name, "step()", {"step": module_step(torch, widths, x, t, **adam)})
    contestant.prepare = lambda: torch.set_grad_enabled(True)
    return contestant


def lineup(cell: Cell) -> Lineup:
    """The contestants of one training step.

    Raises
    ------
    Absent
        If fastact has no trainer yet.
    """
    widths, generator = cell.shape, np.random.default_rng(0)
    x = generator.standard_normal((cell.batch, widths[0]), dtype=np.float32)
    t = generator.integers(0, widths[-1], cell.batch)
    try:
        import fastact.torch as look_alike
    except ImportError as error:
        raise Absent(f"fastact.torch does not exist: {error}") from error
    ours = Contestant("fastact", "step()", {"step": module_step(look_alike, widths, x, t)}, role="fastact")
    made = Lineup([ours], comparable=False)
    made.add("torch", lambda: _torch(widths, x, t, "torch"))
    made.add("torch fused", lambda: _torch(widths, x, t, "torch fused", fused=True))
    made.add("jax", lambda: Contestant("jax", "step()", {"step": jax_step(widths, x, t)}))
    made.add("numpy", lambda: Contestant("numpy", "step()", {"step": numpy_step(widths, x, t)}))
    made.contestants.append(Contestant("products", "step()", {"step": products(widths, x)}, role="reference"))
    return made
