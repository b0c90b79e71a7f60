"""The benchmark of fastact against its peers and against the memory, run with ``python -m bench``.

A figure counts only as a ratio taken in one run on one machine.  Nothing here decides a test, and nothing here is
installed with the package.
"""
