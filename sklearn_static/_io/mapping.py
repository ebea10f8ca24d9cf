"""Large tensors mapped into memory instead of read, so that processes share them."""

from __future__ import annotations

import json
import mmap
import os
import sys
from typing import Any, BinaryIO

import numpy as np

__all__ = ["mapped_tensors"]

_FEWEST_BYTES = 1 << 20
_FLOAT32 = np.dtype(np.float32)


def mapped_tensors(file: BinaryIO) -> dict[str, np.ndarray]:
    """The large float32 tensors of a safetensors file, read-only, by name.

    All processes that map the file have the same pages of memory, which the system
    reads when they are first needed. A file that is replaced by another, as
    :func:`replace_files` does, stays until nobody maps it; one that is written to in
    its place changes, and ends the process if it becomes shorter.

    Parameters
    ----------
    file : binary file
        Open at its start; one that the safetensors library has accepted.
    """
    # Windows does not let files be replaced that are mapped, and numbers in safetensors
    # are little-endian.
    if os.name == "nt" or sys.byteorder != "little":
        return {}
    start = 8 + int.from_bytes(file.read(8), "little")
    entries = json.loads(file.read(start - 8))
    entries.pop("__metadata__", None)
    large = {
        name: entry
        for name, entry in entries.items()
        if entry["dtype"] == "F32" and _is_large(entry, start)
    }
    if not large:
        return {}
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {
        name: np.ndarray(
            entry["shape"], _FLOAT32, memory, start + entry["data_offsets"][0]
        )
        for name, entry in large.items()
    }


def _is_large(entry: dict[str, Any], start: int) -> bool:
    """Whether a tensor is worth a mapping, and stands where numbers may stand."""
    first, last = entry["data_offsets"]
    is_aligned = (start + first) % _FLOAT32.alignment == 0
    return is_aligned and last - first >= _FEWEST_BYTES
