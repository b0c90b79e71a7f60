"""Measures the tables of docs/training.md and writes them there: estimators beside scikit-learn's, deployment beside torch's.

    python tools/training_page.py              (a quiet machine; about two minutes on one core)

Ratios are medians over fits or processes that take turns; times are those of the CPU. Anything else about speed belongs in
bench/.
"""

import importlib.metadata
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "FASTACT_NUM_THREADS"), "1")
os.environ.update(ONE_THREAD)
PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "training.md"
SEEDS, FOLDS = 3, 5
START = "import time; start = (time.perf_counter(), time.process_time())\n"
END = "\nprint(time.perf_counter() - start[0], time.process_time() - start[1])"
PREDICT = {
    "NumPy alone": "import numpy as np\nnp.ones((1, 64), np.float32) @ np.ones((64, 128), np.float32)",
    "fastact, examples/deploy.py": "import sys; sys.path.insert(0, {examples!r})\nimport deploy, numpy as np\n"
    "deploy.predict(deploy.load({file!r}), np.ones((1, 64), np.float32))",
    "fastact.nn": "import numpy as np\nfrom fastact import nn\n"
    "model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10))\nnn.load_safetensors(model, {file!r})\n"
    "model(np.ones((1, 64), np.float32))",
    "torch": "import torch, safetensors.torch\nfrom torch import nn\n"
    "model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10))\n"
    "model.load_state_dict(safetensors.torch.load_file({file!r}))\nmodel(torch.ones(1, 64)).softmax(dim=1)",
}


def problems():
    """Name, X, y of each problem, and whether y holds classes."""
    from sklearn import datasets

    for name, load in (("digits", "load_digits"), ("breast cancer", "load_breast_cancer"), ("wine", "load_wine")):
        yield name, *getattr(datasets, load)(return_X_y=True), True
    yield "friedman1, 1,000 samples", *datasets.make_friedman1(1000, noise=1.0, random_state=0), False


def estimators():
    """The table of the estimators."""
    import warnings

    from sklearn import model_selection, neural_network, preprocessing

    import fastact.sklearn

    warnings.simplefilter("ignore")
    lines = [
        "| problem | samples, inputs | scikit-learn | fastact | time, scikit-learn / fastact (least, most) |",
        "|---" * 5 + "|",
    ]
    for name, x, y, classes in problems():
        kind = "MLPClassifier" if classes else "MLPRegressor"
        peers = [getattr(neural_network, kind), getattr(fastact.sklearn, kind)]
        folds = model_selection.StratifiedKFold if classes else model_selection.KFold
        scores, ratios = ([], []), []
        for train, held_out in folds(FOLDS, shuffle=True, random_state=0).split(x, y):
            scaler = preprocessing.StandardScaler().fit(x[train])
            for seed in range(SEEDS):
                seconds = []
                for peer, found in zip(peers, scores, strict=True):
                    start = time.process_time()
                    made = peer(random_state=seed).fit(scaler.transform(x[train]), y[train])
                    seconds.append(time.process_time() - start)
                    found.append(made.score(scaler.transform(x[held_out]), y[held_out]))
                ratios.append(seconds[0] / seconds[1])
        theirs, ours = (f"{statistics.mean(found):.4f}" for found in scores)
        times = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"
        lines.append(f"| {name} | {x.shape[0]:,}, {x.shape[1]} | {theirs} | {ours} | {times} |")
    said = (
        f"Default settings of both, inputs standardised, float64, one thread: mean accuracy (R² for friedman1) on held-out data "
        f"over {FOLDS} folds and {SEEDS} seeds, and the time of a fit."
    )
    return f"{said}\n\n" + "\n".join(lines)


def deployment():
    """The table of import and first prediction in fresh interpreters."""
    from fastact import nn

    folder = pathlib.Path(tempfile.mkdtemp())
    file, examples = str(folder / "model.safetensors"), str(PAGE.parent.parent / "examples")
    nn.save_safetensors(nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10)), file)
    seconds = {name: [] for name in PREDICT}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for _ in range(9):
        for name, program in PREDICT.items():
            command = [sys.executable, "-c", START + program.format(file=file, examples=examples) + END]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            seconds[name].append([float(word) for word in done.stdout.split()[-2:]])
    lines = [
        "| import and first prediction, milliseconds | elapsed | of the CPU | CPU, times NumPy's |",
        "|---" * 4 + "|",
    ]
    alone = [cpu for _, cpu in seconds["NumPy alone"]]
    for name, pairs in seconds.items():
        wall, cpu = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
        times = statistics.median(own / base for (_, own), base in zip(pairs, alone, strict=True))
        lines.append(f"| {name} | {wall:.0f} | {cpu:.0f} | {times:.2f} |")
    return "One row of 64 inputs through 128 GELU to 10 classes, from a safetensors file:\n\n" + "\n".join(lines)


def machine():
    """What was measured, and on what."""
    names = ("numpy", "scikit-learn", "torch")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return (
        f"Measured by `tools/training_page.py`: {platform.machine()}, Python {platform.python_version()}, {versions}."
    )


def put(text, name, table):
    """The page with the table between its two comments."""
    pattern = rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
    return re.sub(
        pattern, lambda found: f"{found[1]}{table}\n\n{machine()}\n{found[2]}", text, count=1, flags=re.DOTALL
    )


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    for title, measure in (("estimators", estimators), ("deployment", deployment)):
        page = put(page, title, measure())
    PAGE.write_text(page, encoding="utf-8")
