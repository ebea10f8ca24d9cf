"""What holds for every input: a model opens and is right, or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_static import ModelFormatError, StaticEmbedding, StaticPipeline

TEXTS = [
    *("", " ", "a", "abc fox", "Abc ab-bc  é中 1 [MASK][UNK]", "\x00a\ud800 \u0301b"),
    *("qqqq жжж\t中\nb", "a" * 300, "fox " * 40, "\ufffd\u2028\U0001f98a"),
]
FAILS = "The tokenizer fails on a text"


def check_folder(files: Mapping[str, bytes]) -> None:
    """Check that `files` open as a table and as a pipeline, or are refused."""
    with TemporaryDirectory() as parent:
        folder = Path(parent)
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        for kind, check in ((StaticEmbedding, check_table), (StaticPipeline, _check)):
            try:
                model = kind.from_pretrained(folder)
            except ModelFormatError as error:
                assert parent in str(error)  # noqa: PT017
            else:
                check(model, TEXTS)


def check_table(table: StaticEmbedding, texts: Sequence[str]) -> None:
    """Check that texts have the vectors that plain sums give, by cache and without."""
    try:
        plain = _plain_vectors(table, texts)
    except ValueError as error:
        assert FAILS in str(error)  # noqa: PT017
        return
    for _ in range(2):
        encoded = table.encode(texts, batch_size=4)
        assert encoded.dtype == np.float32
        assert encoded.shape == (len(texts), table.n_dimensions)
        assert np.isfinite(encoded).all()
        scale = max(1e-30, np.abs(plain).max(initial=0))
        assert_allclose(encoded / scale, plain / scale, rtol=1e-4, atol=1e-5)


def _plain_vectors(table: StaticEmbedding, texts: Sequence[str]) -> np.ndarray:
    """The embeddings of one text after the other, in float64, token by token."""
    tokenizer = table._bag_tokenizer
    vectors = table.vectors.astype(np.float64)
    out = np.zeros((len(texts), table.n_dimensions))
    for i, text in enumerate(texts):
        if tokenizer._max_chars is not None:
            text = text[: tokenizer._max_chars]
        ids = tokenizer._plain([text]).ids[: table.max_length]
        ids = [token for token in ids.tolist() if token != tokenizer.unknown_id]
        for token in ids:
            row = token if table.mapping is None else table.mapping[token]
            weight = 1.0 if table.weights is None else float(table.weights[token])
            out[i] += weight * vectors[row] / len(ids)
        if table.normalize:
            out[i] /= np.linalg.norm(out[i]) + 1e-32
    return out


def check_cache(table: StaticEmbedding, texts: Sequence[str]) -> None:
    """Check that the quick ways give exactly what the plain one gives."""
    tokenizer = table._bag_tokenizer
    plain, ways = tokenizer._plain(texts), [tokenizer._from_memory] * 2
    if tokenizer._bert is None:
        ways += [lambda texts: tokenizer._by_words(texts, tokenizer._from_table)] * 2
    else:
        ways.append(lambda texts: tokenizer._word_piece(texts, tokenizer._tokenize))
    for way in ways:
        quick = way(texts)
        assert_array_equal(quick.offsets, plain.offsets)
        assert_array_equal(quick.ids, plain.ids)


def _check(pipeline: StaticPipeline, texts: Sequence[str]) -> None:
    head = pipeline["head"]
    try:
        predicted = pipeline.predict(texts)
    except ValueError as error:
        assert FAILS in str(error)  # noqa: PT017
        return
    assert predicted.shape[0] == len(texts)
    if not hasattr(head, "classes_"):
        assert np.isfinite(predicted).all()
        return
    probabilities = pipeline.predict_proba(texts)
    assert probabilities.shape == (len(texts), len(head.classes_))
    assert np.isfinite(probabilities).all()
    if not head.multilabel:
        assert_allclose(probabilities.sum(axis=1), 1)
        assert_array_equal(predicted, head.classes_[probabilities.argmax(axis=1)])
