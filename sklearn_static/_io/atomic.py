"""The files of a folder replaced all at once: a kill at any moment loses none.

A file system renames one file at a time. What holds several files together is
``config.json``, which has the digests of the others (:mod:`sklearn_static._io.seal`):

1. The new files are written to ``.sklearn-static`` in the folder, as ``name.digest``,
   flushed to disk and read back.
2. The old ones are moved there, ``model.safetensors`` first. ``config.json`` stays.
3. The new ones are moved to their place: ``config.json``, which makes them count, last
   but one, and ``model.safetensors`` last.

At any moment, each file that the ``config.json`` in place names is in its own place or
in ``.sklearn-static``, where :func:`candidates` looks. Other readers find the old
files, the new ones, or no ``model.safetensors``. The next replacement begins by putting
back what a killed one has left.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path

from ..exceptions import ModelFormatError
from .lock import locked
from .seal import seal_of, seal_on

__all__ = ["candidates", "is_under_way", "replace_files"]

_HIDDEN = ".sklearn-static"
_CONFIG = "config.json"
_TABLE = "model.safetensors"
_OF_FILE_MANAGERS = {"thumbs.db", "desktop.ini"}
_NO_DIGEST = "0" * 64
_Moves = list[tuple[Path, Path]]


def candidates(folder: Path, name: str, digest: str) -> list[Path]:
    """Where the file `name` of that SHA-256 can be: check the digest of what is there.

    Parameters
    ----------
    folder : Path
    name : str
    digest : str
        As the ``config.json`` in place has it, so that nothing hidden counts but what
        it names.
    """
    part = _part(folder, name, digest)
    is_own = _is_own_folder(folder / _HIDDEN) and _is_own_file(part)
    return [folder / name, part] if is_own else [folder / name]


def is_under_way(folder: Path) -> bool:
    """Whether files are being replaced, or were when the process was killed."""
    return (folder / _HIDDEN).exists()


def replace_files(
    folder: str | Path, files: Mapping[str, bytes], replaceable: Collection[str]
) -> None:
    """Replace the files of a folder in full or not at all.

    The folder itself stays where there is one: it may be a link, a mount point or the
    working directory. No link in it is followed, and nothing is removed but files that
    are called as in `replaceable`.

    Parameters
    ----------
    folder : str or Path
        Made with its parents where it is not there.
    files : mapping of str to bytes
        The contents of each file, by name, with a sealed ``config.json`` among them.
    replaceable : collection of str
        The names of the files that `folder` may hold, hidden ones aside.

    Raises
    ------
    FileExistsError
        If `folder` is a file, or a folder with files that are not replaceable.
    TimeoutError
        If another save of `folder` does not end within a minute.
    OSError
        If writing fails, or what is read back differs. `folder` is as it was.
    """
    folder = Path(folder).resolve()
    exists = folder.exists()
    if exists:
        _refuse_others(folder, replaceable)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / _HIDDEN):
            _put_back(folder, replaceable)
            _clear(folder, replaceable)
            _exchange(folder, files, replaceable)
            _clear(folder, replaceable)
    except BaseException:
        if not exists:
            with suppress(OSError):
                folder.rmdir()
        raise


def _refuse_others(folder: Path, replaceable: Collection[str]) -> None:
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; give the path of a folder.")
    foreign = sorted(
        entry.name
        for entry in folder.iterdir()
        if not entry.name.startswith(".")
        and entry.name.casefold() not in _OF_FILE_MANAGERS
        and (entry.name not in replaceable or _is_own_folder(entry))
    )
    if foreign:
        raise FileExistsError(
            f"{folder} holds {foreign[:5]}, which is no part of a model. Give a new "
            "folder."
        )


def _exchange(
    folder: Path, files: Mapping[str, bytes], replaceable: Collection[str]
) -> None:
    """Put `files` into the place of what is replaceable, or change nothing."""
    undo: _Moves = []
    try:
        new = {name: _written(folder, name, content) for name, content in files.items()}
        old = {name: d for name in replaceable if (d := _digest(folder / name))}
        kept = _is_own_file(folder / _CONFIG)
        if kept:
            _keep_config(folder, old, undo)
            del old[_CONFIG]
        for name in sorted(old, key=lambda name: name != _TABLE):
            # A link does not take the place of an equal file among the new ones.
            is_link = (folder / name).is_symlink()
            part = _part(folder, name, _NO_DIGEST if is_link else old[name])
            undo.append((part, folder / name))
            (folder / name).replace(part)
        for name in sorted(new, key=lambda name: (name == _TABLE, name == _CONFIG)):
            # The old config.json comes back by one rename, so that there always is one.
            is_kept = kept and name == _CONFIG
            undo.append(undo[0] if is_kept else (folder / name, new[name]))
            new[name].replace(folder / name)
    except BaseException:
        # If this fails, too, what could not be put back stays in the hidden folder.
        for source, target in reversed(undo):
            if os.path.lexists(source):
                source.replace(target)
        _clear(folder, replaceable)
        raise


def _keep_config(folder: Path, digests: Mapping[str, str], undo: _Moves) -> None:
    """Keep a copy of ``config.json``, and give that in its place digests."""
    config = folder / _CONFIG
    content = config.read_bytes()
    undo.append((_written(folder, _CONFIG, content), config))
    with suppress(ModelFormatError):  # A spoilt one makes no model.
        with_seal = seal_on(content, digests, config)
        if with_seal != content:
            _written(folder, _CONFIG, with_seal).replace(config)


def _written(folder: Path, name: str, content: bytes) -> Path:
    """A new file in the hidden folder, on disk for certain."""
    path = _part(folder, name, sha256(content).hexdigest())
    if path.exists():  # where old and new are equal
        return path
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != content:
        raise OSError(
            f"{path} does not read back as it was written; is the disk sound?"
        )
    return path


def _put_back(folder: Path, replaceable: Collection[str]) -> None:
    """Put back what a killed replacement has moved of the model that counts."""
    config, digests = folder / _CONFIG, None
    if config.is_file():
        with suppress(ModelFormatError):
            digests = seal_of(config.read_bytes(), config)
    for name, digest in sorted((digests or {}).items(), key=lambda d: d[0] == _TABLE):
        if name in replaceable:
            part = candidates(folder, name, digest)[-1]
            if part != folder / name and _digest(part) == digest:
                part.replace(folder / name)


def _clear(folder: Path, replaceable: Collection[str]) -> None:
    """Remove the files that replacements have put into the hidden folder."""
    for part in (folder / _HIDDEN).iterdir():
        name, _, digest = part.name.rpartition(".")
        is_ours = name in replaceable and re.fullmatch("[0-9a-f]{64}", digest)
        if is_ours and not _is_own_folder(part):
            part.unlink()


def _part(folder: Path, name: str, digest: str) -> Path:
    return folder / _HIDDEN / f"{name}.{digest}"


def _digest(path: Path) -> str | None:
    """The SHA-256 of a file; zeros for what cannot be read, None for nothing."""
    if path.is_file():
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    return _NO_DIGEST if os.path.lexists(path) else None


def _is_own_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
