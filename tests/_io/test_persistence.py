"""Model folders: what is written is what is read, in whole or not at all."""

import errno
import json
import os
import pickle
import sys
import tracemalloc
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load as load_tensors
from safetensors.numpy import load_file, save, save_file
from toys import run_program

from sklearn_static import ModelFormatError, StaticEmbedding, StaticPipeline
from sklearn_static._io import files as persistence
from sklearn_static._io.folder import ModelFolder
from sklearn_static.head import StaticHeadClassifier

TABLE_FILES = {
    *("model.safetensors", "tokenizer.json", "config.json"),
    *("modules.json", "README.md"),
}


def contents(folder):
    """What stands in a folder, files below it included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def edit_config(folder, **entries):
    """Change entries, and write the file as a program would that knows no digests."""
    path = folder / "config.json"
    config = json.loads(path.read_text("utf8"))
    path.write_text(json.dumps({**config, **entries}), "utf8")


def assert_same_table(actual, expected):
    for name in ("vectors", "weights", "mapping"):
        ours, theirs = getattr(actual, name), getattr(expected, name)
        if theirs is None:
            assert ours is None
        else:
            assert ours.dtype == theirs.dtype
            assert_array_equal(ours, theirs)
    assert actual.normalize == expected.normalize
    assert actual.max_length == expected.max_length
    assert actual.metadata == expected.metadata
    assert actual.tokenizer.to_str() == expected.tokenizer.to_str()


def table_of(word_piece, kind):
    """A table of some kind, whose settings are none of the defaults."""
    rng = np.random.default_rng(0)
    n_tokens = word_piece.get_vocab_size()
    n_rows = 9 if kind == "mapping" else n_tokens
    vectors = rng.normal(size=(n_rows, 8)).astype(np.float32)
    parts = {
        "float32": {},
        "float16": {"vectors": vectors.astype(np.float16)},
        "int8": {"vectors": (30 * vectors).astype(np.int8)},
        "weights": {"weights": rng.uniform(size=n_tokens)},
        "mapping": {
            "weights": rng.uniform(size=n_tokens),
            "mapping": rng.integers(0, n_rows, n_tokens),
        },
    }
    return StaticEmbedding(
        **{"vectors": vectors, **parts[kind]},
        tokenizer=word_piece,
        normalize=True,
        max_length=33,
        metadata={"tokenizer_name": "a/b", "dimensions": {"pca": 8}, "café": "naïve"},
    )


KINDS = ("float32", "float16", "int8", "weights", "mapping")


@pytest.fixture
def folder(tmp_path):
    """A folder that is not there yet, nor is its parent."""
    return tmp_path / "parent" / "model"


@pytest.fixture
def saved(pipeline, folder):
    """The folder of a saved pipeline."""
    pipeline.save_pretrained(folder)
    return folder


# Round trips


@pytest.mark.parametrize("kind", KINDS)
def test_tables_come_back_equal(word_piece, folder, odd_texts, kind):
    embedding = table_of(word_piece, kind)
    embedding.save_pretrained(folder)
    again = StaticEmbedding.from_pretrained(folder)
    assert_same_table(again, embedding)
    assert_array_equal(again.encode(odd_texts), embedding.encode(odd_texts))
    assert not again.vectors.flags.writeable


def test_tables_of_every_tokenizer_come_back_equal(
    tokenizer, make_table, folder, odd_texts
):
    embedding = make_table(tokenizer)
    embedding.save_pretrained(str(folder))
    again = StaticEmbedding.from_pretrained(str(folder))
    assert_same_table(again, embedding)
    assert_array_equal(again.encode(odd_texts), embedding.encode(odd_texts))


def test_saving_what_was_opened_writes_the_same_files(word_piece, tmp_path):
    table_of(word_piece, "mapping").save_pretrained(tmp_path / "a")
    StaticEmbedding.from_pretrained(tmp_path / "a").save_pretrained(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_metadata_neither_gains_nor_overrides_settings(embedding, folder):
    own = {"normalize": True, "max_length": 3, "hidden_dim": 1, "sklearn_static": {}}
    named = embedding.with_vectors(embedding.vectors, metadata={"a": 1, **own})
    named.save_pretrained(folder)
    again = StaticEmbedding.from_pretrained(folder)
    assert named.metadata == again.metadata == {"a": 1}
    assert (again.normalize, again.max_length) == (False, 512)


def test_tables_saved_from_views_come_back_equal(word_piece, folder):
    n_tokens = word_piece.get_vocab_size()
    vectors = np.arange(n_tokens * 4, dtype=np.float32).reshape(4, n_tokens).T
    StaticEmbedding(vectors, word_piece).save_pretrained(folder)
    assert_array_equal(StaticEmbedding.from_pretrained(folder).vectors, vectors)


def test_non_contiguous_tensors_are_stored_as_they_read():
    tensor = np.arange(12, dtype=np.float32).reshape(3, 4).T[::2]
    stored = load_tensors(persistence.tensor_bytes({"a": tensor}))
    assert_array_equal(stored["a"], tensor)


def read_tensors(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    return persistence.read_tensors(ModelFolder(folder), "model.safetensors")


def of_header(header, data=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(header).to_bytes(8, "little") + header + data


def test_tensors_of_every_dtype_and_shape_are_read_as_the_library_reads_them(tmp_path):
    dtypes = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
    shapes = ((), (0,), (3,), (0, 4), (2, 3), (1, 2, 3))
    rng = np.random.default_rng(0)
    tensors = {
        f"{dtype} {shape}": np.array(rng.integers(0, 2, shape)).astype(dtype)
        for dtype in dtypes
        for shape in shapes
    }
    content = save(tensors, {"format": "np"})
    actual, expected = read_tensors(tmp_path, content), load_tensors(content)
    assert actual.keys() == expected.keys()
    for name, tensor in actual.items():
        assert_array_equal(tensor, expected[name], strict=True)
        assert_array_equal(tensor, tensors[name], strict=True)


def test_tensors_are_aligned_wherever_the_file_has_them(tmp_path):
    tensors = {"a": np.ones(1, np.int8), "b": np.array([1.5, -2])}
    for tensor in read_tensors(tmp_path, save(tensors)).values():
        assert tensor.flags.aligned


def test_dtypes_that_numpy_lacks_are_refused(tmp_path):
    content = of_header({"a": entry(0, 4, shape=[2], dtype="BF16")}, bytes(4))
    with pytest.raises(ModelFormatError, match="of numpy dtypes"):
        read_tensors(tmp_path, content)


def test_tensors_cannot_be_made_writeable(tmp_path):
    (tensor,) = read_tensors(tmp_path, save({"a": np.ones(3)})).values()
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        tensor.flags.writeable = True


def test_what_the_system_refuses_is_no_damage(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(persistence, "safe_open", fails)
    with pytest.raises(OSError, match="Input/output error"):
        read_tensors(tmp_path, save({"a": np.ones(3)}))


def entry(start, stop, shape=None, dtype="U8"):
    shape = [stop - start] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


DAMAGES = {
    "no byte": b"",
    "no full length": bytes(7),
    "no header": bytes(8),
    "a cut header": of_header(b"{}")[:-1],
    "a huge header": b"\xff" * 8 + b"{}",
    "an array": of_header(b"[]"),
    "no JSON": of_header(b"not JSON"),
    "no UTF-8": of_header(b"\xff"),
    "data of no tensor": of_header({}, b"more"),
    "a number for a tensor": of_header({"a": 1}),
    "nothing of a tensor": of_header({"a": {}}),
    "cut data": of_header({"a": entry(0, 4)}, bytes(3)),
    "more data": of_header({"a": entry(0, 4)}, bytes(5)),
    "a gap": of_header({"a": entry(0, 2), "b": entry(3, 5)}, bytes(5)),
    "an overlap": of_header({"a": entry(0, 3), "b": entry(2, 4)}, bytes(4)),
    "the same place": of_header({"a": entry(0, 2), "b": entry(0, 2)}, bytes(2)),
    "a late start": of_header({"a": entry(1, 4)}, bytes(4)),
    "a negative place": of_header({"a": entry(-4, 0)}, bytes(4)),
    "a negative size": of_header({"a": entry(4, 0)}, bytes(4)),
    "no stop": of_header({"a": {**entry(0, 4), "data_offsets": [0]}}, bytes(4)),
    "another dtype": of_header({"a": entry(0, 4, dtype="F32")}, bytes(4)),
    "an open shape": of_header({"a": entry(0, 4, shape=[-1])}, bytes(4)),
    "a number for a shape": of_header({"a": entry(0, 4, shape=4)}, bytes(4)),
}


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_damaged_tensors_are_refused_as_the_library_refuses_them(tmp_path, content):
    with pytest.raises(ModelFormatError, match="not a safetensors file"):
        read_tensors(tmp_path, content)
    with pytest.raises(Exception, match=r"."):
        load_tensors(content)


@pytest.mark.parametrize("shape", [(0, 10**9), (10**9, 0), (3, 0, 10**9)])
def test_large_shapes_without_content_are_refused(tmp_path, shape):
    header = {"embeddings": entry(0, 0, shape=shape, dtype="F32")}
    with pytest.raises(ModelFormatError, match=r"but holds nothing"):
        read_tensors(tmp_path, of_header(header))


def test_opening_takes_the_memory_of_the_table_once(word_piece, folder):
    n_tokens = word_piece.get_vocab_size()
    vectors = np.ones((n_tokens, 8_000_000 // n_tokens), np.float32)
    StaticEmbedding(vectors, word_piece).save_pretrained(folder)
    tracemalloc.start()
    try:
        StaticEmbedding.from_pretrained(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * vectors.nbytes


def test_a_table_that_was_opened_is_shared_and_not_copied(embedding, folder):
    embedding.save_pretrained(folder)
    opened = StaticEmbedding.from_pretrained(folder)
    assert np.shares_memory(opened.with_vectors(opened.vectors).vectors, opened.vectors)


def large_table(tokenizer, n_bytes, seed=0):
    """A random table that takes at least `n_bytes`."""
    n_tokens = tokenizer.get_vocab_size()
    shape = (n_tokens, n_bytes // n_tokens // 4 + 1)
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return StaticEmbedding(vectors, tokenizer)


def test_a_large_table_stays_when_its_folder_is_replaced(word_piece, folder, odd_texts):
    table = large_table(word_piece, 2_000_000)
    table.save_pretrained(folder)
    opened = StaticEmbedding.from_pretrained(folder)
    large_table(word_piece, 2_000_000, seed=1).save_pretrained(folder)
    assert_array_equal(opened.encode(odd_texts), table.encode(odd_texts))
    opened.save_pretrained(folder)
    again = StaticEmbedding.from_pretrained(folder)
    assert_array_equal(again.vectors, table.vectors)


def test_a_large_table_is_read_only_shared_and_pickled(word_piece, folder, odd_texts):
    table = large_table(word_piece, 2_000_000)
    table.save_pretrained(folder)
    opened = StaticEmbedding.from_pretrained(folder)
    assert np.shares_memory(opened.with_vectors(opened.vectors).vectors, opened.vectors)
    with pytest.raises(ValueError, match="WRITEABLE"):
        opened.vectors.flags.writeable = True
    for again in (opened, pickle.loads(pickle.dumps(opened))):
        assert_array_equal(again.encode(odd_texts), table.encode(odd_texts))


def test_a_small_table_stays_when_its_file_is_cut_short(embedding, folder, odd_texts):
    embedding.save_pretrained(folder)
    opened = StaticEmbedding.from_pretrained(folder)
    os.truncate(folder / "model.safetensors", 0)
    assert_array_equal(opened.encode(odd_texts), embedding.encode(odd_texts))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells it")
def test_a_second_process_shares_the_pages_of_a_table(word_piece, folder):
    """A copy would take 20 MB of its own."""
    large_table(word_piece, 20_000_000).save_pretrained(folder)
    opened = StaticEmbedding.from_pretrained(folder)
    assert opened.vectors.nbytes >= 20_000_000
    assert run_program("private_memory.py", folder) < 5_000_000


def test_the_folder_holds_these_files_and_versions(embedding, folder):
    embedding.save_pretrained(folder)
    assert set(contents(folder)) == TABLE_FILES
    config = json.loads((folder / "config.json").read_text("utf8"))
    assert config["model_type"] == "model2vec"
    assert config["sklearn_static"]["format_version"] == persistence.FORMAT_VERSION


# Between model2vec and here


@pytest.fixture
def model2vec():
    pytest.importorskip("model2vec.inference")
    import model2vec

    return model2vec


@pytest.mark.parametrize("kind", KINDS)
def test_model2vec_opens_our_tables(model2vec, word_piece, folder, odd_texts, kind):
    embedding = table_of(word_piece, kind)
    embedding.save_pretrained(folder)
    theirs = model2vec.StaticModel.from_pretrained(folder)
    assert (theirs.normalize, theirs.max_length) == (True, 33)
    resolution = 1e-3 if kind == "float16" else 1e-6
    expected = embedding.encode(odd_texts)
    assert_allclose(theirs.encode(odd_texts), expected, atol=resolution)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quantize_to": "float16"},
        {"quantize_to": "int8"},
        {"vocabulary_quantization": 20},
        {"vocabulary_quantization": 20, "quantize_to": "float16"},
        {"dimensionality": 5},
    ],
    ids=str,
)
def test_we_open_tables_of_model2vec(
    model2vec, embedding, tmp_path, odd_texts, options
):
    embedding.save_pretrained(tmp_path / "ours")
    theirs = model2vec.StaticModel.from_pretrained(tmp_path / "ours", **options)
    theirs.save_pretrained(tmp_path / "theirs")
    opened = StaticEmbedding.from_pretrained(tmp_path / "theirs")
    half = "float16" in options.values()
    assert opened.vectors.dtype == theirs.embedding.dtype
    resolution = 2e-3 if half else 1e-6
    expected = theirs.encode(odd_texts)
    assert_allclose(
        opened.encode(odd_texts), expected, rtol=resolution, atol=resolution
    )


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)], ids=str)
@pytest.mark.parametrize("classes", [("neg", "pos"), (3, 5, 7)], ids=str)
def test_model2vec_opens_our_pipelines(
    model2vec, embedding, make_frozen, folder, odd_texts, classes, hidden
):
    pipeline = make_frozen(embedding, classes, hidden)
    pipeline.save_pretrained(folder)
    theirs = model2vec.inference.StaticModelPipeline.from_pretrained(folder)
    assert_array_equal(theirs.predict(odd_texts), pipeline.predict(odd_texts))
    expected = pipeline.predict_proba(odd_texts)
    assert_allclose(theirs.predict_proba(odd_texts), expected, rtol=0, atol=1e-6)


def test_we_open_pipelines_of_model2vec(model2vec, pipeline, tmp_path, odd_texts):
    pipeline.save_pretrained(tmp_path / "ours")
    theirs = model2vec.inference.StaticModelPipeline.from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    opened = StaticPipeline.from_pretrained(tmp_path / "theirs")
    assert_array_equal(opened.predict(odd_texts), theirs.predict(odd_texts))
    expected = theirs.predict_proba(odd_texts)
    assert_allclose(opened.predict_proba(odd_texts), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_pipelines_travel_both_ways_over_every_kind_of_table(
    model2vec, word_piece, make_frozen, tmp_path, odd_texts, kind
):
    pipeline = make_frozen(table_of(word_piece, kind))
    pipeline.save_pretrained(tmp_path / "ours")
    theirs = model2vec.inference.StaticModelPipeline.from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    again = StaticPipeline.from_pretrained(tmp_path / "theirs")
    expected = pipeline.predict_proba(odd_texts)
    atol = 2e-3 if kind == "float16" else 1e-5
    assert_allclose(theirs.predict_proba(odd_texts), expected, rtol=0, atol=atol)
    assert_allclose(again.predict_proba(odd_texts), expected, rtol=0, atol=1e-6)


def test_many_labels_travel_both_ways(
    model2vec, embedding, make_frozen, tmp_path, odd_texts
):
    pipeline = make_frozen(embedding)
    head = pipeline.steps[1][1]
    many = StaticHeadClassifier(head.head, head.classes, multilabel=True, threshold=0.4)
    pipeline = StaticPipeline([pipeline.steps[0], ("head", many)])
    pipeline.save_pretrained(tmp_path / "ours")
    theirs = model2vec.inference.StaticModelPipeline.from_pretrained(tmp_path / "ours")
    probabilities = pipeline.predict_proba(odd_texts)
    assert_allclose(theirs.predict_proba(odd_texts), probabilities, rtol=0, atol=1e-6)
    for labels, row in zip(
        theirs.predict(odd_texts, threshold=0.4),
        pipeline.predict(odd_texts),
        strict=True,
    ):
        assert_array_equal(labels, pipeline.classes_[row.astype(bool)])
    theirs.save_pretrained(tmp_path / "theirs")
    again = StaticPipeline.from_pretrained(tmp_path / "theirs")
    assert again.steps[1][1].multilabel
    assert_allclose(again.predict_proba(odd_texts), probabilities, rtol=0, atol=1e-6)


# Writing


def test_a_saved_model_is_replaced_as_a_whole(saved, embedding):
    assert (saved / "head.safetensors").is_file()
    embedding.save_pretrained(saved)
    assert set(contents(saved)) == TABLE_FILES
    assert_same_table(StaticEmbedding.from_pretrained(saved), embedding)
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


def test_a_model_may_be_saved_where_it_was_opened(saved, odd_texts):
    pipeline = StaticPipeline.from_pretrained(saved)
    expected = pipeline.predict_proba(odd_texts)
    pipeline.save_pretrained(saved)
    again = StaticPipeline.from_pretrained(saved)
    assert_array_equal(again.predict_proba(odd_texts), expected)


@pytest.mark.parametrize("name", ["notes.txt", "model.onnx", "pytorch_model.bin"])
def test_folders_with_other_files_are_refused_and_left_alone(saved, embedding, name):
    (saved / name).write_text("mine")
    before = contents(saved)
    with pytest.raises(FileExistsError, match=f"{name}.*no part of a model"):
        embedding.save_pretrained(saved)
    assert contents(saved) == before


@pytest.mark.parametrize("kind", ["folder", "file"])
@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "Thumbs.db", "desktop.ini", ".git", ".gitattributes"),
        *(".gitignore", ".cache", ".sklearn-static-notes"),
    ],
)
def test_what_file_managers_and_git_leave_stays_where_it_is(
    saved, embedding, name, kind
):
    if kind == "folder":
        (saved / name).mkdir()
    path = saved / name / "config" if kind == "folder" else saved / name
    path.write_text("mine")
    embedding.save_pretrained(saved)
    assert path.read_text() == "mine"
    assert_same_table(StaticEmbedding.from_pretrained(saved), embedding)


def test_a_folder_called_as_a_file_of_a_model_is_refused(saved, embedding):
    (saved / "modules.json").unlink()
    (saved / "modules.json").mkdir()
    with pytest.raises(FileExistsError, match=r"modules\.json.*no part of a model"):
        embedding.save_pretrained(saved)
    assert (saved / "modules.json").is_dir()


def test_a_file_is_no_folder(embedding, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="file is a file"):
        embedding.save_pretrained(tmp_path / "file")
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("place", ["link", "working directory", "empty folder"])
def test_the_folder_itself_stays(embedding, tmp_path, monkeypatch, place):
    folder = tmp_path / "model"
    folder.mkdir()
    inode = folder.stat().st_ino
    target = folder
    if place == "link":
        target = tmp_path / "link"
        target.symlink_to(folder, target_is_directory=True)
    if place == "working directory":
        monkeypatch.chdir(folder)
        target = Path()
    for _ in range(2):
        embedding.save_pretrained(target)
    assert folder.stat().st_ino == inode
    assert set(contents(folder)) == TABLE_FILES
    assert target.is_symlink() == (place == "link")
    assert_same_table(StaticEmbedding.from_pretrained(target), embedding)


def test_links_to_folders_that_are_not_there_yet_are_followed(embedding, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "parent" / "model")
    embedding.save_pretrained(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert set(contents(tmp_path / "parent" / "model")) == TABLE_FILES


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_new_folders_have_the_usual_permissions(embedding, tmp_path):
    (tmp_path / "usual").mkdir()
    embedding.save_pretrained(tmp_path / "model")
    usual = (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "model").stat().st_mode == usual


class Failing:
    """A method of Path that fails the first time on a path whose name matches."""

    def __init__(self, method, name):
        self.method, self.name, self.has_failed = method, name, False

    def __get__(self, path, owner):
        return lambda *args, **kwargs: self.call(path, *args, **kwargs)

    def call(self, path, *args, **kwargs):
        if fnmatchcase(path.name, self.name) and not self.has_failed:
            self.has_failed = True
            raise OSError("no space left on device")
        return self.method(path, *args, **kwargs)


FAILURES = [
    ("mkdir", ".sklearn-static"),
    ("open", "tokenizer.json.*"),
    ("replace", "model.safetensors"),
    ("replace", "head.safetensors"),
    ("replace", "README.md.*"),
    ("replace", "config.json.*"),
    ("replace", "model.safetensors.*"),
]


@pytest.mark.parametrize(("method", "name"), FAILURES)
@pytest.mark.parametrize("has_digests", [True, False])
def test_a_failure_leaves_the_old_model_whole_and_no_traces(
    saved, embedding, monkeypatch, method, name, has_digests
):
    if not has_digests:
        edit_config(saved)
    before = contents(saved)
    failing = Failing(getattr(Path, method), name)
    with monkeypatch.context() as patch:
        patch.setattr(Path, method, failing)
        with pytest.raises(OSError, match="no space left"):
            embedding.save_pretrained(saved)
    assert contents(saved) == before
    assert [p.name for p in saved.parent.iterdir()] == ["model"]
    assert not [p for p in saved.iterdir() if p.is_dir()]


@pytest.mark.parametrize(("method", "name"), FAILURES[:2] + FAILURES[-3:])
def test_a_failure_leaves_no_new_folder(embedding, tmp_path, monkeypatch, method, name):
    with monkeypatch.context() as patch:
        patch.setattr(Path, method, Failing(getattr(Path, method), name))
        with pytest.raises(OSError, match="no space left"):
            embedding.save_pretrained(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_what_does_not_read_back_is_not_kept(saved, embedding, monkeypatch):
    before = contents(saved)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda path: b"rubbish")
        with pytest.raises(OSError, match="does not read back as it was written"):
            embedding.save_pretrained(saved)
    assert contents(saved) == before


def test_old_files_that_cannot_be_put_back_are_kept_for_the_next_save(
    saved, pipeline, embedding, odd_texts, monkeypatch
):
    real = Path.replace

    def replace(path, target):
        if path.parent.name == ".sklearn-static":
            raise OSError("gone")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(OSError, match="gone"):
            embedding.save_pretrained(saved)
    assert not (saved / "model.safetensors").exists()
    opened = StaticPipeline.from_pretrained(saved)
    assert_array_equal(opened.predict(odd_texts), pipeline.predict(odd_texts))


# Reading what is damaged


REQUIRED = ("config.json", "model.safetensors", "tokenizer.json")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("kind", [StaticEmbedding, StaticPipeline])
def test_missing_files_are_named(saved, name, kind):
    (saved / name).unlink()
    with pytest.raises(ModelFormatError, match=f"it has no file {name}, only"):
        kind.from_pretrained(saved)


@pytest.mark.parametrize("name", [*REQUIRED, "head.safetensors"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "rubbish"])
def test_damaged_files_are_named(saved, name, damage):
    path = saved / name
    whole = path.read_bytes()
    damaged = {"empty": b"", "truncated": whole[:-9], "rubbish": b"\xff\x00" * 50}
    path.write_bytes(damaged[damage])
    with pytest.raises(ModelFormatError, match=name):
        StaticPipeline.from_pretrained(saved)


def test_a_config_has_to_be_an_object(saved):
    (saved / "config.json").write_text("[1, 2]")
    with pytest.raises(ModelFormatError, match="holds a list, but a JSON object"):
        StaticEmbedding.from_pretrained(saved)


def test_newer_formats_say_to_upgrade(saved):
    edit_config(saved, sklearn_static={"format_version": 99})
    message = r"format version 99.*pip install --upgrade sklearn-static"
    with pytest.raises(ModelFormatError, match=message):
        StaticEmbedding.from_pretrained(saved)


@pytest.mark.parametrize("own", [3, [], {"format_version": "1"}])
def test_own_entries_have_to_be_an_object_with_a_version(saved, own):
    edit_config(saved, sklearn_static=own)
    with pytest.raises(ModelFormatError, match="integer 'format_version'"):
        StaticEmbedding.from_pretrained(saved)


@pytest.mark.parametrize("max_length", ["long", 0, 1.5])
def test_a_wrong_max_length_in_the_config_is_an_error(saved, max_length):
    edit_config(saved, max_length=max_length)
    with pytest.raises(ModelFormatError, match=f"max_length is {max_length!r}"):
        StaticEmbedding.from_pretrained(saved)


def test_normalize_may_be_null(saved):
    edit_config(saved, normalize=None)
    assert StaticEmbedding.from_pretrained(saved).normalize is False


def test_folders_without_our_entries_are_opened(saved, pipeline, odd_texts):
    config = json.loads((saved / "config.json").read_text("utf8"))
    kept = {"head_config": config["head_config"]}
    (saved / "config.json").write_text(json.dumps(kept))
    opened = StaticPipeline.from_pretrained(saved)
    assert opened["embedding"].model.max_length == 512
    assert_array_equal(opened.predict(odd_texts), pipeline.predict(odd_texts))


def spoil(path, **changes):
    """Replace tensors of a safetensors file, whose digest goes; None drops them."""
    edit_config(path.parent)
    tensors = {**load_file(path), **changes}
    save_file({name: t for name, t in tensors.items() if t is not None}, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda n: {"embeddings": None, "rows": np.ones(n)}, "'embeddings' was expect"),
        (lambda n: {"embeddings": np.ones((3, 8))}, "vectors has 3 .* do not belong"),
        (lambda n: {"embeddings": np.ones(n)}, r"vectors has shape \(\d+,\)"),
        (lambda n: {"embeddings": np.full((n, 8), np.nan)}, "not finite"),
        (lambda n: {"weights": np.ones(3)}, "weights has 3 entries"),
        (lambda n: {"mapping": np.zeros(3, np.int64)}, "mapping has 3 entries"),
        (lambda n: {"mapping": np.full(n, n)}, r"mapping holds row \d+"),
        (lambda n: {"mapping": np.zeros(n)}, "mapping has dtype float64"),
    ],
)
def test_tables_that_do_not_fit_are_refused(saved, embedding, changes, message):
    spoil(saved / "model.safetensors", **changes(embedding.n_tokens))
    with pytest.raises(ModelFormatError, match=message):
        StaticEmbedding.from_pretrained(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"head.0.weight": np.ones((6, 7), np.float32)},
        {"head.0.weight": np.ones((5, 8), np.float32)},
        {"head.0.bias": np.ones(5, np.float32)},
        {"head.0.bias": None},
        {"head.1.weight": np.ones((3, 5), np.float32)},
        {"head.1.weight": np.ones(6, np.float32)},
        {"head.2.weight": np.ones((3, 3), np.float32)},
        {
            "head.1.weight": np.ones((4, 6), np.float32),
            "head.1.bias": np.ones(4, np.float32),
        },
        {"head.1.bias": np.float32([1, np.nan, 1])},
    ],
    ids=lambda changes: f"{[*changes]}",
)
def test_heads_that_do_not_fit_are_refused(saved, changes):
    spoil(saved / "head.safetensors", **changes)
    with pytest.raises(ModelFormatError, match=r"head\.safetensors"):
        StaticPipeline.from_pretrained(saved)


HEAD_CONFIG = {
    "n_layers": 2,
    "activation": "softmax",
    "classes": ["neg", "pos", "so so"],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layers": 1}, "does not fit"),
        ({"n_layers": 3}, "does not fit"),
        ({"n_layers": "two"}, "n_layers is 'two'"),
        ({"activation": "tanh"}, "activation 'tanh'"),
        ({"activation": None}, "activation None"),
        ({"classes": ["neg", "pos"]}, "names 2 classes, .* 3 outputs"),
        ({"classes": ["a", "b", "c", "d"]}, "names 4 classes, .* 3 outputs"),
        ({"classes": None}, "classes None"),
        ({"classes": "neg"}, "classes 'neg'"),
        ({"classes": [["a"], ["b"], ["c"]]}, "a list of labels"),
    ],
)
def test_wrong_head_configs_are_refused(saved, changes, message):
    edit_config(saved, head_config={**HEAD_CONFIG, **changes})
    with pytest.raises(ModelFormatError, match=message):
        StaticPipeline.from_pretrained(saved)


@pytest.mark.parametrize("dtype", ["<U2", "int64", "no dtype", 3])
def test_labels_that_are_not_of_their_dtype_are_refused(saved, dtype):
    edit_config(saved, sklearn_static={"classes_dtype": dtype})
    with pytest.raises(ModelFormatError, match=f"classes .* dtype '?{dtype}"):
        StaticPipeline.from_pretrained(saved)


def test_a_table_without_a_head_is_no_pipeline(embedding, folder):
    embedding.save_pretrained(folder)
    message = "table without a head, which StaticEmbedding.from_pretrained opens"
    with pytest.raises(ModelFormatError, match=message):
        StaticPipeline.from_pretrained(folder)


def test_the_table_of_a_pipeline_can_be_opened_alone(saved, embedding):
    assert_same_table(StaticEmbedding.from_pretrained(saved), embedding)
