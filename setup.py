"""Builds the extension modules.  Metadata stands in pyproject.toml; nothing else belongs here."""

import os
import platform
import runpy
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
PROBE = """#include <immintrin.h>
__attribute__((target("{features}"))) {vector} probe({vector} a) {{ return {function}(a, a, a); }}
"""
OPTIONAL_ISAS = {
    "avx512": PROBE.format(
        features="avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c", vector="__m512", function="_mm512_fmadd_ps"
    ),
    "avx2": PROBE.format(features="avx2,fma,f16c", vector="__m256", function="_mm256_fmadd_ps"),
}
UNIX_FLAGS = ["-std=gnu11", "-g0", "-ffp-contract=off", "-fwrapv", "-fno-math-errno", "-fno-trapping-math"]
UNIX_FLAGS += ["-fvisibility=hidden", "-fno-asynchronous-unwind-tables"]  # Python calls PyInit_* alone: 4 % smaller
UNIX_FLAGS += [
    "-fno-align-functions",
    "-fno-align-jumps",
    "-fno-align-labels",
]  # loops stay aligned; 2 % smaller, as fast
# No symbol tables (8 % smaller), no pages that only keep code and constants apart (0.6 %).
LINUX_LINK_FLAGS = ["-Wl,-s", "-Wl,-z,noseparate-code"]
# The trainer's Python-facing code is as fast at -Os, and a third smaller; calls of small arrays lose 50 to 100 ns by it.
LEVELS = {
    "_core": ["-O2", "-fno-partial-inlining"],
    "_tape": ["-Os"],
    "cpu": ["-Os"],
    "dispatch": ["-O2"],
    "half_table": ["-O2"],
    **dict.fromkeys(("rows", "rows_job", "rows_long", "rows_losses", "rows_vjps"), ["-O2"]),
}
KERNELS = ["-O3"]  # and all else in csrc
# Pairs of numbers written as one and read one by one, or the other way, cost a row by itself up to half of its time.
ROWS = [*KERNELS, "-fno-tree-slp-vectorize"]
ROWS += ["-fno-version-loops-for-strides", "-fno-split-loops", "-fno-unswitch-loops"]  # 3 % smaller, as fast
ROWS += ["-fno-split-paths"]  # 0.6 % smaller
ROWS += ["--param=max-completely-peel-times=8"]  # 7 % smaller, as fast: loops of four and eight are written out
ROWS64 = [*ROWS, "-fno-ipa-cp-clone"]  # 12 KB less, as fast; of float32 cross_entropy of 100 elements would lose 9 %
ROWS64 += ["--param=max-completely-peeled-insns=150"]  # 6 KB less, as fast
CSRC = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("csrc/*.c"), *ROOT.glob("csrc/isa/*.c")])
HEADERS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("csrc/*.h", "csrc/*/*.h", "csrc/*.inc", "csrc/*.def", "fastact/*.pxd", "fastact/*.pxi")
    for path in ROOT.glob(pattern)
)


def extensions():
    """One extension for each .pyx, which includes .pxi; only _core links csrc."""
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
                extension.extra_link_args += LINUX_LINK_FLAGS if sys.platform == "linux" else []
                extension.libraries += [] if sys.platform == "win32" else ["m", "pthread"]
        core = next(e for e in self.extensions if e.name == "fastact._core")
        for isa, probe in OPTIONAL_ISAS.items():
            if not self.compiles(probe):
                print(f"fastact: this compiler cannot build the {isa} kernels; they are left out, the others are built")
                core.define_macros.append((f"FA_NO_{isa.upper()}", "1"))
        self.compile_side_by_side()
        super().build_extensions()

    def compile_side_by_side(self):
        """One extension holds nearly all of the C: let its files use every processor, and each get its optimization."""
        compile_all = self.compiler.compile
        is_unix = self.compiler.compiler_type != "msvc"
        asked = {flag for level in (*LEVELS.values(), ROWS64) for flag in level}
        known = {flag for flag in asked if is_unix and self.builds("int probe;", flag)}  # clang lacks some

        def compile_one(source, *args, extra_postargs=(), **settings):
            stem = Path(source).stem
            rows = ROWS64 if stem.endswith("f64_rows") else ROWS if stem.endswith("_rows") else KERNELS
            level = LEVELS.get(stem, rows)
            flags = [*(extra_postargs or ()), *(flag for flag in level if flag in known)]
            return compile_all([source], *args, extra_postargs=flags, **settings)

        def compile_each(sources, *args, **settings):
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                objects = pool.map(lambda source: compile_one(source, *args, **settings), sources)
                return [name for names in objects for name in names]

        self.compiler.compile = compile_each

    def compiles(self, text):
        """Whether the compiler takes this C text; on other architectures nothing is asked, as csrc/build.h knows."""
        if self.compiler.compiler_type == "msvc" or platform.machine().lower() not in ("x86_64", "amd64"):
            return True
        return self.builds(text)

    def builds(self, text, *flags):
        """Whether the compiler takes the text with these flags, without a word about them."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(text)
            command = [*self.compiler.compiler_so, *flags, "-c", str(source), "-o", os.path.join(folder, "probe.o")]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            return result.returncode == 0 and not any(flag in result.stderr for flag in flags)


runpy.run_path(str(ROOT / "tools" / "stubs.py"))["write"]()
setup(
    ext_modules=cythonize(
        extensions(),
        language_level=3,
        compiler_directives={"freethreading_compatible": True, "embedsignature": False, "auto_pickle": False},
        nthreads=0,
    ),
    cmdclass={"build_ext": BuildExt},
)
