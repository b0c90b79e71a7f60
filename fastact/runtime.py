"""Threads and instruction sets: what runs fastact's kernels here, and how to limit it.

The limits live in the compiled core; this module reads the environment, checks arguments and speaks to people and to
threadpoolctl.  Nothing here touches an array.
"""

import operator
import os
import platform
import sys
import warnings
from contextlib import ContextDecorator
from typing import Any, Self, SupportsIndex

import numpy as np

from . import _core

__all__ = ["get_num_threads", "num_threads", "register_threadpoolctl", "set_num_threads", "show_runtime"]

MAX_THREADS = 1024  # FA_MAX_THREADS of csrc/pool.h


def get_num_threads() -> int:
    """Return how many threads one call may use, the calling thread included.

    Returns
    -------
    int
        The limit set by :func:`set_num_threads`, else by the environment variables ``FASTACT_NUM_THREADS`` or
        ``OMP_NUM_THREADS`` when fastact was imported, else the number of processors that the process's affinity and
        its cgroup's CPU quota leave to it.

    Examples
    --------
    >>> import fastact as fa
    >>> with fa.num_threads(3):
    ...     fa.get_num_threads()
    3
    """
    return _core.get_num_threads()


def set_num_threads(n: SupportsIndex) -> None:
    """Limit the threads that one call may use, for the whole process and from the next call on.

    Small arrays use one thread whatever the limit, and no result depends on it, not even in its last bit.

    Parameters
    ----------
    n : int
        From 1 (the calling thread alone) to 1024.  More than there are processors is allowed, and slow.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is not within 1 to 1024.

    See Also
    --------
    num_threads : the same for the length of a ``with`` block.

    Examples
    --------
    >>> import fastact as fa
    >>> before = fa.get_num_threads()
    >>> fa.set_num_threads(1)
    >>> fa.get_num_threads()
    1
    >>> fa.set_num_threads(before)
    """
    _core.set_num_threads(_checked_count(n))


class num_threads(ContextDecorator):
    """Limit the threads within a ``with`` block, or within a function that it decorates; then restore the old limit.

    The limit is the process's: calls that other Python threads make meanwhile obey it too.

    Parameters
    ----------
    n : int
        As in :func:`set_num_threads`, with the same errors.

    Examples
    --------
    >>> import fastact as fa
    >>> with fa.num_threads(1):
    ...     fa.get_num_threads()
    1

    >>> @fa.num_threads(2)
    ... def limit():
    ...     return fa.get_num_threads()
    >>> limit()
    2
    """

    def __init__(self, n: SupportsIndex) -> None:
        self._n = _checked_count(n)
        self._before: list[int] = []

    def __enter__(self) -> Self:
        self._before.append(_core.get_num_threads())
        _core.set_num_threads(self._n)
        return self

    def __exit__(self, *exception: object) -> None:
        _core.set_num_threads(self._before.pop())


def _checked_count(n: SupportsIndex) -> int:
    try:
        count = None if isinstance(n, (bool, np.bool_)) else operator.index(n)
    except TypeError:
        count = None
    if count is None:
        raise TypeError(
            f"number of threads: {n!r} is of type {type(n).__name__}; an integer from 1 to {MAX_THREADS} is expected"
        )
    if not 1 <= count <= MAX_THREADS:
        mend = "; 1 means the calling thread alone" if count < 1 else ""
        raise ValueError(f"number of threads: {count} is not within 1 to {MAX_THREADS}{mend}")
    return count


def show_runtime() -> None:
    """Print the versions, compiler, instruction sets and threads that fastact runs with.

    ``python -m fastact info`` prints the same.  Please quote it in reports.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.show_runtime()  # doctest: +ELLIPSIS
    fastact ...
    """
    print(_description())


def _description() -> str:
    compiled, available = _core.compiled_isas(), _core.available_isas()
    forced = os.environ.get("FASTACT_ISA")
    default, limit = _core.default_num_threads(), _core.get_num_threads()
    rows = [
        ("NumPy", np.__version__),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("compiler", _core.compiler()),
        ("ISAs compiled", " ".join(compiled)),
        ("ISAs found", " ".join(available)),
        ("ISA selected", _core.selected_isa() + (f" (FASTACT_ISA={forced})" if forced else "")),
        ("threads", f"{limit} ({default} by affinity and cgroup{_environment_note()})"),
    ]
    from fastact import __version__

    return "\n".join([f"fastact {__version__}", *(f"  {name:<14} {value}" for name, value in rows)])


_ENVIRONMENT = ("FASTACT_NUM_THREADS", "OMP_NUM_THREADS")


def _environment_note() -> str:
    return "".join(f", {name}={os.environ[name]}" for name in _ENVIRONMENT if name in os.environ)


def _count_in_environment() -> int | None:
    """The first valid count among the variables, or None; an invalid one warns and is passed over."""
    for name in _ENVIRONMENT:
        text = os.environ.get(name, "").strip()
        if not text:
            continue
        # OpenMP's variable may list one count for each level of nesting.
        first = text.split(",")[0].strip() if name.startswith("OMP") else text
        if first.isascii() and first.isdigit() and 1 <= int(first) <= MAX_THREADS:
            return int(first)
        warnings.warn(
            f"{name}={text!r} is ignored: an integer from 1 to {MAX_THREADS} is expected",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


_registered = False


def register_threadpoolctl() -> None:
    """Let threadpoolctl see and limit fastact's threads, as the ``user_api`` ``"fastact"``.

    Done at import if threadpoolctl was imported before fastact; otherwise call this once.  Further calls do nothing.

    Raises
    ------
    ImportError
        If threadpoolctl 3.2 or newer is not installed.

    Examples
    --------
    >>> import fastact as fa
    >>> from threadpoolctl import threadpool_limits
    >>> fa.runtime.register_threadpoolctl()
    >>> with threadpool_limits(1, user_api="fastact"):
    ...     fa.get_num_threads()
    1
    """
    global _registered
    if _registered:
        return
    try:
        import threadpoolctl

        controller = _controller_class(threadpoolctl.LibController)
        threadpoolctl.register(controller)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"threadpoolctl 3.2 or newer is needed, and {error}; pip install 'threadpoolctl>=3.2'"
        ) from error
    _registered = True


def _controller_class(base: Any) -> Any:
    own_file = os.path.realpath(_core.__file__)

    class FastactController(base):
        """What threadpoolctl knows of fastact."""

        user_api = "fastact"
        internal_api = "fastact"
        filename_prefixes = (os.path.basename(own_file).lower(),)
        check_symbols = ("PyInit__core",)

        def get_num_threads(self):
            return _core.get_num_threads()

        def set_num_threads(self, num_threads):
            _core.set_num_threads(max(1, min(num_threads, MAX_THREADS)))

        def get_version(self):
            from fastact import __version__

            return __version__

        def set_additional_attributes(self):
            self.isa = _core.selected_isa()
            if os.path.realpath(self.filepath) != own_file:
                self.dynlib = None  # another package's _core: without its symbols threadpoolctl drops it

    return FastactController


def _set_up() -> None:
    count = _count_in_environment()
    if count is not None:
        _core.set_num_threads(count)
    if hasattr(sys.modules.get("threadpoolctl"), "register"):
        register_threadpoolctl()


_set_up()
