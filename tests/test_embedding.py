"""StaticEmbedding: the vectors it gives, and that it never changes."""

import copy
import gzip
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics.pairwise import cosine_similarity
from tokenizers import Tokenizer, models, pre_tokenizers

from sklearn_static import ModelFormatError, StaticEmbedding

TABLES = ("float32", "float16", "int8", "weights", "mapping", "mapping and weights")


def table_of(kind, n_tokens, seed=0):
    """Random arrays: keyword arguments of a StaticEmbedding."""
    rng = np.random.default_rng(seed)
    n_rows = 17 if "mapping" in kind else n_tokens
    vectors = rng.normal(size=(n_rows, 8)).astype(np.float32)
    if kind == "float16":
        vectors = vectors.astype(np.float16)
    if kind == "int8":
        vectors = rng.integers(-127, 128, (n_rows, 8)).astype(np.int8)
    arrays = {"vectors": vectors}
    if "weights" in kind:
        arrays["weights"] = rng.uniform(0.1, 2, n_tokens).astype(np.float32)
    if "mapping" in kind:
        arrays["mapping"] = rng.integers(0, n_rows, n_tokens).astype(np.int32)
    return arrays


def words_tokenizer(*words):
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


GOOD_BAD = words_tokenizer("good", "bad")
THREE = [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]


def assert_same_embedding(actual, expected, texts):
    """Equal in every array and setting, and in what they give."""
    for name in ("vectors", "weights", "mapping"):
        ours, theirs = getattr(actual, name), getattr(expected, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert ours.dtype == theirs.dtype
            assert_array_equal(ours, theirs)
    for name in ("normalize", "max_length", "metadata", "n_tokens", "n_dimensions"):
        assert getattr(actual, name) == getattr(expected, name), name
    assert actual.tokenizer.to_str() == expected.tokenizer.to_str()
    assert_array_equal(actual.encode(texts), expected.encode(texts))


# The vectors of model2vec


@pytest.fixture(scope="module")
def static_model():
    return pytest.importorskip("model2vec").StaticModel


@pytest.mark.parametrize("max_length", [None, 5, 512])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("kind", TABLES)
def test_vectors_are_those_of_model2vec(
    static_model, tokenizer, odd_texts, plain_texts, kind, normalize, max_length
):
    texts = odd_texts + plain_texts
    table = table_of(kind, tokenizer.get_vocab_size())
    settings = {"normalize": normalize, "max_length": max_length}
    theirs = static_model(
        table["vectors"],
        tokenizer,
        weights=table.get("weights"),
        token_mapping=table.get("mapping"),
        **settings,
    ).encode(texts)
    ours = StaticEmbedding(tokenizer=tokenizer, **table, **settings).encode(texts)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    # A float16 table's means are rounded to float16 by model2vec; int8 means are large.
    resolution = 2e-3 if kind == "float16" else 1e-6
    assert_allclose(ours, theirs, rtol=resolution, atol=resolution)


def shared_texts(shared, name, n_texts):
    path = shared / "data" / name / "test.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line)["text"] for line in islice(lines, n_texts)]


@pytest.mark.parametrize("name", ["subj", "bbc", "hatespeech_offensive", "banking77"])
def test_real_texts_have_the_vectors_of_model2vec(shared, static_model, name):
    folder = shared / "models" / "potion-base-8M"
    texts = shared_texts(shared, name, 200)
    theirs = static_model.from_pretrained(folder).encode(texts)
    ours = StaticEmbedding.from_pretrained(folder).encode(texts)
    assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{"max_length": 3}, {"normalize": False}])
def test_settings_are_overridden_as_in_model2vec(shared, static_model, options):
    folder = shared / "models" / "potion-base-8M"
    texts = shared_texts(shared, "sst5", 50)
    theirs = static_model.from_pretrained(folder, **options).encode(texts)
    ours = StaticEmbedding.from_pretrained(folder, **options).encode(texts)
    assert_allclose(ours, theirs, rtol=0, atol=1e-6)


# Encoding


def test_every_container_gives_the_same(embedding, container, plain_texts):
    expected = embedding.encode(plain_texts)
    assert_array_equal(embedding.encode(container(plain_texts)), expected)


def test_no_texts_give_no_rows(embedding, container):
    encoded = embedding.encode(container([]))
    assert encoded.shape == (0, embedding.n_dimensions)
    assert encoded.dtype == np.float32


@pytest.mark.parametrize("text", ["", "   ", "\x00", "qqqq ¤¤", "[UNK]"])
@pytest.mark.parametrize("normalize", [False, True])
def test_texts_without_known_tokens_are_zeros(text, normalize):
    embedding = StaticEmbedding(np.ones((3, 2)), GOOD_BAD, normalize=normalize)
    assert_array_equal(embedding.encode([text, "good"])[0], 0)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 10_000])
@pytest.mark.parametrize("kind", TABLES)
def test_batch_size_does_not_change_the_result(tokenizer, odd_texts, kind, batch_size):
    table = table_of(kind, tokenizer.get_vocab_size())
    embedding = StaticEmbedding(tokenizer=tokenizer, **table, normalize=True)
    batched = embedding.encode(odd_texts, batch_size=batch_size)
    assert_array_equal(batched, embedding.encode(odd_texts))


def test_a_text_is_embedded_the_same_whatever_is_beside_it(
    tokenizer, make_table, odd_texts
):
    embedding = make_table(tokenizer, normalize=True)
    together = embedding.encode(odd_texts)
    assert_array_equal(embedding.encode(odd_texts[::-1]), together[::-1])
    alone = [make_table(tokenizer, normalize=True).encode([t])[0] for t in odd_texts]
    assert_array_equal(together, alone)


@pytest.mark.parametrize("max_length", [None, 1, 3, 512])
@pytest.mark.parametrize("kind", TABLES)
def test_a_text_that_is_known_is_embedded_alone_as_among_others(
    tokenizer, odd_texts, plain_texts, kind, max_length
):
    """Bit for bit, with unknown tokens and more than there may be, too."""
    table = table_of(kind, tokenizer.get_vocab_size())
    texts = [*odd_texts, *plain_texts, "fox qqqq ¤ fox", "[UNK] the ¤"]
    for settings in ({"normalize": True}, {"convention": "sentence-transformers"}):
        embedding = StaticEmbedding(
            tokenizer=tokenizer, **table, max_length=max_length, **settings
        )
        together = embedding.encode(texts)
        for text, expected in zip(texts, together, strict=True):
            alone = embedding.encode([text])
            assert alone.shape == (1, embedding.n_dimensions)
            assert alone.dtype == np.float32
            assert alone.tobytes() == expected.tobytes()


def test_embeddings_of_single_texts_are_memory_of_their_own(embedding):
    first = embedding.encode(["fox"])
    expected = first.copy()
    first += 1
    assert_array_equal(embedding.encode(["fox"]), expected)


def test_a_full_memory_does_not_change_the_result(monkeypatch, embedding, odd_texts):
    expected = embedding.encode(odd_texts)
    for i in range(70):
        # Words of a megabyte, of which 50 are remembered at most.
        embedding.encode([f"{i}" + "\U00020000" * 250_000])
    for _ in range(2):
        assert_array_equal(embedding.encode(odd_texts, batch_size=3), expected)


def test_threads_may_share_an_embedding(tokenizer, make_table, plain_texts):
    embedding = make_table(tokenizer)
    rng = np.random.default_rng(0)
    words = " ".join(plain_texts).split()
    batches = [[" ".join(rng.choice(words, 9)) for _ in range(20)] for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        actual = list(pool.map(embedding.encode, batches))
    alone = make_table(tokenizer)
    assert_array_equal(actual, [alone.encode(batch) for batch in batches])


def test_progress_bar_is_shown_on_request_only(embedding, capsys):
    embedding.encode(["fox"])
    assert capsys.readouterr().err == ""
    embedding.encode(["fox"], show_progress_bar=True)
    assert "encode" in capsys.readouterr().err


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_has_to_be_positive(embedding, batch_size):
    with pytest.raises(ValueError, match=f"batch_size is {batch_size}"):
        embedding.encode(["fox"], batch_size=batch_size)


@pytest.mark.parametrize("method", ["encode", "tokenize"])
def test_texts_are_checked(embedding, method):
    with pytest.raises(TypeError, match="X is a single str"):
        getattr(embedding, method)("fox")
    with pytest.raises(TypeError, match=r"X\[1\] is 3"):
        getattr(embedding, method)(["fox", 3])


def test_missing_texts_are_empty_on_request(embedding):
    encoded = embedding.encode(["fox", None], handle_missing="empty")
    assert_array_equal(encoded, embedding.encode(["fox", ""]))


def test_tokenizing_and_pooling_is_encoding(tokenizer, odd_texts):
    for kind in TABLES:
        table = table_of(kind, tokenizer.get_vocab_size())
        embedding = StaticEmbedding(tokenizer=tokenizer, **table, normalize=True)
        pooled = embedding.pool(embedding.tokenize(odd_texts))
        assert_array_equal(pooled, embedding.encode(odd_texts))
        out = np.empty_like(pooled)
        assert embedding.pool(embedding.tokenize(odd_texts), out=out) is out
        assert_array_equal(pooled, out)


def test_rows_and_weights_are_looked_up_by_token():
    embedding = StaticEmbedding(
        [[1.0], [2.0]], GOOD_BAD, weights=[5, 6, 7], mapping=[0, 1, 0]
    )
    bags = embedding.tokenize(["good bad", "bad"])
    rows, weights = embedding.rows(bags)
    assert_array_equal(bags.ids, [1, 2, 2])
    assert_array_equal(rows.ids, [1, 0, 0])
    assert_array_equal(weights, [6, 7, 7])


def test_a_text_of_ten_thousand_words_has_the_mean_of_their_vectors():
    words = [f"w{i}\U0001f98a{i % 7}中" for i in range(10_000)]
    vectors = np.random.default_rng(0).normal(size=(10_001, 4)).astype(np.float32)
    tokenizer = words_tokenizer(*words)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    embedding = StaticEmbedding(vectors, tokenizer, max_length=None)
    text = " ".join([*words, "\x00", "\ud800", "a" * 1_000_000])
    expected = vectors[1:].mean(axis=0, dtype=np.float64)
    for _ in range(2):
        encoded = embedding.encode([text, "", text])
        assert_allclose(encoded[[0, 2]], [expected, expected], rtol=0, atol=1e-6)
        assert_array_equal(encoded[1], 0)


# Immutability


def test_arrays_are_read_only(word_piece):
    table = table_of("mapping and weights", word_piece.get_vocab_size())
    embedding = StaticEmbedding(tokenizer=word_piece, **table)
    for name in table:
        with pytest.raises(ValueError, match="read-only"):
            getattr(embedding, name)[0] = 1


@pytest.mark.parametrize("name", ["vectors", "normalize", "max_length", "tokenizer"])
def test_settings_cannot_be_assigned(embedding, name):
    with pytest.raises(AttributeError):
        setattr(embedding, name, None)


def test_arrays_are_copied():
    arrays = {
        "vectors": np.ones((3, 2), np.float32),
        "weights": np.ones(3, np.float32),
        "mapping": np.zeros(3, np.int32),
    }
    embedding = StaticEmbedding(tokenizer=GOOD_BAD, **arrays)
    before = embedding.encode(["good"])
    for array in arrays.values():
        array[:] = 2
    assert_array_equal(embedding.encode(["good"]), before)
    assert_array_equal(embedding.vectors, 1)
    assert_array_equal(embedding.weights, 1)
    assert_array_equal(embedding.mapping, 0)


def test_read_only_arrays_are_shared():
    vectors = np.ones((3, 2), np.float32)
    vectors.flags.writeable = False
    assert StaticEmbedding(vectors, GOOD_BAD).vectors is vectors


def test_read_only_views_of_writable_arrays_are_copied():
    vectors = np.ones((3, 2), np.float32)
    view = vectors[:]
    view.flags.writeable = False
    embedding = StaticEmbedding(view, GOOD_BAD)
    vectors[:] = 2
    assert_array_equal(embedding.vectors, 1)


def test_tokenizer_is_copied_in_and_out(embedding, word_piece):
    for tokenizer in (word_piece, embedding.tokenizer):
        tokenizer.add_tokens(["fox"])
        tokenizer.normalizer = None
    assert embedding.n_tokens == embedding.tokenizer.get_vocab_size()
    assert embedding.tokenizer.normalizer is not None


def test_metadata_is_copied_in_and_out():
    metadata = {"source": {"name": "a"}}
    embedding = StaticEmbedding(THREE, GOOD_BAD, metadata=metadata)
    metadata["source"]["name"] = "b"
    embedding.metadata["source"]["name"] = "c"
    assert embedding.metadata == {"source": {"name": "a"}}


def test_copies_are_the_embedding_itself(embedding):
    assert copy.copy(embedding) is embedding
    assert copy.deepcopy({"model": embedding})["model"] is embedding


@pytest.mark.parametrize("kind", TABLES)
def test_pickles_are_equal(tokenizer, odd_texts, kind):
    table = table_of(kind, tokenizer.get_vocab_size())
    embedding = StaticEmbedding(
        tokenizer=tokenizer,
        **table,
        normalize=True,
        max_length=7,
        metadata={"tokenizer_name": "a"},
    )
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(embedding, protocol))
        assert_same_embedding(again, embedding, odd_texts)
        assert not again.vectors.flags.writeable


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib_keeps_everything(embedding, tmp_path, odd_texts, mmap_mode):
    joblib.dump(embedding, tmp_path / "embedding.joblib")
    again = joblib.load(tmp_path / "embedding.joblib", mmap_mode=mmap_mode)
    assert_same_embedding(again, embedding, odd_texts)


def test_pickles_hold_no_memory_of_texts(embedding):
    before = len(pickle.dumps(embedding))
    embedding.encode([f"fox{i}" for i in range(3000)])
    assert len(pickle.dumps(embedding)) == before


def test_repr_names_size_and_source():
    embedding = StaticEmbedding(THREE, GOOD_BAD)
    assert repr(embedding) == (
        "StaticEmbedding(n_tokens=3, n_dimensions=2, dtype=float32)"
    )
    named = StaticEmbedding(THREE, GOOD_BAD, metadata={"tokenizer_name": "a/b"})
    assert "tokenizer_name='a/b'" in repr(named)


# Other tables of the same tokens


def test_with_vectors_keeps_all_but_the_table(word_piece, odd_texts):
    table = table_of("mapping and weights", word_piece.get_vocab_size())
    embedding = StaticEmbedding(
        tokenizer=word_piece, **table, normalize=True, max_length=9, metadata={"a": 1}
    )
    embedding.encode(odd_texts)
    vectors = np.random.default_rng(1).normal(size=(17, 3)).astype(np.float32)
    expected = StaticEmbedding(
        tokenizer=word_piece,
        **{**table, "vectors": vectors},
        normalize=True,
        max_length=9,
        metadata={"a": 1},
    )
    assert_same_embedding(embedding.with_vectors(vectors), expected, odd_texts)
    assert_array_equal(embedding.vectors, table["vectors"])


def test_with_vectors_copies_and_checks_them():
    embedding = StaticEmbedding(THREE, GOOD_BAD)
    vectors = np.ones((3, 2), np.float32)
    other = embedding.with_vectors(vectors, metadata={"a": 1})
    vectors[:] = 2
    assert_array_equal(other.vectors, 1)
    assert (other.metadata, embedding.metadata) == ({"a": 1}, {})
    with pytest.raises(ValueError, match="vectors has 2 entries"):
        embedding.with_vectors(np.ones((2, 2)))


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_to_train_gives_the_same_vectors_up_to_scale(word_piece, kind):
    table = table_of(kind, word_piece.get_vocab_size())
    embedding = StaticEmbedding(tokenizer=word_piece, **table)
    trainable = embedding.for_training()
    assert trainable.vectors.dtype == np.float32
    assert (trainable.weights is None) == (kind != "mapping and weights")
    scale = 127 if kind == "int8" else 1
    texts = ["the quick brown fox", "a static embedding"]
    expected = embedding.encode(texts)
    assert_allclose(trainable.encode(texts) * scale, expected, rtol=1e-5, atol=1e-5)


def test_a_plain_table_is_trained_from_as_it_is(embedding):
    assert embedding.for_training() is embedding


# What does not fit


GAPPED = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 7}, unk_token="[UNK]"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vectors": np.ones((2, 2))}, "vectors has 2 entries, .* 3 tokens"),
        ({"vectors": np.ones((4, 2))}, "vectors has 4 entries, .* 3 tokens"),
        ({"vectors": np.ones(3)}, r"vectors has shape \(3,\)"),
        ({"vectors": np.ones((3, 2, 1))}, r"vectors has shape \(3, 2, 1\)"),
        ({"vectors": np.ones((3, 2)), "tokenizer": GAPPED}, "3 entries, .* 8 tokens"),
        ({"weights": np.ones(2)}, "weights has 2 entries, .* 3 tokens"),
        ({"weights": np.ones((3, 1))}, r"weights has shape \(3, 1\)"),
        ({"weights": 2.0}, r"weights has shape \(\)"),
        ({"mapping": [0, 1]}, "mapping has 2 entries, .* 3 tokens"),
        ({"mapping": [0, 1, 3]}, "mapping holds row 3, but vectors has 3 rows"),
        ({"mapping": [0, -1, 1]}, "mapping holds row -1"),
        ({"mapping": [0, 1, 2**32]}, "mapping .* out of range"),
        ({"vectors": [[0, 1], [np.nan, 0], [0, 0]]}, r"vectors\[1\] .* not finite"),
        ({"vectors": [[0, 1], [0, 0], [np.inf, -np.inf]]}, r"vectors\[2\]"),
        ({"vectors": np.full((3, 2), 1e300)}, r"vectors\[0\] .* not finite"),
        ({"vectors": np.float16([[0], [1], [np.inf]])}, r"vectors\[2\]"),
        ({"weights": [1, np.nan, 1]}, r"weights\[1\] .* not finite"),
        ({"max_length": 0}, "max_length is 0, but 1 or more"),
    ],
)
def test_what_does_not_fit_is_a_value_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        StaticEmbedding(**{"vectors": THREE, "tokenizer": GOOD_BAD, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vectors": [["a", "b"]] * 3}, "vectors has dtype <U1, but numbers"),
        ({"vectors": np.ones((3, 2), bool)}, "vectors has dtype bool"),
        ({"vectors": None}, "vectors has dtype object"),
        ({"weights": [1, 2, None]}, "weights has dtype object"),
        ({"mapping": [0.0, 1.5, 2.0]}, "mapping has dtype float64, but integers"),
        ({"max_length": 2.5}, "max_length is 2.5, but an int or None"),
        ({"tokenizer": "bert"}, "tokenizer is of type str.*tokenizers.Tokenizer"),
        ({"metadata": {"a": {1, 2}}}, "metadata is .* JSON"),
    ],
)
def test_what_is_of_another_type_is_a_type_error(arguments, message):
    with pytest.raises(TypeError, match=message):
        StaticEmbedding(**{"vectors": THREE, "tokenizer": GOOD_BAD, **arguments})


def test_large_values_are_taken_while_sums_over_a_text_hold_them():
    vectors = np.full((3, 2), 1e15, np.float32)
    embedding = StaticEmbedding(vectors, GOOD_BAD, normalize=True, max_length=None)
    assert_array_equal(embedding.vectors, vectors)
    assert_allclose(embedding.encode(["good bad " * 1000]), [[0.5**0.5, 0.5**0.5]])


@pytest.mark.parametrize("arrays", [(3e38, 1), (2e15, 1), (1e10, 3e10), (1, 3e38)])
def test_larger_values_are_refused(arrays):
    vectors, weights = (
        np.full(shape, v) for shape, v in zip([(3, 2), 3], arrays, strict=True)
    )
    with pytest.raises(
        ValueError, match=r"times weights, holds .* at most was expected"
    ):
        StaticEmbedding(vectors, GOOD_BAD, weights=weights)


def test_gaps_between_ids_need_rows_of_their_own():
    embedding = StaticEmbedding(np.arange(16.0).reshape(8, 2), GAPPED)
    assert_array_equal(embedding.encode(["b"]), [[14, 15]])


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (np.float64, np.float32),
        (np.int64, np.float32),
        (np.uint8, np.float32),
        (">f4", np.float32),
        (np.float16, np.float16),
        (np.int8, np.int8),
    ],
)
def test_numbers_are_kept_in_one_of_three_dtypes(dtype, stored):
    embedding = StaticEmbedding(np.array(THREE, dtype), GOOD_BAD)
    assert embedding.vectors.dtype == stored
    assert embedding.vectors.dtype.isnative
    assert_array_equal(embedding.vectors, THREE)


def test_tables_of_any_memory_layout_are_taken():
    vectors = np.arange(24, dtype=np.float32).reshape(6, 4)
    for view in (np.asfortranarray(vectors[:3]), vectors[::2], vectors[::-2]):
        embedding = StaticEmbedding(view, GOOD_BAD)
        assert embedding.vectors.flags.c_contiguous
        assert_array_equal(embedding.encode(["good"]), view[1:2])


# Opening


def test_leading_dimensions_are_kept(embedding, tmp_path, odd_texts):
    embedding.save_pretrained(tmp_path / "table")
    opened = StaticEmbedding.from_pretrained(tmp_path / "table", dimensions=3)
    assert opened.n_dimensions == 3
    assert_array_equal(opened.encode(odd_texts), embedding.encode(odd_texts)[:, :3])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dimensions": 9}, ValueError, "dimensions is 9, but the table has 8"),
        ({"dimensions": 0}, ValueError, "dimensions is 0"),
        ({"dimensions": 2.0}, TypeError, "dimensions is 2.0, but an int"),
        ({"max_length": 0}, ValueError, "max_length is 0"),
        ({"max_length": "long"}, TypeError, "max_length is 'long'"),
    ],
)
def test_wrong_arguments_are_not_blamed_on_the_folder(
    embedding, tmp_path, arguments, error, message
):
    embedding.save_pretrained(tmp_path / "table")
    with pytest.raises(error, match=message) as caught:
        StaticEmbedding.from_pretrained(tmp_path / "table", **arguments)
    assert not isinstance(caught.value, ModelFormatError)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, (True, 7)),
        ({"normalize": False}, (False, 7)),
        ({"max_length": None}, (True, None)),
        ({"max_length": 3}, (True, 3)),
    ],
)
def test_settings_are_those_of_the_folder_unless_given(
    word_piece, make_table, tmp_path, arguments, expected
):
    make_table(word_piece, normalize=True, max_length=7).save_pretrained(tmp_path / "t")
    opened = StaticEmbedding.from_pretrained(tmp_path / "t", **arguments)
    assert (opened.normalize, opened.max_length) == expected


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_table_for_training_gives_the_same_embeddings(normalize, rescale):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    vectors = np.array([[0, 0], [300, 0], [100, 100]], np.float16)
    embedding = StaticEmbedding(vectors, tokenizer, normalize=normalize)
    start = embedding.for_training(rescale=rescale)
    texts = ["a", "b", "a b", ""]
    assert start.vectors.dtype == np.float32
    np.testing.assert_allclose(start.encode(texts), embedding.encode(texts), rtol=1e-6)
    lengths = np.linalg.norm(start.vectors[1:], axis=1)
    assert np.isclose(np.median(lengths), 10) == (normalize and rescale)


def test_similarity_is_the_cosine_of_embeddings(embedding, plain_texts):
    a, b = [*plain_texts, ""], plain_texts[:4]
    similarity = embedding.similarity(a, b)
    assert (similarity.shape, similarity.dtype) == ((len(a), 4), np.float32)
    assert_allclose(
        similarity, cosine_similarity(*map(embedding.encode, (a, b))), atol=1e-6
    )
    assert_allclose(similarity[:4].diagonal(), 1, rtol=1e-6)
    assert not similarity[-1].any()
    assert embedding.similarity([], b).shape == (0, 4)
