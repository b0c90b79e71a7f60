"""examples/deploy.py does alone what the trainer does."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import torch

from fastact import nn
from fastact.data import load_digits
from fastact.train import Trainer
from tests.train.test_trainer import ENVIRONMENT

SCRIPT = pathlib.Path(__file__).parents[2] / "examples" / "deploy.py"
BLOCKED = """
import runpy, sys
for name in ("matplotlib", "tqdm", "scipy", "torch", "sklearn", "safetensors", "pandas", "onnx"):
    sys.modules[name] = None
sys.argv = ["deploy.py", *sys.argv[2:]]
runpy.run_path({script!r}, run_name="__main__")
loaded = [name for name in sys.modules if name.startswith(("fastact.nn", "fastact.train", "fastact.optim"))]
assert not loaded, loaded
"""


def deployed(folder, model, x):
    """What the script prints, as labels and probabilities."""
    np.savetxt(folder / "rows.csv", x, delimiter=",")
    command = [sys.executable, "-c", BLOCKED.format(script=str(SCRIPT)), "-", str(model), str(folder / "rows.csv")]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stderr == ""
    return np.array([line.split() for line in done.stdout.splitlines()], float).T


def test_a_trained_model_is_deployed_as_one_file(tmp_path):
    x, y = load_digits()
    trained = Trainer(nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 10)), seed=0)
    trained.fit(x, y, epochs=3, batch_size=32)
    trained.save(tmp_path / "model")
    labels, shares = deployed(tmp_path, tmp_path / "model", x[:20])
    assert (labels == trained.predict(x[:20])).all()
    np.testing.assert_allclose(shares, trained.predict_proba(x[:20]).max(axis=1), atol=1e-4)


def test_a_model_of_torch_is_deployed_too(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 3))
    safetensors.torch.save_file(net.state_dict(), tmp_path / "model")
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    labels, shares = deployed(tmp_path, tmp_path / "model", x)
    expected = net(torch.tensor(x)).softmax(dim=1).detach().numpy()
    assert (labels == expected.argmax(axis=1)).all()
    np.testing.assert_allclose(shares, expected.max(axis=1), atol=1e-4)


@pytest.mark.parametrize("arguments", [[], ["model.safetensors"], ["model.safetensors", "rows.csv", "more"]])
def test_other_arguments_get_a_line_of_usage(arguments):
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == f"usage: python {SCRIPT} model.safetensors rows.csv\n"
