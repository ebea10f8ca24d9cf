"""Scores are taken apart into what each token adds, and nothing is lost."""

import re
from html import escape, unescape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from tokenizers import Tokenizer
from tokenizers.models import Unigram, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from toys import TOPICS, frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticEmbedding,
    StaticLinearClassifier,
    StaticPipeline,
    StaticRegressor,
)
from sklearn_static._tokens.bags import TokenBags
from sklearn_static._tokens.tokenizer import BagTokenizer
from sklearn_static.explanation import Explanation, Explanations, attributed
from sklearn_static.top_tokens import word_weights_of
from sklearn_static.transformer import features_of, parts_of

EMBEDDING = toy_embedding()
ODD = [
    "",
    "oven",
    "heap byte",
    "Butter & <salt>, 3.50!",
    "zzz qqq",
    "the the the mast",
    "naïve — 3",
]


def fitted(topics=("cook", "sail", "code"), **settings):
    texts, labels = toy_texts(90, topics)
    # The head of a linear classifier is affine, and there is nothing to train.
    kind = StaticClassifier if "init" in settings else StaticLinearClassifier
    return kind(EMBEDDING, random_state=0, **settings).fit(texts, labels)


def shown(classifier):
    """The decision function with a column for each class."""
    scores = classifier.decision_function(ODD)
    return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)


@pytest.mark.parametrize("topics", [("cook", "sail"), ("cook", "sail", "code")])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lexical": False},
        {"init": "random", "hidden_layer_sizes": (), "max_epochs": 3},
    ],
    ids=["with word weights", "without", "fine-tuned"],
)
def test_what_tokens_add_to_affine_heads_is_exact(topics, settings):
    classifier = fitted(topics, **settings)
    explanations = classifier.explain(ODD)
    for explanation, scores in zip(explanations, shown(classifier), strict=True):
        assert explanation.contributions.shape == (len(explanation.tokens), len(topics))
        assert explanation.contributions.dtype == np.float64
        assert_allclose(explanation.scores, scores, atol=1e-5)
        assert_allclose(explanation.residual, 0, atol=1e-5)
        assert_array_equal(explanation.outputs, classifier.classes_)
        assert explanation.best == classifier.predict([explanation.text])[0]
    assert_allclose(explanations[0].baseline, shown(classifier)[0], atol=1e-6)
    assert explanations[0].tokens == []


def test_the_pipeline_explains_as_the_classifier_does():
    classifier = fitted()
    for mine, other in zip(
        classifier.to_pipeline().explain(ODD), classifier.explain(ODD), strict=True
    ):
        assert_array_equal(mine.contributions, other.contributions)


def test_a_word_adds_what_is_lost_without_it_where_nothing_is_normalised():
    embedding = StaticEmbedding(EMBEDDING.vectors, EMBEDDING.tokenizer, normalize=False)
    pipeline = frozen_pipeline(embedding, hidden=())
    (explanation,) = pipeline.explain(["oven mast"])
    alone = pipeline.decision_function(["oven", "mast", ""])
    assert_allclose(
        explanation.contributions, (alone[:2] - alone[2]) / 2, rtol=1e-4, atol=1e-5
    )


def test_many_labels_have_a_score_each():
    texts, labels = toy_texts(90)
    y = np.array(
        [
            [label == "cook", "the" in text]
            for text, label in zip(texts, labels, strict=True)
        ]
    )
    classifier = StaticLinearClassifier(EMBEDDING).fit(texts, y.astype(int))
    for explanation, scores in zip(
        classifier.explain(ODD), shown(classifier), strict=True
    ):
        assert_allclose(explanation.scores, scores, atol=1e-5)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_regressors_are_explained_in_the_units_of_their_targets(n_targets):
    texts, labels = toy_texts(90)
    y = 1000 + 50 * np.array(
        [
            [label == "cook", len(text)]
            for text, label in zip(texts, labels, strict=True)
        ]
    )
    regressor = StaticRegressor(EMBEDDING, max_epochs=4, random_state=0)
    regressor.fit(texts, y[:, :n_targets].squeeze())
    predicted = regressor.predict(ODD).reshape(len(ODD), n_targets)
    for explanation, values in zip(regressor.explain(ODD), predicted, strict=True):
        assert_allclose(explanation.scores, values, rtol=1e-6)
        assert_array_equal(explanation.outputs, np.arange(n_targets))


@pytest.mark.parametrize("hidden", [(16,), (32, 16)])
def test_little_is_left_over_of_deeper_heads(hidden):
    pipeline = frozen_pipeline(EMBEDDING, hidden=hidden)
    texts = toy_texts(40)[0]
    explanations = pipeline.explain(texts)
    scores = pipeline.decision_function(texts)
    assert_allclose([e.scores for e in explanations], scores, rtol=1e-5, atol=1e-5)
    explained = np.abs(scores - [e.baseline for e in explanations]).mean()
    assert np.abs([e.residual for e in explanations]).max() < 0.03 * explained


def test_more_steps_leave_less_over():
    layers = frozen_pipeline(EMBEDDING, hidden=(32,))["head"].head

    def left_over(text, n_steps):
        parts = EMBEDDING.parts(EMBEDDING.tokenize([text]))
        start, end = layers(np.stack([0 * parts[0], parts.sum(axis=0)]))
        return np.abs(end - start - attributed(layers, parts, n_steps).sum(axis=0))

    texts = toy_texts(20)[0]
    left = [np.mean([left_over(text, n) for text in texts]) for n in (1, 8, 64)]
    assert left[0] > 3 * left[1] > 9 * left[2]


def test_attribution_integrates_gradients():
    """Of a square, in closed form; the central difference of a square is exact."""
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(5, 3)).astype(np.float32)
    weight = rng.normal(size=(3, 2)).astype(np.float32)
    actual = attributed(lambda X: (X @ weight) ** 2, parts, 4)
    assert_allclose(actual, (parts @ weight) * (parts.sum(axis=0) @ weight), rtol=1e-4)


def test_many_parts_are_taken_some_at_a_time():
    parts = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
    sizes = []

    def scores(X):
        sizes.append(len(X))
        return np.tanh(X)

    actual = attributed(scores, parts, 4)
    assert max(sizes) < 10_000
    # A part contributes the same however the rest of the sum is divided.
    some = attributed(scores, np.vstack([parts[-3:], parts[:-3].sum(axis=0)]), 4)
    assert_allclose(actual[-3:], some[:3], rtol=1e-3, atol=1e-6)


# What features are made of


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("kind", ["rows", "weights", "mapping", "both"])
def test_parts_add_up_to_features(word_piece, odd_texts, kind, normalize):
    rng = np.random.default_rng(0)
    n_tokens = word_piece.get_vocab_size()
    embedding = StaticEmbedding(
        rng.normal(size=(7 if kind in ("mapping", "both") else n_tokens, 5)),
        word_piece,
        weights=rng.random(n_tokens) if kind in ("weights", "both") else None,
        mapping=rng.integers(7, size=n_tokens) if kind in ("mapping", "both") else None,
        normalize=normalize,
    )
    bags = embedding.tokenize(odd_texts)
    parts = embedding.parts(bags)
    assert parts.dtype == np.float32
    for i, expected in enumerate(embedding.encode(odd_texts)):
        part = slice(bags.offsets[i], bags.offsets[i + 1])
        assert_allclose(parts[part].sum(axis=0), expected, atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["oven", "pan", "the", "qzx", "9a", ",", "a", "é"]),
            max_size=8,
        ).map(" ".join),
        max_size=4,
    )
)
def test_parts_of_word_weights_add_up_to_scores(texts):
    classifier = fitted_with_word_weights()
    embedding, word_weights = classifier.embedding_, classifier.word_weights_
    bags = embedding.tokenize(texts)
    words = embedding.words(bags)
    word = embedding.words_of_tokens(bags)
    assert set(word.tolist()) - {-1} == set(range(len(words.hashes)))
    of_tokens = np.repeat(np.arange(len(texts)), bags.lengths)
    of_words = np.repeat(np.arange(len(texts)), np.diff(words.offsets))
    assert_array_equal(of_tokens[word >= 0], of_words[word[word >= 0]])
    parts, expected = (
        parts_of(embedding, word_weights, bags),
        features_of(embedding, word_weights, texts),
    )
    for i in range(len(texts)):
        assert_allclose(parts[of_tokens == i].sum(axis=0), expected[i], atol=1e-5)
        assert_allclose(
            word_weights.parts(words)[of_words == i].sum(axis=0),
            expected[i, embedding.n_dimensions :],
            atol=1e-5,
        )


def fitted_with_word_weights(known=[]):  # noqa: B006
    if not known:
        texts = [
            "oven pan qzx the",
            "pan oven 9a",
            "oven, qzx pan",
            "the the é oven",
        ] * 5
        known.append(StaticLinearClassifier(EMBEDDING).fit(texts, [0, 1, 0, 1] * 5))
    assert len(known[0].word_weights_.vocabulary.pairs)
    return known[0]


def test_tokens_belong_to_the_words_that_they_make_up(tokenizer, make_table, odd_texts):
    embedding = make_table(tokenizer)
    bags = embedding.tokenize([*odd_texts, "untokenizable unaffable a b. 1 12 x"])
    words, of_tokens = embedding.words(bags), embedding.words_of_tokens(bags)
    several = 0
    for number, expected in enumerate(words.hashes):
        ids = bags.ids[of_tokens == number]
        alone = embedding.words(TokenBags(ids, np.array([0, len(ids)])))
        assert alone.hashes.tolist() == [expected]
        several += len(ids) > 1
    assert len(words.hashes)
    assert several or not isinstance(tokenizer.model, (WordPiece, Unigram))


def test_weights_of_words_of_several_tokens_are_shared(embedding, plain_texts):
    labels = np.arange(len(plain_texts)) % 2
    classifier = StaticLinearClassifier(embedding).fit(plain_texts, labels)
    word_weights, bags = classifier.word_weights_, embedding.tokenize(plain_texts)
    parts = parts_of(embedding, word_weights, bags)
    for i, expected in enumerate(features_of(embedding, word_weights, plain_texts)):
        part = parts[bags.offsets[i] : bags.offsets[i + 1]]
        assert_allclose(part.sum(axis=0), expected, atol=1e-5)


# Where tokens stand


@pytest.mark.parametrize("max_length", [None, 3, 512])
def test_pieces_are_the_tokens_of_the_bag(tokenizer, odd_texts, max_length):
    tokenizer = BagTokenizer(tokenizer, max_length)
    vocabulary = tokenizer.tokenizer.get_vocab()
    for text in odd_texts:
        pieces = tokenizer.pieces(text)
        assert_array_equal(pieces.ids, tokenizer([text]).ids)
        assert pieces.ids.dtype == np.int32
        assert [vocabulary[token] for token in pieces.tokens] == pieces.ids.tolist()
        assert pieces.spans.shape == (len(pieces.ids), 2)
        assert (pieces.spans >= 0).all()
        assert (pieces.spans <= len(text)).all()


def test_spans_say_where_tokens_stand():
    (explanation,) = frozen_pipeline(EMBEDDING).explain(["The OVEN, unknown? mast"])
    found = [explanation.text[start:stop] for start, stop in explanation.spans]
    assert found[:2] == ["The", "OVEN"]
    assert found[-1] == "mast"
    assert explanation.tokens[:2] == ["the", "oven"]


# What is shown


def explanation_of(
    text="oven & <mast> oven", contributions=((1.0, 0), (-3, 0), (2, 1))
):
    spans = [match.span() for match in re.finditer(r"\w+", text)]
    return Explanation(
        *(text, [text[a:b] for a, b in spans], np.array(spans)),
        outputs=np.array(["cook", "<sail>"]),
        contributions=np.array(contributions, float),
        baseline=np.array([0.5, 0]),
        residual=np.array([0, -0.25]),
    )


def test_scores_are_the_sum_of_all_parts():
    assert_allclose(explanation_of().scores, [0.5, 0.75])
    assert explanation_of().best == "<sail>"


def test_the_greatest_contributions_come_first_whichever_way():
    explanation = explanation_of()
    assert explanation.top(2, "cook") == [("mast", -3.0), ("oven", 2.0)]
    assert explanation.top() == [("oven", 1.0), ("oven", 0.0), ("mast", 0.0)]
    assert explanation.of("cook").tolist() == [1, -3, 2]


def test_an_output_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"output is 'code', but one of \['cook'"):
        explanation_of().of("code")


def test_html_shows_the_text_and_escapes_it():
    html = explanation_of().to_html("<sail>")
    assert "<mast>" not in html
    assert "<sail>" not in html
    plain = unescape(re.sub(r"<[^>]*>", "", html))
    assert plain == "<sail> +0.75: oven & <mast> oven"
    assert html.count("<span") == 3


def test_html_shows_each_character_once(tokenizer, make_table, odd_texts):
    pipeline = frozen_pipeline(make_table(tokenizer))
    for explanation in pipeline.explain(odd_texts):
        html = explanation.to_html()
        assert html.startswith("<div")
        assert html.endswith("</div>")
        shown = re.sub(r"</?(div|b|span)[^>]*>", "", html).split(": ", 1)[1]
        assert shown == escape(explanation.text)


def test_many_are_shown_one_below_the_other():
    html = Explanations([explanation_of(), explanation_of("a b c")])._repr_html_()
    assert html.count("<div") == html.count("</div>") == 2
    assert explanation_of()._repr_html_() in html


def test_a_part_of_many_is_shown_as_they_are():
    many = Explanations([explanation_of(), explanation_of("a b c")])
    assert isinstance(many[:1], Explanations)
    assert many[:1] == [many[0]]
    assert many[1].text == "a b c"


def test_reprs_say_the_class_and_what_speaks_for_it():
    assert repr(explanation_of()) == (
        "<Explanation of <sail> by oven +1.00, oven +0.00, mast +0.00>"
    )
    empty = frozen_pipeline(EMBEDDING).explain([""])[0]
    assert repr(empty).endswith("by no token>")
    assert empty.to_html().endswith("</div>")


# What cannot be explained


def test_only_what_is_fitted_is_explained():
    with pytest.raises(NotFittedError):
        StaticClassifier(EMBEDDING).explain(["oven"])


def test_other_pipelines_are_refused_by_name():
    texts, labels = toy_texts(20)
    transformer = fitted().to_pipeline()[0]
    other = Pipeline([("embedding", transformer), ("head", LogisticRegression())])
    other = StaticPipeline(other.steps).fit(texts, labels)
    with pytest.raises(TypeError, match=r"LogisticRegression.*can be explained"):
        other.explain(["oven"])
    with pytest.raises(TypeError, match=r"LogisticRegression.*can be explained"):
        other.top_tokens(["oven"])


def test_a_replaced_encoding_is_refused_by_name():
    class Replacing(StaticClassifier):
        pass

    replacing = Replacing(EMBEDDING)
    replacing.__dict__.update(vars(fitted()), _module_in_use=object())
    for method in (replacing.explain, replacing.top_tokens):
        with pytest.raises(
            TypeError, match="Replacing replaces how texts are embedded"
        ):
            method(["oven"])


# Tokens by themselves


@pytest.mark.parametrize("settings", [{}, {"init": "random", "max_epochs": 40}])
def test_top_tokens_are_those_of_the_topics(settings):
    texts, _ = toy_texts(90, ("cook", "sail", "code"))
    classifier = fitted(**settings)
    telling = classifier.top_tokens(texts, n_tokens=4)
    assert list(telling) == ["code", "cook", "sail"]
    for topic, ranking in telling.items():
        assert set(" ".join(dict(ranking)).split()) <= set(TOPICS[topic])
        for token, value in ranking:
            if " " in token:
                continue
            p = classifier.predict_proba([token])[0]
            p = p[classifier.classes_.tolist().index(topic)]
            assert value == pytest.approx(np.log(p / (1 - p)), abs=1e-4)
        values = [value for _, value in ranking]
        assert values == sorted(values, reverse=True)
    assert classifier.to_pipeline().top_tokens(texts, n_tokens=4) == telling


def test_tokens_are_looked_for_where_they_occur_often_enough():
    classifier = fitted()
    texts = ["oven oven oven mast", "oven rope", "tide"]

    def tokens(**settings):
        telling = classifier.top_tokens(n_tokens=100, **settings)
        return {token for ranking in telling.values() for token, _ in ranking}

    assert tokens(X=texts) == {"oven", "mast", "rope", "tide"}
    assert tokens(X=texts, min_df=2) == {"oven"}
    assert tokens(X=texts, min_df=3) == set()
    assert {"oven", "heap", "z"} <= tokens()


def test_labels_have_their_scores_for_log_odds():
    texts, labels = toy_texts(90)
    y = np.array(
        [
            [label == "cook", "the" in text]
            for text, label in zip(texts, labels, strict=True)
        ]
    )
    classifier = StaticClassifier(EMBEDDING, random_state=0).fit(texts, y.astype(int))
    telling = classifier.top_tokens(texts, n_tokens=1)
    ((token, value),) = telling[1]
    assert token == "the"
    assert value == pytest.approx(classifier.decision_function(["the"])[0, 1], abs=1e-5)


def weighing_pairs(known=[]):  # noqa: B006
    """Of tokens, words of several tokens ("qzx"), and a pair that means the reverse."""
    if not known:
        texts = ["oven", "the oven", "pan the", "qzx oven", "the qzx"]
        # Pairs count that occur in two texts of different words.
        texts += ["mast oven", "the oven mast", "mast pan the", "mast qzx oven"]
        texts = [*texts, "the qzx mast"] * 2
        labels = ["good", "bad", "good", "good", "bad"] * 4
        known.append(StaticLinearClassifier(pieces_table()).fit(texts, labels))
    return known[0]


def pieces_table():
    tokens = ["[UNK]", "the", "oven", "pan", "mast", "q", "##zx", "!", ","]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return StaticEmbedding(
        np.random.default_rng(0).normal(size=(len(tokens), 4)), tokenizer
    )


def test_word_pairs_are_ranked_by_their_own_weight():
    classifier = weighing_pairs()
    head, embedding = classifier.head_, classifier.embedding_
    top = classifier.top_tokens(["The OVEN!", "pan"], n_tokens=100)
    assert set(dict(top["good"])) == {"the", "oven", "!", "pan", "the oven"}
    weights = word_weights_of(embedding, classifier.word_weights_, ["the oven"])
    assert weights.any()
    features = np.hstack([np.zeros((1, embedding.n_dimensions), np.float32), weights])
    p = head.predict_proba(features)[0]
    for label, probability in zip(classifier.classes_, p, strict=True):
        expected = np.log(probability / (1 - probability))
        assert dict(top[label])["the oven"] == pytest.approx(expected, abs=1e-4)


def test_without_texts_the_pairs_of_words_of_one_token_are_ranked_too():
    classifier = weighing_pairs()
    known = classifier.top_tokens(n_tokens=100)
    of_texts = classifier.top_tokens(["the oven", "pan the", "qzx oven"], n_tokens=100)
    for label, ranking in known.items():
        assert {name for name in dict(ranking) if " " in name} == {
            "the oven",
            "pan the",
        }
        for name in ("the", "oven", "!", "the oven", "pan the"):
            expected = dict(classifier.top_tokens([name], n_tokens=9)[label])[name]
            assert dict(ranking)[name] == pytest.approx(expected, abs=1e-6)
        assert "qzx oven" in dict(of_texts[label])
    assert classifier.to_pipeline().top_tokens(n_tokens=100) == known


@pytest.mark.parametrize("settings", [{"lexical": False}, {"C": 1e-3}])
def test_without_texts_all_tokens_are_ranked(settings):
    texts, labels = toy_texts(30)
    classifier = StaticLinearClassifier(EMBEDDING, random_state=0, **settings)
    top = classifier.fit(texts, labels).top_tokens(n_tokens=10_000)
    for ranking in top.values():
        assert set(EMBEDDING.tokens) <= {name for name, _ in ranking}


@pytest.mark.parametrize("text", ["", "the qzx", "qzx, the oven", "pan pan !"])
def test_words_of_one_text_have_the_hashes_that_they_have_among_others(text):
    embedding = pieces_table()
    bag = embedding.tokenize([text])
    assert embedding.words_of_one(bag=bag) == embedding.words(bag).hashes.tolist()


def test_a_single_letter_is_no_word_and_pairs_reach_across_it():
    """As in scikit-learn's CountVectorizer."""
    texts, labels = ["pan a mast", "mast a pan"], ["one", "other"] * 10
    texts = [*texts, *(f"{text} oven" for text in texts)] * 5
    classifier = StaticLinearClassifier(EMBEDDING, random_state=0).fit(texts, labels)
    weights = classifier.get_word_weights(["pan mast", "mast pan", "a mast", "a"])
    assert weights[0] < 0 < weights[1]
    assert not weights[2:].any()


def test_words_of_several_tokens_are_ranked_by_name():
    classifier = weighing_pairs()
    top = classifier.top_tokens(["oven pan", "oven, Qzx oven"], n_tokens=100)
    p = classifier.predict_proba(["qzx"])[0, 0]
    assert dict(top["bad"])["qzx"] == pytest.approx(np.log(p / (1 - p)), abs=1e-4)
    assert "qzx oven" in dict(top["bad"])
    rare = classifier.top_tokens(["oven qzx", "oven"], n_tokens=100, min_df=2)
    assert list(dict(rare["bad"])) == ["oven"]


def test_word_weights_are_those_of_the_vocabulary():
    classifier = weighing_pairs()
    known, embedding = classifier.word_weights_, classifier.embedding_
    phrases = ["oven", "qzx", "the oven", "qzx oven", "oven the", "pan oven", "the 字"]
    found = word_weights_of(embedding, known, phrases)
    assert found.dtype == np.float32
    assert found.shape == (7, known.n_outputs)
    for row, phrase in zip(found[:4], phrases, strict=False):
        words = embedding.words(embedding.tokenize([phrase]))
        numbers = known.vocabulary.find(words).ids
        assert_array_equal(row, known.weights[numbers.max()])
        assert row.any()
    assert not found[4:].any()
    assert word_weights_of(embedding, known, []).shape == (0, known.n_outputs)


@pytest.mark.parametrize("phrase", ["", "!", "the oven the", "oven pan 字"])
def test_what_is_no_word_or_pair_has_no_weight(phrase):
    classifier = weighing_pairs()
    with pytest.raises(ValueError, match=rf"words\[1\] is {phrase!r}"):
        word_weights_of(pieces_table(), classifier.word_weights_, ["oven", phrase])


@pytest.mark.parametrize("frozen", [False, True], ids=["classifier", "pipeline"])
def test_the_old_name_of_top_tokens_warns(frozen):
    model = weighing_pairs().to_pipeline() if frozen else weighing_pairs()
    texts = ["oven pan", "the oven"]
    with pytest.warns(FutureWarning, match="use top_tokens"):
        old = model.telling_tokens(texts, n_tokens=2, min_df=2)
    assert old == model.top_tokens(texts, n_tokens=2, min_df=2)


def test_nearest_tokens_have_the_greatest_cosines():
    nearest = EMBEDDING.nearest(["oven", "mast rope", ""], n_tokens=3)
    assert nearest[0][0] == ("oven", pytest.approx(1, abs=1e-6))
    vectors = EMBEDDING.vectors / np.linalg.norm(EMBEDDING.vectors, axis=1)[:, None]
    likeness = vectors @ EMBEDDING.encode(["mast rope"])[0]
    best = np.argsort(-likeness)[:3]
    assert [token for token, _ in nearest[1]] == [EMBEDDING.tokens[i] for i in best]
    assert_allclose([value for _, value in nearest[1]], likeness[best], atol=1e-6)
    assert [value for _, value in nearest[2]] == [0, 0, 0]


def test_tokens_are_named_by_their_ids():
    vocabulary = EMBEDDING.tokenizer.get_vocab()
    assert [vocabulary[token] for token in EMBEDDING.tokens] == list(
        range(len(vocabulary))
    )


def test_a_bag_of_each_token():
    bags = TokenBags.alone(np.array([3, 1], np.int32))
    assert_array_equal(bags.lengths, [1, 1])
    assert_array_equal(bags.ids, [3, 1])
