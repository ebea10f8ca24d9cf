"""Words out of tokens, the ones a model knows, and how they vote."""

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

from sklearn_static import StaticEmbedding
from sklearn_static._lexical import vocabulary as _lexicon
from sklearn_static._lexical import words as _words
from sklearn_static._lexical.vocabulary import Lexicon, learn
from sklearn_static._lexical.weights import WordVotes, idf_of, tfidf
from sklearn_static._lexical.words import WordFinder, Words
from sklearn_static._tokens import hash_table as _packed_words
from sklearn_static._tokens.bags import TokenBags
from sklearn_static.votes import StaticVotesTransformer, features_of

# Words in bags of tokens


class Vocabulary:
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
    "WordPiece": Vocabulary(
        word_piece("##"),
        ["[UNK]", *PLAIN, "##s", "##ing", "##é", "##7", "##!", "##-s", "▁x", "Ġx"],
        prefix="##",
    ),
    "WordPiece with its own prefix": Vocabulary(
        word_piece("_"), ["[UNK]", *PLAIN, "_s", "_ing", "_!", "##s"], prefix="_"
    ),
    "Unigram": Vocabulary(
        unigram,
        ["<unk>", *PLAIN, "▁", "▁the", "▁a", "▁é", "▁!", "▁42", "▁▁", "##s"],
        mark="▁",
    ),
    "BPE of bytes": Vocabulary(
        bpe, ["<|end|>", *PLAIN, "Ġ", "Ġthe", "Ġa", "ĠÃ©", "Ġ!", "##s"], mark="Ġ"
    ),
    "BPE without marks": Vocabulary(bpe, ["<unk>", *PLAIN, "##s", "x▁", "\0s"]),
    "WordPiece without a prefix": Vocabulary(word_piece(""), ["[UNK]", *PLAIN]),
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
    assert words.prints.dtype == np.uint64
    expected, prints = list(chain(*expected)), words.prints.tolist()
    n_distinct = len(set(zip(expected, prints, strict=True)))
    assert n_distinct == len(set(expected)) == len(set(prints))


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
    assert len(VOCABULARY.finder(VOCABULARY.bags([tokens])).prints) == n_words


@pytest.mark.parametrize("n_before", [0, 1], ids=["alone", "among others"])
def test_the_order_of_a_words_tokens_matters(n_before):
    before = [["the"]] * n_before
    words = [("fox", "##s", "##ing"), ("fox", "##ing", "##s"), ("fox", "##s", "##s")]
    prints = [VOCABULARY.finder(VOCABULARY.bags([*before, w])).prints for w in words]
    assert len({array[-1] for array in prints}) == 3


def test_one_word_may_have_any_number_of_tokens():
    finder, n_pieces = VOCABULARY.finder, (1, 2, 63, 64, 65, 66, 200)
    texts = [["fox", *["##s", "##ing"] * n, "!"] for n in n_pieces]
    together = finder(VOCABULARY.bags(texts))
    alone = [finder(VOCABULARY.bags([text])).prints for text in texts]
    assert_array_equal(together.prints, np.concatenate(alone))
    assert len(set(together.prints.tolist())) == len(texts)


@pytest.mark.parametrize("n_texts", [0, 1, 3])
def test_texts_without_tokens_have_no_words(n_texts):
    words = VOCABULARY.finder(VOCABULARY.bags([[]] * n_texts))
    assert_array_equal(words.offsets, np.zeros(n_texts + 1))
    assert words.prints.shape == (0,)
    assert words.prints.dtype == np.uint64


def test_the_first_words_are_those_of_the_first_texts():
    texts = [["fox"], [], ["the", "fox"], ["the"]]
    words = VOCABULARY.finder(VOCABULARY.bags(texts))
    for n in range(5):
        expected = VOCABULARY.finder(VOCABULARY.bags(texts[:n]))
        assert_array_equal(words.first(n).prints, expected.prints)
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


def by_arrays(module):
    """A context in which no text is short enough for loops."""
    return mock.patch.object(module, "_FEW", -1)


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
    finder, bags = VOCABULARY.finder, VOCABULARY.bags(texts)
    together = finder(bags)
    for i, expected in enumerate(each_alone(together.offsets, together.prints)):
        alone = bags.take(np.array([i]))
        assert_same_bits(finder(alone), expected)
        with by_arrays(_words):
            assert_same_bits(finder(alone), expected)


def known_and_votes(texts):
    """What is learned from texts, with votes unlike each other."""
    lexicon, df = learn(VOCABULARY.finder(VOCABULARY.bags(texts)), 1000)
    rng = np.random.default_rng(len(lexicon))
    scales = 10.0 ** rng.integers(-3, 4, (len(lexicon), 1))
    votes = (rng.normal(size=(len(lexicon), 3)) * scales).astype(np.float32)
    return WordVotes(lexicon, idf_of(df, len(texts)), votes)


@settings(max_examples=100, deadline=None)
@given(SOME_TEXTS, SOME_TEXTS)
@example(SPOTS, SPOTS)
@example([["the"]], [["fox"] * 255, ["the"] * 256, ["the"] * 257, ["the"] * 1025])
def test_a_text_alone_has_the_votes_that_it_has_among_others(known, texts):
    votes = known_and_votes(known + known)
    words = VOCABULARY.finder(VOCABULARY.bags(texts))
    found, voted = votes.lexicon.find(words), votes(words)
    expected = each_alone(found.offsets, found.ids)
    for i, one in enumerate(each_alone(words.offsets, words.prints)):
        alone, ids = Words(*one), next(expected)
        assert_same_bits(votes.lexicon.find(alone), ids)
        assert votes(alone).tobytes() == voted[i].tobytes()
        with by_arrays(_lexicon):
            assert_same_bits(votes.lexicon.find(alone), ids)


# What texts teach

# With the least and the greatest that a fingerprint can be.
PRINTS = np.array([0, 2**64 - 1, 1, 2, 2**63, 2**32, 12345, 2**64 - 2], np.uint64)
NUMBERED_TEXTS = st.lists(st.lists(st.integers(0, len(PRINTS) - 1), max_size=8))


def as_words(texts):
    """Texts of numbers from 0 to 7 as Words."""
    bags = TokenBags.from_rows(texts)
    return Words(PRINTS[bags.ids], bags.offsets)


def frequencies(texts):
    """In how many texts each word is, and each pair."""
    words = Counter(chain(*map(set, texts)))
    pairs = Counter(chain(*(set(pairwise(text)) for text in texts)))
    return dict(words), {pair: n for pair, n in pairs.items() if n >= 2}


def as_dicts(learned):
    """The same, of what was learned; words by their numbers."""
    lexicon, df = learned
    assert len(df) == len(lexicon) == len(lexicon.words) + len(lexicon.pairs)
    numbers = [PRINTS.tolist().index(one) for one in lexicon.words.tolist()]
    pairs = [(numbers[first], numbers[second]) for first, second in lexicon.pairs]
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
def test_document_frequencies_are_counted(texts):
    assert as_dicts(learn(as_words(texts), 1000)) == frequencies(texts)


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
    assert as_dicts(learn(as_words(texts), 1000))[1] == pairs


@settings(max_examples=200, deadline=None)
@given(NUMBERED_TEXTS, st.integers(0, 30))
def test_the_rarest_are_left_out(texts, max_features):
    """Words before pairs; which of equally rare ones is no matter."""
    words, pairs = as_dicts(learn(as_words(texts), max_features))
    all_words, all_pairs = frequencies(texts)
    assert words.items() <= all_words.items()
    assert pairs.items() <= all_pairs.items()
    left = max_features
    for kept, of in ((words, all_words), (pairs, all_pairs)):
        most = sorted(of.values(), reverse=True)[:left]
        assert sorted(kept.values(), reverse=True) == most
        left -= len(kept)


def test_nothing_is_learned_where_nothing_may_be():
    lexicon, df = learn(as_words([[0, 1], [0, 1]]), 0)
    assert len(lexicon) == len(df) == 0
    words = as_words([[0, 1], [2]])
    assert_same_bits(
        lexicon.find(words), (np.empty(0, np.int32), np.zeros(3, np.int64))
    )


def found_by_dict(lexicon, text):
    words = {one: i for i, one in enumerate(lexicon.words.tolist())}
    pairs = {tuple(p): len(words) + i for i, p in enumerate(lexicon.pairs.tolist())}
    numbers = [words.get(one) for one in PRINTS[text].tolist()]
    found = []
    for before, number in pairwise([None, *numbers]):
        found += [number, pairs.get((before, number))]
    return [number for number in found if number is not None]


@pytest.mark.parametrize("clash", [False, True], ids=["as is", "all hashes the same"])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_known_is_found(clash, data):
    known, texts = data.draw(NUMBERED_TEXTS), data.draw(NUMBERED_TEXTS)
    lexicon = learn(as_words(known), data.draw(st.integers(0, 20))).lexicon
    expected = TokenBags.from_rows([found_by_dict(lexicon, text) for text in texts])
    factors = _packed_words._FACTORS * np.uint64(not clash)
    with mock.patch.object(_packed_words, "_FACTORS", factors):
        assert_same_bits(lexicon.find(as_words(texts)), expected)


def test_an_unknown_word_parts_the_words_around_it():
    lexicon = Lexicon(PRINTS[:2], np.array([[0, 1]], np.int32))
    for texts in ([[0, 1]], [[0, 1], []]):
        assert_array_equal(lexicon.find(as_words(texts)).ids, [0, 1, 2])
    for texts in ([[0, 5, 1]], [[0, 5, 1], [0], [1]]):
        assert 2 not in lexicon.find(as_words(texts)).ids


# Votes

RNG = np.random.default_rng(0)
TEXTS = RNG.integers(0, 6, (40, 7)).tolist()
LEXICON, DF = learn(as_words(TEXTS), 20)
IDF = idf_of(DF, len(TEXTS))
VOTES = WordVotes(LEXICON, IDF, RNG.normal(size=(20, 3)).astype(np.float32))
# Some of their words, 6 and 7, are unknown.
NEW_TEXTS = [
    *([], [0], [7, 6], [0] * 9, [1, 7, 2]),
    *RNG.integers(0, 8, (20, 12)).tolist(),
    *([5, 4, 3] * 200, []),
]
NEW = as_words(NEW_TEXTS)


def dense_tfidf(texts):
    """Counts times weights, through the length of the weights of all occurrences."""
    out = np.zeros((len(texts), len(LEXICON)))
    for row, text in zip(out, texts, strict=True):
        found = found_by_dict(LEXICON, text)
        weights = IDF[found].astype(np.float64)
        np.add.at(row, found, weights / max(np.sqrt((weights**2).sum()), 1e-9))
    return out


def test_votes_are_the_product_with_tfidf():
    assert len(LEXICON.words) == 6
    assert len(LEXICON.pairs) == 14
    votes = VOTES(NEW)
    assert votes.dtype == np.float32
    expected = dense_tfidf(NEW_TEXTS) @ VOTES.votes
    assert_allclose(votes, expected, rtol=1e-5, atol=1e-5)


def test_the_solver_sees_what_votes_are_multiplied_by():
    rows = tfidf(LEXICON.find(NEW), IDF)
    assert rows.dtype == np.float32
    assert_allclose(rows.toarray(), dense_tfidf(NEW_TEXTS), rtol=1e-5)
    assert_allclose(rows @ VOTES.votes, VOTES(NEW), rtol=1e-5, atol=1e-5)


def test_tfidf_holds_each_feature_of_a_text_once():
    rows = tfidf(LEXICON.find(NEW), IDF)
    for i in range(len(NEW_TEXTS)):
        features = rows.indices[rows.indptr[i] : rows.indptr[i + 1]].tolist()
        assert features == sorted(set(features))


def test_tfidf_leaves_its_bags_as_they_are():
    bags = LEXICON.find(NEW)
    ids, offsets = bags.ids.copy(), bags.offsets.copy()
    tfidf(bags, IDF)
    assert_array_equal(bags.offsets, offsets)
    assert_array_equal(bags.ids, ids)


@pytest.mark.parametrize("texts", [[[]], [[7]], [[7, 6], [], [6]]], ids=str)
def test_texts_without_known_words_get_no_votes(texts):
    words = as_words(texts)
    assert_array_equal(VOTES(words), np.zeros((len(texts), 3)))
    assert tfidf(LEXICON.find(words), IDF).nnz == 0


def test_votes_may_be_of_no_words_and_no_texts():
    nobody = learn(as_words([]), 10).lexicon
    votes = WordVotes(nobody, np.empty(0, np.float32), np.empty((0, 2), np.float32))
    assert votes.n_outputs == 2
    assert votes.reach == 0
    assert_array_equal(votes(NEW), np.zeros((len(NEW_TEXTS), 2)))
    assert VOTES(as_words([])).shape == (0, 3)


def test_no_text_has_more_votes_than_the_reach():
    one = np.ones(1, np.float32)
    lexicon = Lexicon(PRINTS[:1], np.empty((0, 2), np.int32))
    votes = WordVotes(lexicon, 5 * one, -3 * one[:, None])
    n_words = 10**4
    [[vote]] = votes(Words(np.zeros(n_words, np.uint64), np.array([0, n_words])))
    assert vote == pytest.approx(-3 * np.sqrt(n_words), rel=1e-3)
    assert votes.reach >= 3 * np.sqrt(2.0**31)


def test_idf_is_that_of_tfidf_transformer():
    counts = RNG.integers(0, 3, (30, 9))
    expected = TfidfTransformer(smooth_idf=True).fit(counts).idf_
    idf = idf_of((counts > 0).sum(axis=0), 30)
    assert idf.dtype == np.float32
    assert_allclose(idf, expected, rtol=1e-6)


# Their tensors


def test_votes_are_made_of_their_tensors():
    tensors = VOTES.tensors()
    again = WordVotes.of_tensors(tensors)
    assert again.tensors().keys() == tensors.keys()
    assert_same_bits(again.tensors().values(), tensors.values())
    assert again(NEW).tobytes() == VOTES(NEW).tobytes()


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
    "a word twice": ("votes.words", with_value(0, LEXICON.words[1])),
    "words in another order": ("votes.words", lambda words: words[::-1]),
    "pairs in another order": ("votes.pairs", lambda pairs: pairs[::-1]),
    "pairs of int64": ("votes.pairs", converted(np.int64)),
    "pairs of three": ("votes.pairs", lambda pairs: pairs[:, [0, 1, 1]]),
    "flat pairs": ("votes.pairs", np.ravel),
    "a pair of the next word": ("votes.pairs", with_value((3, 0), 6)),
    "a pair of a negative word": ("votes.pairs", with_value((3, 1), -1)),
    "a pair twice": ("votes.pairs", with_value(0, LEXICON.pairs[1])),
    "weights of float64": ("votes.idf", converted(np.float64)),
    "a weight less": ("votes.idf", lambda idf: idf[1:]),
    "weights of two dimensions": ("votes.idf", lambda idf: idf[:, None]),
    "a weight that is none": ("votes.idf", with_value(2, np.nan)),
    "an infinite weight": ("votes.idf", with_value(2, np.inf)),
    "too great a weight": ("votes.idf", with_value(2, 2e9)),
    "votes of float16": ("votes.weight", converted(np.float16)),
    "a vote less": ("votes.weight", lambda votes: votes[1:]),
    "flat votes": ("votes.weight", np.ravel),
    "a vote that is none": ("votes.weight", with_value((2, 1), np.nan)),
    "an infinite vote": ("votes.weight", with_value((2, 1), -np.inf)),
    "too great a vote": ("votes.weight", with_value((2, 1), -2e9)),
}


@pytest.mark.parametrize(("name", "change"), AUDITS.values(), ids=AUDITS)
def test_tensors_that_do_not_fit_are_refused_by_name(name, change):
    tensors = VOTES.tensors()
    tensors[name] = change(tensors[name].copy())
    with pytest.raises(ValueError, match=name):
        WordVotes.of_tensors(tensors)


@pytest.mark.parametrize("name", ["votes.words", "votes.pairs"])
def test_words_and_pairs_without_weights_are_refused(name):
    tensors = VOTES.tensors()
    more = np.full_like(tensors[name][:1], 3)
    tensors[name] = np.concatenate([tensors[name], more])
    with pytest.raises(ValueError, match=r"votes\.idf"):
        WordVotes.of_tensors(tensors)


@pytest.mark.parametrize("name", VOTES.tensors())
def test_a_missing_tensor_is_named(name):
    tensors = VOTES.tensors()
    del tensors[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        WordVotes.of_tensors(tensors)


def test_great_votes_that_are_allowed_stay_finite():
    tensors = VOTES.tensors()
    for name in ("votes.idf", "votes.weight"):
        tensors[name] = np.full_like(tensors[name], 1e9)
    assert np.isfinite(WordVotes.of_tensors(tensors)(NEW)).all()


def test_pickled_votes_are_the_same_votes():
    again = pickle.loads(pickle.dumps(VOTES))
    assert_same_bits(again.tensors().values(), VOTES.tensors().values())
    assert again(NEW).tobytes() == VOTES(NEW).tobytes()


def test_a_pickle_carries_no_derived_tables():
    VOTES(NEW)
    VOTES(as_words([[0, 1]]))
    n_bytes = sum(tensor.nbytes for tensor in VOTES.tensors().values())
    assert len(pickle.dumps(VOTES)) < n_bytes + 1000


def test_a_copy_of_votes_is_themselves():
    assert copy.deepcopy(VOTES) is VOTES
    assert copy.deepcopy([VOTES])[0] is VOTES
    assert copy.copy(VOTES) is VOTES


def test_votes_say_how_many_they_are():
    assert repr(VOTES) == "WordVotes(n_words=6, n_pairs=14, n_outputs=3)"


# The step of a pipeline

EMBEDDING = toy_embedding(n_dimensions=5)
TOYS = [*toy_texts(50)[0], "", "unknown 1 !"]


def toy_votes():
    words = EMBEDDING.words(EMBEDDING.tokenize(TOYS))
    lexicon, df = learn(words, 40)
    votes = np.random.default_rng(1).normal(size=(len(lexicon), 2))
    return WordVotes(lexicon, idf_of(df, len(TOYS)), votes.astype(np.float32))


TOY_VOTES = toy_votes()


def test_votes_stand_beside_embeddings():
    features = StaticVotesTransformer(EMBEDDING, TOY_VOTES).fit_transform(TOYS)
    assert features.shape == (52, 7)
    assert features.dtype == np.float32
    assert_array_equal(features[:, :5], EMBEDDING.encode(TOYS))
    words = EMBEDDING.words(EMBEDDING.tokenize(TOYS))
    assert_array_equal(features[:, 5:], TOY_VOTES(words))
    assert (features[:50, 5:] != 0).all()
    assert_array_equal(features[50], 0)


def test_without_votes_features_are_embeddings():
    assert_array_equal(features_of(EMBEDDING, None, TOYS), EMBEDDING.encode(TOYS))


@pytest.mark.parametrize("batch_size", [1, 7, 52])
def test_the_batch_size_does_not_change_features(batch_size):
    expected = StaticVotesTransformer(EMBEDDING, TOY_VOTES).transform(TOYS)
    step = StaticVotesTransformer(EMBEDDING, TOY_VOTES, batch_size=batch_size)
    assert step.transform(TOYS).tobytes() == expected.tobytes()


def test_no_texts_have_no_features():
    assert StaticVotesTransformer(EMBEDDING, TOY_VOTES).transform([]).shape == (0, 7)


def test_missing_texts_get_no_votes():
    step = StaticVotesTransformer(EMBEDDING, TOY_VOTES, handle_missing="empty")
    assert_array_equal(step.transform([None, "oven"])[0], np.zeros(7))
    with pytest.raises(ValueError, match="handle_missing"):
        step.set_params(handle_missing="error").transform(["oven", None])


def test_features_have_names():
    step = StaticVotesTransformer(EMBEDDING, TOY_VOTES).fit(TOYS)
    expected = [f"staticvotestransformer{i}" for i in range(7)]
    assert step.get_feature_names_out().tolist() == expected
    frame = step.set_output(transform="pandas").transform(TOYS)
    assert frame.columns.tolist() == expected
    assert_array_equal(frame.iloc[:, 5:], step.transform(TOYS).iloc[:, 5:])
    assert (frame.dtypes == np.float32).all()


def test_a_clone_keeps_the_votes():
    step = StaticVotesTransformer(EMBEDDING, TOY_VOTES, batch_size=3)
    twin = clone(step)
    assert twin.votes is TOY_VOTES
    assert twin.model is EMBEDDING
    assert twin.batch_size == 3


def test_votes_that_are_none_are_refused():
    step = StaticVotesTransformer(EMBEDDING, TOY_VOTES.votes)
    with pytest.raises(ValueError, match="'votes' parameter"):
        step.fit(TOYS)


def test_a_pickled_step_has_the_same_features():
    step = StaticVotesTransformer(EMBEDDING, TOY_VOTES)
    again = pickle.loads(pickle.dumps(step))
    assert again.transform(TOYS).tobytes() == step.transform(TOYS).tobytes()
