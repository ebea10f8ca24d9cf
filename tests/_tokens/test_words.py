"""Words looked up one by one give exactly the tokens that the library gives."""

import base64
import string
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from sklearn_static._tokens import known_words as _known_words
from sklearn_static._tokens import tokenizer as _tokens
from sklearn_static._tokens.bags import TokenBags
from sklearn_static._tokens.splitting import Seams
from sklearn_static._tokens.tokenizer import BagTokenizer

ODD = "\x00\x7f\x85\xa0\xad\u200b\u2028\u3000\ufeff´\u0301\u0316\u0600\u06dd\u0d4e"
ODD += "\U000110bd\ufb01…ﷺéßİΣςа中\U0001f98a\u200d▁ĠĊ\ud800\udc00"
CHUNKS = ["film", "Film", "it's", "a", "AB", "12345", "<unk>", "new", "newyork", "[m]"]
CHUNKS += ["film,", "(film)", "end.\n", "\n\nnext", "\t", "'s", "'LL", "--", "▁a", "_"]
TEXTS = st.lists(
    st.lists(
        st.one_of(
            st.sampled_from([*(" " * 12), "  ", "   ", *ODD, *CHUNKS, *CHUNKS]),
            st.sampled_from("abfilmnewyork.,'!-12"),
            st.characters(exclude_categories=()),
        ),
        max_size=14,
    ).map("".join),
    min_size=1,
    max_size=4,
)
# Rules that SentencePiece has compiled: spaces of other widths and a tab become spaces,
# "\u200b" too, soft hyphens and "\u0600" nothing, "A" and "B" small; "´" becomes a
# space with an accent, and that "´"; there are a ligature, an accent, and "…".
CHARSMAP = (
    "eNol0wuQVnMUAPDzfatpdjCmGTOaJiyRRtsnj82qWbJ5zJpoSUoqRS2bqdYjNpRvvbV51Sqll2x6"
    "borNM8ouvWbDRCjltZoyU0QeG6l+V3fmd8+5/3P+d+6dc28cExF5EbnHR6Qisk1t01HVKuJEuaXs"
    "CclaWHNxkrzu5EiObA7ZXKfSdFSXRLSW1o+PqFI/Nqkdl47stRFLC+3VNzU/HW2st7M5uUV7TuUU"
    "Tjv6CNGB0zmTMziLjkltZk50EjtzNl3I5xwynEtXzuc8CriAC+nGRRTSg+4U8eqKiEvEi7mUnvSi"
    "mMu5jCu5gpKkpygVxQWpuEp+Nb3pwzV4zSilL9fRj+vpzw3cyABuYiCDGcTNDGEYQ7mVWxjBcG6j"
    "jHJu5w5GMirpqU3HGHE0d1LB3dzFWO7hPu5lHJU8wP0YUzzIQ0ygKhkoj/Awj/EoT/A4T/Ek1Uzk"
    "aSbxLM/wPM8xhcm8QA3TmMp0XuQlZjCLmcxhNi8zl1eYx3xqWZDMiUUsZAmLqWMpr7EMo4zlvMHr"
    "rKSet3iTd3ib93iX91nFaj7gQ9bQSAMf8xHrWMsG1ie15anYKG6iiU/5hK8rU/GZ+Dmb2cIXfMWX"
    "bE16+IZt7GA73/EtP/A9zfzITn5iF79WpOJncXdSq0lFc0sq9sr3JDV+4Tf2sZ/f+ZM/+Ju/OEAL"
    "//IP/3GQwxyK/3++vKaqyGQyPslhPsGy8mioj8ZFcQTmKJuq"
)
NMT = zlib.decompress(base64.b64decode(CHARSMAP))


def spm(**options):
    return normalizers.Precompiled(NMT, **options)


# The expressions of Llama 3 and of GPT-2.
LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def metaspace(scheme="always", **options):
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, **options)


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **options})


def in_turn(*parts):
    kind = pre_tokenizers if isinstance(parts[0], pre_tokenizers.PreTokenizer) else None
    return (kind or normalizers).Sequence(list(parts))


def spaced_punctuation(*, left):
    """Punctuation apart, and spaces where they are needed, as model2vec has it."""
    return [
        *(normalizers.Replace(c, f" {c} ") for c in string.punctuation),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(left=left, right=True),
    ]


def unigram(normalizer, pre_tokenizer, added=(), **options):
    pieces = ["<unk>", *"▁abcdefghiklmnorwy12.,'!", "▁film", "▁new", "york", "fi", "s"]
    pieces += ["▁a", "ab", "▁▁", "a▁", ",", "é", "´", "_", " ", "Ġ", "中"]
    pieces += [f"<0x{i:02X}>" for i in range(256)] if options else []
    scored = [(piece, -1.0 - i / 7) for i, piece in enumerate(dict.fromkeys(pieces))]
    return made(models.Unigram(scored, 0, **options), normalizer, pre_tokenizer, added)


def bpe(normalizer, pre_tokenizer, added=(), **options):
    letters = [*dict.fromkeys([*pre_tokenizers.ByteLevel.alphabet(), *"▁ "])]
    pairs = [
        ("f", "i"),
        ("l", "m"),
        ("fi", "lm"),
        ("Ġ", "film"),
        ("Ġ", "Ġ"),
        ("▁", "a"),
    ]
    pairs += [("n", "e"), ("ne", "w"), ("Ġ", "new"), ("Ġ", "a"), ("Ċ", "Ċ"), ("'", "s")]
    pairs += [("▁", "▁"), ("a", "b"), ("1", "2"), (",", "Ġ"), ("a", "▁"), ("Ã", "©")]
    tokens = [*sorted(letters), *("".join(pair) for pair in pairs), "<unk>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    model = models.BPE(vocabulary, pairs, unk_token="<unk>", **options)
    return made(model, normalizer, pre_tokenizer, added)


def made(model, normalizer, pre_tokenizer, added):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(["<unk>"])
    tokenizer.add_tokens(list(added))
    return tokenizer


ADDED = [
    AddedToken("newyork", single_word=True),
    AddedToken("[m]", lstrip=True, rstrip=True, special=True),
    AddedToken("Film", normalized=True),
    AddedToken("--", rstrip=True, normalized=False),
]
DOUBLE = normalizers.Replace(Regex(" {2,}"), " ")
NARROW = normalizers.Replace(Regex(" {2,}"), "▁")
KNOWN = {
    "Metaspace": unigram(None, metaspace()),
    "Metaspace at the first word": unigram(None, metaspace("first")),
    "Metaspace never": unigram(normalizers.NFKC(), metaspace("never")),
    "Metaspace, another mark": unigram(None, metaspace(replacement="_")),
    "byte fallback": unigram(normalizers.NFKC(), metaspace(), byte_fallback=True),
    "T5": unigram(
        in_turn(spm(), normalizers.Strip(left=False, right=True), NARROW), metaspace()
    ),
    "XLM-R": unigram(in_turn(spm(), DOUBLE), metaspace()),
    "XLM-R, older": unigram(
        spm(), in_turn(pre_tokenizers.WhitespaceSplit(), metaspace())
    ),
    "Nmt": unigram(in_turn(normalizers.Nmt(), normalizers.NFKC(), DOUBLE), metaspace()),
    "ALBERT": unigram(
        in_turn(
            normalizers.Replace("`", "'"),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            spm(),
            DOUBLE,
        ),
        in_turn(pre_tokenizers.WhitespaceSplit(), metaspace()),
    ),
    "model2vec": unigram(in_turn(spm(), *spaced_punctuation(left=True)), metaspace()),
    "model2vec, at the first word": unigram(
        in_turn(spm(), *spaced_punctuation(left=True)), metaspace("first")
    ),
    "stripped at the end": unigram(
        in_turn(spm(), normalizers.Strip(left=False, right=True)), metaspace()
    ),
    "stripped": bpe(in_turn(spm(), normalizers.Strip()), byte_level()),
    "Metaspace, added": unigram(normalizers.Lowercase(), metaspace(), ADDED),
    "Metaspace at the first word, added": unigram(spm(), metaspace("first"), ADDED),
    "BPE of Metaspace": bpe(None, metaspace(), fuse_unk=True),
    "GPT-2": bpe(None, byte_level()),
    "RoBERTa": bpe(None, byte_level(add_prefix_space=True), ADDED),
    "ModernBERT": bpe(normalizers.NFC(), byte_level(), ADDED),
    "bytes of small letters": bpe(
        in_turn(normalizers.NFKC(), normalizers.Lowercase()), byte_level()
    ),
    "bytes, spaces of a charsmap": bpe(in_turn(spm(), DOUBLE), byte_level(), ADDED),
    "Llama 3": bpe(
        None,
        in_turn(
            pre_tokenizers.Split(Regex(LLAMA), "isolated"), byte_level(use_regex=False)
        ),
    ),
    "GPT-2, split otherwise": bpe(
        normalizers.NFC(),
        in_turn(
            pre_tokenizers.Split(Regex(GPT2), "removed", invert=True),
            byte_level(use_regex=False),
        ),
    ),
    "digits apart": bpe(
        None,
        in_turn(byte_level(), pre_tokenizers.Digits(individual_digits=True)),
    ),
    "Metaspace after words and marks": unigram(
        None, in_turn(pre_tokenizers.Whitespace(), metaspace())
    ),
    "white space": unigram(None, pre_tokenizers.WhitespaceSplit(), ADDED),
    "white space, double marks": unigram(
        normalizers.Replace("_", "▁"),
        in_turn(pre_tokenizers.WhitespaceSplit(), metaspace()),
    ),
}


def assert_same(actual, expected):
    assert_array_equal(actual.offsets, expected.offsets)
    assert_array_equal(actual.ids, expected.ids)
    assert actual.ids.dtype == np.int32


def keeping_unknown(tokenizer):
    return BagTokenizer(tokenizer, None, "sentence-transformers")


def assert_every_way_is_the_same(bag_tokenizer, texts):
    expected = bag_tokenizer._plain(texts)
    for _ in range(2):
        each = [bag_tokenizer([text]) for text in texts]
        assert_same(TokenBags.concatenated(each), expected)
        assert_same(bag_tokenizer._from_memory(texts), expected)
        many = bag_tokenizer._by_words(texts, bag_tokenizer._from_table)
        assert_same(many, expected)


@pytest.mark.parametrize("tokenizer", KNOWN.values(), ids=KNOWN)
def test_words_have_exactly_the_librarys_tokens(tokenizer):
    bag_tokenizer = keeping_unknown(tokenizer)
    assert bag_tokenizer._word_tokens is not None

    @settings(max_examples=150, deadline=None, database=None)
    @given(TEXTS)
    def check(texts):
        assert_every_way_is_the_same(bag_tokenizer, texts)

    check()


UNSURE = {
    "no pre-tokenizer": (None, None),
    "spaces made marks, as of Llama": (normalizers.Replace(" ", "▁"), None),
    "marks prepended": (normalizers.Prepend("▁"), metaspace()),
    "Metaspace that splits nothing": (None, metaspace(split=False)),
    "bytes that are not split": (None, byte_level(use_regex=False)),
    "an unknown expression": (None, pre_tokenizers.Split(Regex(r" \w+ "), "isolated")),
    "a known expression, merged": (
        None,
        pre_tokenizers.Split(Regex(GPT2), "merged_with_next"),
    ),
    "punctuation first": (None, in_turn(pre_tokenizers.Punctuation(), metaspace())),
    "the first word known to a later part": (
        None,
        in_turn(pre_tokenizers.WhitespaceSplit(), metaspace("first")),
    ),
    "an unknown replacement": (normalizers.Replace(Regex("a b"), "c"), metaspace()),
    "bytes as a normalizer": (normalizers.ByteLevel(), metaspace()),
}


@pytest.mark.parametrize("parts", UNSURE.values(), ids=UNSURE)
@pytest.mark.parametrize("make", [unigram, bpe])
def test_tokenizers_that_may_look_across_spaces_get_whole_texts(make, parts):
    bag_tokenizer = BagTokenizer(make(*parts), None)
    assert bag_tokenizer._word_tokens is None
    texts = ["new film a b", " a  b", ""]
    assert_same(bag_tokenizer(texts), bag_tokenizer._plain(texts))
    assert bag_tokenizer._memory.n_bytes == 0


@pytest.mark.parametrize("token", ["new film", "new\tfilm", "a▁b", "´a"])
def test_added_tokens_across_spaces_get_whole_texts(token):
    tokenizer = unigram(normalizers.NFKC(), metaspace(), [token])
    assert Seams.of(tokenizer) is None
    bag_tokenizer = BagTokenizer(tokenizer, None)
    (expected,) = bag_tokenizer([token]).ids
    assert expected == tokenizer.token_to_id(token)


def test_a_template_that_repeats_the_text_gets_whole_texts():
    tokenizer = unigram(None, metaspace())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A $A", pair="$A $B"
    )
    assert Seams.of(tokenizer) is None


def test_words_that_added_tokens_are_in_leave_the_text_to_the_library():
    bag_tokenizer = keeping_unknown(unigram(None, metaspace(), ["[m]"]))
    texts = ["a film [m] a", "a [mask] film", "a[m]b", "a film"]
    assert_every_way_is_the_same(bag_tokenizer, texts)
    rows = bag_tokenizer._memory.known()
    assert [word for word, row in rows.items() if row is None] == [" [m]", "a[m]b"]


def test_an_unknown_token_that_is_added_refuses_no_word():
    bag_tokenizer = keeping_unknown(unigram(None, metaspace(), ["<unk>"]))
    assert_every_way_is_the_same(bag_tokenizer, ["a ж film", "жж", "a <unk>"])
    assert bag_tokenizer._memory.known()[" ж"] is not None


@pytest.mark.parametrize("letters", ["a", "abcdefghijklmnopqrstuvwxyz"])
def test_letters_that_are_added_tokens(letters):
    bag_tokenizer = BagTokenizer(unigram(None, metaspace(), [*letters]), None)
    assert (bag_tokenizer._word_tokens is None) == (len(letters) == 26)
    texts = ["a film", "film 12", "b a", "1 2"]
    assert_same(bag_tokenizer(texts), bag_tokenizer._plain(texts))


@pytest.mark.parametrize(
    "make", [lambda: unigram(None, metaspace()), lambda: bpe(None, byte_level())]
)
def test_words_of_every_length_and_many_at_once(make):
    """Of up to 16 bytes in the table and beyond, and more than one call takes."""
    bag_tokenizer, rng = keeping_unknown(make()), np.random.default_rng(0)
    letters = [*"abcfilmnewé中\U0001f98a"]
    words = ["".join(rng.choice(letters, rng.integers(1, 30))) for _ in range(3000)]
    words += ["a" * n for n in range(40)] + ["a\0", "a", "\0", "a" * 15 + "\0"]
    texts = [" ".join(rng.choice(words, rng.integers(0, 30))) for _ in range(600)]
    assert_every_way_is_the_same(bag_tokenizer, [*texts, "", " ", "  ", *texts])


def test_known_words_are_looked_up_without_the_library():
    bag_tokenizer = BagTokenizer(unigram(None, metaspace()), None)
    texts = ["a new film, a film", "film a\x00b "] * 3
    expected = bag_tokenizer._from_table(texts)

    def fail(words):
        raise AssertionError(words)

    known = bag_tokenizer._known_words(texts, bag_tokenizer._memory, fail, fail)
    assert_same(known, expected)


def test_many_characters_go_through_the_table(monkeypatch):
    bag_tokenizer = BagTokenizer(bpe(None, byte_level()), 600)
    texts = ["a new film\n\nfilm", "b" * 20, "", "in\tnew york! "] * 6
    expected = bag_tokenizer(texts)
    assert bag_tokenizer._known_words.n_bytes == 0
    monkeypatch.setattr(_tokens, "_MANY_CHARACTERS", 200)
    assert_same(bag_tokenizer(texts), expected)
    assert bag_tokenizer._known_words.n_bytes > 0


@pytest.mark.parametrize("budget", [2_000, 50_000_000])
def test_what_is_remembered_stays_within_the_budget(monkeypatch, budget):
    monkeypatch.setattr(_tokens, "_MEMORY_BUDGET", budget)
    monkeypatch.setattr(_known_words, "_GROWTH", 0)
    bag_tokenizer, sizes = BagTokenizer(bpe(None, byte_level()), None), []
    for number in range(30):
        texts = [f"film{number} new{i % 5}" for i in range(number)]
        assert_same(bag_tokenizer._from_table(texts), bag_tokenizer._plain(texts))
        sizes.append(bag_tokenizer._memory.n_bytes + bag_tokenizer._known_words.n_bytes)
    assert max(sizes) <= budget
    assert (0 in sizes[2:]) == (budget == 2_000)


def test_a_tokenizer_that_fails_on_a_word_raises_value_errors():
    split = pre_tokenizers.Split(Regex("(a|aa)+$"), "isolated")
    tokenizer = unigram(None, in_turn(metaspace(), split))
    bag_tokenizer = BagTokenizer(tokenizer, None)
    bag_tokenizer(["b film"])
    with pytest.raises(ValueError, match="The tokenizer fails on a text: PanicExc"):
        bag_tokenizer(["b " + "a" * 300 + "b"])
    assert_same(bag_tokenizer(["b a"]), bag_tokenizer._plain(["b a"]))
