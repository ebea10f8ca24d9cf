"""Tokenizers read with their vocabularies: as the library itself reads them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tokenizers import AddedToken, Tokenizer

from sklearn_static import StaticEmbedding
from sklearn_static._tokens.library import tokenize
from sklearn_static._tokens.parsing import parsed
from sklearn_static._tokens.tokenizer import BagTokenizer


def bundled(*added):
    """The tokenizer of the bundled table, some of its tokens marked as added."""
    tokenizer = StaticEmbedding.from_pretrained("default").tokenizer
    tokenizer.add_special_tokens(list(added))
    return tokenizer.to_str()


BUNDLED = bundled("[UNK]")
SOURCE = BagTokenizer(parsed(BUNDLED), 512)
LIBRARY = BagTokenizer(Tokenizer.from_str(BUNDLED), 512)


def assert_as_the_library_parses(content, texts):
    theirs = Tokenizer.from_str(content)
    source = parsed(content)
    ours = source.whole
    assert source.vocabulary == ours.get_vocab() == theirs.get_vocab()
    assert ours.to_str() == theirs.to_str()
    tokens = theirs.get_added_tokens_decoder()
    texts = [*texts, *(f"a{t.content} {t.content}b" for t in tokens.values())]
    for special in (False, True):
        for text in texts:
            actual = ours.encode(text, add_special_tokens=special)
            expected = theirs.encode(text, add_special_tokens=special)
            assert actual.ids == expected.ids
            assert actual.tokens == expected.tokens


def with_known_special(tokenizer):
    tokenizer.add_special_tokens(["the", AddedToken("fox", single_word=True)])


def with_known_word(tokenizer):
    tokenizer.add_tokens([AddedToken("quick", lstrip=True, normalized=True)])


def with_new_word(tokenizer):
    tokenizer.add_tokens(["brand new"])


def with_other_settings(tokenizer):
    tokenizer.model.max_input_chars_per_word = 4
    tokenizer.model.unk_token = "fox"


def with_truncation(tokenizer):
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding()


EDITS = (
    *(with_known_special, with_known_word, with_new_word),
    *(with_other_settings, with_truncation),
)


def test_every_kind_of_tokenizer_is_parsed_as_by_the_library(tokenizer, odd_texts):
    assert_as_the_library_parses(tokenizer.to_str(), odd_texts)


@pytest.mark.parametrize("edit", EDITS)
def test_word_pieces_are_parsed_as_by_the_library(word_piece, odd_texts, edit):
    edit(word_piece)
    assert_as_the_library_parses(word_piece.to_str(), odd_texts)


def test_the_bundled_tokenizer_is_parsed_as_by_the_library(odd_texts):
    for added in ((), ("[UNK]",)):
        assert_as_the_library_parses(bundled(*added), odd_texts)


FEW = "Good films, a Café in 日本 жжж [ok] ½ \ud800"


@pytest.mark.parametrize(
    ("text", "is_needed"),
    [
        ("Good films.", False),
        (FEW[:-1], False),
        ("x" * 40, False),
        ("[UNK]", True),
        (FEW, True),
        (" ".join(f"é{i}" for i in range(100)), False),
        (" ".join(f"é{i}" for i in range(600)), True),
    ],
    ids=["ASCII", "odd", "long", "added", "no text", "some odd", "many odd"],
)
def test_the_library_gets_the_vocabulary_once_it_is_needed(text, is_needed):
    source, theirs = parsed(BUNDLED), Tokenizer.from_str(BUNDLED)
    actual, expected = BagTokenizer(source, 512), BagTokenizer(theirs, 512)
    assert_array_equal(actual([text]).ids, expected([text]).ids)
    assert ("whole" in vars(source)) == is_needed
    if text != FEW:
        assert actual.pieces(text).tokens == expected.pieces(text).tokens
        assert "whole" in vars(source)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("abé-[UNK] 日\x00", max_size=30), max_size=5))
def test_bags_are_those_of_the_library(texts):
    """Those of rules and a vocabulary, and those of a tokenizer that is given whole."""
    actual, expected = SOURCE(texts), tokenize(LIBRARY.tokenizer, texts)
    known = expected.where(expected.ids != LIBRARY.unknown_id)
    assert_array_equal(actual.ids, known.ids)
    assert_array_equal(actual.offsets, known.offsets)


def without_type(spec):
    del spec["model"]["type"]


def with_more(spec):
    spec["model"]["more"] = 1


def with_moved_token(spec):
    spec["added_tokens"] = [
        {**token, "id": token["id"] + 1} for token in spec["added_tokens"]
    ]


@pytest.mark.parametrize("edit", [without_type, with_more, with_moved_token])
def test_what_is_not_as_usual_is_left_to_the_library(word_piece, odd_texts, edit):
    spec = json.loads(word_piece.to_str())
    edit(spec)
    assert_as_the_library_parses(json.dumps(spec), odd_texts)


@pytest.mark.parametrize("token_id", [-1, 2**32, 1.0, "1", None, True, [1]])
def test_ids_that_the_library_refuses_are_refused(word_piece, token_id):
    spec = json.loads(word_piece.to_str())
    spec["model"]["vocab"]["fox"] = token_id
    content = json.dumps(spec)
    for parse in (Tokenizer.from_str, parsed):
        with pytest.raises(Exception, match=r"."):
            parse(content)


def test_tokens_that_are_no_text_are_refused(word_piece):
    spec = json.loads(word_piece.to_str())
    spec["model"]["vocab"]["\ud800"] = len(spec["model"]["vocab"])
    content = json.dumps(spec)
    assert "\\ud800" in content
    for parse in (Tokenizer.from_str, parsed):
        with pytest.raises(Exception, match=r"."):
            parse(content)
