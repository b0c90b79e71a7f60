"""The benchmark of fastact against its peers and against the memory, run with ``python -m bench``.

A figure counts only as a ratio taken in one run on one machine: each cell times fastact, every peer and the limit
(copying the array) round-robin, and reports the median of the ratios round by round with its quartiles.  Nothing here
decides a test, and nothing here is installed with the package.

    python -m bench                                             everything
    python -m bench elementwise --size 1024 --function gelu     a part of it
    python -m bench --quick                                     a look, not a result
    python -m bench --isa avx2                                  everybody held to AVX2
    python -m bench --clock cpu                                 on a machine that others use too

The way through the files: ``cells`` says what is measured; ``elementwise``, ``rows``, ``training`` and ``imports`` make
the contestants of a cell (``peers`` is the table of what each library calls a function); ``timing`` times them in the
process that ``environment`` prepared; ``targets`` judges, ``report`` and ``plots`` show.
"""
