"""Digests in ``config.json`` of the files that it goes with, and of itself.

They tell a file of another save, or one that a disk has spoilt. They are no signature:
whoever can write to a folder can write digests that fit.

A program that does not know the digests, such as model2vec, copies them into the
``config.json`` of other files. It lays out JSON in another way, though, so digests hold
only in a file that is byte for byte as :func:`json_bytes` writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ..exceptions import ModelFormatError

__all__ = ["KEY", "json_bytes", "seal_of", "seal_on", "sealed"]

KEY = "sklearn_static"
"""The key of our own entries in ``config.json``."""

_FILES = "files"
_CONFIG = "config.json"
_UNSEALED = (_CONFIG, "README.md")


def json_bytes(value: Any) -> bytes:
    """The contents of a JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def sealed(config: Mapping[str, Any], digests: Mapping[str, str]) -> bytes:
    """The contents of a ``config.json`` with the digests of files.

    Parameters
    ----------
    config : mapping
    digests : mapping of str to str
        The SHA-256 of each file by name. Those that no reader opens are left out.
    """
    digests = {name: d for name, d in digests.items() if name not in _UNSEALED}
    own_digest = sha256(json_bytes(_with_digests(config, digests))).hexdigest()
    return json_bytes(_with_digests(config, {**digests, _CONFIG: own_digest}))


def _with_digests(
    config: Mapping[str, Any], digests: Mapping[str, str]
) -> dict[str, Any]:
    return {**config, KEY: {**config.get(KEY, {}), _FILES: digests}}


def seal_on(content: bytes, digests: Mapping[str, str], path: object) -> bytes:
    """The contents of a ``config.json`` with its own digests or, without any, these.

    What is no ``config.json`` of a model is left as it is.

    Raises
    ------
    ModelFormatError
        If it has been changed since it was written.
    """
    if seal_of(content, path) is not None:
        return content
    try:
        return sealed(json.loads(content), digests)
    except (AttributeError, TypeError, ValueError, RecursionError):
        return content


def seal_of(content: bytes, path: object) -> dict[str, str] | None:
    """The digests in a ``config.json``, by file name; None where it has none.

    Parameters
    ----------
    content : bytes
    path : object
        What an error calls the file.

    Raises
    ------
    ModelFormatError
        If the file has been changed since it was written.
    """
    try:
        config = json.loads(content)
        if json_bytes(config) != content:
            return None
    except (ValueError, RecursionError):
        return None
    own = config.get(KEY) if isinstance(config, dict) else None
    if not isinstance(own, dict) or _FILES not in own:
        return None
    digests = own[_FILES]
    if not _are_digests(digests) or sealed(config, digests) != content:
        raise ModelFormatError(
            f"{path} is not as it was saved: its digest is another. If it is not "
            f"damaged, but was edited, remove {_FILES!r} under {KEY!r} from it."
        )
    return {name: d for name, d in digests.items() if name != _CONFIG}


def _are_digests(digests: Any) -> bool:
    return isinstance(digests, dict) and all(
        isinstance(d, str) and re.fullmatch("[0-9a-f]{64}", d) for d in digests.values()
    )
