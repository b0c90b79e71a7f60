"""The environment of a measurement: threads, instruction set and cores, set before any library is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS",
    "NUMBA_NUM_THREADS", "FASTACT_NUM_THREADS",
)  # fmt: skip
PEERS = ("numpy", "scipy", "torch", "jax", "onnxruntime", "numexpr", "numba")
# What holds each peer to AVX2.  onnxruntime, and SciPy's and numexpr's baseline builds, have no such switch.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell", "NUMBA_CPU_NAME": "haswell",
}  # fmt: skip


def _wider_than_avx2() -> str:
    """NumPy's dispatched features beyond AVX2 on this machine, as NPY_DISABLE_CPU_FEATURES wants them."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(
        name
        for name in __cpu_dispatch__
        if __cpu_features__.get(name) and (name.startswith("AVX512") or name == "X86_V4")
    )


def variables(threads: int, isa: str | None) -> dict[str, str]:
    """Environment variables that hold everybody to ``threads`` threads and, where they can be held, to ``isa``."""
    values = dict.fromkeys(THREAD_VARIABLES, str(threads))
    flags = [f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"]
    values |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if isa is not None:
        values["FASTACT_ISA"] = isa
    if isa == "avx2":
        values |= AVX2 | {"NPY_DISABLE_CPU_FEATURES": _wider_than_avx2()}
        flags.append("--xla_cpu_max_isa=AVX2")
    return values | {"XLA_FLAGS": " ".join(flags)}


def cores(threads: int, first: int | None) -> list[int]:
    """The cores to run on: the last ``threads`` of those allowed, or those from ``first``; empty without affinity."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    if first is not None:
        allowed = [core for core in allowed if core >= first][:threads]
    return allowed[-threads:]


def start_worker(threads: int, isa: str | None, first_core: int | None) -> subprocess.Popen:
    """A fresh interpreter running ``bench.worker`` in that environment, its stdin and stdout piped."""
    chosen = cores(threads, first_core)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "bench.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables(threads, isa), "PYTHONPATH": path},
        preexec_fn=(lambda: os.sched_setaffinity(0, chosen)) if chosen else None,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    found = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip()


def versions() -> dict[str, str]:
    """Version of each peer, "missing" for those not installed."""
    found = {}
    for name in (*PEERS, "onnx", "matplotlib"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def machine(isa: str | None) -> dict:
    """What a result file says of the machine and the software."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions(),
        "commit": _commit(),
        "isa": isa or "best available",
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }
