"""The folder format, which is model2vec's: read and audit; write, verify, rename.

A folder holds ``model.safetensors`` (``embeddings``, and perhaps ``weights`` and
``mapping``), ``tokenizer.json`` and ``config.json``; a pipeline's also
``head.safetensors`` and, in ``config.json``, a ``head_config``. What model2vec's
format has no word for stands in ``config.json`` under the key ``sklearn_static``, with
a format version. Increase :data:`FORMAT_VERSION` when an older reader would misread a
folder, and keep reading the versions before.

This module deals in bytes, arrays and dicts. What they mean is known to
:mod:`sklearn_static.embedding` and :mod:`sklearn_static.pipeline`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as dump_tensors
from tokenizers import Tokenizer

from ._version import __version__

__all__ = [
    "FORMAT_VERSION",
    "ModelFormatError",
    "read_config",
    "read_tensors",
    "read_tokenizer",
    "stamp",
    "tensor_bytes",
    "write_folder",
]

FORMAT_VERSION = 1
"""The version of our own entries in ``config.json``."""

_KEY = "sklearn_static"
_OURS = {
    *("model.safetensors", "tokenizer.json", "config.json", "head.safetensors"),
    *("modules.json", "README.md"),
}


class ModelFormatError(ValueError):
    """A model folder does not hold what it should.

    The message names the file, what was found and what was expected.
    """


def read_config(folder: Path) -> dict[str, Any]:
    """The audited contents of ``config.json``, whose own entries are under our key.

    Raises
    ------
    ModelFormatError
        If the file is absent, no JSON object, or of a newer format version.
    """
    path = _existing(folder, "config.json")
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelFormatError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(config, dict):
        raise ModelFormatError(
            f"{path} holds a {type(config).__name__}, but a JSON object was expected."
        )
    own = config.get(_KEY, {})
    version = own.get("format_version", 1) if isinstance(own, dict) else None
    if not isinstance(version, int):
        raise ModelFormatError(
            f"{path} has {own!r} under {_KEY!r}, but an object with an integer "
            "'format_version' was expected."
        )
    if version > FORMAT_VERSION:
        raise ModelFormatError(
            f"{path} is of format version {version}, but this version of "
            f"sklearn-static, {__version__}, reads up to {FORMAT_VERSION}. Upgrade "
            "with pip install --upgrade sklearn-static."
        )
    return config


def stamp(config: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """`config` with our versions, and the entries `own`, under our key."""
    versions = {"format_version": FORMAT_VERSION, "version": __version__}
    return {**config, _KEY: {**versions, **own}}


def own_entries(config: Mapping[str, Any]) -> dict[str, Any]:
    """What stands under our key in a `config` that was read."""
    return dict(config.get(_KEY, {}))


def read_tensors(folder: Path, name: str) -> dict[str, np.ndarray]:
    """All tensors of one safetensors file, by name.

    Raises
    ------
    ModelFormatError
        If the file is absent or not valid, or holds a dtype that numpy lacks.
    """
    path = _existing(folder, name)
    try:
        return dict(parse_tensors(path.read_bytes()))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelFormatError(
            f"{path} is not a safetensors file of numpy dtypes: {error!r}."
        ) from error


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in ``tokenizer.json``.

    Raises
    ------
    ModelFormatError
        If the file is absent or not valid.
    """
    path = _existing(folder, "tokenizer.json")
    try:
        return Tokenizer.from_buffer(path.read_bytes())
    except Exception as error:
        raise ModelFormatError(
            f"{path} is no tokenizer of the tokenizers library: {error}."
        ) from error


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        found = sorted(entry.name for entry in folder.iterdir())[:10]
        raise ModelFormatError(
            f"{folder} is not a model folder: it has no file {name}, only {found}."
        )
    return path


def tensor_bytes(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The contents of a safetensors file."""
    contiguous = {name: np.ascontiguousarray(t) for name, t in tensors.items()}
    return bytes(dump_tensors(contiguous))


def json_bytes(value: Any) -> bytes:
    """The contents of a JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def write_folder(folder: str | Path, files: Mapping[str, bytes]) -> None:
    """Write a model folder in full or not at all.

    The files are written beside their place, flushed to disk, read back and compared,
    and only then moved to it: a new folder as a whole, the files of one that is there
    after its old ones have made way. So the folder itself stays, which may be a link,
    a mount point or the working directory.

    Parameters
    ----------
    folder : str or Path
        Made with its parents where it is not there; the model in it is replaced.
    files : mapping of str to bytes
        The contents of each file, by name.

    Raises
    ------
    FileExistsError
        If `folder` is a file, or a folder with files that are no part of a model.
    OSError
        If writing fails, or what is read back differs. `folder` is as it was.
    """
    folder = Path(folder).resolve()
    _refuse_foreign(folder)
    exists = folder.is_dir()
    home = folder if exists else folder.parent
    home.mkdir(parents=True, exist_ok=True)
    scratch = Path(mkdtemp(dir=home, prefix=".sklearn-static-"))
    new, old = scratch / "new", scratch / "old"
    try:
        new.mkdir()
        for name, content in files.items():
            _write_verified(new / name, content)
        if exists:
            old.mkdir()
            _exchange_files(folder, new, old)
        else:
            new.rename(folder)
    except BaseException:
        # Files that could not be put back stay where they are rather than be deleted.
        if not old.is_dir() or not any(old.iterdir()):
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; give the path of a folder.")
    if folder.is_dir():
        foreign = sorted({entry.name for entry in folder.iterdir()} - _OURS)
        if foreign:
            raise FileExistsError(
                f"{folder} holds {foreign[:5]}, which is no part of a model. Give a "
                "new folder."
            )


def _write_verified(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != content:
        raise OSError(
            f"{path} does not read back as it was written; is the disk sound?"
        )


def _exchange_files(folder: Path, new: Path, old: Path) -> None:
    """Move a model's files from `folder` to `old`, and those in `new` to `folder`."""
    leaving = [(p, old / p.name) for p in folder.iterdir() if p.name in _OURS]
    coming = [(p, folder / p.name) for p in new.iterdir()]
    moves = leaving + coming
    try:
        for source, target in moves:
            source.rename(target)
    except BaseException:
        for source, target in reversed(moves):
            if not source.exists():
                target.rename(source)
        raise
