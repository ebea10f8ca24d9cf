"""The folder format, which is model2vec's: what is read is audited, and then used.

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
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as dump_tensors

from .._tokens.parsing import TokenizerSource, parsed
from .._utils.rust import failures_as
from .._version import __version__
from .atomic import replace_files, standing_file

__all__ = [
    "FORMAT_VERSION",
    "ModelFormatError",
    "has_file",
    "read_config",
    "read_json",
    "read_tensors",
    "read_tokenizer",
    "stamp",
    "tensor_bytes",
    "write_folder",
]

FORMAT_VERSION = 1
"""The version of our own entries in ``config.json``."""

_DTYPES = {
    "BOOL": "?",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "I8": "i1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
    "U8": "u1",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
}
_CACHE_LINE = 64
_KEY = "sklearn_static"
_MAX_DEPTH = 100
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
    path, config = folder / "config.json", read_json(folder, "config.json", dict)
    own = config.get(_KEY, {})
    version = own.get("format_version", 1) if isinstance(own, dict) else None
    if type(version) is not int or version < 1:
        raise ModelFormatError(
            f"{path} has {own!r} under {_KEY!r}, but an object with an integer "
            "'format_version' from 1 was expected."
        )
    if version > FORMAT_VERSION:
        raise ModelFormatError(
            f"{path} is of format version {version}, but this version of "
            f"sklearn-static, {__version__}, reads up to {FORMAT_VERSION}. Upgrade "
            "with pip install --upgrade sklearn-static."
        )
    return config


def read_json(folder: Path, name: str, kind: type[dict] | type[list]) -> Any:
    """The contents of a JSON file, which are an object or an array.

    Raises
    ------
    ModelFormatError
        If the file is absent, not of that kind, or nested too deeply.
    """
    path = _existing(folder, name)
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path} is not valid JSON: {error}.") from error
    if _is_deeper_than(_MAX_DEPTH, value):
        raise ModelFormatError(
            f"{path} is nested more deeply than the {_MAX_DEPTH} levels expected."
        )
    if not isinstance(value, kind):
        expected = "object" if kind is dict else "array"
        raise ModelFormatError(
            f"{path} holds a {type(value).__name__}, but a JSON {expected} was "
            "expected."
        )
    return value


def has_file(folder: Path, name: str) -> bool:
    """Whether a model folder has a file of that name."""
    return standing_file(folder, name).is_file()


def _is_deeper_than(n_levels: int, value: Any) -> bool:
    """Whether lists and dicts in `value` are nested more than `n_levels` deep."""
    level = [value]
    for _ in range(n_levels + 1):
        if not level:
            return False
        level = [
            part
            for outer in level
            if isinstance(outer, (dict, list))
            for part in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def stamp(config: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """`config` with our versions, and the entries `own`, under our key."""
    versions = {"format_version": FORMAT_VERSION, "version": __version__}
    return {**config, _KEY: {**versions, **own_entries(config), **own}}


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
    message = f"{path} is not a safetensors file of numpy dtypes"
    with path.open("rb", buffering=0) as file, failures_as(ModelFormatError, message):
        return _tensors_in(file)


def _tensors_in(file: FileIO) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file, as views of one array.

    The safetensors library holds a file twice to read it, as bytes and as tensors, or
    maps it, and a file that another program then cuts short ends the process.
    """
    n_bytes = os.fstat(file.fileno()).st_size
    start = 8 + int.from_bytes(file.read(8), "little")
    if start > n_bytes:
        raise ValueError(f"its header ends at byte {start} of {n_bytes}")
    header, data = json.loads(file.read(start - 8)), _read(file, n_bytes - start)
    header.pop("__metadata__", None)
    tensors, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda x: x[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        tensor = data[first:last].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if first != end or [*tensor.shape] != entry["shape"]:
            raise ValueError(f"{name!r} is not where it should be, or not so large")
        tensors[name] = np.require(tensor, requirements=["ALIGNED"])
        end = last
    if end != len(data):
        raise ValueError(f"the tensors end at {end}, but the data at {len(data)}")
    return tensors


def _read(file: FileIO, n_bytes: int) -> np.ndarray:
    """The next bytes of a file, read-only, from the start of a line of cache on.

    numpy lets large arrays start 16 bytes after that of a page, to where Linux copies
    at a quarter of the speed.
    """
    memory = np.empty(n_bytes + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    left = memory[start : start + n_bytes]
    # The kernel gives 2 GB at a time.
    while n_read := file.readinto(left.data):
        left = left[n_read:]
    memory.flags.writeable = False
    return memory[start : start + n_bytes - len(left)]


def read_tokenizer(folder: Path) -> TokenizerSource:
    """The tokenizer in ``tokenizer.json``.

    Raises
    ------
    ModelFormatError
        If the file is absent or not valid.
    """
    path = _existing(folder, "tokenizer.json")
    content = path.read_bytes()
    message = f"{path} is no tokenizer of the tokenizers library"
    with failures_as(ModelFormatError, message):
        return parsed(content.decode())


def _existing(folder: Path, name: str) -> Path:
    path = standing_file(folder, name)
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
    """Write a model folder in full or not at all; see :func:`replace_files`."""
    replace_files(folder, files, _OURS)
