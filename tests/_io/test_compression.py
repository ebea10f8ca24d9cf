"""Smaller tables and pipelines, which are as near to the larger ones as they can be."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticEmbedding, StaticPipeline
from sklearn_static._layers.layers import Head, LayerNorm
from sklearn_static.head import StaticHeadClassifier

TEXTS, LABELS = toy_texts(60)
UNSEEN_WORDS = ["the compiler", "a stack of loops", "heap and thread"]


def low_rank_embedding(rank=4, n_dimensions=12):
    """A table whose rows are in a space of fewer dimensions than they have."""
    embedding = toy_embedding(rank)
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(n_dimensions, rank)))[0]
    vectors = embedding.vectors @ basis.T.astype(np.float32)
    return StaticEmbedding(vectors, embedding.tokenizer, normalize=True)


def table_of(kind):
    """A table that stores its rows in some way."""
    embedding = toy_embedding()
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.5, 2, embedding.n_tokens)
    parts = {
        "float32": {"vectors": embedding.vectors},
        "float16": {"vectors": embedding.vectors.astype(np.float16)},
        "weights": {"vectors": embedding.vectors, "weights": weights},
        "int8": {
            "vectors": rng.integers(-127, 128, embedding.vectors.shape, np.int8),
            "weights": weights,
        },
        "mapping": {
            "vectors": embedding.vectors[:9],
            "weights": weights,
            "mapping": rng.integers(0, 9, embedding.n_tokens),
        },
    }
    return StaticEmbedding(**parts[kind], tokenizer=embedding.tokenizer)


@pytest.mark.parametrize("kind", ["float32", "float16", "weights", "int8", "mapping"])
def test_nothing_asked_for_is_nothing_lost(kind):
    embedding = table_of(kind)
    same = embedding.compress()
    assert same.vectors.dtype == embedding.vectors.dtype
    tolerance = 2e-3 if kind == "float16" else 1e-2 if kind == "int8" else 1e-6
    scale = np.abs(embedding.encode(TEXTS)).max()
    error = np.abs(same.encode(TEXTS) - embedding.encode(TEXTS)).max()
    assert error <= tolerance * scale


def test_settings_and_tokens_stay():
    embedding = StaticEmbedding(
        toy_embedding().vectors,
        toy_embedding().tokenizer,
        normalize=True,
        max_length=7,
        metadata={"tokenizer_name": "mine"},
    )
    small = embedding.compress(TEXTS, dtype="int8", dimensions=5)
    assert small.normalize
    assert small.max_length == 7
    assert small.metadata == {"tokenizer_name": "mine"}
    assert small.n_tokens == embedding.n_tokens
    assert_array_equal(small.tokenize(TEXTS).ids, embedding.tokenize(TEXTS).ids)


# Dimensions


@pytest.mark.parametrize("texts", [None, TEXTS])
def test_dimensions_that_hold_all_lose_nothing(texts):
    embedding = low_rank_embedding(4)
    small = embedding.compress(texts, dimensions=4)
    assert small.n_dimensions == 4
    before, after = embedding.encode(TEXTS), small.encode(TEXTS)
    assert_allclose(after @ after.T, before @ before.T, atol=1e-5)


def test_dimensions_are_those_that_keep_most_of_the_texts():
    embedding = toy_embedding(16)
    table = StaticEmbedding(embedding.vectors, embedding.tokenizer)
    small = table.compress(TEXTS, dimensions=3)
    kept = np.linalg.norm(small.encode(TEXTS)) ** 2
    singular = np.linalg.svd(table.encode(TEXTS), compute_uv=False)
    assert kept == pytest.approx((singular[:3] ** 2).sum(), rel=1e-5)


@pytest.mark.parametrize("first_layer", ["linear", "another"])
def test_a_head_is_adapted_to_the_dimensions(first_layer):
    embedding = low_rank_embedding(4)
    pipeline = frozen_pipeline(embedding)
    if first_layer == "another":
        ones = np.ones(12, np.float32)
        norm = LayerNorm(ones, 0 * ones, eps=1e-5)
        head = pipeline.steps[1][1]
        layers = Head((norm, *head.head.layers))
        steps = [
            pipeline.steps[0],
            ("head", StaticHeadClassifier(layers, head.classes)),
        ]
        pipeline = StaticPipeline(steps)
    small = pipeline.compress(dimensions=4)
    assert small[:-1].transform(TEXTS).shape == (60, 4)
    expected = pipeline.predict_proba(TEXTS)
    assert_allclose(small.predict_proba(TEXTS), expected, atol=1e-5)


# Rows


def test_tokens_of_the_texts_keep_their_vectors():
    embedding = toy_embedding()
    small = embedding.compress(TEXTS)
    used = np.unique(embedding.tokenize(TEXTS).ids)
    assert len(small.vectors) == len(used) < embedding.n_tokens
    assert_allclose(small.encode(TEXTS), embedding.encode(TEXTS), atol=1e-6)


def test_other_tokens_take_the_row_and_factor_that_fit_best():
    embedding = toy_embedding()
    small = embedding.compress(TEXTS)
    (token,) = embedding.tokenize(["compiler"]).ids
    expected = embedding.vectors[token]
    rows = small.vectors
    factors = np.maximum(rows @ expected / (rows**2).sum(axis=1), 0)
    errors = ((factors[:, None] * rows - expected) ** 2).sum(axis=1)
    assert small.mapping[token] == errors.argmin()
    assert small.weights[token] == pytest.approx(factors[errors.argmin()], rel=1e-5)


def test_a_token_of_fewer_texts_gives_up_its_row():
    embedding = toy_embedding()
    texts = ["the oven", "the oven", "the tide", "tide tide tide"]
    small = embedding.compress(texts, min_df=3)
    (the, oven, tide) = embedding.tokenize(["the oven tide"]).ids
    assert_array_equal(small.vectors, embedding.vectors[[the]])
    small = embedding.compress(texts, min_df=2)
    assert_array_equal(small.vectors, embedding.vectors[sorted([the, oven, tide])])


def test_rows_of_zeros_are_shared_by_nobody():
    embedding = toy_embedding()
    vectors = embedding.vectors.copy()
    (the,) = embedding.tokenize(["the"]).ids
    vectors[the] = 0
    small = embedding.with_vectors(vectors).compress(["the oven"])
    assert np.isfinite(small.encode(UNSEEN_WORDS)).all()
    assert np.isfinite(small.weights).all()


# Bits


@pytest.mark.parametrize("texts", [None, TEXTS])
def test_int8_rows_are_off_by_half_a_step_at_most(texts):
    embedding = StaticEmbedding(toy_embedding().vectors, toy_embedding().tokenizer)
    small = embedding.compress(texts, dtype="int8")
    assert small.vectors.dtype == np.int8
    words = ["oven", "tide", "the"]
    before, after = embedding.encode(words), small.encode(words)
    step = np.abs(before).max(axis=1, keepdims=True) / 127
    assert (np.abs(after - before) <= 0.501 * step).all()
    assert (after != before).any()


def test_float16_halves_the_table():
    embedding = toy_embedding()
    small = embedding.compress(dtype="float16")
    assert small.vectors.nbytes == embedding.vectors.nbytes / 2
    assert_allclose(small.encode(TEXTS), embedding.encode(TEXTS), atol=1e-3)


# Pipelines


def test_a_compressed_pipeline_is_a_pipeline_like_the_one_before(tmp_path):
    pipeline = frozen_pipeline(toy_embedding(), handle_missing="empty", batch_size=7)
    pipeline.steps = [("a", pipeline.steps[0][1]), ("b", pipeline.steps[1][1])]
    pipeline.set_params(memory=str(tmp_path))
    before = pipeline.predict_proba(TEXTS)
    small = pipeline.compress(TEXTS, dtype="int8", dimensions=20)
    assert [name for name, _ in small.steps] == ["a", "b"]
    assert small.memory == str(tmp_path)
    assert small.steps[0][1].handle_missing == "empty"
    assert small.steps[0][1].batch_size == 7
    assert_array_equal(small.classes_, pipeline.classes_)
    assert_array_equal(pipeline.predict_proba(TEXTS), before)


def test_a_compressed_pipeline_is_saved_smaller_and_opened_again(tmp_path):
    pipeline = frozen_pipeline(toy_embedding(256))
    small = pipeline.compress(TEXTS, dtype="int8", dimensions=32)
    small.save_pretrained(tmp_path / "small")
    again = StaticPipeline.from_pretrained(tmp_path / "small")
    expected = small.predict_proba(UNSEEN_WORDS)
    assert_array_equal(again.predict_proba(UNSEEN_WORDS), expected)
    sizes = [sum(map(len, p.to_files().values())) for p in (pipeline, small)]
    assert sizes[1] < sizes[0] / 3


def test_model2vec_opens_a_compressed_pipeline(tmp_path):
    inference = pytest.importorskip("model2vec.inference")
    small = frozen_pipeline(toy_embedding()).compress(TEXTS, dtype="int8", dimensions=9)
    small.save_pretrained(tmp_path / "small")
    theirs = inference.StaticModelPipeline.from_pretrained(tmp_path / "small")
    texts = [*TEXTS, *UNSEEN_WORDS]
    expected = small.predict_proba(texts)
    assert_allclose(theirs.predict_proba(texts), expected, atol=1e-6)


def test_a_trained_pipeline_still_knows_its_classes():
    trained = StaticClassifier(toy_embedding(), lr=0.01, max_epochs=20, random_state=0)
    pipeline = trained.fit(TEXTS, LABELS).to_pipeline()
    small = pipeline.compress(TEXTS, dtype="int8", dimensions=8, min_df=2)
    assert small.score(TEXTS, LABELS) == pipeline.score(TEXTS, LABELS) == 1


def test_a_compressed_table_can_be_trained_from():
    small = toy_embedding().compress(TEXTS, dtype="int8", dimensions=8)
    trained = StaticClassifier(small, lr=0.01, max_epochs=30, random_state=0)
    assert trained.fit(TEXTS, LABELS).score(TEXTS, LABELS) > 0.9


# What cannot be


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dtype": "int4"}, ValueError, "dtype is 'int4', but one of"),
        ({"dimensions": 49}, ValueError, "dimensions is 49, but the table has 48"),
        ({"dimensions": 0}, ValueError, "dimensions is 0"),
        ({"dimensions": 2.5}, TypeError, "dimensions is 2.5, but an int"),
        ({"min_df": 2}, ValueError, "min_df is 2, but there are no texts"),
        ({"texts": TEXTS, "min_df": 0}, ValueError, "min_df is 0, but 1 or more"),
        ({"texts": TEXTS, "min_df": 0.5}, TypeError, "min_df is 0.5, but an int"),
        ({"texts": TEXTS, "min_df": 61}, ValueError, "No token occurs in as many as"),
        ({"texts": ["zzzz"], "min_df": 2}, ValueError, "No token occurs in"),
        ({"texts": "a text"}, TypeError, "str"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    for model in (toy_embedding(), frozen_pipeline(toy_embedding())):
        with pytest.raises(error, match=message):
            model.compress(**arguments)


def test_what_float16_cannot_hold_is_refused():
    embedding = toy_embedding()
    large = embedding.with_vectors(embedding.vectors * 1e6)
    with pytest.raises(ValueError, match=r"float16 cannot hold\. Use dtype='int8'"):
        large.compress(dtype="float16")
    assert np.isfinite(large.compress(dtype="int8").encode(TEXTS)).all()
