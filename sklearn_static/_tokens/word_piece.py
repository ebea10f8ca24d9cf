"""BERT's tokenizer for printable ASCII as array arithmetic, a batch of texts at a time.

BERT's normalizer changes nothing but the case of such texts, and its pre-tokenizer
splits them at white space and around punctuation marks. Then each word is looked up in
the vocabulary, and words that are not there are split into pieces, from the left the
longest in the vocabulary (WordPiece [1]_). All of this is done for all words of a batch
at once. Chunks with other characters, with words of more than 16 letters, or with a
character that begins an added token, go to a fallback. A property-based test compares
the ids with the library's.

References
----------
.. [1] M. Schuster and K. Nakajima, "Japanese and Korean Voice Search", ICASSP 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .bags import TokenBags, ranges
from .bert import Bert
from .hash_table import MAX_BYTES, PackedText, WordTable
from .utf8 import batches, numbers_of_bytes, utf8

__all__ = ["AsciiWordPiece"]

# Bytes per character of a batch from which on so few chunks are ASCII that the fallback
# alone is faster.
_MOSTLY_FOREIGN = 1.25
# Kinds of bytes. A unit is a punctuation mark, a chunk for the fallback, or a word, and
# begins at its first byte.
_SPACE, _LETTER, _MARK, _OTHER = range(4)
_SPACES = b" \t\n\r"
_AS_IT_IS = bytes(range(256))
_LOWER = _AS_IT_IS.lower()
# The separator of tokens that are joined to one string.
_END = "\0"
_NONE = np.int32(-1)

Tokenize = Callable[[Sequence[str]], TokenBags]


class _Units(NamedTuple):
    """The parts of a text that are tokenized independently.

    Attributes
    ----------
    starts : ndarray of shape (n_units,), int64
        The position of the first byte.
    lengths : ndarray of shape (n_units,), int64
        The number of bytes of words, 1 for other units.
    others : ndarray of int64
        Which units are chunks for the fallback.
    chunks : list of str
        These chunks.
    """

    starts: np.ndarray
    lengths: np.ndarray
    others: np.ndarray
    chunks: list[str]


class AsciiWordPiece:
    """From texts to token ids, unknown ones included.

    Parameters
    ----------
    bert : Bert
        A tokenizer that splits at spaces.
    """

    def __init__(self, bert: Bert) -> None:
        self._first, self._later = _word_tables(bert.vocabulary, bert.prefix)
        self._only_unknown = np.full(MAX_BYTES, _NONE)
        self._only_unknown[0] = bert.unknown_id
        self._max_bytes = min(MAX_BYTES, bert.max_length)
        self._case = _LOWER if bert.lowercase else _AS_IT_IS
        self._kinds = _kinds_of_bytes(bert.plain_characters())

    def __call__(self, texts: Sequence[str], tokenize_others: Tokenize) -> TokenBags:
        """The tokens of `texts`.

        Parameters
        ----------
        texts : sequence of str
        tokenize_others : callable
            The fallback: from a list of str, texts or chunks, to their TokenBags.
        """
        return TokenBags.concatenated(
            [self._bags(batch, tokenize_others) for batch in batches(texts)]
        )

    def _bags(self, texts: Sequence[str], tokenize_others: Tokenize) -> TokenBags:
        # One string for the whole batch, so that encoding and lower-casing are one call
        # each. The spaces separate the words of neighbouring texts.
        joined = " ".join(texts)
        data = utf8(joined)
        if len(data) > _MOSTLY_FOREIGN * len(joined):
            return tokenize_others(texts)
        ends = np.cumsum(numbers_of_bytes(texts) + 1)
        units = self._units(data)
        bags = self._unit_bags(data, units, tokenize_others)
        # Units are in order, so those of a text are a run; the first byte of each text
        # gives its bounds.
        n_units_before = np.searchsorted(units.starts, np.append(0, ends))
        return TokenBags(bags.ids, bags.offsets[n_units_before])

    def _units(self, data: bytes) -> _Units:
        # `translate` looks up the kind of all bytes in one call. A copy, to write to.
        kinds = np.frombuffer(bytearray(data.translate(self._kinds)), np.uint8)
        words, ends = _runs(kinds == _LETTER)
        too_long = words[ends - words > self._max_bytes]
        odd = np.append(np.flatnonzero(kinds == _OTHER), too_long)
        chunks = []
        if len(odd):
            # The whole chunk around an odd byte goes to the fallback: normalisation may
            # join it with its neighbours. The chunk becomes one byte and spaces.
            places = _chunks_around(odd, kinds == _SPACE)
            kinds[ranges(places[0], places[1] - places[0])] = _SPACE
            kinds[places[0]] = _OTHER
            bounds = zip(*(place.tolist() for place in places), strict=True)
            chunks = [data[a:b].decode("utf-8", "surrogatepass") for a, b in bounds]
            words, ends = _runs(kinds == _LETTER)
        begins = kinds >= _MARK
        begins[words] = True
        starts = np.flatnonzero(begins)
        kinds = kinds[starts]
        lengths = np.ones(len(starts), np.int64)
        lengths[kinds == _LETTER] = ends - words
        return _Units(starts, lengths, np.flatnonzero(kinds == _OTHER), chunks)

    def _unit_bags(
        self, data: bytes, units: _Units, tokenize_others: Tokenize
    ) -> TokenBags:
        """The tokens of each unit."""
        text = PackedText(data.translate(self._case))
        words = text.words(units.starts, units.lengths)
        ids = self._first.find(words)
        # Any id that is not negative, or they would be split below. The tokens of the
        # fallback replace it in the end.
        ids[units.others] = 0
        parts = []
        if units.chunks:
            parts.append((units.others, tokenize_others(units.chunks)))
        split = np.flatnonzero(ids < 0)
        if len(split):
            # Even rare words repeat within a batch: each is split once.
            index, inverse = words.take(split).distinct()
            first = split[index]
            pieces = self._pieces(text, units.starts[first], units.lengths[first])
            parts.append((split, pieces.take(inverse)))
        return _spliced(ids, parts)

    def _pieces(
        self, text: PackedText, starts: np.ndarray, lengths: np.ndarray
    ) -> TokenBags:
        """The pieces of each word: from the left, the longest in the vocabulary."""
        places, ends = starts.copy(), starts + lengths
        pieces = np.full((len(starts), MAX_BYTES), _NONE)
        left, table = np.arange(len(starts)), self._first
        # The first piece of all words at once, then the second of those that have one,
        # and so on: few passes, since most words have two or three pieces.
        for n_found in range(MAX_BYTES):
            ids, n_bytes = _longest_prefixes(table, text, places[left], ends[left])
            pieces[left, n_found] = ids
            # If the rest of a word has no piece, the whole word is unknown.
            pieces[left[ids < 0]] = self._only_unknown
            left, n_bytes = left[ids >= 0], n_bytes[ids >= 0]
            places[left] += n_bytes
            left, table = left[places[left] < ends[left]], self._later
        is_piece = pieces >= 0
        return TokenBags.from_lengths(pieces[is_piece], is_piece.sum(axis=1))


def _word_tables(
    vocabulary: Mapping[str, int], prefix: str
) -> tuple[WordTable, WordTable]:
    """Tables of whole tokens, and of tokens with `prefix`, which is removed."""
    # All tokens in one string, so that their bytes are one array. A Python loop
    # over the vocabulary would make opening a table slow.
    joined = _END.join([*vocabulary, ""])
    if joined.count(_END) > len(vocabulary):
        whole = {token: i for token, i in vocabulary.items() if _END not in token}
        return _word_tables(whole, prefix)
    data = joined.encode()
    text, codes = PackedText(data), np.frombuffer(data, np.uint8)
    ids = np.fromiter(vocabulary.values(), np.int32, len(vocabulary))
    ends = np.flatnonzero(codes == ord(_END))
    starts = np.append(0, ends[:-1] + 1)[: len(ends)]
    is_odd = (codes <= ord(" ")) | (codes > ord("~"))
    # The number of odd bytes before each place: a token has none if the numbers at its
    # start and its end are the same.
    n_odd = np.append(np.int32(0), np.cumsum(is_odd, dtype=np.int32))

    def table(skipped: bytes) -> WordTable:
        kept = np.flatnonzero(ends - starts > len(skipped))
        for place, code in enumerate(skipped):
            kept = kept[codes[starts[kept] + place] == code]
        first, last = starts[kept] + len(skipped), ends[kept]
        is_word = (last - first <= MAX_BYTES) & (n_odd[first] == n_odd[last])
        words = text.words(first[is_word], (last - first)[is_word])
        return WordTable(words, ids[kept[is_word]])

    return table(b""), table(prefix.encode())


def _kinds_of_bytes(plain: str) -> bytes:
    """The kind of each byte; all but `plain` characters are for the fallback."""
    kinds = bytearray([_OTHER]) * 256
    for character in plain:
        kinds[ord(character)] = _LETTER if character.isalnum() else _MARK
    for byte in _SPACES:
        kinds[byte] = _SPACE
    return bytes(kinds)


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the runs of true values start and end."""
    # False on both sides, so that every run has a start and an end.
    padded = np.zeros(len(mask) + 2, bool)
    padded[1:-1] = mask
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return edges[0::2], edges[1::2]


def _chunks_around(
    places: np.ndarray, is_space: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the chunks around `places` start and end, in order; each chunk once."""
    spaces = np.concatenate([[-1], np.flatnonzero(is_space), [len(is_space)]])
    after = np.unique(np.searchsorted(spaces, places))
    return spaces[after - 1] + 1, spaces[after]


def _longest_prefixes(
    table: WordTable, text: PackedText, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The id and the length of the longest prefix of each word that is in `table`.

    The id is -1 where there is none.
    """
    if not len(starts):
        return np.empty(0, np.int32), starts
    # Look up all prefixes of all words in one call. A search from the longest prefix on
    # would look up fewer, but in a call for each length.
    n_prefixes = ends - starts
    lengths = ranges(np.ones_like(starts), n_prefixes)
    found = table.find(text.words(np.repeat(starts, n_prefixes), lengths)) >= 0
    firsts = np.cumsum(n_prefixes) - n_prefixes
    longest = np.maximum.reduceat(lengths * found, firsts)
    return table.find(text.words(starts, longest)), longest


def _spliced(ids: np.ndarray, parts: list[tuple[np.ndarray, TokenBags]]) -> TokenBags:
    """Bags of one token each, except where a part has bags for these indices."""
    lengths = np.ones(len(ids), np.int64)
    for index, bags in parts:
        lengths[index] = bags.lengths
    spliced = TokenBags.from_lengths(np.repeat(ids, lengths), lengths)
    for index, bags in parts:
        places = ranges(spliced.offsets[index], lengths[index])
        spliced.ids[places] = bags.ids
    return spliced
