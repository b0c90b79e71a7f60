"""Writing files so that a reader never meets half of one. Formats belong in the modules that know them."""

import contextlib
import errno
import os
import pathlib
import platform
import re
import stat
import time

HOST, DAY = re.sub(r"\W", "", platform.node(), flags=re.ASCII)[:16], 24 * 3600.0


@contextlib.contextmanager
def replacing(path, mode="wb", **options):
    """A file to write that takes the place of `path` at the end, whole or not at all.

    What is written goes into a file beside `path`, is brought to the disk (fsync) and renamed over it. A process that is
    killed at any moment leaves the former file as it was; an exception inside ``with`` removes the new one, and the next
    writing to the same path removes what a killed process left. Of a link the file it leads to is replaced, with the
    permissions it had; devices and pipes are written as they stand.

    Parameters
    ----------
    path : path-like
        The file to make or to replace.
    mode : {"wb", "w"}
        As for `open`.
    **options
        As for `open`.

    Yields
    ------
    file object
    """
    path = pathlib.Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"cannot write {path}: it is a folder; name a file in it")
    if path.exists() and not path.is_file():
        with open(path, mode, **options) as file:
            yield file
        return
    _clear_left_behind(path)
    aside, file = _opened_beside(path, mode.replace("w", "x"), options)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    _sync_folder(path.parent)


def _opened_beside(path, mode, options):
    """The path of a new file beside `path`, and the file, with the permissions of what it will replace."""
    aside = path.with_name(f".{path.name}.{HOST}-{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        file = open(aside, mode, **options)  # noqa: SIM115
    except OSError as error:
        reason = f"cannot write {path}: {error.strerror}; its folder must exist and be writable"
        raise type(error)(error.errno, reason) from error
    with contextlib.suppress(OSError):
        os.chmod(aside, stat.S_IMODE(path.stat().st_mode))
    return aside, file


def _clear_left_behind(path):
    """Remove what killed processes left beside `path`: of this machine at once, of others (shared disks) after a day."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\w*)-(\d+)-[0-9a-f]{{8}}\.part")
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            found, part = pattern.fullmatch(name), path.with_name(name)
            if found and (
                found[1] == HOST and not _is_alive(int(found[2])) or time.time() - part.stat().st_mtime > DAY
            ):
                part.unlink()


def _is_alive(process):
    """Whether a process of this number may be running: on Windows, where asking would end it, always."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _sync_folder(folder):
    """Bring the rename to the disk; Windows cannot open folders and needs nothing."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
