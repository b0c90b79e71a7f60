"""Builds the extension modules.  Metadata stands in pyproject.toml; nothing else belongs here."""

import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
OPTIONAL_ISAS = ("avx512", "avx2")
UNIX_FLAGS = ["-std=gnu11", "-O3", "-g0", "-ffp-contract=off", "-fwrapv", "-fno-math-errno", "-fno-trapping-math"]
CSRC = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("csrc/*.c"), *ROOT.glob("csrc/isa/*.c")])
HEADERS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("csrc/*.h", "csrc/*/*.h", "csrc/*.inc", "csrc/*.def", "fastact/*.pxd")
    for path in ROOT.glob(pattern)
)


def extensions():
    """One extension an own .pyx; only _core links csrc."""
    found = []
    for path in sorted(ROOT.glob("fastact/*.pyx")):
        sources = [str(path.relative_to(ROOT))]
        if path.stem == "_core":
            sources += CSRC
        found.append(
            Extension(
                f"fastact.{path.stem}",
                sources,
                include_dirs=["csrc", np.get_include()],
                define_macros=[
                    ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
                    ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
                ],
                depends=HEADERS,
            )
        )
    return found


class BuildExt(build_ext):
    """build_ext that leaves out an instruction set the compiler does not know, with a message."""

    def build_extensions(self):
        if self.compiler.compiler_type != "msvc":
            for extension in self.extensions:
                extension.extra_compile_args += UNIX_FLAGS
                extension.libraries += [] if sys.platform == "win32" else ["m", "pthread"]
        core = next(e for e in self.extensions if e.name == "fastact._core")
        for isa in OPTIONAL_ISAS:
            if not self.compiles(ROOT / f"csrc/isa/{isa}_f32.c"):
                print(f"fastact: this compiler cannot build the {isa} kernels; they are left out, the others are built")
                core.define_macros.append((f"FA_NO_{isa.upper()}", "1"))
        super().build_extensions()

    def compiles(self, source):
        """Whether the compiler takes this source.  A syntax check: the stub is compiled for real later."""
        if self.compiler.compiler_type == "msvc":
            return True
        with tempfile.TemporaryDirectory() as folder:
            command = [*self.compiler.compiler_so, *UNIX_FLAGS, "-O0", "-I", str(ROOT / "csrc"), "-c", str(source)]
            result = subprocess.run([*command, "-o", os.path.join(folder, "probe.o")], capture_output=True, check=False)
        return result.returncode == 0


runpy.run_path(str(ROOT / "tools" / "stubs.py"))["write"]()
setup(
    ext_modules=cythonize(
        extensions(),
        language_level=3,
        compiler_directives={"freethreading_compatible": True, "embedsignature": False},
        nthreads=0,
    ),
    cmdclass={"build_ext": BuildExt},
)
