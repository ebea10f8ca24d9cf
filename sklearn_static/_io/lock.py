"""A folder's lock, which ends with the process that holds it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["locked"]

_PATIENCE = 60.0
_PAUSE = 0.05


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which is made for that and removed if it is empty.

    Raises
    ------
    FileExistsError
        If `folder` is a file or a link.
    TimeoutError
        If another process or thread holds the lock for a minute.
    """
    path = folder / "lock"
    deadline = time.monotonic() + _PATIENCE
    while (lock := _taken(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{folder.parent} has been locked by another save for "
                f"{_PATIENCE:g} seconds. Try again later, or give another folder."
            )
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        # The lock is removed before it is let go: who gets it then sees that it is not
        # the one in the folder any more. Windows removes no open file; it stays there.
        with suppress(OSError):
            path.unlink()
            folder.rmdir()
        _unlock(lock)
        os.close(lock)


def _taken(path: Path) -> int | None:
    """The file descriptor of the lock; None where another holds it."""
    with suppress(FileExistsError):
        path.parent.mkdir()
    # It may be gone again: whoever held the lock removes the folder.
    if path.parent.is_symlink() or path.parent.is_file():
        raise FileExistsError(
            f"{path.parent} is no folder, but files are put there while a model is "
            "saved. Remove it, or give another folder."
        )
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        lock = os.open(path, flags)
    except FileNotFoundError:
        return None
    with suppress(FileNotFoundError):
        if _try_lock(lock) and os.path.samestat(os.fstat(lock), path.lstat()):
            return lock
    os.close(lock)
    return None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(lock: int) -> bool:
        try:
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(lock: int) -> None:
        msvcrt.locking(lock, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(lock: int) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # Some network file systems have no locks.
        return True

    def _unlock(lock: int) -> None:
        # Closing would not do: a child forked by another thread has the lock, too.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)
