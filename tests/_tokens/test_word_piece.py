"""WordPiece as array arithmetic gives what the library gives."""

from functools import partial
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from sklearn_static._tokens import hash_table as _packed_words
from sklearn_static._tokens import library as _library
from sklearn_static._tokens.bert import Bert, ChunkPieces
from sklearn_static._tokens.library import tokenize
from sklearn_static._tokens.word_piece import AsciiWordPiece

PIECES = [
    "a",
    "b",
    "ab",
    "abc",
    "A",
    "Ab",
    "1",
    "12",
    "-",
    "!",
    "[",
    "]",
    "x",
    "[c]",
    "a\0b",
]
LATER = ["a", "b", "bc", "c", "1", "x", "ab"]


def make(*, lowercase=True, prefix="##", max_chars=100, added=()):
    vocabulary = ["[UNK]", *PIECES, *(prefix + piece for piece in LATER)]
    model = models.WordPiece(
        {token: i for i, token in enumerate(dict.fromkeys(vocabulary))},
        unk_token="[UNK]",
        continuing_subword_prefix=prefix,
        max_input_chars_per_word=max_chars,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_tokens(list(added))
    return tokenizer


TOKENIZERS = [
    make(),
    make(lowercase=False),
    make(max_chars=3),
    make(prefix="_"),
    make(added=[AddedToken("[UNK]", special=True), AddedToken("[MASK]")]),
    make(added=[AddedToken("Abc", normalized=False), AddedToken("-!")]),
    make(added=[AddedToken("\u00e1b"), AddedToken("B1", single_word=True)]),
    make(added=["##12", "##abc", "#"]),
    make(prefix=""),
    make(prefix="\u00e9\u4e2d"),
    make(prefix="-" * 20),
]
CHARACTERS = st.one_of(
    st.sampled_from("abcABCx12-![]_# \t\n\r"),
    st.characters(min_codepoint=33, max_codepoint=126),
    st.sampled_from("\u00e9\x00\x0b\x1f\x7f\x85\xa0\u2028\u4e2d\ud800\U0001f98a"),
)
TEXTS = st.lists(
    st.one_of(
        st.text(CHARACTERS, max_size=12),
        st.text("ab", max_size=40),
        st.lists(st.sampled_from(PIECES), max_size=9).map("".join),
    ),
    max_size=5,
)


def bert(tokenizer):
    return Bert.of(tokenizer, tokenizer.get_vocab())


def assert_same(tokenizer, texts):
    library, word_piece = partial(tokenize, tokenizer), AsciiWordPiece(bert(tokenizer))
    actual, expected = word_piece(texts, library), library(texts)
    ids_of_each = partial(_library.ids_of_each, tokenizer)
    assert ChunkPieces(bert(tokenizer))(texts, ids_of_each) == ids_of_each(texts)
    assert_array_equal(actual.ids, expected.ids)
    assert_array_equal(actual.offsets, expected.offsets)
    assert actual.ids.dtype == np.int32


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(TOKENIZERS), TEXTS)
def test_it_gives_the_librarys_tokens(tokenizer, texts):
    assert_same(tokenizer, texts)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(TOKENIZERS), TEXTS)
def test_words_whose_hashes_are_the_same_are_told_apart(tokenizer, texts):
    zeros = np.zeros(2, np.uint64)
    with mock.patch.multiple(
        _packed_words, _FACTORS=zeros, _drawn_factors=lambda: zeros
    ):
        assert_same(tokenizer, [*texts, "abx abcx bab abab cab cabcx"])


@pytest.mark.parametrize("n_letters", [*range(1, 19), 40, 101])
def test_words_of_any_length(n_letters):
    word = ("abcx12" * 20)[:n_letters]
    for max_chars in (3, 15, 16, 17, 100):
        tokenizer = make(max_chars=max_chars, added=[word[:2] + "-"])
        tokenizer.add_tokens(["unused"])
        assert_same(tokenizer, [word, f"{word} {word}!{word}", word.upper() + "q"])


def test_added_tokens_may_begin_with_every_character():
    tokenizer = make(added=[AddedToken(f"{chr(i)}{chr(i)}q") for i in range(33, 127)])
    assert bert(tokenizer).plain_characters() == ""
    assert_same(tokenizer, ["", "ab abc! aaq x-y", "caf\u00e9 --q", "x" * 30])


def test_added_tokens_are_found_where_normalizing_changes_what_follows():
    """A mark of a lower class goes before the one that the token ends with."""
    tokenizer = make(added=[AddedToken("a\U0001d16d", normalized=False)])
    assert_same(
        tokenizer, ["a\U0001d16d\U0001d165", "a\U0001d165\U0001d16d", "a\U0001d16d"]
    )


@pytest.mark.parametrize("n_letters", [1, 6, 20])
def test_the_longest_token_is_found(n_letters):
    tokenizer, word = make(), "a" * n_letters
    vocabulary = {"[UNK]": 0, word: 1, "##b": 2}
    tokenizer.model = models.WordPiece(vocabulary, unk_token="[UNK]")
    assert_same(tokenizer, [word, f"{word}b", f"{word}a", f"{word}\u00e9"])


def test_tokens_as_long_as_two_integers_hold_and_longer():
    long = ["a" * n for n in (7, 8, 9, 15, 16, 17)]
    vocabulary = ["[UNK]", *long, *("##" + token for token in long)]
    model = models.WordPiece(
        {token: i for i, token in enumerate(vocabulary)}, unk_token="[UNK]"
    )
    tokenizer = make()
    tokenizer.model = model
    assert_same(tokenizer, ["a" * n for n in range(60)])


@pytest.mark.parametrize("n_letters", [30, 700_000, 1_500_000])
def test_long_texts_and_many_are_tokenized_like_short_ones(n_letters):
    """Though a call takes them some at a time."""
    tokenizer = make(added=["[UNK]"])
    texts = ["Ab abc1!", "", "caf\u00e9 ab", "ab " * (n_letters // 3), "[UNK] ab", " "]
    arrays, library = AsciiWordPiece(bert(tokenizer)), partial(tokenize, tokenizer)
    expected, n_times = library(texts), max(2, 1_000_000 // n_letters)
    actual = arrays(texts * n_times, library)
    assert_array_equal(actual.ids, np.tile(expected.ids, n_times))
    assert_array_equal(actual.lengths, np.tile(expected.lengths, n_times))


def left_to_others(tokenizer, texts):
    """What arrays do not deal with."""
    left = []

    def others(chunks):
        left.extend(chunks)
        return tokenize(tokenizer, chunks)

    AsciiWordPiece(bert(tokenizer))(texts, others)
    return left


def left_of_few(tokenizer, chunks):
    """What is not dealt with chunk by chunk."""
    left = []

    def others(chunks):
        left.extend(chunks)
        return _library.ids_of_each(tokenizer, chunks)

    ChunkPieces(bert(tokenizer))(chunks, others)
    return left


def test_printable_ascii_is_left_to_nobody():
    text = " ".join(map(chr, range(33, 127))) + "\t\r\nAbc-12!x"
    assert not left_to_others(make(), [text, "a b"])


@pytest.mark.parametrize("chunk", ["caf\u00e9!", "a\x00b", "a[mask", "x" * 17])
def test_only_chunks_that_may_be_more_than_plain_words_are_left_to_others(chunk):
    tokenizer = make(added=[AddedToken("[MASK]", special=True)])
    texts = ["ab " * 9 + chunk, f"{chunk}\tb a", f"a-b\n{chunk}"]
    assert left_to_others(tokenizer, texts) == [chunk] * 3
    assert not left_of_few(tokenizer, [*" ".join(texts).split(), chunk])


@pytest.mark.parametrize("chunk", ["a[MASK]", "\u00e9B\u20ac-", "\ud800"])
def test_of_few_only_what_may_be_added_or_no_text_is_left_to_others(chunk):
    added = [AddedToken("[MASK]", special=True), AddedToken("b\u20ac")]
    tokenizer = make(added=added)
    dealt_with = ["\u00e9b", "caf\u00e9!", "[mask", "\u4e2d", "[UNK]", "x" * 200]
    assert left_of_few(tokenizer, [*dealt_with, chunk, "ab"]) == [chunk]


def test_foreign_texts_are_left_to_others_whole():
    texts = ["\u043b\u0438\u0441\u0430 ab", "ab \u4e2d"]
    assert left_to_others(make(), texts) == texts


def test_it_applies_to_berts_tokenizer_only():
    assert bert(make()) is not None
    for change in (
        {"normalizer": normalizers.Lowercase()},
        {"pre_tokenizer": pre_tokenizers.Whitespace()},
        {"model": models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")},
        {"model": models.WordPiece({"a": 0}, unk_token="[UNK]")},
    ):
        tokenizer = make()
        for name, part in change.items():
            setattr(tokenizer, name, part)
        assert bert(tokenizer) is None
