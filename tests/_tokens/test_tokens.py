"""The tokenizer policy, and that the memory of chunks does not change its result."""

from concurrent.futures import ThreadPoolExecutor

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

from sklearn_static._tokens.bags import TokenBags
from sklearn_static._tokens.library import tokenize, unknown_token_id
from sklearn_static._tokens.splitting import splits_at_spaces
from sklearn_static._tokens.tokenizer import BagTokenizer, check_max_length

SPACES = " \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2009\u2028\u3000"
ODD = "\x00\x7f\xad\u200b\ufeff\ufffd´\u0301\u0316\u0323\u1161ᄒ가中文éÉßİΣςﬁﷺ😀"
SURROGATES = "\ud800\udc00"


def texts(max_size=30):
    """Texts dense in what may go wrong: spaces, odd characters, added tokens."""
    pieces = st.one_of(
        st.sampled_from([*(" " * 8), *SPACES, *ODD, *SURROGATES, *"abnewyork.,'#_1"]),
        st.sampled_from(["new", "york", "fox", "[MASK]", "[UNK]", "##a", "<m>"]),
        st.characters(exclude_categories=()),
    )
    return st.lists(pieces, max_size=max_size).map("".join)


def assert_same_bags(actual, expected):
    assert_array_equal(actual.offsets, expected.offsets)
    assert_array_equal(actual.ids, expected.ids)


def characters_tokenizer(model=models.WordLevel, **options):
    """One that knows every character here, so that none goes unnoticed as unknown."""
    characters = dict.fromkeys([*SPACES, *ODD, *"abcdefghijklmnopqrstuvwxyz.,'"])
    words = ["[UNK]", *characters, "new", "york", *(f"##{c}" for c in characters)]
    vocabulary = {word: i for i, word in enumerate(words)}
    return Tokenizer(model(vocabulary, unk_token="[UNK]", **options))


# Whether the tokens of a text are those of its chunks


def with_parts(normalizer=None, pre_tokenizer=None, added=()):
    tokenizer = characters_tokenizer(models.WordPiece, max_input_chars_per_word=6)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_tokens(list(added))
    return tokenizer


BERT = pre_tokenizers.BertPreTokenizer()
ACCEPTED = {
    "BERT": (normalizers.BertNormalizer(), BERT),
    "BERT, cased": (normalizers.BertNormalizer(lowercase=False), BERT),
    "BERT, accents kept": (normalizers.BertNormalizer(strip_accents=False), BERT),
    "BERT, nothing cleaned": (normalizers.BertNormalizer(clean_text=False), BERT),
    "no normalizer": (None, pre_tokenizers.Whitespace()),
    "NFC": (normalizers.NFC(), pre_tokenizers.WhitespaceSplit()),
    "NFD, accents stripped": (
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
        pre_tokenizers.Whitespace(),
    ),
    "NFKC, lower case": (
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
        pre_tokenizers.Whitespace(),
    ),
    "NFKD": (normalizers.NFKD(), BERT),
    "two splitters": (
        normalizers.NFC(),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), BERT]),
    ),
    "added tokens": (
        normalizers.BertNormalizer(),
        BERT,
        [
            AddedToken("newyork", single_word=True),
            AddedToken("[MASK]", lstrip=True, rstrip=True, special=True),
            AddedToken("<m>", lstrip=True, normalized=False),
            AddedToken(".'", rstrip=True, normalized=True),
        ],
    ),
}


def assert_every_way_is_the_same(bag_tokenizer, batch):
    expected = bag_tokenizer._plain(batch)
    assert_same_bags(bag_tokenizer._from_memory(batch), expected)
    if bag_tokenizer._bert is not None:
        actual = bag_tokenizer._word_piece(batch, bag_tokenizer._from_memory)
        assert_same_bags(actual, expected)
        return
    for _ in range(2):
        actual = bag_tokenizer._by_words(batch, bag_tokenizer._from_table)
        assert_same_bags(actual, expected)


@pytest.mark.parametrize("parts", ACCEPTED.values(), ids=ACCEPTED)
def test_every_way_gives_exactly_what_the_plain_path_gives(parts):
    tokenizer = with_parts(*parts)
    assert splits_at_spaces(tokenizer)
    bag_tokenizer = BagTokenizer(tokenizer, None)

    @settings(max_examples=60, deadline=None, database=None)
    @given(st.lists(texts(), min_size=1, max_size=4))
    def check(batch):
        assert_every_way_is_the_same(bag_tokenizer, batch)

    check()


def test_every_way_gives_exactly_what_each_trained_tokenizer_gives(
    tokenizer, odd_texts
):
    if not splits_at_spaces(tokenizer):
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    bag_tokenizer = BagTokenizer(tokenizer, None)
    for _ in range(2):
        assert_every_way_is_the_same(bag_tokenizer, odd_texts)


NORMALIZERS = [
    normalizers.BertNormalizer(),
    normalizers.BertNormalizer(clean_text=False, strip_accents=False),
    normalizers.NFKC(),
    normalizers.NFD(),
]


ADDED = st.builds(
    AddedToken,
    # Without what normalisers remove: the library panics where nothing is left.
    st.text("abnewyork[]<>.,'´éß中 \t\xa0", min_size=1, max_size=4),
    **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), st.booleans()),
)


@settings(max_examples=150, deadline=None, database=None)
@given(st.sampled_from(NORMALIZERS), st.lists(ADDED, min_size=1, max_size=3), st.data())
def test_every_way_is_exact_or_not_used_whatever_tokens_are_added(
    normalizer, added, data
):
    tokenizer = with_parts(normalizer, BERT, added)
    if splits_at_spaces(tokenizer):
        contents = [token.content for token in added]
        contents += [normalizer.normalize_str(content) for content in contents]
        pieces = st.lists(st.one_of(texts(3), st.sampled_from([*contents, " "])))
        batch = ["".join(data.draw(pieces)) for _ in range(3)]
        assert_every_way_is_the_same(BagTokenizer(tokenizer, None), batch)


REFUSED = {
    "no pre-tokenizer": (None, None),
    "bytes": (None, pre_tokenizers.ByteLevel()),
    "Metaspace": (None, pre_tokenizers.Metaspace()),
    "punctuation only": (None, pre_tokenizers.Punctuation()),
    "not split at spaces first": (
        None,
        pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), BERT]),
    ),
    "spaces replaced": (normalizers.Replace(" ", "_"), BERT),
    "spaces stripped": (normalizers.Strip(), BERT),
    "text prepended": (normalizers.Prepend("▁"), BERT),
    "added token with a space": (None, BERT, ["new york"]),
    "added token with a tab": (None, BERT, ["new\tyork"]),
    "added token that normalises to one with a space": (
        normalizers.NFKC(),
        BERT,
        ["´a"],
    ),
}


@pytest.mark.parametrize("parts", REFUSED.values(), ids=REFUSED)
def test_memory_is_not_used_where_texts_are_not_split_at_spaces(parts):
    assert not splits_at_spaces(with_parts(*parts))


@pytest.mark.parametrize("added", ["\x00", "\xad", "\u0301"])
def test_memory_is_not_used_where_an_added_token_normalises_to_nothing(added):
    assert splits_at_spaces(with_parts(None, BERT, [added]))
    assert not splits_at_spaces(with_parts(normalizers.BertNormalizer(), BERT, [added]))


TEMPLATES = {
    "$A": True,
    "[UNK] $A a": True,
    "$A $A": False,
    "[UNK]": False,
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_memory_is_not_used_where_the_template_repeats_or_drops_the_text(template):
    tokenizer = with_parts(None, BERT)
    known = [("[UNK]", 0), ("a", tokenizer.token_to_id("a"))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, pair="$A $B", special_tokens=known
    )
    assert splits_at_spaces(tokenizer) == TEMPLATES[template]
    bag_tokenizer = BagTokenizer(tokenizer, None)
    texts = ["new york a b", "c", ""]
    assert_same_bags(bag_tokenizer(texts), bag_tokenizer._plain(texts))


def test_memory_is_not_used_where_merges_are_dropped_at_random():
    tokenizer = Tokenizer(models.BPE({"a": 0}, [], dropout=0.5))
    tokenizer.pre_tokenizer = BERT
    assert not splits_at_spaces(tokenizer)


@pytest.mark.parametrize(
    ("normalizer", "added", "text"),
    [
        (normalizers.BertNormalizer(), "new\tyork", "a new york b"),
        (normalizers.BertNormalizer(), "new\xa0york", "a new york b"),
        (normalizers.NFKC(), "new\u3000york", "a new york b"),
        (normalizers.NFKC(), "´a", "b \u0301a"),
    ],
)
def test_added_tokens_are_found_across_a_space_they_normalise_to(
    normalizer, added, text
):
    tokenizer = with_parts(normalizer, BERT, [added])
    assert tokenizer.token_to_id(added) in BagTokenizer(tokenizer, None)([text]).ids


def test_plain_tokenizers_give_the_tokens_of_single_calls(tokenizer, odd_texts):
    bags = BagTokenizer(tokenizer, None)(odd_texts)
    unknown = unknown_token_id(tokenizer)
    for i, text in enumerate(odd_texts):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        expected = [token for token in ids if token != unknown]
        assert bags.ids[bags.offsets[i] : bags.offsets[i + 1]].tolist() == expected


LARGE = {
    "a word of a million letters": "a" * 1_000_000,
    "a word of a million kinds of characters": "aé中\U0001f98a\u0301" * 200_000,
    "a million NULs": "\x00" * 1_000_000,
    "a million lone surrogates": "\ud800" * 1_000_000,
    "a million spaces": " " * 1_000_000,
    "ten thousand words": " ".join(f"{i:x}new{i % 7}" for i in range(10_000)),
    "a word of every plane": "".join(chr(65 + 4096 * i) for i in range(272)),
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_every_way_is_exact_for_large_texts(text):
    bag_tokenizer = BagTokenizer(with_parts(normalizers.BertNormalizer(), BERT), None)
    texts = [text, f"new {text} york", text[:999]]
    for _ in range(2):
        assert_every_way_is_the_same(bag_tokenizer, texts)


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_large_texts_have_the_tokens_of_their_beginning(tokenizer, text):
    bag_tokenizer = BagTokenizer(tokenizer, 5)
    beginning = text[: bag_tokenizer._max_chars]
    assert_same_bags(bag_tokenizer([text, "a"]), bag_tokenizer([beginning, "a"]))


# Tokenizers that fail


@pytest.mark.parametrize(
    "model",
    [
        models.WordLevel({"a": 0}, unk_token="[UNK]"),
        models.WordPiece({"a": 0}, unk_token="[UNK]"),
        models.BPE({"a": 0}, [], unk_token="[UNK]"),
        models.Unigram([("a", -1.0)]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_tokenizer_without_a_token_for_the_unknown_is_refused(model):
    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens(["[UNK]"])
    with pytest.raises(ValueError, match="fails on ordinary text"):
        BagTokenizer(tokenizer, None)


def test_a_panic_of_the_library_is_a_value_error():
    tokenizer = words_tokenizer("a")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(a|aa)+$"), "isolated")
    bag_tokenizer = BagTokenizer(tokenizer, None)
    assert_array_equal(bag_tokenizer(["a"]).ids, [1])
    with pytest.raises(ValueError, match="The tokenizer fails on a text: PanicExc"):
        bag_tokenizer(["a" * 300 + "b"])
    assert_array_equal(bag_tokenizer(["a"]).ids, [1])


def test_merges_are_not_omitted_at_random():
    tokenizer = Tokenizer(models.BPE({"a": 0, "aa": 1}, [("a", "a")], dropout=0.5))
    assert_array_equal(BagTokenizer(tokenizer, None)(["a" * 100]).ids, [1] * 50)


# Invariance


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(texts(), min_size=2, max_size=6), st.data())
def test_bags_do_not_depend_on_the_texts_beside_them(batch, data):
    tokenizer = with_parts(normalizers.BertNormalizer(), BERT)
    order = data.draw(st.lists(st.integers(0, len(batch) - 1), min_size=1))
    together = BagTokenizer(tokenizer, None)(batch)
    rows = np.split(together.ids, together.offsets[1:-1])
    again = BagTokenizer(tokenizer, None)([batch[i] for i in order])
    assert_array_equal(again.ids, np.concatenate([rows[i] for i in order]))
    assert_array_equal(again.lengths, together.lengths[order])


def test_a_tokenizer_that_looks_across_spaces_takes_many_texts(odd_texts):
    tokenizer = with_parts(normalizers.BertNormalizer(), pre_tokenizers.Punctuation())
    bag_tokenizer, n_times = BagTokenizer(tokenizer, 4), 300
    expected = bag_tokenizer(odd_texts)
    actual = bag_tokenizer(odd_texts * n_times)
    assert_array_equal(actual.ids, np.tile(expected.ids, n_times))
    assert_array_equal(actual.lengths, np.tile(expected.lengths, n_times))


def test_memory_stays_exact_as_it_grows():
    bag_tokenizer = BagTokenizer(with_parts(None, BERT), None)
    letters = "abcdefghij"
    batches = [[f"{a}{b}{c} {a}" for b in letters for c in letters] for a in letters]
    batches += [[f"{a}{a}{b}" for b in letters] for a in "abcdefghijklmnop"]
    for batch in batches * 2:
        assert_same_bags(bag_tokenizer._from_memory(batch), bag_tokenizer._plain(batch))
    assert len(bag_tokenizer._memory._rows) > 1024


def test_large_batches_of_a_word_piece_tokenizer_are_tokenized_like_small_ones():
    bag_tokenizer = BagTokenizer(with_parts(normalizers.BertNormalizer(), BERT), 600)
    batch, n_times = ["the new york café", "b" * 20, "", "in\tnew\n\nyork! "], 4000
    expected = bag_tokenizer(batch)
    actual = BagTokenizer(bag_tokenizer.tokenizer, 600)(batch * n_times)
    assert_array_equal(actual.ids, np.tile(expected.ids, n_times))
    assert_array_equal(actual.lengths, np.tile(expected.lengths, n_times))


def test_memory_keeps_what_it_has_met(plain_texts):
    bag_tokenizer = BagTokenizer(with_parts(None, BERT), None)
    bag_tokenizer(plain_texts)
    n_bytes = bag_tokenizer._memory.n_bytes
    bag_tokenizer(plain_texts[::-1])
    assert bag_tokenizer._memory.n_bytes == n_bytes > 0


@pytest.mark.parametrize("n_letters", [1, 250_000])
def test_threads_share_a_memory(n_letters):
    """Also where words are so long that it is full in between, and replaced."""
    bag_tokenizer = BagTokenizer(with_parts(None, BERT), None)
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice([*"abcdefgh"], 3)) for _ in range(400)]
    batches = [
        [
            *(" ".join(rng.choice(words, 40)) for _ in range(20)),
            f"{i}" + "\U00020000" * n_letters,
        ]
        for i in range(70)
    ]
    # But for the long word, for which the library takes long.
    expected = [bag_tokenizer._plain(batch[:-1]) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for actual, plain in zip(
            pool.map(bag_tokenizer._from_memory, batches), expected, strict=True
        ):
            assert_array_equal(actual.lengths[:-1], plain.lengths)
            assert_array_equal(actual.ids[: len(plain.ids)], plain.ids)


# The policy


def words_tokenizer(*words):
    words = ["[UNK]", *words]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def test_no_texts_have_no_bags(tokenizer):
    bags = BagTokenizer(tokenizer, 512)([])
    assert bags.ids.shape == (0,)
    assert_array_equal(bags.offsets, [0])


def test_unknown_tokens_are_dropped():
    bags = BagTokenizer(words_tokenizer("a", "b"), None)(["a x b", "x y", "b"])
    assert_array_equal(bags.ids, [1, 2, 2])
    assert_array_equal(bags.lengths, [2, 0, 1])


def test_unknown_tokens_count_towards_max_length():
    bags = BagTokenizer(words_tokenizer("a"), 3)(["a x a a", "x x x a"])
    assert_array_equal(bags.lengths, [2, 0])


def test_texts_are_cut_by_characters_first():
    tokenizer = words_tokenizer("aaa", "bbb", "ccc")
    bags = BagTokenizer(tokenizer, 3)(["aaa bbb ccc", "aaa bb ccc"])
    # Three tokens times the median length of three are nine characters.
    assert_array_equal(bags.ids, [1, 2, 1])


def test_special_tokens_padding_and_truncation_are_not_applied():
    tokenizer = words_tokenizer("a", "[CLS]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 2)]
    )
    tokenizer.enable_padding(pad_id=1, length=9)
    tokenizer.enable_truncation(1)
    assert_array_equal(BagTokenizer(tokenizer, None)(["a,a", "a"]).lengths, [2, 1])


def test_lone_surrogates_count_as_replacement_characters():
    tokenizer = words_tokenizer("a", "\ufffd")
    bags = tokenize(tokenizer, ["a \ud800", "\udfff a", "a"])
    assert_array_equal(bags.ids, [1, 2, 2, 1, 1])
    assert_array_equal(bags.lengths, [2, 2, 1])


def test_every_kind_of_tokenizer_names_its_unknown_token(tokenizer):
    if isinstance(tokenizer.model, models.BPE) and tokenizer.model.unk_token is None:
        assert unknown_token_id(tokenizer) is None
    else:
        unknown = unknown_token_id(tokenizer)
        assert tokenizer.id_to_token(unknown) in ("[UNK]", "<unk>")


def test_a_table_needs_a_row_for_the_greatest_id():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 7}, unk_token="[UNK]"))
    assert BagTokenizer(tokenizer, None).n_tokens == 8


def test_a_table_needs_a_row_for_each_token_of_the_same_id():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 0}, unk_token="a"))
    assert BagTokenizer(tokenizer, None).n_tokens == 2


@pytest.mark.parametrize("max_length", [None, 1, 512, np.int64(3)])
def test_whole_max_lengths_are_taken(max_length):
    check_max_length(max_length)


@pytest.mark.parametrize(
    ("max_length", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1.0, TypeError),
        ("512", TypeError),
        (True, TypeError),
    ],
)
def test_other_max_lengths_are_refused(max_length, error):
    with pytest.raises(error, match=f"max_length is {max_length!r}.* or None"):
        check_max_length(max_length)


# TokenBags

BAGS = TokenBags(np.arange(6, dtype=np.int32), np.array([0, 3, 3, 4, 6]))


def test_lengths_count_the_tokens_of_each_text():
    assert_array_equal(BAGS.lengths, [3, 0, 1, 2])
    assert_same_bags(TokenBags.from_lengths(BAGS.ids, BAGS.lengths), BAGS)


def test_where_keeps_tokens_with_their_texts():
    kept = BAGS.where(BAGS.ids % 2 == 1)
    assert_array_equal(kept.ids, [1, 3, 5])
    assert_array_equal(kept.offsets, [0, 1, 1, 2, 3])


@pytest.mark.parametrize(
    ("max_length", "ids"), [(1, [0, 3, 4]), (2, [0, 1, 3, 4, 5]), (3, range(6))]
)
def test_truncate_keeps_the_first_tokens_of_each_text(max_length, ids):
    cut = BAGS.truncate(max_length)
    assert_array_equal(cut.ids, ids)
    assert_array_equal(cut.lengths, np.minimum(BAGS.lengths, max_length))
