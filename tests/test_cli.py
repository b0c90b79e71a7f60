"""The command line and the demo behind it."""

import csv
import io
import os
import pathlib
import re
import subprocess
import sys

import pytest

from fastact import cli
from fastact._progress import Progress

ROOT = pathlib.Path(__file__).parents[1]
PICTURES = ("loss.png", "confusion.png", "misread.png")


def run_python(program, folder):
    """Run a program in a fresh interpreter and return the finished process."""
    return subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--epochs", "0"], "'0' is not a whole number of at least 1"),
        (["demo", "--epochs", "many"], "'many' is not a whole number of at least 1"),
        (["demo", "--seed", "-1"], "'-1' is not a whole number of at least 0"),
    ],
)
def test_wrong_arguments_are_explained(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "train", "predict"])
def test_help_says_the_defaults_that_are_something(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    assert not re.search(r"default: (None|False|\[\])", printed)
    assert ("(default: 0)" in printed) == (command != "predict")  # of --seed


def test_info_prints_the_runtime(capsys):
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    assert "fastact" in printed and "NumPy" in printed and "threads" in printed


def test_demo_learns_and_draws(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert cli.main(["demo", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    accuracy = re.search(r"held-out accuracy (\d+\.\d+)% after", printed.out)
    assert float(accuracy[1]) >= 97.0
    assert printed.err == "", "no bar where nobody watches"
    for name in PICTURES:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 41))
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"]) / 2
    assert f"{float(rows[-1]['accuracy']):.2%}" == accuracy[1] + "%"


def test_demo_needs_numpy_alone(tmp_path):
    program = """
import sys
for name in ("matplotlib", "tqdm", "scipy", "torch", "sklearn"):
    sys.modules[name] = None
from fastact.cli import main
main(["demo", "--epochs", "2", "--seed", "3", "--output", "out"])
"""
    first, second = run_python(program, tmp_path), run_python(program, tmp_path)
    assert first.returncode == 0, first.stderr
    assert "pip install 'fastact[train]'" in first.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["losses.csv"]
    epochs = [[line for line in run.stdout.splitlines() if line.startswith("epoch")] for run in (first, second)]
    assert len(epochs[0]) == 2 and epochs[0] == epochs[1], "the same seed gives the same run"


@pytest.mark.parametrize("taken", ["losses.csv", "misread.png"])
def test_demo_says_before_the_training_what_it_cannot_write(taken, tmp_path, capsys):
    (tmp_path / taken).mkdir()
    with pytest.raises(SystemExit, match=f"cannot write .*{taken}.*--output"):
        cli.main(["demo", "--output", str(tmp_path)])
    assert "digits to train on" not in capsys.readouterr().out


def test_demo_says_which_folder_it_cannot_make(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SystemExit, match="cannot make the folder .*taken.*--output"):
        cli.main(["demo", "--output", str(tmp_path / "taken" / "below")])


@pytest.mark.parametrize("program", ["-m fastact", "fastact", "other.py"])
@pytest.mark.parametrize("given", [None, "2"])
def test_the_command_line_alone_holds_openblas_to_one_thread(program, given, tmp_path):
    for name in ("fastact", "other.py"):  # the first as pip writes it for [project.scripts]
        (tmp_path / name).write_text("from fastact.cli import main\nmain()\n")
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def tell(event, arguments):\n"
        "    if event == 'import' and arguments[0] == 'numpy':\n"
        "        print('numpy finds', os.environ.get('OPENBLAS_NUM_THREADS'))\n"
        "sys.addaudithook(tell)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    environment |= {"OPENBLAS_NUM_THREADS": given} if given else {}
    command = [sys.executable, *program.split(), "info"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    expected = given or ("None" if program == "other.py" else "1")
    assert f"numpy finds {expected}\n" in done.stdout, done.stderr


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("with_tqdm", [True, False])
def test_progress_draws_on_a_terminal(with_tqdm, monkeypatch, capsys):
    if with_tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress(2, "epoch") as progress:
        progress.step("loss 1.0")
        progress.line("halfway")
        progress.step()
    assert "1/2" in screen.getvalue() and "loss 1.0" in screen.getvalue()
    assert "halfway\n" in capsys.readouterr().out


def test_the_module_runs_from_anywhere(tmp_path):
    done = subprocess.run([sys.executable, "-m", "fastact", "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "demo" in done.stdout, done.stderr
    assert not list(pathlib.Path(tmp_path).iterdir())
