"""Importing libraries without what they do to the process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_traces"]

# Other variables may be another thread's.
_TORCHS = ("TORCH", "TRITON")


@contextmanager
def without_traces() -> Iterator[None]:
    """Take back what importing torch does to warning filters and the environment.

    It ignores some warnings, and has a variable name the folder of its compiler.
    """
    before = set(os.environ)
    with warnings.catch_warnings():
        yield
    for name in set(os.environ) - before:
        if name.startswith(_TORCHS):
            del os.environ[name]
