"""A process under load: threads, forks, endless streams, and what it leaves alone."""

import os
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from threading import Barrier, Event

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import issparse
from toys import run_program

from sklearn_static import (
    StaticEmbedding,
    StaticEmbeddingTransformer,
    StaticPipeline,
)
from sklearn_static._layers.layers import Head, Linear
from sklearn_static._tokens.cache import ChunkMemory
from sklearn_static._tokens.library import tokenize
from sklearn_static._utils.lazy import lazy
from sklearn_static.head import StaticHeadClassifier

HERE = Path(__file__).parent
N_THREADS = 32

needs_fork = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system does not fork"
)


# Threads


def batches_of(thread, words):
    """Batches of one text to thousands, half of whose words nobody else has."""
    rng = np.random.default_rng(thread)
    sizes = [1, 1, 2, 7, 40, 3000 if thread % 8 == 0 else 100]
    return [
        [
            " ".join([*rng.choice(words, 3), *(f"t{thread}x{n}x{i}{c}" for c in "abc")])
            for i in range(n_texts)
        ]
        for n, n_texts in enumerate(rng.permutation(sizes))
    ]


@pytest.fixture
def restless():
    """Let threads take turns far more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


two_ways = pytest.mark.parametrize(
    "tokenizer", ["WordPiece", "BPE of bytes"], indirect=True
)
"""Words that are remembered, and texts that the library tokenizes whole."""


@two_ways
@pytest.mark.usefixtures("restless")
def test_many_threads_get_the_answers_of_one(
    tokenizer, make_table, make_frozen, plain_texts
):
    words = " ".join(plain_texts).split()
    batches = [batches_of(thread, words) for thread in range(N_THREADS)]
    alone = make_frozen(make_table(tokenizer))
    expected = [[alone.predict_proba(part) for part in parts] for parts in batches]
    shared, start = make_frozen(make_table(tokenizer)), Barrier(N_THREADS)

    def answer(parts):
        start.wait(60)
        return [shared.predict_proba(part) for part in parts]

    with ThreadPoolExecutor(N_THREADS) as pool:
        for actual, wanted in zip(pool.map(answer, batches), expected, strict=True):
            for part, wanted_part in zip(actual, wanted, strict=True):
                assert_array_equal(part, wanted_part)


def test_a_lazy_attribute_keeps_no_thread_waiting_for_another():
    begun, go_on = Event(), Event()

    class Example:
        @lazy
        def value(self):
            begun.set()
            assert go_on.wait(60)
            return object()

    slow, quick = Example(), Example()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: slow.value)
        assert begun.wait(60)
        begun.clear()
        second = pool.submit(lambda: quick.value)
        assert begun.wait(60)
        go_on.set()
        assert first.result() is slow.value
        assert second.result() is quick.value


# Processes


@needs_fork
@two_ways
def test_forks_answer_though_threads_were_busy(
    make_frozen, make_table, tokenizer, tmp_path
):
    make_frozen(make_table(tokenizer)).save_pretrained(tmp_path / "model")
    assert run_program("forks.py", "predict", 40, tmp_path / "model") == 40


@needs_fork
def test_forks_fit_and_predict_though_a_thread_was_fitting(tmp_path):
    assert run_program("forks.py", "fit", 4, tmp_path, OMP_NUM_THREADS="2") == 4


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", get_all_start_methods())
def test_workers_of_every_kind_give_the_answers_of_one(method, pipeline, plain_texts):
    parts = [[f"{text} new{i}" for text in plain_texts] for i in range(6)]
    expected = [pipeline.predict_proba(part) for part in parts]
    with get_context(method).Pool(2) as pool:
        actual = pool.map_async(pipeline.predict_proba, parts).get(timeout=120)
    assert_array_equal(actual, expected)


def test_workers_of_joblib_give_the_answers_of_one(pipeline, plain_texts):
    parts = [[f"{text} new{i}" for text in plain_texts] for i in range(6)]
    expected = [pipeline.predict_proba(part) for part in parts]
    with joblib.parallel_config("loky", n_jobs=2):
        calls = [joblib.delayed(pipeline.predict_proba)(part) for part in parts]
        assert_array_equal(joblib.Parallel(timeout=120)(calls), expected)


# Memory

WORDS = {
    "ASCII": lambda i: f"w{i}",
    "of two bytes a character": lambda i: f"слово{i}",
    "of four bytes a character": lambda i: f"{i}" + "\U00020000" * 12,
    "of many characters": lambda i: f"{i}" + "a" * 1000,
    "of many tokens": lambda i: f"{i}" + "!" * 300,
}


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_memory_counts_no_less_than_it_takes(word_piece, word):
    memory = ChunkMemory()

    def learn(chunks):
        return tokenize(word_piece, chunks).rows_of_bytes()

    memory.bags([word(-1)], learn)
    counted = memory.n_bytes
    tracemalloc.start()
    try:
        for start in range(0, 5000, 250):
            memory.bags([" ".join(map(word, range(start, start + 250)))], learn)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < memory.n_bytes - counted < 1.6 * taken


@pytest.mark.skipif(sys.platform == "win32", reason="the peak is not to be had there")
def test_an_endless_stream_of_new_words_stays_within_the_bound():
    """That which the documentation names. Without it, they would take 220 MB."""
    documented = (HERE.parent / "docs" / "deployment.md").read_text("utf8")
    assert "50 MB" in documented
    assert run_program("endless.py", 200) < 75_000_000


def test_predictions_take_the_memory_of_a_batch(embedding, make_frozen):
    """All hidden layers at once would take 160 MB."""
    pipeline = make_frozen(embedding, hidden=(512,))
    texts = ["the quick brown fox"] * 40_000
    pipeline.predict(texts)
    tracemalloc.start()
    try:
        pipeline.predict(texts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_embeddings_of_all_texts_are_not_held_at_once(make_frozen, method):
    """They would take 164 MB."""
    pipeline = make_frozen(StaticEmbedding.from_pretrained("default"), hidden=())
    texts = ["the quick brown fox"] * 160_000
    pipeline.predict(texts[:40_000])
    tracemalloc.start()
    try:
        predicted = getattr(pipeline, method)(texts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(predicted) == len(texts)
    assert peak < 60_000_000 + 2 * predicted.nbytes


def test_parts_of_many_texts_are_put_together(embedding, plain_texts):
    many, n_times = plain_texts * 8000, 8000
    for frozen in (labels_head(embedding, sparse_output=True), labels_head(embedding)):
        pipeline = StaticPipeline(
            [("embedding", StaticEmbeddingTransformer(embedding)), ("head", frozen)]
        )
        expected = [pipeline.predict(plain_texts), pipeline.predict_proba(plain_texts)]
        actual = [pipeline.predict(many), pipeline.predict_proba(many)]
        assert type(actual[0]) is type(expected[0])
        assert_array_equal(dense(actual[0]), np.tile(dense(expected[0]), (n_times, 1)))
        assert_allclose(actual[1], np.tile(expected[1], (n_times, 1)), rtol=1e-6)
        assert pipeline.predict([]).shape == (0, 3)


def labels_head(embedding, **settings):
    weight = np.random.default_rng(0).normal(size=(3, embedding.n_dimensions))
    layer = Linear(weight.astype(np.float32), np.zeros(3, np.float32))
    return StaticHeadClassifier(Head((layer,)), [0, 1, 2], multilabel=True, **settings)


def dense(indicator):
    return indicator.toarray() if issparse(indicator) else indicator


def test_batches_of_a_head_give_what_the_whole_gives(embedding, make_frozen):
    head = make_frozen(embedding)[-1]
    X = np.random.default_rng(0).normal(size=(9000, embedding.n_dimensions))
    whole = head.head(X.astype(np.float32))
    assert_allclose(head.decision_function(X), whole, rtol=1e-5, atol=1e-5)


# Everything else in the process


def test_nothing_global_is_changed(tmp_path):
    changes = run_program("surroundings.py", tmp_path)
    assert len(changes) == 16
    assert {action: names for action, names in changes.items() if names} == {}
