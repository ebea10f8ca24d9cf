"""Texts as bytes: encoded, counted, and as many at a time as keep arrays small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

__all__ = ["batches", "numbers_of_bytes", "utf8"]

_BATCH_CHARACTERS = 1 << 20


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, as many at a time as keep the arrays small."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    group = np.cumsum(lengths) // _BATCH_CHARACTERS
    cuts = np.flatnonzero(np.diff(group)) + 1
    for start, stop in pairwise([0, *cuts.tolist(), len(texts)]):
        yield texts[start:stop]


def utf8(text: str) -> bytes:
    """The bytes of a text, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def numbers_of_bytes(texts: Sequence[str]) -> np.ndarray:
    """How many bytes each text has."""
    n_texts = len(texts)
    n_bytes = np.fromiter(map(len, texts), np.int64, n_texts)
    is_ascii = np.fromiter(map(str.isascii, texts), bool, n_texts)
    for i in np.flatnonzero(~is_ascii).tolist():
        n_bytes[i] = len(utf8(texts[i]))
    return n_bytes
