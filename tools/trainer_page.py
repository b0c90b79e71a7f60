"""Measures where the time of the benchmark's training steps goes, and writes the table of docs/trainer.md.

    python tools/trainer_page.py

One core, CPU time, all parts and the matrix products alone in turn within each round; medians.
"""

import os
import platform
import re
import statistics
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "FASTACT_NUM_THREADS"), "1"))
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

import fastact.torch as torch  # noqa: E402
from bench.cells import TRAINING  # noqa: E402
from bench.training import RATE, initial_weights  # noqa: E402

PAGE = ROOT / "docs" / "trainer.md"
PARTS = ("forward", "loss", "zero_grad", "backward", "step")
ROUNDS, SECONDS = 9, 0.25
MARKS = re.compile(r"(<!-- measured: begin -->\n).*?(<!-- measured: end -->)", re.DOTALL)


def training_step(widths, batch):
    """A step of the benchmark that returns the CPU time of each of its parts."""
    generator = np.random.default_rng(0)
    x = torch.tensor(generator.standard_normal((batch, widths[0]), dtype=np.float32))
    t = torch.tensor(generator.integers(0, widths[-1], batch))
    layers = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    model, criterion = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    optimizer, now = torch.optim.Adam(model.parameters(), lr=RATE), time.process_time

    def step():
        times = [now()]
        y = model(x)
        times.append(now())
        loss = criterion(y, t)
        times.append(now())
        optimizer.zero_grad()
        times.append(now())
        loss.backward()
        times.append(now())
        optimizer.step()
        times.append(now())
        return dict(zip(PARTS, np.diff(times), strict=True))

    return step


def products(widths, batch):
    """The matrix products of a step alone: of the forward and of the backward pass."""
    generator = np.random.default_rng(0)
    forward, backward = [], []
    for i, weight in enumerate(initial_weights(widths)[::2]):
        layer, delta = (generator.standard_normal((batch, n), dtype=np.float32) for n in weight.shape[::-1])
        forward.append((layer, weight.T, np.empty_like(delta)))
        backward.append((delta.T, layer, np.empty_like(weight)))
        backward += [(delta, weight, np.empty_like(layer))] if i else []

    def step():
        times = [time.process_time()]
        for calls in (forward, backward):
            for a, b, out in calls:
                np.matmul(a, b, out=out)
            times.append(time.process_time())
        return {"products forward": times[1] - times[0], "products backward": times[2] - times[1]}

    return step


def measure(widths, batch):
    """Median microseconds of each part of a step."""
    steps = [training_step(widths, batch), products(widths, batch)]
    begin = time.perf_counter()
    for step in steps * 3:
        step()
    count = max(2, int(SECONDS * 3 / (time.perf_counter() - begin) / 2))
    rounds = []
    for _ in range(ROUNDS):
        total = {}
        for step in steps:
            for _ in range(count):
                for name, seconds in step().items():
                    total[name] = total.get(name, 0.0) + seconds / count
        rounds.append(total)
    return {name: statistics.median(r[name] for r in rounds) * 1e6 for name in rounds[0]}


def table():
    """The rows of the page."""
    lines = [
        "| step | forward | loss | zero_grad | backward | optimizer | whole | products forward, backward | whole / products |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for widths, batch in TRAINING:
        found = measure(widths, batch)
        alone = found["products forward"], found["products backward"]
        whole = sum(found[part] for part in PARTS)
        name = f"({'→'.join(map(str, widths))}) × {batch}"
        cells = [name, *(f"{found[part]:,.1f}" for part in PARTS), f"{whole:,.1f}", f"{alone[0]:,.1f}, {alone[1]:,.1f}"]
        lines.append(f"| {' | '.join(cells)} | {whole / sum(alone):.2f} |")
        print(lines[-1], flush=True)
    machine = f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
    return "\n".join([*lines, "", f"Microseconds of one core, medians of {ROUNDS} rounds, {machine}.", ""])


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    measured = table()
    PAGE.write_text(MARKS.sub(lambda marks: marks[1] + measured + marks[2], text), encoding="utf-8")
