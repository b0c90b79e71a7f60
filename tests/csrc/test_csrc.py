"""Builds and runs the C test program, so that pytest covers csrc without Python in between."""

import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
SUITES = (
    "cpu",
    "pool",
    "fork",
    "kernels",
    "elementwise",
    "halves",
    "stored",
    "inherited",
    "rows",
    "layouts",
    "threads",
)


def build_and_run(*arguments):
    return subprocess.run(
        ["make", "-C", str(HERE), f"-j{os.cpu_count()}", *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["test", "portable"])
def test_c_program(target):
    done = build_and_run(target)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    for suite in SUITES:
        (line,) = (line for line in done.stdout.splitlines() if line.startswith(suite + " "))
        assert line.endswith(" 0 failed"), line
        assert int(line.split()[1]) > 20, line


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("words", ["env cc", "cc -Dname=value"])
def test_compiler_of_several_words(words):
    """As CC="ccache gcc"; what would be run is enough, for a build takes minutes."""
    done = build_and_run("--dry-run", "run", f"CC={words}")
    assert done.returncode == 0, done.stderr
    assert f"build/plain-{words.replace(' ', '-').replace('=', '-')}/test_csrc" in done.stdout.splitlines()[-2]
