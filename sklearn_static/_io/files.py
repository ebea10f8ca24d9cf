"""The folder format, which is model2vec's: reading audits first and constructs after.

A folder holds ``model.safetensors`` (``embeddings``, and perhaps ``weights`` and
``mapping``), ``tokenizer.json`` and ``config.json``; a pipeline's also
``head.safetensors`` and, in ``config.json``, a ``head_config``. What model2vec's
format lacks is in ``config.json`` under the key ``sklearn_static``, with a format
version. Increase :data:`FORMAT_VERSION` when an older reader would misread a
folder, and keep reading the versions before.

What is read is held against the digests in ``config.json``, where it has any
(:mod:`sklearn_static._io.seal`): a file with another digest is not opened.

This module deals in bytes, arrays and dicts; :mod:`sklearn_static._io.table` and
:mod:`sklearn_static._io.pipeline` know what they mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as dump_tensors

from .._tokens.parsing import TokenizerSource, parsed
from .._utils.errors import reraise_as
from .._version import __version__
from ..exceptions import ModelFormatError
from .atomic import replace_files
from .folder import ModelFolder
from .mapping import mapped_tensors
from .seal import KEY, json_bytes, sealed

__all__ = [
    "FILES",
    "FORMAT_VERSION",
    "LEGACY_HEAD",
    "MODULES",
    "NESTED",
    "NORMALIZE_CONFIG",
    "SETTINGS",
    "json_bytes",
    "missing_files",
    "own_entries",
    "read_config",
    "read_json",
    "read_tensors",
    "read_tokenizer",
    "tensor_bytes",
    "with_versions",
    "write_folder",
]

FORMAT_VERSION = 1
"""The version of our own entries in ``config.json``."""

MODULES = "modules.json"
SETTINGS = "config_sentence_transformers.json"
NESTED = "0_StaticEmbedding"
NORMALIZE_CONFIG = "1_Normalize/config.json"
LEGACY_HEAD = "pipeline.skops"

# model2vec's, and then those of sentence-transformers from version 5 on and before.
_REQUIRED = (
    ("model.safetensors", "tokenizer.json", "config.json"),
    ("model.safetensors", "tokenizer.json", MODULES, SETTINGS),
    (f"{NESTED}/model.safetensors", f"{NESTED}/tokenizer.json", MODULES, SETTINGS),
)
_OPTIONAL = (NORMALIZE_CONFIG, "head.safetensors", LEGACY_HEAD, "README.md")

FILES = (*dict.fromkeys(chain(*_REQUIRED)), *_OPTIONAL)
"""Every file that may be read."""

_MAX_DEPTH = 100
_MOST_OF_NOTHING = 2**16
_OURS = {
    *("model.safetensors", "tokenizer.json", "config.json", "head.safetensors"),
    *("modules.json", "README.md"),
}


def read_config(folder: ModelFolder) -> dict[str, Any]:
    """The contents of ``config.json``, with its format version checked.

    Raises
    ------
    ModelFormatError
        If the file is absent, no JSON object, or of a newer format version.
    """
    path = folder.path / "config.json"
    config = read_json(folder, "config.json", dict)
    own = config.get(KEY, {})
    version = own.get("format_version", 1) if isinstance(own, dict) else None
    if type(version) is not int or version < 1:
        raise ModelFormatError(
            f"{path} has {own!r} under {KEY!r}, but an object with an integer "
            "'format_version' from 1 was expected."
        )
    if version > FORMAT_VERSION:
        raise ModelFormatError(
            f"{path} is of format version {version}, but this version of "
            f"sklearn-static, {__version__}, reads up to {FORMAT_VERSION}. Upgrade "
            "with pip install --upgrade sklearn-static."
        )
    return config


def read_json(folder: ModelFolder, name: str, kind: type[dict] | type[list]) -> Any:
    """The contents of a JSON file, which are an object or an array.

    Raises
    ------
    ModelFormatError
        If the file is absent, not of that kind, or nested too deeply.
    """
    path, content = folder.path / name, folder.read(name)
    try:
        value = json.loads(content)
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


def missing_files(folder: Path) -> list[str]:
    """The files that `folder` lacks of the format that it is nearest to."""
    lacking = [
        [name for name in names if not (folder / name).is_file()] for names in _REQUIRED
    ]
    return min(lacking, key=len)


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


def with_versions(config: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """`config` with the format and package version and the entries `own` added."""
    versions = {"format_version": FORMAT_VERSION, "version": __version__}
    return {**config, KEY: {**versions, **own_entries(config), **own}}


def own_entries(config: Mapping[str, Any]) -> dict[str, Any]:
    """Our own entries in a `config` that was read."""
    return dict(config.get(KEY, {}))


def read_tensors(folder: ModelFolder, name: str) -> dict[str, np.ndarray]:
    """All tensors of one safetensors file, by name; they cannot be made writeable.

    Raises
    ------
    ModelFormatError
        If the file is absent or not valid, or holds a dtype that numpy lacks.
    """
    message = f"{folder.path / name} is not a safetensors file of numpy dtypes"
    with folder.open(name) as file, reraise_as(ModelFormatError, message):
        with safe_open(file.name, "numpy") as tensors:
            mapped, keys = mapped_tensors(file), tensors.keys()
            read = {
                key: _read_only(
                    mapped[key] if key in mapped else tensors.get_tensor(key)
                )
                for key in keys
            }
        _check_proportions(read)
        if not os.path.samestat(os.fstat(file.fileno()), Path(file.name).stat()):
            folder.lacks_files = True
            raise ValueError("it has been replaced while it was read")
        return read


def _check_proportions(tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse tensors without content whose shape asks for much memory later."""
    for name, tensor in tensors.items():
        if tensor.size == 0 and max(tensor.shape) > _MOST_OF_NOTHING:
            raise ValueError(f"{name} has shape {tensor.shape}, but holds nothing")


def _read_only(tensor: np.ndarray) -> np.ndarray:
    # Through a view, not by a flag, which could be set again: embeddings share what
    # nobody can write to, and copy the rest.
    return np.asarray(tensor.data.toreadonly())


def read_tokenizer(folder: ModelFolder, name: str) -> TokenizerSource:
    """The tokenizer in the file `name`, a ``tokenizer.json``.

    Raises
    ------
    ModelFormatError
        If the file is absent or not valid.
    """
    content = folder.read(name)
    message = f"{folder.path / name} is no tokenizer of the tokenizers library"
    with reraise_as(ModelFormatError, message):
        return parsed(content.decode())


def tensor_bytes(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The contents of a safetensors file."""
    contiguous = {name: np.ascontiguousarray(t) for name, t in tensors.items()}
    return bytes(dump_tensors(contiguous))


def write_folder(folder: str | Path, files: Mapping[str, bytes]) -> None:
    """Write a model folder in full or not at all; see :func:`replace_files`."""
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    config = sealed(json.loads(files["config.json"]), digests)
    replace_files(folder, {**files, "config.json": config}, _OURS)
