"""Folders of other libraries: sentence-transformers', and model2vec's of old."""

import json
import pickle
import warnings
from importlib import import_module
from itertools import pairwise
from zipfile import ZipFile

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_static import ModelFormatError, StaticEmbedding, StaticPipeline

# How sentence-transformers names its modules and their folders, by its version.
FLAT = {
    "table": "",
    "StaticEmbedding": "sentence_transformers.sentence_transformer.modules"
    ".static_embedding.StaticEmbedding",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
}
NESTED = {
    "table": "0_StaticEmbedding",
    "StaticEmbedding": "sentence_transformers.models.StaticEmbedding",
    "Normalize": "sentence_transformers.models.Normalize",
}
LAYOUTS = {"flat": FLAT, "nested": NESTED}


def module(index, path, kind):
    return {"idx": index, "name": str(index), "path": path, "type": kind}


def write_static_module(folder, vectors, tokenizer, *, layout="flat", normalize=False):
    """A folder as sentence-transformers writes it."""
    names = LAYOUTS[layout]
    table = folder / names["table"]
    table.mkdir(parents=True)
    save_file({"embedding.weight": vectors}, table / "model.safetensors")
    tokenizer.save(str(table / "tokenizer.json"))
    modules = [module(0, names["table"], names["StaticEmbedding"])]
    if normalize:
        modules.append(module(1, "1_Normalize", names["Normalize"]))
    write_json(folder / "modules.json", modules)
    settings = {"prompts": {"query": "", "document": ""}, "default_prompt_name": None}
    write_json(folder / "config_sentence_transformers.json", settings)


def write_json(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value), "utf8")


def means(tokenizer, vectors, texts, *, normalize=False):
    """The mean over all tokens of each text, unknown ones too."""
    out = np.zeros((len(texts), vectors.shape[1]), np.float32)
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    for row, encoding in zip(out, encodings, strict=True):
        if encoding.ids:
            row[:] = vectors[encoding.ids].mean(axis=0)
            if normalize:
                row /= np.linalg.norm(row)
    return out


def assert_close(actual, expected):
    assert_allclose(actual, expected, rtol=0, atol=2e-6)


@pytest.fixture
def vectors(tokenizer):
    return vectors_for(tokenizer)


def vectors_for(tokenizer):
    size = (tokenizer.get_vocab_size(), 8)
    return np.random.default_rng(0).normal(size=size).astype(np.float32)


@pytest.fixture
def static_module(word_piece, tmp_path):
    """A folder of sentence-transformers over BERT's kind of tokenizer."""
    folder = tmp_path / "module"
    write_static_module(folder, vectors_for(word_piece), word_piece)
    return folder


# StaticEmbedding of sentence-transformers


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_static_modules_of_every_tokenizer_embed_as_the_mean_of_all_tokens(
    tokenizer, vectors, tmp_path, odd_texts, layout, normalize
):
    folder = tmp_path / "module"
    write_static_module(folder, vectors, tokenizer, layout=layout, normalize=normalize)
    opened = StaticEmbedding.from_pretrained(folder)
    assert (opened.normalize, opened.max_length) == (normalize, None)
    assert opened.convention == "sentence-transformers"
    expected = means(tokenizer, vectors, odd_texts, normalize=normalize)
    assert_close(opened.encode(odd_texts), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_static_modules_open_from_a_subfolder(word_piece, tmp_path, layout):
    vectors = vectors_for(word_piece)
    write_static_module(tmp_path / "a" / "b", vectors, word_piece, layout=layout)
    opened = StaticEmbedding.from_pretrained(tmp_path, subfolder="a/b")
    assert_array_equal(opened.vectors, vectors)


def test_unknown_tokens_count_by_convention(word_piece):
    vectors = vectors_for(word_piece)
    unknown = word_piece.token_to_id("[UNK]")
    own, theirs = (
        StaticEmbedding(vectors, word_piece, convention=convention)
        for convention in ("model2vec", "sentence-transformers")
    )
    assert not own.encode(["🦊"]).any()
    assert_close(theirs.encode(["🦊"])[0], vectors[unknown])
    assert_array_equal(own.encode(["the fox"]), theirs.encode(["the fox"]))


@pytest.mark.parametrize("stride", [0, 2])
def test_truncation_in_the_tokenizer_is_in_tokens_alone(
    word_piece, tmp_path, odd_texts, stride
):
    word_piece.enable_truncation(3, stride=stride)
    vectors = vectors_for(word_piece)
    write_static_module(tmp_path / "module", vectors, word_piece)
    opened = StaticEmbedding.from_pretrained(tmp_path / "module")
    assert opened.max_length == 3
    # model2vec would cut such a text to white space.
    texts = [*odd_texts, " " * 1000 + "the fox"]
    assert_close(opened.encode(texts), means(word_piece, vectors, texts))


def test_padding_in_the_tokenizer_does_not_count(word_piece, tmp_path):
    word_piece.enable_padding(length=9)
    vectors = vectors_for(word_piece)
    write_static_module(tmp_path / "module", vectors, word_piece)
    opened = StaticEmbedding.from_pretrained(tmp_path / "module")
    word_piece.no_padding()
    texts = ["the fox", ""]
    assert_close(opened.encode(texts), means(word_piece, vectors, texts))


def test_overrides_hold_for_static_modules(static_module):
    opened = StaticEmbedding.from_pretrained(
        static_module, normalize=True, max_length=3, dimensions=5
    )
    assert (opened.normalize, opened.max_length, opened.n_dimensions) == (True, 3, 5)
    lengths = np.linalg.norm(opened.encode(["the fox", "the dog"]), axis=1)
    assert_close(lengths, 1)


def test_static_modules_are_saved_and_pickled_with_their_convention(
    word_piece, tmp_path, odd_texts
):
    word_piece.enable_truncation(7)
    vectors = vectors_for(word_piece)
    write_static_module(tmp_path / "module", vectors, word_piece, normalize=True)
    opened = StaticEmbedding.from_pretrained(tmp_path / "module")
    opened.save_pretrained(tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text("utf8"))
    assert config["model_type"] == "model2vec"
    assert config["sklearn_static"]["convention"] == "sentence-transformers"
    expected = opened.encode(odd_texts)
    for again in (
        StaticEmbedding.from_pretrained(tmp_path / "saved"),
        pickle.loads(pickle.dumps(opened)),
    ):
        assert (again.convention, again.max_length) == ("sentence-transformers", 7)
        assert_array_equal(again.encode(odd_texts), expected)


def test_pipelines_keep_the_convention_of_their_table(
    static_module, make_frozen, tmp_path, odd_texts
):
    pipeline = make_frozen(StaticEmbedding.from_pretrained(static_module))
    pipeline.save_pretrained(tmp_path / "saved")
    again = StaticPipeline.from_pretrained(tmp_path / "saved")
    assert again["embedding"].embedding.convention == "sentence-transformers"
    expected = pipeline.predict_proba(odd_texts)
    assert_array_equal(again.predict_proba(odd_texts), expected)


def test_compressed_tables_keep_the_convention(static_module):
    compressed = StaticEmbedding.from_pretrained(static_module).compress(dtype="int8")
    assert compressed.convention == "sentence-transformers"
    assert compressed.encode(["🦊"]).any()


def test_training_counts_unknown_tokens_as_inference_does(static_module):
    pytest.importorskip("skorch")
    from sklearn_static import StaticClassifier

    embedding = StaticEmbedding.from_pretrained(static_module)
    texts, labels = ["🦊 🦊", "the fox", "🦊", "the dog"], ["a", "b", "a", "b"]
    classifier = StaticClassifier(
        embedding, early_stopping=False, max_epochs=2, random_state=0
    ).fit(texts, labels)
    unknown = embedding.tokenizer.token_to_id("[UNK]")
    trained = classifier.embedding_
    assert trained.convention == "sentence-transformers"
    assert (trained.vectors[unknown] != embedding.vectors[unknown]).any()


def test_an_unknown_convention_is_refused(word_piece, static_module, tmp_path):
    with pytest.raises(ValueError, match="convention is 'theirs', but one of"):
        StaticEmbedding(vectors_for(word_piece), word_piece, convention="theirs")
    StaticEmbedding.from_pretrained(static_module).save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    config = json.loads(path.read_text("utf8"))
    write_json(path, {**config, "sklearn_static": {"convention": ["theirs"]}})
    with pytest.raises(ModelFormatError, match="convention is"):
        StaticEmbedding.from_pretrained(tmp_path / "saved")


def test_a_config_beside_a_static_module_changes_nothing(static_module):
    expected = StaticEmbedding.from_pretrained(static_module).encode(["the 🦊"])
    write_json(static_module / "config.json", {"model_type": "other"})
    opened = StaticEmbedding.from_pretrained(static_module)
    assert_array_equal(opened.encode(["the 🦊"]), expected)


HOME = "sentence_transformers.models"


@pytest.mark.parametrize(
    "kinds",
    [
        [f"{HOME}.Transformer", f"{HOME}.Pooling"],
        [f"{HOME}.Transformer", f"{HOME}.Pooling", f"{HOME}.Normalize"],
        [f"{HOME}.StaticEmbedding", f"{HOME}.Dense"],
        [f"{HOME}.StaticEmbedding", f"{HOME}.Normalize", f"{HOME}.Dense"],
        [f"{HOME}.Normalize", f"{HOME}.StaticEmbedding"],
        ["sentence_transformers.sparse_encoder.models.SparseStaticEmbedding"],
        ["elsewhere.StaticEmbedding"],
        [],
    ],
    ids=lambda kinds: "+".join(kind.rpartition(".")[2] for kind in kinds),
)
def test_other_architectures_are_refused(static_module, kinds):
    modules = [module(i, "", kind) for i, kind in enumerate(kinds)]
    write_json(static_module / "modules.json", modules)
    names = [kind.removeprefix(f"{HOME}.").split(".")[-1] for kind in kinds]
    last = names[-1] if names else r"\[\]"
    with pytest.raises(
        ModelFormatError, match=rf"modules\.json lists .*{last}.* StaticEmbedding was"
    ):
        StaticEmbedding.from_pretrained(static_module)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("modules.json", {}, "holds a dict, but a JSON array"),
        ("modules.json", [3], r"lists the modules \['3'\]"),
        ("modules.json", [{"path": ""}], "lists the modules"),
        ("modules.json", [module(0, "../up", NESTED["StaticEmbedding"])], "'../up'"),
        ("modules.json", [module(0, None, NESTED["StaticEmbedding"])], "in None"),
        ("config_sentence_transformers.json", [], "holds a list, but a JSON object"),
        (
            "config_sentence_transformers.json",
            {"prompts": {"query": "ask: "}, "default_prompt_name": "query"},
            "default_prompt_name 'query' to put 'ask: ' before",
        ),
        ("config_sentence_transformers.json", {"truncate_dim": 9}, "dimensions is 9"),
        ("config_sentence_transformers.json", {"truncate_dim": "x"}, "is 'x'"),
    ],
)
def test_static_modules_that_cannot_be_followed_are_refused(
    static_module, name, content, message
):
    write_json(static_module / name, content)
    with pytest.raises(ModelFormatError, match=message) as caught:
        StaticEmbedding.from_pretrained(static_module)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "1_Normalize/config.json",
            {"module_input_name": "token_embeddings"},
            "normalization of the 'sentence_embedding' was expected",
        ),
        (
            "config_sentence_transformers.json",
            {"truncate_dim": 4},
            "truncate_dim 4 .* pass dimensions=",
        ),
    ],
)
def test_normalization_that_cannot_be_followed_is_refused(
    word_piece, tmp_path, name, content, message
):
    vectors = vectors_for(word_piece)
    write_static_module(tmp_path / "module", vectors, word_piece, normalize=True)
    write_json(tmp_path / "module" / name, content)
    with pytest.raises(ModelFormatError, match=message):
        StaticEmbedding.from_pretrained(tmp_path / "module")


def test_named_dimensions_are_the_leading_ones(static_module):
    whole = StaticEmbedding.from_pretrained(static_module)
    write_json(static_module / "config_sentence_transformers.json", {"truncate_dim": 3})
    opened = StaticEmbedding.from_pretrained(static_module)
    assert_array_equal(opened.vectors, whole.vectors[:, :3])


def test_truncation_from_the_left_is_refused(word_piece, tmp_path):
    word_piece.enable_truncation(3, direction="left")
    write_static_module(tmp_path / "module", vectors_for(word_piece), word_piece)
    with pytest.raises(ModelFormatError, match=r"tokenizer\.json cuts .* the left"):
        StaticEmbedding.from_pretrained(tmp_path / "module")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_files_of_static_modules_are_named(word_piece, tmp_path, layout, name):
    folder = tmp_path / "module"
    write_static_module(folder, vectors_for(word_piece), word_piece, layout=layout)
    (folder / LAYOUTS[layout]["table"] / name).unlink()
    with pytest.raises(ModelFormatError, match=f"has no file .*{name}"):
        StaticEmbedding.from_pretrained(folder)


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_module_whose_folder_is_none_is_named(word_piece, tmp_path, kind):
    folder, layout = tmp_path / "module", LAYOUTS["nested"]
    write_static_module(folder, vectors_for(word_piece), word_piece, layout="nested")
    table = folder / layout["table"]
    table.rename(tmp_path / "away")
    if kind == "a file":
        table.write_text("mine")
    with pytest.raises(ModelFormatError, match=f"has no file {layout['table']}/"):
        StaticEmbedding.from_pretrained(folder)


def test_a_static_module_that_does_not_fit_its_tokenizer_is_refused(static_module):
    save_file(
        {"embedding.weight": np.ones((3, 8), np.float32)},
        static_module / "model.safetensors",
    )
    with pytest.raises(ModelFormatError, match=r"vectors has 3 .* do not belong"):
        StaticEmbedding.from_pretrained(static_module)


def test_a_static_module_is_no_pipeline(static_module):
    message = "table without a head, which StaticEmbedding.from_pretrained opens"
    with pytest.raises(ModelFormatError, match=message):
        StaticPipeline.from_pretrained(static_module)


# Against sentence-transformers itself


@pytest.fixture
def theirs():
    """The library, whose imports may warn of what it imports in turn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("sentence_transformers")


def save_theirs(theirs, folder, tokenizer, *, normalize=False, **settings):
    modules = theirs.sentence_transformer.modules
    chain = [modules.StaticEmbedding(tokenizer, vectors_for(tokenizer))]
    if normalize:
        chain.append(modules.Normalize())
    model = theirs.SentenceTransformer(modules=chain, device="cpu", **settings)
    model.save_pretrained(str(folder), create_model_card=False)
    return model


def open_theirs(theirs, folder):
    return theirs.SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.mark.parametrize("max_length", [None, 3])
@pytest.mark.parametrize("normalize", [False, True])
def test_vectors_are_those_of_sentence_transformers(
    theirs, tokenizer, tmp_path, odd_texts, normalize, max_length
):
    if max_length is not None:
        tokenizer.enable_truncation(max_length)
    model = save_theirs(theirs, tmp_path / "a", tokenizer, normalize=normalize)
    opened = StaticEmbedding.from_pretrained(tmp_path / "a")
    expected = model.encode(odd_texts)
    assert_close(opened.encode(odd_texts), expected)
    opened.save_pretrained(tmp_path / "b")
    assert_close(open_theirs(theirs, tmp_path / "b").encode(odd_texts), expected)


def test_dimensions_are_those_of_sentence_transformers(theirs, word_piece, tmp_path):
    texts = ["the fox", "🦊", ""]
    model = save_theirs(theirs, tmp_path / "a", word_piece, truncate_dim=3)
    opened = StaticEmbedding.from_pretrained(tmp_path / "a")
    assert opened.n_dimensions == 3
    assert_close(opened.encode(texts), model.encode(texts))


PARTS = {
    "float32": lambda n, vectors: {"vectors": vectors},
    "weights": lambda n, vectors: {
        "vectors": vectors,
        "weights": np.linspace(0.5, 1, n),
    },
    "int8": lambda n, vectors: {
        "vectors": (30 * vectors).astype(np.int8),
        "weights": np.linspace(0.5, 1, n),
    },
    "mapping": lambda n, vectors: {"vectors": vectors[:9], "mapping": np.arange(n) % 9},
}


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("kind", PARTS)
def test_sentence_transformers_opens_our_tables(
    theirs, word_piece, tmp_path, plain_texts, kind, normalize
):
    vectors = vectors_for(word_piece)
    parts = PARTS[kind](len(vectors), vectors)
    embedding = StaticEmbedding(**parts, tokenizer=word_piece, normalize=normalize)
    embedding.save_pretrained(tmp_path / "ours")
    model = open_theirs(theirs, tmp_path / "ours")
    expected = embedding.encode(plain_texts)
    assert_allclose(model.encode(plain_texts), expected, rtol=1e-5, atol=2e-6)


def test_sentence_transformers_opens_the_tables_of_our_pipelines(
    theirs, pipeline, tmp_path, plain_texts
):
    pipeline.save_pretrained(tmp_path / "ours")
    model = open_theirs(theirs, tmp_path / "ours")
    assert_close(model.encode(plain_texts), pipeline[:-1].transform(plain_texts))


def test_model2vec_differs_where_sentence_transformers_is_followed(
    word_piece, tmp_path
):
    pytest.importorskip("model2vec")
    from model2vec import StaticModel

    write_static_module(
        tmp_path / "module", vectors_for(word_piece), word_piece, normalize=True
    )
    model = StaticModel.from_pretrained(tmp_path / "module")
    texts = ["the fox", "the 🦊", "the dog"]
    expected = model.encode(texts)
    ours = StaticEmbedding.from_pretrained(tmp_path / "module")
    as_theirs = StaticEmbedding(ours.vectors, ours.tokenizer)
    assert_close(as_theirs.encode(texts), expected)
    assert not np.allclose(np.linalg.norm(expected, axis=1), 1)
    directions = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    assert_close(ours.encode(texts)[::2], directions[::2])
    assert not np.allclose(ours.encode(texts)[1], directions[1], atol=0.01)


# Pipelines of model2vec before 0.9


@pytest.fixture
def skops():
    """The library that reads and writes the heads of old pipelines."""
    pytest.importorskip("skops")
    return import_module("skops.io")


def perceptron(kind, *, classes=("a", "b", "c"), hidden=(6,)):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 8))
    model = kind(hidden_layer_sizes=hidden, max_iter=1, random_state=0)
    y = np.resize(classes, 12) if kind is MLPClassifier else rng.normal(size=12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def as_model2vec_makes_it(kind, *, n_outputs, out_activation, hidden=(6,), **options):
    """A perceptron whose weights were replaced by those that torch has trained."""
    model = perceptron(kind, hidden=hidden, **options)
    rng = np.random.default_rng(1)
    widths = [8, *hidden, n_outputs]
    for i, shape in enumerate(pairwise(widths)):
        model.coefs_[i] = rng.normal(size=shape[::-1]).astype(np.float32).T
        model.intercepts_[i] = rng.normal(size=shape[1]).astype(np.float32)
    model.n_outputs_, model.out_activation_ = n_outputs, out_activation
    return model


def fitted_to_many_labels():
    rng = np.random.default_rng(0)
    model = MLPClassifier(hidden_layer_sizes=(6,), max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rng.normal(size=(12, 8)), np.arange(36).reshape(12, 3) % 2)


@pytest.fixture
def legacy(skops, embedding, tmp_path):
    """A function that writes an estimator as model2vec did, after a table."""

    def write(*steps, table=embedding):
        folder = tmp_path / "legacy"
        table.save_pretrained(folder)
        write_json(folder / "config.json", {"normalize": table.normalize})
        skops.dump(make_pipeline(*steps), folder / "pipeline.skops")
        return folder

    return write


HIDDEN = [(), (6,), (6, 5)]
SOFTMAX = {"out_activation": "softmax"}


@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
@pytest.mark.parametrize("classes", [("neg", "pos"), ("a", "b", "c"), (3, 5, 7)])
def test_old_classifiers_predict_as_scikit_learn_does(
    legacy, embedding, odd_texts, classes, hidden
):
    head = as_model2vec_makes_it(
        MLPClassifier, classes=classes, n_outputs=len(classes), hidden=hidden, **SOFTMAX
    )
    opened = StaticPipeline.from_pretrained(legacy(head))
    X = embedding.encode(odd_texts)
    assert_close(opened.predict_proba(odd_texts), head.predict_proba(X))
    assert_array_equal(opened.predict(odd_texts), head.predict(X))
    assert_array_equal(opened.classes_, head.classes_)
    assert opened.classes_.dtype == head.classes_.dtype


@pytest.mark.parametrize("classes", [("neg", "pos"), (False, True), ("a", "b", "c")])
def test_classifiers_fitted_by_scikit_learn_predict_the_same(
    legacy, embedding, odd_texts, classes
):
    head = perceptron(MLPClassifier, classes=classes)
    opened = StaticPipeline.from_pretrained(legacy(head))
    X = embedding.encode(odd_texts)
    assert_close(opened.predict_proba(odd_texts), head.predict_proba(X))
    assert_array_equal(opened.predict(odd_texts), head.predict(X))


@pytest.mark.parametrize("classes", [("x", "y"), ("x", "y", "z")])
def test_old_classifiers_of_many_labels_are_such(legacy, embedding, odd_texts, classes):
    head = as_model2vec_makes_it(
        MLPClassifier,
        classes=classes,
        n_outputs=len(classes),
        out_activation="logistic",
    )
    opened = StaticPipeline.from_pretrained(legacy(head))
    expected = head.predict_proba(embedding.encode(odd_texts))
    assert_close(opened.predict_proba(odd_texts), expected)
    assert_array_equal(opened.predict(odd_texts), expected >= 0.5)
    assert opened.classes_.tolist() == list(classes)


def test_many_labels_fitted_by_scikit_learn_are_predicted_the_same(
    legacy, embedding, odd_texts
):
    head = fitted_to_many_labels()
    opened = StaticPipeline.from_pretrained(legacy(head))
    X = embedding.encode(odd_texts)
    assert_close(opened.predict_proba(odd_texts), head.predict_proba(X))
    assert_array_equal(opened.predict(odd_texts), head.predict(X))


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_old_regressors_predict_as_scikit_learn_does(
    legacy, embedding, odd_texts, n_outputs
):
    head = as_model2vec_makes_it(
        MLPRegressor, n_outputs=n_outputs, out_activation="identity"
    )
    opened = StaticPipeline.from_pretrained(legacy(head))
    expected = head.predict(embedding.encode(odd_texts))
    assert_allclose(opened.predict(odd_texts), expected, rtol=1e-5, atol=1e-5)


def test_old_pipelines_are_saved_in_the_format_of_today(legacy, odd_texts, tmp_path):
    head = as_model2vec_makes_it(MLPClassifier, n_outputs=3, **SOFTMAX)
    opened = StaticPipeline.from_pretrained(legacy(head))
    opened.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved" / "pipeline.skops").exists()
    again = StaticPipeline.from_pretrained(tmp_path / "saved")
    expected = opened.predict_proba(odd_texts)
    assert_array_equal(again.predict_proba(odd_texts), expected)
    assert [type(step).__module__ for _, step in opened.steps] == [
        "sklearn_static.transformer",
        "sklearn_static.head",
    ]


def test_old_pipelines_are_not_overwritten(legacy, pipeline):
    folder = legacy(perceptron(MLPClassifier))
    with pytest.raises(FileExistsError, match=r"pipeline\.skops.* a new folder"):
        pipeline.save_pretrained(folder)


def test_a_head_of_today_comes_before_an_old_one(legacy, pipeline, odd_texts, tmp_path):
    folder = legacy(perceptron(MLPClassifier))
    pipeline.save_pretrained(tmp_path / "saved")
    for name in ("config.json", "head.safetensors"):
        (folder / name).write_bytes((tmp_path / "saved" / name).read_bytes())
    opened = StaticPipeline.from_pretrained(folder)
    expected = pipeline.predict_proba(odd_texts)
    assert_array_equal(opened.predict_proba(odd_texts), expected)


def test_without_skops_the_error_says_how_to_get_it(embedding, tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    for name, content in {**embedding.to_files(), "pipeline.skops": b"0"}.items():
        (tmp_path / "old" / name).write_bytes(content)
    monkeypatch.setitem(import_module("sys").modules, "skops.io", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-static\[legacy\]"'):
        StaticPipeline.from_pretrained(tmp_path / "old")


def set_version(path, version):
    """Have a file of skops say that another version of scikit-learn wrote it."""
    with ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    ours, other = (json.dumps(json.dumps(v)) for v in (sklearn.__version__, version))
    schema = files["schema.json"].decode()
    assert ours in schema
    files["schema.json"] = schema.replace(ours, other).encode()
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_another_version_of_scikit_learn_is_said_once_with_the_remedy(
    legacy, embedding, odd_texts
):
    head = as_model2vec_makes_it(MLPClassifier, n_outputs=3, **SOFTMAX)
    folder = legacy(head)
    set_version(folder / "pipeline.skops", "0.24.1")
    message = (
        rf"pipeline\.skops was written with scikit-learn 0\.24\.1, and "
        rf"{sklearn.__version__} is installed.*save the pipeline to a new folder"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        opened = StaticPipeline.from_pretrained(folder)
    assert [warning.filename for warning in caught] == [__file__]
    expected = head.predict_proba(embedding.encode(odd_texts))
    assert_close(opened.predict_proba(odd_texts), expected)


def changed(**attributes):
    model = as_model2vec_makes_it(MLPClassifier, n_outputs=3, **SOFTMAX)
    vars(model).update(attributes)
    return model


def with_coefficients(*shapes, value=1.0):
    return [np.full(shape, value, np.float32) for shape in shapes]


BAD_HEADS = {
    "another estimator": lambda: [LogisticRegression()],
    "more steps": lambda: [StandardScaler(), perceptron(MLPClassifier)],
    "a pipeline inside": lambda: [make_pipeline(perceptron(MLPClassifier))],
    "unfitted": lambda: [MLPClassifier()],
    "tanh": lambda: [changed(activation="tanh")],
    "output exp": lambda: [changed(out_activation_="exp")],
    "identity of a classifier": lambda: [changed(out_activation_="identity")],
    "no labels": lambda: [changed(classes_=None)],
    "too few labels": lambda: [changed(classes_=np.array(["a", "b"]))],
    "labels twice": lambda: [changed(classes_=np.array(["a", "b", "a"]))],
    "labels that are none": lambda: [changed(classes_=np.ones((3, 2)))],
    "no layers": lambda: [changed(coefs_=[], intercepts_=[])],
    "a bias too few": lambda: [changed(intercepts_=with_coefficients(6))],
    "other widths": lambda: [changed(coefs_=with_coefficients((8, 6), (5, 3)))],
    "another table": lambda: [changed(coefs_=with_coefficients((7, 6), (6, 3)))],
    "strings": lambda: [changed(coefs_=["a", "b"])],
    "one dimension": lambda: [changed(coefs_=with_coefficients(8, 6))],
    "infinite": lambda: [
        changed(coefs_=with_coefficients((8, 6), (6, 3), value=np.inf))
    ],
    "too large for float32": lambda: [changed(coefs_=[np.full((8, 6), 1e300)] * 2)],
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_old_heads_that_cannot_be_read_are_refused(legacy, name):
    folder = legacy(*BAD_HEADS[name]())
    with pytest.raises(ModelFormatError, match=r"pipeline\.skops"):
        StaticPipeline.from_pretrained(folder)


def test_foreign_types_are_named_and_not_opened(legacy, monkeypatch, skops):
    getcwd = import_module("os").getcwd
    folder = legacy(FunctionTransformer(getcwd), perceptron(MLPClassifier))
    monkeypatch.setattr(skops, "load", lambda *args, **kwargs: pytest.fail("opened"))
    with pytest.raises(ModelFormatError, match=r"holds the types \[.*getcwd'\], but a"):
        StaticPipeline.from_pretrained(folder)


@pytest.mark.parametrize("damage", ["empty", "truncated", "rubbish", "no schema"])
def test_damaged_old_heads_are_named(legacy, damage):
    path = legacy(perceptron(MLPClassifier)) / "pipeline.skops"
    whole = path.read_bytes()
    damaged = {"empty": b"", "truncated": whole[:-99], "rubbish": b"\xff\x00" * 50}
    path.write_bytes(damaged.get(damage, whole))
    if damage == "no schema":
        with ZipFile(path, "w") as archive:
            archive.writestr("other.json", "{}")
    with pytest.raises(ModelFormatError, match=r"pipeline\.skops is no file of skops"):
        StaticPipeline.from_pretrained(path.parent)


def test_old_heads_that_scikit_learn_cannot_open_name_the_versions(
    legacy, monkeypatch, skops
):
    folder = legacy(perceptron(MLPClassifier))

    def fail(*args, **kwargs):
        raise AttributeError("no such attribute")

    monkeypatch.setattr(skops, "load", fail)
    message = rf"cannot be opened with scikit-learn {sklearn.__version__} and skops"
    with pytest.raises(ModelFormatError, match=message):
        StaticPipeline.from_pretrained(folder)


def test_other_warnings_of_opening_an_old_head_are_passed_on(
    legacy, monkeypatch, skops
):
    folder = legacy(perceptron(MLPClassifier))
    real = skops.load

    def load(*args, **kwargs):
        warnings.warn("something else", RuntimeWarning, stacklevel=1)
        return real(*args, **kwargs)

    monkeypatch.setattr(skops, "load", load)
    with pytest.warns() as caught:
        StaticPipeline.from_pretrained(folder)
    assert [str(warning.message) for warning in caught] == ["something else"]


def test_a_table_without_a_head_names_no_old_one(embedding, tmp_path):
    embedding.save_pretrained(tmp_path / "table")
    with pytest.raises(ModelFormatError, match="table without a head"):
        StaticPipeline.from_pretrained(tmp_path / "table")
