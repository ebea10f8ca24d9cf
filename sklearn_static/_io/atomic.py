"""The files of a folder replaced all at once: a kill at any moment loses none.

A file system renames one file at a time, so what a folder holds in the middle of a
replacement has to be recognised by what it holds before and after:

1. The new files are written to ``.sklearn-static-*/new`` in the folder, flushed to
   disk and read back.
2. The old ones are moved to ``.sklearn-static-*/old``, ``config.json`` first.
3. The new ones are moved to their place, ``config.json`` last.
4. ``old`` is renamed, and the new files count.

Up to the last step the old files count: those in ``old``, which :func:`standing_file`
finds, and those that have not been moved. Other readers find the old files, or the new,
or no ``config.json``, without which they take nothing for a model. The next replacement
begins by putting back what a killed one has left.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from tempfile import mkdtemp

__all__ = ["replace_files", "standing_file"]

_PREFIX = ".sklearn-static-"
_SEAL = "config.json"


def standing_file(folder: Path, name: str) -> Path:
    """Where the file `name` of `folder` is, even after a replacement was killed."""
    return next(folder.glob(f"{_PREFIX}*/old/{name}"), folder / name)


def replace_files(
    folder: str | Path, files: Mapping[str, bytes], replaceable: Collection[str]
) -> None:
    """Replace the files of a folder in full or not at all.

    The folder itself stays where there is one: it may be a link, a mount point or the
    working directory. A new one appears with all its files.

    Parameters
    ----------
    folder : str or Path
        Made with its parents where it is not there.
    files : mapping of str to bytes
        The contents of each file, by name.
    replaceable : collection of str
        The names of the files that `folder` may hold.

    Raises
    ------
    FileExistsError
        If `folder` is a file, or a folder with files that are not replaceable.
    OSError
        If writing fails, or what is read back differs. `folder` is as it was.
    """
    folder = Path(folder).resolve()
    _refuse_others(folder, replaceable)
    exists = folder.is_dir()
    if exists:
        _put_back(folder)
    home = folder if exists else folder.parent
    home.mkdir(parents=True, exist_ok=True)
    scratch = Path(mkdtemp(dir=home, prefix=_PREFIX))
    new, old = scratch / "new", scratch / "old"
    try:
        new.mkdir()
        for name, content in files.items():
            _write_verified(new / name, content)
        if exists:
            _exchange(folder, new, old)
        else:
            new.rename(folder)
    except BaseException:
        # Files that could not be put back stay where they are rather than be deleted.
        if not old.is_dir() or not any(old.iterdir()):
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


def _refuse_others(folder: Path, replaceable: Collection[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; give the path of a folder.")
    if folder.is_dir():
        names = (entry.name for entry in folder.iterdir())
        others = (n for n in names if n not in replaceable and not _is_scratch(n))
        foreign = sorted(others)
        if foreign:
            raise FileExistsError(
                f"{folder} holds {foreign[:5]}, which is no part of a model. Give a "
                "new folder."
            )


def _is_scratch(name: str) -> bool:
    return name.startswith(_PREFIX)


def _write_verified(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != content:
        raise OSError(
            f"{path} does not read back as it was written; is the disk sound?"
        )


def _exchange(folder: Path, new: Path, old: Path) -> None:
    """Move a model's files from `folder` to `old`, and those in `new` to `folder`."""
    present = (path for path in folder.iterdir() if not _is_scratch(path.name))
    leaving = [(path, old / path.name) for path in _seal_last(present)[::-1]]
    coming = [(path, folder / path.name) for path in _seal_last(new.iterdir())]
    moves = leaving + coming
    old.mkdir()
    try:
        for source, target in moves:
            source.rename(target)
        old.rename(old.with_name("replaced"))
    except BaseException:
        if old.is_dir():
            for source, target in reversed(moves):
                if not source.exists():
                    target.rename(source)
        raise


def _put_back(folder: Path) -> None:
    """Undo what a killed replacement has left in `folder`."""
    for scratch in folder.glob(f"{_PREFIX}*"):
        left = _seal_last((scratch / "old").glob("*"))
        if any(path.name == _SEAL for path in left):
            (folder / _SEAL).unlink(missing_ok=True)
        for path in left:
            path.replace(folder / path.name)
        shutil.rmtree(scratch)


def _seal_last(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.name == _SEAL)
