"""Scripts written for torch run on fastact after their import lines are changed, and train to the same weights."""

import functools
import pathlib
import re

import numpy as np
import pytest
import torch

import fastact.torch
from fastact import nn
from fastact.nn import _functional_layers

FOLDER = pathlib.Path(__file__).parent / "scripts"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
STEPS = 100
EXACT = 1e-9
# Of initial weights: one float32 run may be lucky where a gradient is next to nothing, and of three starts of `clipping` the one
# whose path is unstable decides: of start 19 torch ends 4 times nearer than we on one processor.
SEEDS = 17, 18, 19, 12, 13, 14, 15, 16
OPTIMIZED = re.compile(r"^( *)optimizer\.step\(\)$", re.MULTILINE)
torch.set_num_threads(1)  # the products are small, and threads that wait spin
IMPORTS = (
    (r"^import torch$", "import fastact.torch as torch"),
    (r"^import torch\.nn\.functional as (\w+)$", r"import fastact.nn.functional as \1"),
    (r"^import torch\.(nn|optim) as (\w+)$", r"import fastact.\1 as \2"),
    (r"^from torch import ", "from fastact import "),
    (r"^from torch\.(nn|optim)", r"from fastact.\1"),
    (r"^from torch\.utils", "from fastact.torch.utils"),
)


def translated(text):
    """The script for fastact: nothing but its import lines is changed."""
    lines = []
    for line in text.splitlines():
        if re.match(r"(import|from) torch", line):
            for pattern, replacement in IMPORTS:
                line = re.sub(pattern, replacement, line)
            assert "fastact" in line, f"no rule for the import line {line!r}"
        lines.append(line)
    return "\n".join(lines)


def same_weights(library, seed, model):
    """Give a model weights that do not depend on the library: float32 numbers, about as large as initial ones."""
    generator = np.random.default_rng(seed)
    for name, parameter in model.named_parameters():
        if len(parameter.shape) == 2 or name.endswith("bias"):
            bound = 1.0 / np.sqrt(parameter.shape[-1])
            values = generator.uniform(-bound, bound, tuple(parameter.shape)).astype(np.float32)
            parameter.data = library.tensor(values).to(parameter.dtype)


class Masks:
    """Dropout masks, the same for both libraries."""

    def __init__(self):
        self.generator = np.random.default_rng(23)

    def kept(self, shape, p):
        return self.generator.uniform(size=tuple(shape)) >= p

    def torch_dropout(self, input, p=0.5, training=True, inplace=False):
        if not training:
            return input
        return input * torch.tensor(self.kept(input.shape, p)) / (1 - p)


def source(name):
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def names_after(text, ours, dtype, seed, **given):
    """What the names of a script stand for when it has run."""
    library, masks = fastact.torch if ours else torch, Masks()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_functional_layers, "draw_kept", masks.kept)
        patch.setattr(torch.nn.functional, "dropout", masks.torch_dropout)
        names = {
            "DTYPE": dtype,
            "STEPS": STEPS,
            "same_weights": functools.partial(same_weights, library, seed),
            **given,
        }
        exec(compile(translated(text) if ours else text, "script", "exec"), names)  # noqa: S102
    return names


@functools.cache
def run(name, ours, dtype, seed=SEEDS[0]):
    """(losses, weights by name) of a script."""
    names = names_after(source(name), ours, dtype, seed)
    model = names["model"]
    state = model if isinstance(model, dict) else model.state_dict()
    return np.array(names["losses"]), {key: value.detach().numpy().copy() for key, value in state.items()}


def run_along(name, ours, dtype, path):
    """(losses, gradients of all steps, weights after each) of a script whose every step starts from the weights of `path`.

    An empty path is filled with the script's own weights, rounded to float32.
    """
    library, gradients, weights, given = fastact.torch if ours else torch, [], [], iter(list(path))

    def follow(optimizer):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        after = [p.detach().numpy().copy() for p in parameters]
        gradients.extend(p.grad.numpy().ravel().copy() for p in parameters if p.grad is not None)
        weights.extend(value.ravel() for value in after)
        step = next(given, None)
        if step is None:
            step = [value.astype(np.float32) for value in after]
            path.append(step)
        for parameter, value in zip(parameters, step, strict=True):
            parameter.data = library.tensor(value).to(parameter.dtype)

    text = OPTIMIZED.sub(r"\g<0>\n\g<1>follow(optimizer)", source(name))
    names = names_after(text, ours, dtype, SEEDS[0], follow=follow)
    return [np.array(names["losses"]), np.concatenate(gradients), np.concatenate(weights)]


def apart(run_of, exact):
    """How far losses and weights are from those of `exact`, element by element."""
    losses, weights = run_of
    assert losses.shape == exact[0].shape and weights.keys() == exact[1].keys()
    return losses - exact[0], np.concatenate([(weights[key] - value).ravel() for key, value in exact[1].items()])


@pytest.mark.parametrize("name", SCRIPTS)
def test_float64_trains_to_torchs_weights(name):
    exact, ours = run(name, False, "float64"), run(name, True, "float64")
    assert len(exact[0]) >= STEPS and abs(exact[0][-1] - exact[0][0]) > 1e-3
    assert all(value.dtype == exact[1][key].dtype for key, value in ours[1].items())
    assert max(np.abs(differences).max() for differences in apart(ours, exact)) <= EXACT


@pytest.mark.parametrize("name", SCRIPTS)
def test_float32_is_no_further_from_float64_than_twice_torchs(name):
    kinds, errors = ((False, "float64"), (False, "float32"), (True, "float32")), []
    for seed in SEEDS:
        exact, theirs, ours = (run(name, *kind, seed) for kind in kinds)
        assert any(value.dtype == np.float32 for value in ours[1].values())
        errors.append([*apart(ours, exact), *apart(theirs, exact)])
    # Where a path is unstable its end is a matter of luck: of start 22 of `binary` torch itself ends 4.4 times as far off where MKL
    # takes other kernels (MKL_CBWR). So ends are taken together here, and each step by itself in the next test.
    for mine, other in ((0, 2), (1, 3)):
        norms = np.array([[np.linalg.norm(error[mine]), np.linalg.norm(error[other])] for error in errors])
        norms[:, 1] = np.maximum(norms[:, 1], np.finfo(np.float32).eps)
        of_mine, of_other = np.linalg.norm(norms, axis=0)
        assert of_mine <= 2 * of_other and np.median(norms[:, 0] / norms[:, 1]) <= 2


@pytest.mark.parametrize("name", [name for name in SCRIPTS if OPTIMIZED.search(source(name))])
def test_each_float32_step_is_no_further_from_float64_than_twice_torchs(name):
    path = []
    exact = run_along(name, False, "float64", path)
    assert len(exact[0]) >= STEPS
    theirs, ours = (run_along(name, which, "float32", path) for which in (False, True))
    for mine, other, right in zip(ours, theirs, exact, strict=True):
        assert mine.shape == other.shape == right.shape
        assert np.linalg.norm(mine - right) <= 2 * np.linalg.norm(other - right)


def test_there_are_scripts_enough():
    assert len(SCRIPTS) >= 12
    assert sum(OPTIMIZED.search(source(name)) is not None for name in SCRIPTS) >= 12


def test_a_script_changes_in_its_import_lines_alone():
    text = (FOLDER / "loader.py").read_text(encoding="utf-8")
    before, after = text.splitlines(), translated(text).splitlines()
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert changed and all(re.match(r"(import|from) torch", line) for line in changed)
    assert not re.search(
        r"\btorch\b", re.sub(r"fastact\.torch|torch\.", "", "\n".join(after[6:9]).replace(" as torch", ""))
    )


def test_same_weights_reaches_every_matrix():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    same_weights(fastact.torch, SEEDS[0], model)
    assert model[1].weight.tolist() == [1, 1] and np.abs(model[0].weight.detach().numpy()).max() <= 1 / np.sqrt(3)
