"""ONNX files: what a runtime makes of them is what the pipeline predicts."""

import json
import os
import re
import sys
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tokenizers import Tokenizer, models
from toys import frozen_pipeline, toy_embedding

from sklearn_static import StaticEmbedding, StaticEmbeddingTransformer, StaticPipeline
from sklearn_static._layers.layers import (
    ACTIVATIONS,
    Activation,
    Head,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
)
from sklearn_static._lexical.vocabulary import fit_vocabulary
from sklearn_static._lexical.weights import WordWeights, idf_of
from sklearn_static._tokens.bags import TokenBags
from sklearn_static.head import StaticHeadClassifier, StaticHeadRegressor
from sklearn_static.transformer import features_of_bags

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from onnx.reference import ReferenceEvaluator  # noqa: E402

from sklearn_static._onnx.graph import Graph, whole  # noqa: E402
from sklearn_static._onnx.words import _Buckets  # noqa: E402


def session_of(path, n_threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    return onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )


def inputs_of(pipeline, texts):
    return pipeline[0].embedding.tokenize(texts)._asdict()


def exported(pipeline, texts, folder):
    """What a runtime puts out for texts."""
    pipeline.to_onnx(folder / "model.onnx")
    (answer,) = session_of(folder / "model.onnx").run(None, inputs_of(pipeline, texts))
    return answer


def assert_exported(pipeline, texts, folder):
    """Check that a runtime gives what the pipeline predicts."""
    actual = exported(pipeline, texts, folder)
    assert actual.dtype == np.float32
    if hasattr(pipeline, "predict_proba"):
        expected = pipeline.predict_proba(texts)
        assert_allclose(actual, expected, rtol=0, atol=5e-6)
    else:
        expected = pipeline.predict(texts).reshape(len(texts), -1)
        assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-3


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def linear(n_inputs, n_outputs):
    return Linear(normal(n_outputs, n_inputs), normal(n_outputs, seed=1))


def pipeline_of(embedding, *layers, head=None):
    """A classifier of three classes, unless `head` makes something else of layers."""
    head = head or (lambda layers: StaticHeadClassifier(layers, ["a", "b", "c"]))
    transformer = StaticEmbeddingTransformer(embedding)
    return StaticPipeline([("embedding", transformer), ("head", head(Head(layers)))])


def voting(embedding, texts, n_outputs=3):
    """A pipeline whose word weights are random, for the words of `texts`."""
    return voting_on(embedding, embedding.tokenize([*texts, *texts[::2]]), n_outputs)


def voting_on(embedding, bags, n_outputs=3):
    """A pipeline whose word weights are random, for the words of tokenized texts."""
    vocabulary, df = fit_vocabulary(embedding.words(bags), 100_000)
    idf = idf_of(df, len(bags.offsets) - 1)
    word_weights = WordWeights(vocabulary, idf, normal(len(df), n_outputs))
    layer = linear(embedding.n_dimensions + n_outputs, n_outputs)
    head = StaticHeadClassifier(Head((layer,)), np.arange(n_outputs))
    transformer = StaticEmbeddingTransformer(embedding, word_weights=word_weights)
    return StaticPipeline([("embedding", transformer), ("head", head)])


# Predictions


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("shared", [False, True], ids=["own rows", "shared rows"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_tables_of_every_kind_predict_the_same(
    word_piece, odd_texts, plain_texts, tmp_path, normalize, dtype, shared, weighted
):
    rng, n_tokens = np.random.default_rng(0), word_piece.get_vocab_size()
    n_rows = 9 if shared else n_tokens
    scale = 20 if dtype == "int8" else 1
    embedding = StaticEmbedding(
        (scale * normal(n_rows, 8)).astype(dtype),
        word_piece,
        weights=rng.uniform(size=n_tokens) / scale if weighted else None,
        mapping=rng.integers(0, n_rows, n_tokens) if shared else None,
        normalize=normalize,
    )
    pipeline = pipeline_of(embedding, linear(8, 3))
    assert_exported(pipeline, odd_texts + plain_texts, tmp_path)


def test_tokens_and_words_of_every_tokenizer_predict_the_same(
    tokenizer, make_table, odd_texts, plain_texts, tmp_path
):
    pipeline = voting(make_table(tokenizer, normalize=True), plain_texts + odd_texts)
    assert len(pipeline[0].word_weights.vocabulary.pairs) > 3
    upper = [text.upper() for text in plain_texts]
    assert_exported(pipeline, [*odd_texts, *plain_texts, *upper], tmp_path)


def word_piece_model(vocabulary):
    return models.WordPiece(vocabulary, unk_token="?")


def unigram_model(vocabulary):
    return models.Unigram([(token, -1.0) for token in vocabulary], unk_id=0)


def bpe_model(vocabulary):
    return models.BPE(vocabulary, [], unk_token="?")


@pytest.mark.parametrize(
    ("make_model", "tokens"),
    [
        (word_piece_model, ["fox", "a", "b", "7", "é", "!", "##es", "##!", "##x"]),
        (unigram_model, ["▁fox", "▁a", "▁", "es", "x", "!", "▁7", "日"]),
        (bpe_model, ["Ġfox", "Ġa", "Ġ", "es", "Ġ-", "!", "b", "Ġé"]),
    ],
)
def test_words_of_any_tokens_are_the_same(tmp_path, make_model, tokens):
    vocabulary = {token: i for i, token in enumerate(["?", *tokens])}
    table = StaticEmbedding(
        normal(len(vocabulary), 4), Tokenizer(make_model(vocabulary))
    )
    rng = np.random.default_rng(0)
    rows = [rng.integers(1, len(vocabulary), rng.integers(0, 9)) for _ in range(900)]
    pipeline = voting_on(table, TokenBags.from_rows(rows[:100]))
    pipeline.to_onnx(tmp_path / "model.onnx")
    bags = TokenBags.from_rows(rows)
    (answer,) = session_of(tmp_path / "model.onnx").run(None, bags._asdict())
    features = features_of_bags(table, pipeline[0].word_weights, bags)
    expected = pipeline[-1].predict_proba(features)
    assert_allclose(answer, expected, rtol=0, atol=5e-6)
    words = table.words(bags).hashes
    assert 0.2 < np.isin(words, pipeline[0].word_weights.vocabulary.words).mean() < 1


def test_votes_that_know_no_word_predict_the_same(embedding, odd_texts, tmp_path):
    pipeline = voting(embedding, ["", "!"])
    assert len(pipeline[0].word_weights.vocabulary) == 0
    assert_exported(pipeline, odd_texts, tmp_path)


def test_an_unknown_word_makes_no_pair(tmp_path):
    known, unknown = ["oven", "pan", "butter", "salt"], "harbour"
    pairs = [" ".join(pair) for pair in product(known, repeat=2)]
    pipeline = voting(toy_embedding(), pairs * 2)
    assert len(pipeline[0].word_weights.vocabulary.pairs) == len(pairs)
    texts = [f"{word} {unknown}" for word in known]
    texts += [f"{unknown} {word}" for word in known]
    assert_exported(pipeline, texts, tmp_path)


def test_words_are_found_among_many(word_piece, make_table, tmp_path):
    letters = np.random.default_rng(0).choice(list("abcdefghij"), (3000, 5))
    words = ["".join(row) for row in letters]
    texts = [" ".join(words[i : i + 7]) for i in range(0, len(words), 3)]
    pipeline = voting(make_table(word_piece), texts, n_outputs=2)
    assert len(pipeline[0].word_weights.vocabulary) > 4000
    assert_exported(pipeline, texts + [" ".join(words[::-1])], tmp_path)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_predict_the_same(embedding, odd_texts, tmp_path, name):
    layers = (Scale(10 * normal(8), normal(8)), Activation(name), linear(8, 3))
    assert_exported(pipeline_of(embedding, *layers), odd_texts, tmp_path)


@pytest.mark.parametrize(
    "layers",
    [
        (),
        (LeakyReLU(0.3),),
        (Scale(normal(3), normal(3, seed=2)),),
        (Residual((linear(3, 5), Activation("relu"), linear(5, 3))),),
        (Residual((Residual((LeakyReLU(0.1),)), linear(3, 3))), LeakyReLU(-2)),
        (Scale(normal(3), np.full(3, 1e4, "f")), LayerNorm(normal(3), normal(3), 1e-5)),
    ],
    ids=["affine", "leaky", "scale", "residual", "nested", "layer norm far from zero"],
)
def test_layers_predict_the_same(embedding, odd_texts, tmp_path, layers):
    assert_exported(pipeline_of(embedding, linear(8, 3), *layers), odd_texts, tmp_path)


def test_a_head_without_layers_predicts_the_same(word_piece, make_table, tmp_path):
    table = make_table(word_piece, n_dimensions=3)
    assert_exported(pipeline_of(table), ["fox", "dog", "the"], tmp_path)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_numbers_are_the_same(embedding, odd_texts, tmp_path, n_outputs):
    layer = linear(8, n_outputs)
    pipeline = pipeline_of(embedding, layer, head=StaticHeadRegressor)
    assert_exported(pipeline, odd_texts, tmp_path)
    (output,) = session_of(tmp_path / "model.onnx").get_outputs()
    assert (output.name, output.shape) == ("values", ["n_texts", n_outputs])


def test_the_probabilities_of_many_labels_are_the_same(embedding, odd_texts, tmp_path):
    def many_labels(head):
        return StaticHeadClassifier(head, ["x", "y"], multilabel=True, threshold=0.3)

    pipeline = pipeline_of(embedding, linear(8, 2), head=many_labels)
    assert_exported(pipeline, odd_texts, tmp_path)
    threshold = json.loads(metadata(tmp_path / "model.onnx")["threshold"])
    actual = exported(pipeline, odd_texts, tmp_path) >= threshold
    assert_array_equal(actual, pipeline.predict(odd_texts))


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_compressed_pipelines_predict_the_same(
    word_piece, make_table, plain_texts, odd_texts, tmp_path, dtype
):
    whole = voting(make_table(word_piece, normalize=True), plain_texts)
    small = whole.compress(plain_texts, dtype=dtype, dimensions=5)
    assert_exported(small, odd_texts, tmp_path)


def test_no_text_gives_no_row(embedding, plain_texts, tmp_path):
    assert exported(voting(embedding, plain_texts), [], tmp_path).shape == (0, 3)


@pytest.mark.parametrize("convention", ["model2vec", "sentence-transformers"])
@pytest.mark.parametrize("max_length", [1, 5, None])
def test_the_tokenizers_own_ids_are_cut_and_rid_of_unknown_ones(
    word_piece, make_table, plain_texts, odd_texts, tmp_path, max_length, convention
):
    table = make_table(word_piece, max_length=max_length, convention=convention)
    pipeline = voting(table, plain_texts)
    pipeline.to_onnx(tmp_path / "model.onnx")
    texts = ["the qqqq fox ☃ jumps ☃ over", *odd_texts]
    characters = json.loads(
        metadata(tmp_path / "model.onnx").get("max_characters", "0")
    )
    cut = [text[:characters] if characters else text for text in texts]
    encodings = [word_piece.encode(text, add_special_tokens=False) for text in cut]
    ids = np.concatenate([np.array(one.ids, np.int32) for one in encodings])
    offsets = np.cumsum([0, *(len(one.ids) for one in encodings)], dtype=np.int64)
    (answer,) = session_of(tmp_path / "model.onnx").run(
        None, {"ids": ids, "offsets": offsets}
    )
    assert_allclose(answer, pipeline.predict_proba(texts), rtol=0, atol=5e-6)
    assert len(ids) > len(table.tokenize(texts).ids) or max_length is None


def test_threads_lose_nothing(word_piece, make_table, plain_texts, tmp_path):
    table = make_table(word_piece, n_dimensions=64, max_length=None)
    pipeline = voting(table, plain_texts)
    pipeline.to_onnx(tmp_path / "model.onnx")
    texts = [" ".join(plain_texts) * n for n in (100, 1, 30)]
    inputs = inputs_of(pipeline, texts)
    (alone,) = session_of(tmp_path / "model.onnx").run(None, inputs)
    many = session_of(tmp_path / "model.onnx", n_threads=4)
    assert all(np.array_equal(many.run(None, inputs)[0], alone) for _ in range(20))


def test_the_standards_own_evaluator_gives_the_same(
    word_piece, make_table, plain_texts, tmp_path
):
    pipeline = voting(make_table(word_piece, normalize=True), plain_texts)
    pipeline.to_onnx(tmp_path / "model.onnx")
    evaluator = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    with np.errstate(over="ignore"):
        (answer,) = evaluator.run(None, inputs_of(pipeline, plain_texts))
    assert_allclose(answer, pipeline.predict_proba(plain_texts), rtol=0, atol=5e-6)


@pytest.mark.parametrize("keys", [[], [7], [5, 0, -3, 2**62 - 1, -(2**63)], range(999)])
def test_keys_are_found_where_they_are_and_no_others(keys):
    keys, others = np.array(keys, np.int64), np.array([-1, 1000, 2**61, -(2**62)])
    graph = Graph()
    table = _Buckets(keys)
    graph("Add", table.find(graph, "keys", 10), whole(0), name="found")
    ints = [onnx.helper.make_tensor_value_info(n, 7, ["n"]) for n in ("keys", "found")]
    proto = graph.proto("find", ints[:1], ints[1:])
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(proto, opset_imports=[opset], ir_version=8)
    session = session_of(model.SerializeToString())
    (found,) = session.run(None, {"keys": np.concatenate([keys, others])})
    assert_array_equal(keys[table.order][found[: len(keys)] - 10], keys)
    assert_array_equal(found[len(keys) :], -1)


# Files


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_files_are_valid_and_of_plain_operators(embedding, plain_texts, tmp_path):
    voting(embedding, plain_texts).to_onnx(tmp_path / "model.onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    model = onnx.load(tmp_path / "model.onnx")
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert model.producer_name == "sklearn-static"
    session = session_of(tmp_path / "model.onnx")
    assert [(one.name, one.type, one.shape) for one in session.get_inputs()] == [
        ("ids", "tensor(int32)", ["n_tokens"]),
        ("offsets", "tensor(int64)", ["n_offsets"]),
    ]
    (output,) = session.get_outputs()
    assert (output.name, output.shape) == ("probabilities", ["n_texts", 3])


@pytest.mark.parametrize(
    "classes", [["a", 'ü " \n', ""], [-1, 0, 300], [0.5, 1.0, 2.5]], ids=str
)
def test_labels_come_back(embedding, tmp_path, classes):
    frozen_pipeline(embedding, np.array(classes)).to_onnx(tmp_path / "model.onnx")
    found = metadata(tmp_path / "model.onnx")
    assert json.loads(found["classes"]) == classes
    assert set(found) == {"classes", "max_characters"}


def test_regressors_have_no_labels(word_piece, make_table, tmp_path):
    table = make_table(word_piece, max_length=None)
    pipeline = pipeline_of(table, linear(8, 1), head=StaticHeadRegressor)
    pipeline.to_onnx(tmp_path / "model.onnx")
    assert metadata(tmp_path / "model.onnx") == {}


def test_small_tables_make_small_files(word_piece, tmp_path):
    shape = (word_piece.get_vocab_size(), 400)
    sizes = {}
    for dtype in ("int8", "float16", "float32"):
        table = StaticEmbedding(np.ones(shape, dtype), word_piece)
        pipeline_of(table, linear(400, 2)).to_onnx(tmp_path / dtype)
        sizes[dtype] = (tmp_path / dtype).stat().st_size
    n_values = np.prod(shape)
    assert_allclose(np.diff([*sizes.values()]), [n_values, 2 * n_values], atol=100)


def test_a_file_is_replaced_and_its_folder_made(pipeline, odd_texts, tmp_path):
    path = tmp_path / "some" / "where" / "model.onnx"
    pipeline.to_onnx(str(path))
    before = path.read_bytes()
    path.write_bytes(b"another file")
    pipeline.to_onnx(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("old", [None, b"the old file"])
def test_a_failure_leaves_what_was_there(pipeline, tmp_path, monkeypatch, old):
    path = tmp_path / "model.onnx"
    if old is not None:
        path.write_bytes(old)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        pipeline.to_onnx(path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


def test_a_folder_is_no_place_for_a_file(pipeline, tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder; .*'model\.onnx'"):
        pipeline.to_onnx(tmp_path)
    assert not list(tmp_path.iterdir())


# What cannot be exported


def test_without_onnx_the_extra_is_named(pipeline, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if re.match(r"onnx|.*\._onnx\.", name)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-static\[onnx\]"'):
        pipeline.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_altered_steps_are_refused(pipeline, tmp_path):
    with pytest.raises(TypeError, match=r"The steps are \[.*exported to ONNX"):
        pipeline[:1].to_onnx(tmp_path / "model.onnx")


def test_layers_that_need_torch_are_refused(embedding, tmp_path):
    class Foreign:
        def __call__(self, X):
            return X

    pipeline = pipeline_of(embedding, linear(8, 3), Foreign())
    with pytest.raises(TypeError, match="layer of type Foreign"):
        pipeline.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_labels_that_json_lacks_are_refused(embedding, tmp_path):
    classes = np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]")
    with pytest.raises(TypeError, match="The label"):
        frozen_pipeline(embedding, classes).to_onnx(tmp_path / "model.onnx")


def test_constants_beyond_what_a_file_holds_are_refused():
    graph, array = Graph(n_bytes=1_999_000_000), np.zeros(200_000, np.float32)
    graph("Identity", array)
    assert graph.n_bytes == 1_999_800_000
    with pytest.raises(ValueError, match=r"takes 2.0 GB .* the method compress"):
        graph("Identity", array)


def test_constants_in_loops_count():
    graph, array = Graph(n_bytes=1_999_000_000), np.zeros(200_000, np.float32)
    graph.loop("n_rounds", lambda inner, _: inner("Identity", array), 1)
    with pytest.raises(ValueError, match="holds 2 GB at most"):
        graph.loop("n_rounds", lambda inner, _: inner("Identity", array), 1)
