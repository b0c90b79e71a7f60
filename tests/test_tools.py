"""What the Makefile and pip call: the check of prerequisites, the lists of requirements, what is distributed."""

import ast
import importlib
import inspect
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
needs_sh = pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")


def prerequisites(python):
    """Run the check with the given interpreter."""
    script = ROOT / "tools" / "prerequisites.sh"
    return subprocess.run(["sh", str(script), str(python)], capture_output=True, text=True, timeout=60)


def interpreter_without(words, folder):
    """Write a stand-in for Python that fails on programs containing one of `words`, and return its path."""
    path = folder / "python3"
    cases = "|".join(f"*{word}*" for word in words)
    path.write_text(f'#!/bin/sh\ncase "$2" in {cases}) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@needs_sh
def test_a_missing_python_is_named():
    done = prerequisites("python-that-is-not-there")
    assert done.returncode == 1
    assert "Missing: python-that-is-not-there" in done.stderr


@needs_sh
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ensurepip"], "the venv module of "),
        (["Python.h"], "the C headers of "),
        (["version_info"], "Python 3.11 or newer"),
    ],
)
def test_what_is_missing_comes_with_the_line_that_installs_it(words, said, tmp_path):
    done = prerequisites(interpreter_without(words, tmp_path))
    assert done.returncode == 1
    assert said in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("    ")


def test_requirements_of_an_extra_include_the_package_s_own():
    script = [sys.executable, str(ROOT / "tools" / "requirements.py")]
    printed = subprocess.run([*script, "build", "test"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(printed) == len(set(printed))
    assert any(line.startswith("numpy") for line in printed)
    assert "pytest" in printed
    failed = subprocess.run([*script, "nothing"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "no list is called 'nothing'" in failed.stderr


def test_every_test_requirement_is_pinned():
    script = [sys.executable, str(ROOT / "tools" / "requirements.py"), "build", "test", "bench", "train", "lint"]
    wanted = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in pins if "==" in line}
    names = {line.split(">")[0].split("=")[0].lower().replace("_", "-") for line in wanted}
    assert names <= pinned
    assert "torch==2.13.0" in pins


def test_what_is_distributed(tmp_path):
    """A source distribution can be built from, and holds all that git does; what is installed has no sources of extensions
    in it."""
    pytest.importorskip("Cython")
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path)]
    command += ["build_py", "--build-lib", str(tmp_path / "lib")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    sources = set((tmp_path / "fastact.egg-info" / "SOURCES.txt").read_text().split())
    written = {str(path.relative_to(ROOT)) for end in ("pyx", "pxi", "pxd") for path in ROOT.glob(f"fastact/*.{end}")}
    assert "fastact/_core.pyx" in written
    assert written <= sources
    assert "fastact/_core.c" not in sources
    if (ROOT / ".git").exists():  # there is none in what is distributed
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split()
        assert {path for path in listed if path not in (".ci/run", ".gitignore")} <= sources
    installed = {path.suffix for path in (tmp_path / "lib").rglob("*.*")}
    assert installed == {".py", ".pyi", ".npz", ".txt", ".typed"}


@pytest.mark.parametrize("module", ["fastact.losses", "fastact.value_and_grad", "fastact._gates"])
def test_stubs_have_the_signatures_of_the_functions(module):
    home = importlib.import_module(module)
    stub = ast.parse(pathlib.Path(home.__file__).with_suffix(".pyi").read_text())
    found = {node.name: ast.unparse(node.args) for node in stub.body if isinstance(node, ast.FunctionDef)}
    assert set(found) == set(home.__all__)
    for name, text in found.items():
        bare = re.sub(r": \w+(?: \| None| \| Literal\[[^]]*\])?", "", text)
        assert f"({bare})" == str(inspect.signature(getattr(home, name))), name


def bound(tree):
    """The names that the statements of a module bind as type checkers see it, and whether one is declared alone."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


@pytest.mark.parametrize("module", ["fastact.torch", "fastact.nn", "fastact.nn.functional"])
def test_type_checkers_see_the_names_that_are_made_from_tables(module):
    home = importlib.import_module(module)
    seen = set(bound(ast.parse(pathlib.Path(home.__file__).read_text(encoding="utf-8"))))
    made = {name for name, value in vars(home).items() if name[0] != "_" and not inspect.ismodule(value)}
    of_star = {"GLU", "LogSoftmax", "PReLU", "Softmax", "Softmin"} if module == "fastact.nn" else set()
    assert made - seen == of_star
    missing = {name for name in seen if name[0] != "_" and name != "*" and not hasattr(home, name)}
    assert missing <= {"bfloat16"}
