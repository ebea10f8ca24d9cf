"""The short way through WordPiece gives what the library gives, or nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from sklearn_static._tokens import tokenize
from sklearn_static._word_piece import AsciiWordPiece

PIECES = ["a", "b", "ab", "abc", "A", "Ab", "1", "12", "-", "!", "[", "]", "x", "[c]"]
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
]
CHARACTERS = st.one_of(
    st.sampled_from("abcABCx12-![]_#"),
    st.characters(min_codepoint=33, max_codepoint=126),
    st.sampled_from("\u00e9\x00\x7f\u4e2d"),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TOKENIZERS), st.text(CHARACTERS, max_size=12))
def test_it_gives_the_librarys_tokens_or_leaves_the_chunk_to_it(tokenizer, chunk):
    ids = AsciiWordPiece(tokenizer)(chunk)
    assert ids is None or ids == tokenize(tokenizer, [chunk]).ids.tolist()


def test_printable_ascii_is_not_left_to_the_library():
    assert AsciiWordPiece(make())("Abc-12!x") is not None


@pytest.mark.parametrize("chunk", ["caf\u00e9", "a\x00b", "a[mask"])
def test_what_may_be_more_than_plain_words_is_left_to_the_library(chunk):
    tokenizer = make(added=[AddedToken("[MASK]", special=True)])
    assert AsciiWordPiece(tokenizer)(chunk) is None


def test_it_applies_to_berts_tokenizer_only():
    assert AsciiWordPiece.applies_to(make())
    for change in (
        {"normalizer": normalizers.Lowercase()},
        {"pre_tokenizer": pre_tokenizers.Whitespace()},
        {"model": models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")},
        {"model": models.WordPiece({"a": 0}, unk_token="[UNK]")},
    ):
        tokenizer = make()
        for name, part in change.items():
            setattr(tokenizer, name, part)
        assert not AsciiWordPiece.applies_to(tokenizer)
