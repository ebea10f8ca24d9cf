"""Words, each with the spaces before it, to the tokens that they are in any text.

Tokenizers in the manner of SentencePiece and of GPT-2 split a text before its spaces,
and keep them. So a text is its words, joined, and the tokens of a word are the same in
every text, but for words that a few tests here find, of which no more is known. These
words are *refused*: a text that has one is left to the library as a whole.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from .._utils.errors import reraise_as
from .bags import TokenBags
from .library import ids_of_each, without_lone_surrogates
from .splitting import Seams, added_contents

__all__ = ["WordTokens", "words_of"]

words_of = re.compile(" *[^ ]+| +").findall
"""The words of a text; spaces at its end are one more."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PRINTABLE = list(map(chr, range(33, 127)))
# Characters that make one grapheme with a space after them (the class "Prepend" of
# Unicode's annex 29), and others of their blocks: "Precompiled" looks at graphemes.
_JOINS_SPACE = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U00011000-\U00011fff]"
)
_WORDS_IN_ONE = 500
# From where on one text of many words is faster than a text for each.
_MANY_WORDS = 8


class WordTokens:
    """Words to their token ids, unknown ones too, by the library.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        With its vocabulary.
    seams : Seams
        What is sure about it.

    Attributes
    ----------
    usable : bool
        Whether there is a word for others to stand after; there is nearly always.
    """

    def __init__(self, tokenizer: Tokenizer, seams: Seams) -> None:
        self._tokenizer, self._marks = tokenizer, seams.marks
        self._spaced, self.strips_start = seams.spaced, seams.strips_start
        normalizer = tokenizer.normalizer
        self._normalize = str if normalizer is None else normalizer.normalize_str
        added = frozenset(added_contents(tokenizer))
        self._added_begin = {token[0] for token in added}
        self._find_added = re.compile("|".join(map(re.escape, added)) or "(?!)").search
        # A word that begins with a space is tokenized after another, since the
        # beginning of a text may be treated in ways of its own.
        self._before = next(filter(self._can_stand_before, _LETTERS), "")
        self.usable = bool(self._before) and ids_of_each(tokenizer, [""]) == [[]]
        if self.usable:
            self._n_before = len(ids_of_each(tokenizer, [self._before])[0])
            self._space = "" if seams.spaced == "any" else self._kept_space()
            simple = re.escape("".join(filter(self._is_simple_character, _PRINTABLE)))
            simple = f" ?[{simple}]+" if simple else "(?!)"
            self._is_simple = re.compile(simple).fullmatch

    def __call__(self, words: Sequence[str]) -> list[bytes | None]:
        """The ids of each word, the bytes of int32; None for one that is refused."""
        rows: dict[str, bytes | None] = {}
        with reraise_as(ValueError, "The tokenizer fails on a text"):
            n_spaces = dict(zip(words, map(self._n_spaces, words), strict=True))
            if len(words) >= _MANY_WORDS:
                together = {word: n for word, n in n_spaces.items() if n}
                rows.update(self._rows_together(together))
            alone = [w for w, n in n_spaces.items() if n is not None and w not in rows]
            rows.update(zip(alone, self._rows_alone(alone), strict=True))
        return [rows.get(word) for word in words]

    def _n_spaces(self, word: str) -> int | None:
        """How many tokens of a word may begin with a space; None if it is refused.

        0 if that is not known.
        """
        is_inner = word[0] == " "
        if self._is_simple(word):
            return 1 if is_inner and self._space else 0
        word = without_lone_surrogates(word)
        text, beginning = word, ""
        if is_inner:
            text, beginning = self._before + word, self._normal_before
        normal = self._normalize(text)
        rest = normal.removeprefix(beginning)
        if (
            self._find_added(word)
            or self._find_added(rest)
            or not normal.startswith(beginning)
            or (is_inner and rest and not rest.startswith(self._marks))
        ):
            return None
        if not word.strip(" "):  # the last of its text: nothing stands after it
            return 0
        if (
            normal[-1:].isspace()
            or _JOINS_SPACE.search(word)
            or self._normalize(f"{text} {self._before}") != normal + self._tail
        ):
            return None
        if not (is_inner and self._space) or (
            self._spaced == "after white space" and len(rest.split()) > 1
        ):
            return 0
        return rest.count(" ") + rest.count(self._space)

    def _rows_together(self, words: dict[str, int]) -> Iterator[tuple[str, bytes]]:
        """The ids of words with so many spaces each, where it is sure which are whose.

        One text of many words saves most of the library's work around each.
        """
        names, before = list(words), self._before
        starts = range(0, len(names), _WORDS_IN_ONE)
        parts = [names[start : start + _WORDS_IN_ONE] for start in starts]
        texts = [f"{before}{''.join(part)} {before}" for part in parts]
        for part, encoding in zip(parts, self._encodings(texts), strict=True):
            tokens = encoding.tokens[self._n_before :]
            offsets = [i for i, token in enumerate(tokens) if token[:1] == self._space]
            # No word has more tokens that begin with a space than it has spaces. So all
            # have as many if their sums are the same.
            ends = np.cumsum([0, *(words[word] for word in part)])
            if len(offsets) == ends[-1] + 1:
                ids = np.array(encoding.ids[self._n_before :], np.int32)
                bags = TokenBags(ids, np.array(offsets)[ends])
                yield from zip(part, bags.rows_of_bytes(), strict=True)

    def _encodings(self, texts: list[str]) -> list[Any]:
        texts = [t if t.isascii() else without_lone_surrogates(t) for t in texts]
        if len(texts) == 1:  # for which the library's threads are not worth waking
            return [self._tokenizer.encode(texts[0], add_special_tokens=False)]
        return self._tokenizer.encode_batch(texts, add_special_tokens=False)

    def _rows_alone(self, words: Sequence[str]) -> list[bytes]:
        texts = [self._before + w if w[0] == " " else w for w in words]
        all_ids = ids_of_each(self._tokenizer, texts)
        return [
            array("i", ids[self._n_before if word[0] == " " else 0 :]).tobytes()
            for word, ids in zip(words, all_ids, strict=True)
        ]

    def _can_stand_before(self, letter: str) -> bool:
        normal = self._normalize(letter)
        again = self._normalize(f"{letter} {letter}")
        self._normal_before, self._tail = normal, again[len(normal) :]
        return (
            self._leaves_a_word(normal)
            and again == f"{normal} {normal}"
            and not (self._find_added(letter) or self._find_added(normal))
        )

    def _kept_space(self) -> str:
        """What the pre-tokenizer makes of a space before a word; empty if nothing."""
        splitter: Any = self._tokenizer.pre_tokenizer
        last, _ = splitter.pre_tokenize_str(self._normal_before + self._tail)[-1]
        kept: str = last.removesuffix(self._normal_before)
        # ASCII may begin tokens that stand for something else, such as "<0x0A>".
        return "" if kept.isascii() or len(kept) > 1 else kept

    def _is_simple_character(self, character: str) -> bool:
        """Whether words of such characters need no test."""
        before, normal = self._before, self._normal_before
        inside = self._normalize(f"{before}{character}{before}")
        rest = inside[len(normal) : len(inside) - len(normal)]
        return (
            inside == f"{normal}{rest}{normal}"
            and self._leaves_a_word(rest)
            and (not self._space or self._space not in rest)
            and self._normalize(f"{before} {character} {before}")
            == f"{normal} {rest}{self._tail}"
            and self._added_begin.isdisjoint(character + rest)
        )

    def _leaves_a_word(self, normal: str) -> bool:
        return (
            bool(normal)
            and not any(map(str.isspace, normal))
            and not any(mark in normal for mark in self._marks)
        )
