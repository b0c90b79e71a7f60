"""The cell of import time: what ``import fastact`` costs beyond ``import numpy``, and the installed size."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from bench.cells import Cell
from bench.lineup import Lineup
from bench.subject import Absent
from bench.timing import Contestant

SCRIPT = "import numpy, time; start = time.{clock}(); import {module}; print(time.{clock}() - start)"


class ImportTimer:
    """Stands in for ``timeit.Timer``: each evaluation is a fresh interpreter that times its own import, from bytecode as
    pip leaves it."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.timeit(1)  # which writes the bytecode

    def timeit(self, number: int) -> float:
        """Seconds of ``number`` imports in as many interpreters."""
        script = SCRIPT.format(module=self.contestant.name, clock=self.contestant.clock.__name__)
        command = [sys.executable, "-c", script]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        run = [
            subprocess.run(command, capture_output=True, text=True, check=True, env=environment) for _ in range(number)
        ]
        return sum(float(result.stdout) for result in run)


def installed_bytes(package: str = "fastact") -> int:
    """Bytes of what users get: Python files, stubs, data and extension modules; caches and sources aside."""
    specification = importlib.util.find_spec(package)
    if specification is None or not specification.submodule_search_locations:
        raise Absent(f"{package} is not importable")
    folder = Path(specification.submodule_search_locations[0])
    suffixes = {".c", ".pyc", ".pyx", ".pxi", ".pxd", ".o"}
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix not in suffixes)


def lineup(cell: Cell) -> Lineup:
    """Imports in fresh interpreters; ``decimal`` stands beside fastact as a module whose cost people know."""
    if importlib.util.find_spec("fastact._core") is None:
        raise Absent("fastact is not importable")
    contestants = [Contestant("fastact", "", {}, role="fastact"), Contestant("decimal", "", {}, role="reference")]
    for contestant in contestants:
        contestant.timer = ImportTimer(contestant)
    size = installed_bytes() / 1e6
    return Lineup(contestants, {"installed size": f"{size:.2f} MB (target 3 MB or less)"}, comparable=False)
