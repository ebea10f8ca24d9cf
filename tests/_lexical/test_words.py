"""Words out of tokens, the ones a model knows, and what they weigh."""

import copy
import pickle
from collections import Counter
from itertools import chain, pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import datasets
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from tokenizers import Tokenizer, models
from toys import toy_embedding, toy_texts

from sklearn_static import StaticEmbedding, StaticLinearClassifier, StaticPipeline
from sklearn_static._lexical.vocabulary import Vocabulary, fit_vocabulary
from sklearn_static._lexical.weights import WordWeights, idf_of, tfidf
from sklearn_static._lexical.words import WordFinder, Words
from sklearn_static._tokens import hash_table as _packed_words
from sklearn_static._tokens.bags import TokenBags
from sklearn_static._tokens.hash_table import Numbers, WordTable
from sklearn_static.transformer import StaticEmbeddingTransformer, features_of

# Words in bags of tokens


class ToyTokens:
    """Some tokens with what finds words among them, and plain code that does so."""

    def __init__(self, make_model, tokens, *, prefix="", mark=""):
        self.tokens, self.prefix, self.mark = tokens, prefix, mark
        vocabulary = {token: i for i, token in enumerate(tokens)}
        tokenizer = Tokenizer(make_model(vocabulary))
        self.finder = WordFinder(tokenizer, vocabulary, len(tokens))

    def bags(self, texts):
        return TokenBags.from_rows([list(map(self.tokens.index, t)) for t in texts])

    def words(self, tokens):
        """The words of a text, each a tuple of its tokens."""
        words, is_open = [], False
        for token in tokens:
            letters = token.removeprefix(self.prefix or self.mark)
            continues = bool(self.prefix or self.mark) and (
                token.startswith(self.prefix) if self.prefix else token == letters
            )
            if not any(map(str.isalnum, letters)):
                is_open = False
                continue
            if continues and is_open:
                words[-1] += (token,)
            else:
                words.append((token,))
            is_open = True
        return [word for word in words if not self._is_letter(word)]

    def _is_letter(self, word):
        letters = word[0].removeprefix(self.prefix or self.mark)
        return len(word) == len(letters) == 1 and letters.isascii()


def word_piece(prefix):
    return lambda vocabulary: models.WordPiece(
        vocabulary, unk_token="[UNK]", continuing_subword_prefix=prefix
    )


def unigram(vocabulary):
    return models.Unigram([(token, -1.0) for token in vocabulary], unk_id=0)


def bpe(vocabulary):
    return models.BPE(vocabulary, [])


PLAIN = ["the", "fox", "a", "b", "7", "42", "é", "日", "ab1", "!", "-", "...", "a!"]
VOCABULARIES = {
    "WordPiece": ToyTokens(
        word_piece("##"),
        ["[UNK]", *PLAIN, "##s", "##ing", "##é", "##7", "##!", "##-s", "▁x", "Ġx"],
        prefix="##",
    ),
    "WordPiece with its own prefix": ToyTokens(
        word_piece("_"), ["[UNK]", *PLAIN, "_s", "_ing", "_!", "##s"], prefix="_"
    ),
    "Unigram": ToyTokens(
        unigram,
        ["<unk>", *PLAIN, "▁", "▁the", "▁a", "▁é", "▁!", "▁42", "▁▁", "##s"],
        mark="▁",
    ),
    "BPE of bytes": ToyTokens(
        bpe, ["<|end|>", *PLAIN, "Ġ", "Ġthe", "Ġa", "ĠÃ©", "Ġ!", "##s"], mark="Ġ"
    ),
    "BPE without marks": ToyTokens(bpe, ["<unk>", *PLAIN, "##s", "x▁", "\0s"]),
    "WordPiece without a prefix": ToyTokens(word_piece(""), ["[UNK]", *PLAIN]),
}
VOCABULARY = VOCABULARIES["WordPiece"]


def texts_of(tokens, max_size=5):
    """Texts as lists of tokens, a few of them beyond the 256 that loops take."""
    text = st.lists(st.sampled_from(tokens), max_size=12)
    long = st.lists(st.sampled_from(tokens), min_size=9, max_size=12).map(
        lambda tokens: tokens * 30
    )
    return st.lists(text | text | text | long, max_size=max_size)


def assert_same_words(words, expected):
    """As many in each text, and the same where, and only where, these are the same."""
    assert_array_equal(np.diff(words.offsets), list(map(len, expected)))
    assert words.offsets[0] == 0
    assert words.hashes.dtype == np.uint64
    expected, hashes = list(chain(*expected)), words.hashes.tolist()
    n_distinct = len(set(zip(expected, hashes, strict=True)))
    assert n_distinct == len(set(expected)) == len(set(hashes))


@pytest.mark.parametrize("vocabulary", VOCABULARIES.values(), ids=VOCABULARIES)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_words_are_those_of_plain_code(vocabulary, data):
    texts = data.draw(texts_of(vocabulary.tokens))
    expected = list(map(vocabulary.words, texts))
    assert_same_words(vocabulary.finder(vocabulary.bags(texts)), expected)


@pytest.mark.parametrize(
    ("tokens", "n_words"),
    [
        (["fox", "##ing", "##s"], 1),
        (["fox", "fox"], 2),
        (["fox", "!", "##s", "##ing"], 2),
        (["##s"], 0),
        (["##ing"], 1),
        (["a", "b", "7", "!", "..."], 0),
        (["a", "##s"], 1),
        (["é", "日", "##é"], 2),
        (["[UNK]", "the"], 2),
        (["fox", "##!", "fox"], 2),
    ],
    ids=str,
)
def test_a_word_is_a_token_with_those_that_continue_it(tokens, n_words):
    assert len(VOCABULARY.words(tokens)) == n_words
    assert len(VOCABULARY.finder(VOCABULARY.bags([tokens])).hashes) == n_words


@pytest.mark.parametrize("n_before", [0, 1], ids=["alone", "among others"])
def test_the_order_of_a_words_tokens_matters(n_before):
    before = [["the"]] * n_before
    words = [("fox", "##s", "##ing"), ("fox", "##ing", "##s"), ("fox", "##s", "##s")]
    hashes = [VOCABULARY.finder(VOCABULARY.bags([*before, w])).hashes for w in words]
    assert len({array[-1] for array in hashes}) == 3


def test_one_word_may_have_any_number_of_tokens():
    finder, n_pieces = VOCABULARY.finder, (1, 2, 63, 64, 65, 66, 200)
    texts = [["fox", *["##s", "##ing"] * n, "!"] for n in n_pieces]
    together = finder(VOCABULARY.bags(texts))
    alone = [finder(VOCABULARY.bags([text])).hashes for text in texts]
    assert_array_equal(together.hashes, np.concatenate(alone))
    assert len(set(together.hashes.tolist())) == len(texts)


@pytest.mark.parametrize("n_texts", [0, 1, 3])
def test_texts_without_tokens_have_no_words(n_texts):
    words = VOCABULARY.finder(VOCABULARY.bags([[]] * n_texts))
    assert_array_equal(words.offsets, np.zeros(n_texts + 1))
    assert words.hashes.shape == (0,)
    assert words.hashes.dtype == np.uint64


def test_the_first_words_are_those_of_the_first_texts():
    texts = [["fox"], [], ["the", "fox"], ["the"]]
    words = VOCABULARY.finder(VOCABULARY.bags(texts))
    for n in range(5):
        expected = VOCABULARY.finder(VOCABULARY.bags(texts[:n]))
        assert_array_equal(words.first(n).hashes, expected.hashes)
        assert_array_equal(words.first(n).offsets, expected.offsets)


# Words of the bundled table


@pytest.fixture(scope="module")
def bundled():
    return StaticEmbedding.from_pretrained("default")


@pytest.fixture(scope="module")
def english():
    """Lines of the descriptions of data sets: sentences, tables and references."""
    loaders = (datasets.load_iris, datasets.load_wine, datasets.load_diabetes)
    texts = "\n".join(load().DESCR for load in loaders).replace("_", " ")
    return [*texts.split("\n"), texts[:1000], ""]


count_words = CountVectorizer().build_analyzer()


def test_words_of_english_are_those_of_count_vectorizer(bundled, english):
    expected = list(map(count_words, english))
    assert sum(map(len, expected)) > 900
    assert_same_words(bundled.words(bundled.tokenize(english)), expected)


PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="_")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(PRINTABLE, max_size=30), max_size=6))
@example(["don't", "e.g. U.S.A. 3.14", "x2 2x x-2 x", "A a AA", "(see) [it]; $5m"])
def test_words_of_ascii_are_those_of_count_vectorizer(bundled, texts):
    expected = list(map(count_words, texts))
    assert_same_words(bundled.words(bundled.tokenize(texts)), expected)


# One text by loops, many by arrays


def assert_same_bits(actual, expected):
    for mine, other in zip(actual, expected, strict=True):
        assert mine.dtype == other.dtype
        assert mine.tobytes() == other.tobytes()


def each_alone(offsets, values):
    """The parts of `values` for each text, with offsets as of one text."""
    for start, stop in pairwise(offsets):
        yield values[start:stop], np.array([0, stop - start])


SPOTS = [[], ["fox", "##s"], [], [], ["a", "the"], []]
SOME_TEXTS = texts_of(VOCABULARY.tokens).filter(bool)


@settings(max_examples=100, deadline=None)
@given(SOME_TEXTS)
@example(SPOTS)
@example([["fox"] * 255, ["fox"] * 256, ["fox"] * 257])
def test_a_text_alone_has_the_words_that_it_has_among_others(texts):
    # With an empty text, so that there are always several, which go through arrays.
    finder, bags = VOCABULARY.finder, VOCABULARY.bags([*texts, []])
    together = finder(bags)
    for i, expected in enumerate(each_alone(together.offsets, together.hashes)):
        assert_same_bits(finder(bags.take(np.array([i]))), expected)


def fitted_weights(texts):
    """What is learned from texts, with weights unlike each other."""
    vocabulary, df = fit_vocabulary(VOCABULARY.finder(VOCABULARY.bags(texts)), 1000)
    rng = np.random.default_rng(len(vocabulary))
    scales = 10.0 ** rng.integers(-3, 4, (len(vocabulary), 1))
    weights = (rng.normal(size=(len(vocabulary), 3)) * scales).astype(np.float32)
    return WordWeights(vocabulary, idf_of(df, len(texts)), weights)


@settings(max_examples=100, deadline=None)
@given(SOME_TEXTS, SOME_TEXTS)
@example(SPOTS, SPOTS)
@example([["the"]], [["fox"] * 255, ["the"] * 256, ["the"] * 257, ["the"] * 1025])
def test_a_text_alone_has_the_scores_that_it_has_among_others(known, texts):
    word_weights = fitted_weights(known + known)
    words = VOCABULARY.finder(VOCABULARY.bags([*texts, []]))
    found, scores = word_weights.vocabulary.find(words), word_weights(words)
    expected = each_alone(found.offsets, found.ids)
    for i, one in enumerate(each_alone(words.offsets, words.hashes)):
        alone, ids = Words(*one), next(expected)
        assert_same_bits(word_weights.vocabulary.find(alone), ids)
        assert word_weights(alone).tobytes() == scores[i].tobytes()
        hashes = alone.hashes.tolist()
        assert word_weights.of_one(hashes).tobytes() == scores[i].tobytes()


# What texts teach

# With the least and the greatest that a hash can be.
HASHES = np.array([0, 2**64 - 1, 1, 2, 2**63, 2**32, 12345, 2**64 - 2], np.uint64)
NUMBERED_TEXTS = st.lists(st.lists(st.integers(0, len(HASHES) - 1), max_size=8))


def as_words(texts):
    """Texts of numbers from 0 to 7 as Words."""
    bags = TokenBags.from_rows(texts)
    return Words(HASHES[bags.ids], bags.offsets)


def frequencies(texts):
    """In how many texts each word is, and each pair."""
    words = Counter(chain(*map(set, texts)))
    pairs = Counter(chain(*(set(pairwise(text)) for text in texts)))
    return dict(words), {pair: n for pair, n in pairs.items() if n >= 2}


def as_dicts(learned):
    """The same, of what was learned; words by their numbers."""
    vocabulary, df = learned
    assert len(df) == len(vocabulary) == len(vocabulary.words) + len(vocabulary.pairs)
    numbers = [HASHES.tolist().index(one) for one in vocabulary.words.tolist()]
    pairs = [(numbers[first], numbers[second]) for first, second in vocabulary.pairs]
    df = df.tolist()
    n_words = len(numbers)
    assert len(set(numbers)) == n_words
    assert len(set(pairs)) == len(pairs)
    return (
        dict(zip(numbers, df[:n_words], strict=True)),
        dict(zip(pairs, df[n_words:], strict=True)),
    )


@settings(max_examples=200, deadline=None)
@given(NUMBERED_TEXTS)
def test_distinct_texts_are_there_once(texts):
    hashes, offsets = as_words(texts).distinct()
    distinct = [tuple(hashes[one:end].tolist()) for one, end in pairwise(offsets)]
    expected = {tuple(HASHES[text].tolist()) for text in texts}
    assert sorted(distinct) == sorted(expected)


@settings(max_examples=200, deadline=None)
@given(NUMBERED_TEXTS)
def test_document_frequencies_are_counted(texts):
    assert as_dicts(fit_vocabulary(as_words(texts), 1000)) == frequencies(texts)


@pytest.mark.parametrize(
    ("texts", "pairs"),
    [
        ([[0, 1], [0, 1]], {(0, 1): 2}),
        ([[0, 1, 0, 1, 0]], {}),
        ([[0, 1], [1, 0]], {}),
        ([[0], [1], [0], [1]], {}),
        ([[3, 0], [1, 3], [0], [1]], {}),
        ([[2, 2, 2], [2, 2]], {(2, 2): 2}),
    ],
    ids=str,
)
def test_a_pair_stands_in_two_texts_or_more(texts, pairs):
    assert as_dicts(fit_vocabulary(as_words(texts), 1000))[1] == pairs


@settings(max_examples=200, deadline=None)
@given(NUMBERED_TEXTS, st.integers(0, 30))
def test_the_rarest_are_left_out(texts, max_features):
    """Words before pairs; which of equally rare ones is no matter."""
    words, pairs = as_dicts(fit_vocabulary(as_words(texts), max_features))
    all_words, all_pairs = frequencies(texts)
    assert words.items() <= all_words.items()
    assert pairs.items() <= all_pairs.items()
    left = max_features
    for kept, of in ((words, all_words), (pairs, all_pairs)):
        most = sorted(of.values(), reverse=True)[:left]
        assert sorted(kept.values(), reverse=True) == most
        left -= len(kept)


def test_nothing_is_learned_where_nothing_may_be():
    vocabulary, df = fit_vocabulary(as_words([[0, 1], [0, 1]]), 0)
    assert len(vocabulary) == len(df) == 0
    words = as_words([[0, 1], [2]])
    assert_same_bits(
        vocabulary.find(words), (np.empty(0, np.int32), np.zeros(3, np.int64))
    )


def found_by_dict(vocabulary, text):
    words = {one: i for i, one in enumerate(vocabulary.words.tolist())}
    pairs = {tuple(p): len(words) + i for i, p in enumerate(vocabulary.pairs.tolist())}
    numbers = [words.get(one) for one in HASHES[text].tolist()]
    found = []
    for before, number in pairwise([None, *numbers]):
        found += [number, pairs.get((before, number))]
    return [number for number in found if number is not None]


@pytest.mark.parametrize("clash", [False, True], ids=["as is", "all hashes the same"])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_known_is_found(clash, data):
    known, texts = data.draw(NUMBERED_TEXTS), data.draw(NUMBERED_TEXTS)
    vocabulary = fit_vocabulary(
        as_words(known), data.draw(st.integers(0, 20))
    ).vocabulary
    expected = TokenBags.from_rows([found_by_dict(vocabulary, text) for text in texts])
    factors = _packed_words._FACTORS * np.uint64(not clash)
    with mock.patch.object(_packed_words, "_drawn_factors", return_value=factors):
        assert_same_bits(vocabulary.find(as_words(texts)), expected)


def of_one_bucket(n_words, factors):
    """Words of several tokens whose hashes by `factors` all have the same high bits."""
    inverse = [np.uint64(pow(int(factor), -1, 2**64)) for factor in factors]
    mixed = np.arange(4 * n_words, dtype=np.uint64) * inverse[1]
    mixed ^= mixed >> np.uint64(32)
    words = np.sort(mixed * inverse[0])
    return words[words >= np.uint64(2**63)][:n_words]


def test_no_folder_can_hold_words_that_are_all_compared_with_each():
    words = of_one_bucket(3000, _packed_words._FACTORS)
    assert len(np.unique(Numbers(words).hashes(_packed_words._FACTORS) >> 32)) == 1
    vocabulary = Vocabulary(words, np.zeros((0, 2), np.int32))
    look_up = WordTable._ids_at
    with mock.patch.object(WordTable, "_ids_at", autospec=True) as compare:
        compare.side_effect = look_up
        numbers = vocabulary.numbers(Words(words, np.array([0, len(words)])))
    assert_array_equal(numbers[:, 0], np.arange(len(words)))
    assert compare.call_count < 30


def test_an_unknown_word_parts_the_words_around_it():
    vocabulary = Vocabulary(HASHES[:2], np.array([[0, 1]], np.int32))
    for texts in ([[0, 1]], [[0, 1], []]):
        assert_array_equal(vocabulary.find(as_words(texts)).ids, [0, 1, 2])
    for texts in ([[0, 5, 1]], [[0, 5, 1], [0], [1]]):
        assert 2 not in vocabulary.find(as_words(texts)).ids


# Weights

RNG = np.random.default_rng(0)
TEXTS = RNG.integers(0, 6, (40, 7)).tolist()
KNOWN, DF = fit_vocabulary(as_words(TEXTS), 20)
IDF = idf_of(DF, len(TEXTS))
WEIGHTS = WordWeights(KNOWN, IDF, RNG.normal(size=(20, 3)).astype(np.float32))
# Some of their words, 6 and 7, are unknown.
NEW_TEXTS = [
    *([], [0], [7, 6], [0] * 9, [1, 7, 2]),
    *RNG.integers(0, 8, (20, 12)).tolist(),
    *([5, 4, 3] * 200, []),
]
NEW = as_words(NEW_TEXTS)


def dense_tfidf(texts):
    """Counts times weights, through the length of the weights of all occurrences."""
    out = np.zeros((len(texts), len(KNOWN)))
    for row, text in zip(out, texts, strict=True):
        found = found_by_dict(KNOWN, text)
        weights = IDF[found].astype(np.float64)
        np.add.at(row, found, weights / max(np.sqrt((weights**2).sum()), 1e-9))
    return out


def test_scores_are_the_product_of_weights_and_tfidf():
    assert len(KNOWN.words) == 6
    assert len(KNOWN.pairs) == 14
    word_weights = WEIGHTS(NEW)
    assert word_weights.dtype == np.float32
    expected = dense_tfidf(NEW_TEXTS) @ WEIGHTS.weights
    assert_allclose(word_weights, expected, rtol=1e-5, atol=1e-5)


def test_the_solver_sees_what_word_weights_are_multiplied_by():
    rows = tfidf(KNOWN.find(NEW), IDF)
    assert rows.dtype == np.float32
    assert_allclose(rows.toarray(), dense_tfidf(NEW_TEXTS), rtol=1e-5)
    assert_allclose(rows @ WEIGHTS.weights, WEIGHTS(NEW), rtol=1e-5, atol=1e-5)


def test_tfidf_holds_each_feature_of_a_text_once():
    rows = tfidf(KNOWN.find(NEW), IDF)
    for i in range(len(NEW_TEXTS)):
        features = rows.indices[rows.indptr[i] : rows.indptr[i + 1]].tolist()
        assert features == sorted(set(features))


def test_tfidf_leaves_its_bags_as_they_are():
    bags = KNOWN.find(NEW)
    ids, offsets = bags.ids.copy(), bags.offsets.copy()
    tfidf(bags, IDF)
    assert_array_equal(bags.offsets, offsets)
    assert_array_equal(bags.ids, ids)


@pytest.mark.parametrize("texts", [[[]], [[7]], [[7, 6], [], [6]]], ids=str)
def test_texts_without_known_words_get_no_scores(texts):
    words = as_words(texts)
    assert_array_equal(WEIGHTS(words), np.zeros((len(texts), 3)))
    assert tfidf(KNOWN.find(words), IDF).nnz == 0


def test_word_weights_may_be_of_no_words_and_no_texts():
    nobody = fit_vocabulary(as_words([]), 10).vocabulary
    word_weights = WordWeights(
        nobody, np.empty(0, np.float32), np.empty((0, 2), np.float32)
    )
    assert word_weights.n_outputs == 2
    assert word_weights.bound == 0
    assert_array_equal(word_weights(NEW), np.zeros((len(NEW_TEXTS), 2)))
    assert WEIGHTS(as_words([])).shape == (0, 3)


def test_no_text_has_greater_scores_than_the_bound():
    one = np.ones(1, np.float32)
    vocabulary = Vocabulary(HASHES[:1], np.empty((0, 2), np.int32))
    word_weights = WordWeights(vocabulary, 5 * one, -3 * one[:, None])
    n_words = 10**4
    [[score]] = word_weights(
        Words(np.zeros(n_words, np.uint64), np.array([0, n_words]))
    )
    assert score == pytest.approx(-3 * np.sqrt(n_words), rel=1e-3)
    assert word_weights.bound >= 3 * np.sqrt(2.0**31)


def test_idf_is_that_of_tfidf_transformer():
    counts = RNG.integers(0, 3, (30, 9))
    expected = TfidfTransformer(smooth_idf=True).fit(counts).idf_
    idf = idf_of((counts > 0).sum(axis=0), 30)
    assert idf.dtype == np.float32
    assert_allclose(idf, expected, rtol=1e-6)


# Their tensors


def test_word_weights_are_made_of_their_tensors():
    tensors = WEIGHTS.tensors()
    again = WordWeights.of_tensors(tensors)
    assert again.tensors().keys() == tensors.keys()
    assert_same_bits(again.tensors().values(), tensors.values())
    assert again(NEW).tobytes() == WEIGHTS(NEW).tobytes()


def with_value(index, value):
    def change(tensor):
        tensor[index] = value
        return tensor

    return change


def converted(dtype):
    return lambda tensor: tensor.astype(dtype)


AUDITS = {
    "words of int64": ("votes.words", converted(np.int64)),
    "words of two dimensions": ("votes.words", lambda words: words[:, None]),
    "a word twice": ("votes.words", with_value(0, KNOWN.words[1])),
    "words in another order": ("votes.words", lambda words: words[::-1]),
    "pairs in another order": ("votes.pairs", lambda pairs: pairs[::-1]),
    "pairs of int64": ("votes.pairs", converted(np.int64)),
    "pairs of three": ("votes.pairs", lambda pairs: pairs[:, [0, 1, 1]]),
    "flat pairs": ("votes.pairs", np.ravel),
    "a pair of the next word": ("votes.pairs", with_value((3, 0), 6)),
    "a pair of a negative word": ("votes.pairs", with_value((3, 1), -1)),
    "a pair twice": ("votes.pairs", with_value(0, KNOWN.pairs[1])),
    "weights of float64": ("votes.idf", converted(np.float64)),
    "a weight less": ("votes.idf", lambda idf: idf[1:]),
    "weights of two dimensions": ("votes.idf", lambda idf: idf[:, None]),
    "a weight that is none": ("votes.idf", with_value(2, np.nan)),
    "an infinite weight": ("votes.idf", with_value(2, np.inf)),
    "too great a weight": ("votes.idf", with_value(2, 2e9)),
    "weights of float16": ("votes.weight", converted(np.float16)),
    "a row less": ("votes.weight", lambda word_weights: word_weights[1:]),
    "flat weights": ("votes.weight", np.ravel),
    "a weight of words that is none": ("votes.weight", with_value((2, 1), np.nan)),
    "an infinite weight of words": ("votes.weight", with_value((2, 1), -np.inf)),
    "too great a weight of words": ("votes.weight", with_value((2, 1), -2e9)),
}


@pytest.mark.parametrize(("name", "change"), AUDITS.values(), ids=AUDITS)
def test_tensors_that_do_not_fit_are_refused_by_name(name, change):
    tensors = WEIGHTS.tensors()
    tensors[name] = change(tensors[name].copy())
    with pytest.raises(ValueError, match=name):
        WordWeights.of_tensors(tensors)


@pytest.mark.parametrize("name", ["votes.words", "votes.pairs"])
def test_words_and_pairs_without_weights_are_refused(name):
    tensors = WEIGHTS.tensors()
    more = np.full_like(tensors[name][:1], 3)
    tensors[name] = np.concatenate([tensors[name], more])
    with pytest.raises(ValueError, match=r"votes\.idf"):
        WordWeights.of_tensors(tensors)


@pytest.mark.parametrize("name", WEIGHTS.tensors())
def test_a_missing_tensor_is_named(name):
    tensors = WEIGHTS.tensors()
    del tensors[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        WordWeights.of_tensors(tensors)


def test_great_word_weights_that_are_allowed_stay_finite():
    tensors = WEIGHTS.tensors()
    for name in ("votes.idf", "votes.weight"):
        tensors[name] = np.full_like(tensors[name], 1e9)
    assert np.isfinite(WordWeights.of_tensors(tensors)(NEW)).all()


def test_pickled_word_weights_are_the_same():
    again = pickle.loads(pickle.dumps(WEIGHTS))
    assert_same_bits(again.tensors().values(), WEIGHTS.tensors().values())
    assert again(NEW).tobytes() == WEIGHTS(NEW).tobytes()


def test_a_pickle_carries_no_derived_tables():
    WEIGHTS(NEW)
    WEIGHTS(as_words([[0, 1]]))
    n_bytes = sum(tensor.nbytes for tensor in WEIGHTS.tensors().values())
    assert len(pickle.dumps(WEIGHTS)) < n_bytes + 1000


def test_a_copy_of_word_weights_is_themselves():
    assert copy.deepcopy(WEIGHTS) is WEIGHTS
    assert copy.deepcopy([WEIGHTS])[0] is WEIGHTS
    assert copy.copy(WEIGHTS) is WEIGHTS


def test_word_weights_say_how_many_they_are():
    assert repr(WEIGHTS) == "WordWeights(n_words=6, n_pairs=14, n_outputs=3)"


# The step of a pipeline

EMBEDDING = toy_embedding(n_dimensions=5)
TOYS = [*toy_texts(50)[0], "", "unknown 1 !"]


def toy_weights():
    words = EMBEDDING.words(EMBEDDING.tokenize(TOYS))
    vocabulary, df = fit_vocabulary(words, 40)
    weights = np.random.default_rng(1).normal(size=(len(vocabulary), 2))
    return WordWeights(vocabulary, idf_of(df, len(TOYS)), weights.astype(np.float32))


TOY_WEIGHTS = toy_weights()


def weighing(word_weights, **settings):
    return StaticEmbeddingTransformer(EMBEDDING, word_weights=word_weights, **settings)


def test_word_weights_stand_beside_embeddings():
    features = weighing(TOY_WEIGHTS).fit_transform(TOYS)
    assert features.shape == (52, 7)
    assert features.dtype == np.float32
    assert_array_equal(features[:, :5], EMBEDDING.encode(TOYS))
    words = EMBEDDING.words(EMBEDDING.tokenize(TOYS))
    assert_array_equal(features[:, 5:], TOY_WEIGHTS(words))
    assert (features[:50, 5:] != 0).all()
    assert_array_equal(features[50], 0)


def test_without_word_weights_features_are_embeddings():
    assert_array_equal(features_of(EMBEDDING, None, TOYS), EMBEDDING.encode(TOYS))


@pytest.mark.parametrize("batch_size", [1, 7, 52])
def test_the_batch_size_does_not_change_features(batch_size):
    expected = weighing(TOY_WEIGHTS).transform(TOYS)
    step = weighing(TOY_WEIGHTS, batch_size=batch_size)
    assert step.transform(TOYS).tobytes() == expected.tobytes()


def test_no_texts_have_no_features():
    assert weighing(TOY_WEIGHTS).transform([]).shape == (0, 7)


def test_missing_texts_get_no_scores():
    step = weighing(TOY_WEIGHTS, handle_missing="empty")
    assert_array_equal(step.transform([None, "oven"])[0], np.zeros(7))
    with pytest.raises(ValueError, match="handle_missing"):
        step.set_params(handle_missing="error").transform(["oven", None])


def test_features_have_names():
    step = weighing(TOY_WEIGHTS).fit(TOYS)
    expected = [f"staticembeddingtransformer{i}" for i in range(5)]
    expected += ["wordweight_0", "wordweight_1"]
    assert step.get_feature_names_out().tolist() == expected
    assert step.get_feature_names_out(input_features=["text"]).tolist() == expected
    frame = step.set_output(transform="pandas").transform(TOYS)
    assert frame.columns.tolist() == expected
    assert_array_equal(frame.iloc[:, 5:], step.transform(TOYS).iloc[:, 5:])
    assert (frame.dtypes == np.float32).all()


def test_columns_of_words_are_named_by_class(tmp_path):
    texts, labels = ["the oven is hot", "the mast is high"] * 6, ["cook", "sail"] * 6
    pipeline = StaticLinearClassifier(EMBEDDING).fit(texts, labels).to_pipeline()
    pipeline.save_pretrained(tmp_path / "model")
    for model in (
        *(pipeline, clone(pipeline), pickle.loads(pickle.dumps(pipeline))),
        StaticPipeline.from_pretrained(tmp_path / "model"),
    ):
        names = model[:-1].get_feature_names_out().tolist()
        assert names[-2:] == ["wordweight_cook", "wordweight_sail"]


def test_a_clone_keeps_the_word_weights():
    step = weighing(TOY_WEIGHTS, batch_size=3)
    twin = clone(step)
    assert twin.word_weights is TOY_WEIGHTS
    assert twin.model is EMBEDDING
    assert twin.batch_size == 3


def test_word_weights_that_are_none_are_refused():
    step = weighing(TOY_WEIGHTS.weights)
    with pytest.raises(ValueError, match="'word_weights' parameter"):
        step.fit(TOYS)


def test_a_pickled_step_has_the_same_features():
    step = weighing(TOY_WEIGHTS)
    again = pickle.loads(pickle.dumps(step))
    assert again.transform(TOYS).tobytes() == step.transform(TOYS).tobytes()
