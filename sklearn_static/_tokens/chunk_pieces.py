"""BERT's WordPiece for a few chunks of text, one after the other.

For these, arrays would cost more than they save. Plain chunks need the vocabulary only;
others are normalized and split by the library first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from .bert import Bert

__all__ = ["ChunkPieces"]

_WORD_OR_MARK = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9 ]")


class ChunkPieces:
    """Chunks, which have no spaces, to token ids, unknown ones too.

    Parameters
    ----------
    bert : Bert
        A tokenizer that splits at spaces.
    """

    def __init__(self, bert: Bert) -> None:
        self._bert = bert
        self._longest = max(map(len, bert.vocabulary))
        self._is_plain = re.compile(f"[ {re.escape(bert.plain_characters())}]*")

    def __call__(
        self,
        chunks: Sequence[str],
        ids_of_others: Callable[[Sequence[str]], list[list[int]]],
    ) -> list[list[int]]:
        """The token ids of each chunk.

        Parameters
        ----------
        chunks : sequence of str
        ids_of_others : callable
            From chunks that are left to it, for they may hold an added token or are no
            text, to the ids of each.
        """
        ids = [self._ids_of_chunk(chunk) for chunk in chunks]
        others = [chunk for chunk, i in zip(chunks, ids, strict=True) if i is None]
        parts = iter(ids_of_others(others) if others else [])
        return [next(parts) if i is None else i for i in ids]

    def _ids_of_chunk(self, chunk: str) -> list[int] | None:
        """The token ids of a chunk; None if it is left to others."""
        units = self._units(chunk)
        if units is None:
            return None
        return [i for unit in units for i in self._ids_of_unit(unit)]

    def _units(self, chunk: str) -> list[str] | None:
        """The words and marks of a chunk; None if it is left to others."""
        bert = self._bert
        if self._is_plain.fullmatch(chunk):
            return _WORD_OR_MARK.findall(chunk.lower() if bert.lowercase else chunk)
        try:
            text = bert.normalize(chunk)
        except (UnicodeError, TypeError):
            return None
        if any(token in chunk for token in bert.added) or any(
            token in text for token in bert.added_normalized
        ):
            return None
        return [unit for unit, _ in bert.split(text)]

    def _ids_of_unit(self, unit: str) -> list[int]:
        """The pieces of a word or mark: from the left, the longest that there are."""
        bert = self._bert
        if len(unit) > bert.max_length:
            return [bert.unknown_id]
        ids, start, prefix = [], 0, ""
        while start < len(unit):
            for stop in range(min(len(unit), start + self._longest), start, -1):
                found = bert.vocabulary.get(prefix + unit[start:stop])
                if found is not None:
                    break
            else:
                return [bert.unknown_id]
            ids.append(found)
            start, prefix = stop, bert.prefix
        return ids
