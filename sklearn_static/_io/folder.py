"""Folders to read from while they may be saved to."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO, TypeVar

from .._utils.lazy import lazy
from ..exceptions import ModelFormatError
from .atomic import candidates, is_under_way
from .seal import seal_of

__all__ = ["ModelFolder", "read_folder"]

_PATIENCE = 5.0
_PAUSE = 0.02
_CONFIG = "config.json"
T = TypeVar("T")


class ModelFolder:
    """The files that go with the ``config.json`` that a folder has at one moment.

    Attributes
    ----------
    path : Path
    config : bytes or None
        The contents of ``config.json``; None where there is none.
    lacks_files : bool
        Whether a file has been asked for in vain, or replaced while it was read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lacks_files = False
        self._version = _version_of(path)
        config = path / _CONFIG
        self.config = None if self._version is None else config.read_bytes()

    @lazy
    def seal(self) -> dict[str, str] | None:
        """The digest of each file by name; None where ``config.json`` has none."""
        if self.config is None:
            return None
        return seal_of(self.config, self.path / _CONFIG)

    def has(self, name: str) -> bool:
        """Whether the model has a file of that name."""
        if self.seal is not None:
            return name in self.seal
        return (self.path / name).is_file()

    def open(self, name: str) -> BinaryIO:
        """A file, opened at its start; its digest is that in ``config.json``, if any.

        Raises
        ------
        ModelFormatError
            If there is no such file, or none with that digest.
        """
        path = self.path / name
        if not self.has(name):
            raise self._missing(name)
        if self.seal is None:
            return path.open("rb")
        for candidate in candidates(self.path, name, self.seal[name]):
            if candidate.is_file():
                file = candidate.open("rb")
                if file_digest(file, "sha256").hexdigest() == self.seal[name]:
                    file.seek(0)
                    return file
                file.close()
        self.lacks_files = True
        if not path.is_file():
            raise self._missing(name)
        raise ModelFormatError(
            f"{path} is not the file that was saved with {_CONFIG}: its SHA-256 is "
            f"another than {self.seal[name]}. It is damaged, of another model, or "
            "edited: save the model again or, if you trust the file, remove the entry "
            f"'files' from {_CONFIG}."
        )

    def read(self, name: str) -> bytes:
        """The contents of a file.

        Raises
        ------
        ModelFormatError
            As in :meth:`open`.
        """
        if name == _CONFIG and self.config is not None:
            return self.config
        with self.open(name) as file:
            return file.read()

    def has_changed(self) -> bool:
        """Whether another model has been saved to the folder."""
        return _version_of(self.path) != self._version

    def _missing(self, name: str) -> ModelFormatError:
        self.lacks_files = True
        found = sorted(entry.name for entry in self.path.iterdir())[:10]
        return ModelFormatError(
            f"{self.path} is not a model folder: it has no file {name}, only {found}."
        )


def _version_of(folder: Path) -> tuple[int, int] | None:
    """What tells the file ``config.json`` from later ones, even of the same model."""
    path = folder / _CONFIG
    if not path.is_file():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def read_folder(path: Path, read: Callable[[ModelFolder], T]) -> T:
    """What `read` makes of a folder, tried again for a while if it is being saved to.

    Raises
    ------
    ModelFormatError
        If `read` does, or the folder goes on changing.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        folder = ModelFolder(path)
        # Files may come to their place after they are looked for there, and before they
        # are looked for in the hidden folder.
        was_under_way = is_under_way(path)
        try:
            result = read(folder)
            # Without digests, files may be those of another save.
            if folder.seal is not None or not folder.has_changed():
                return result
            error: Exception = ModelFormatError(
                f"{path} has changed while it was read: is another program saving to "
                "it? Try again."
            )
        except (ModelFormatError, FileNotFoundError) as caught:
            error = caught
            folder.lacks_files |= isinstance(error, FileNotFoundError)
        is_passing = folder.lacks_files and (was_under_way or is_under_way(path))
        if not (is_passing or folder.has_changed()) or time.monotonic() > deadline:
            raise error
        time.sleep(_PAUSE)
