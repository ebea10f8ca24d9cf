"""Batches of texts: all of them, one after the other or in two threads."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_static import StaticEmbedding, StaticLinearClassifier
from sklearn_static._tokens import tokenizer as _tokens
from sklearn_static._utils import parallel
from sklearn_static._utils.parallel import for_each_batch, slices

WORDS = ["good", "bad", "film", "unaffable", "café", "日本", "x-y", "a", "[UNK]", "!"]


def some_texts(n_texts, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, n)) for n in rng.integers(0, 12, n_texts)]


@pytest.fixture
def cores(monkeypatch):
    """Sets the number of cores; two to begin with."""

    def set_number(n_cores):
        monkeypatch.setattr(parallel, "cpu_count", lambda: n_cores)

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    set_number(2)
    return set_number


@given(st.integers(0, 300), st.integers(1, 400), st.integers(1, 2))
def test_slices_are_all_items_in_parts_of_nearly_the_same_size(
    n_items, batch_size, multiple_of
):
    parts = slices(n_items, batch_size, multiple_of)
    everything = [i for part in parts for i in range(n_items)[part]]
    assert everything == list(range(n_items))
    assert len(parts) % multiple_of == 0
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes, default=0) <= batch_size
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    assert len(parts) < n_items / batch_size + multiple_of or not n_items


class Work:
    """Notes which items it gets in which thread.

    With `n_together`, it waits until so many threads work at the same time.
    """

    def __init__(self, n_together=1, fails_at=None):
        self.items, self.threads, self.fails_at = [], set(), fails_at
        self.barrier = threading.Barrier(n_together, timeout=20)

    def __call__(self, part):
        self.items.extend(range(part.start or 0, part.stop))
        self.threads.add(threading.get_ident())
        if part != slice(1):
            self.barrier.wait()
        if part.start == self.fails_at is not None:
            raise RuntimeError(f"at {part.start}")


@pytest.mark.usefixtures("cores")
def test_many_items_are_worked_on_in_two_threads_at_the_same_time():
    work = Work(n_together=2)
    for_each_batch(work, ["x" * 40] * 10_000, 2500, "work")
    assert sorted(work.items) == [0, *range(10_000)]
    assert threading.get_ident() in work.threads  # for the first item
    assert len(work.threads) == 3


@pytest.mark.parametrize(
    ("n_texts", "length", "batch_size"),
    [(9999, 20, 8192), (10_000, 40, 2499), (1, 10**6, 9), (1, 0, 9), (0, 0, 9)],
    ids=["few characters", "small batches", "one text", "nothing in it", "no text"],
)
@pytest.mark.usefixtures("cores")
def test_little_is_worked_on_in_order_in_one_thread(n_texts, length, batch_size):
    work = Work()
    for_each_batch(work, ["x" * length] * n_texts, batch_size, "work")
    assert work.items == list(range(n_texts))
    assert work.threads <= {threading.get_ident()}


@pytest.mark.usefixtures("cores")
def test_batches_of_long_texts_are_smaller():
    parts = []
    for_each_batch(parts.append, ["x" * 2**20] * 9, 8192, "work")
    assert [part.stop - part.start for part in parts[1:]] == [2, 2, 2, 3]
    del parts[:]
    for_each_batch(parts.append, ["x" * 2**23] * 3, 1, "work")
    assert len(parts) >= 3


@pytest.mark.parametrize(
    ("n_cores", "limit", "n_threads"),
    [
        *((1, None, 1), (2, "1", 1), (8, "1,2", 1), (2, "", 2), (2, "2", 2)),
        *((64, None, 2), (64, "none", 2), (64, "16", 2)),
    ],
)
def test_there_are_as_many_threads_as_cores_but_two_at_most(
    cores, monkeypatch, n_cores, limit, n_threads
):
    cores(n_cores)
    if limit is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
    work = Work()
    for_each_batch(work, ["x" * 100] * 10_000, 1000, "work")
    others = work.threads - {threading.get_ident()}
    assert len(others) in ({1, 2} if n_threads == 2 else {0})


@pytest.mark.usefixtures("cores")
def test_what_fails_in_a_thread_fails_and_ends_the_work():
    n_before, work = threading.active_count(), Work(fails_at=0)
    with pytest.raises(RuntimeError, match="at 0"):
        for_each_batch(work, ["x" * 100] * 1_000_000, 1000, "work")
    assert threading.active_count() == n_before
    assert len(work.items) < 1_000_000


@pytest.mark.parametrize("n_cores", [1, 2])
def test_a_bar_counts_the_texts(cores, n_cores, capsys):
    cores(n_cores)
    for_each_batch(Work(), ["x" * 40] * 10_000, 2500, "work", show=True)
    assert "work: 100%" in (bar := capsys.readouterr().err)
    assert "10000/10000" in bar
    assert "texts/s" in bar


def test_what_texts_become_does_not_depend_on_threads(cores):
    texts = some_texts(12_000)
    labels = ["good" in text for text in texts]
    classifier = StaticLinearClassifier(random_state=0)
    classifier.fit(texts[:500], labels[:500])
    pipeline = classifier.to_pipeline()
    methods = (
        *(pipeline[0].embedding.encode, pipeline[0].transform),
        *(pipeline.predict_proba, classifier.decision_function),
    )
    expected = []
    for n_cores in (1, 2):
        cores(n_cores)
        for i, method in enumerate(methods):
            actual = method(texts)
            if n_cores == 1:
                expected.append(actual)
            assert_array_equal(actual, expected[i])
            assert_array_equal(actual[:10], method(texts[:10]))


@pytest.mark.usefixtures("cores")
def test_what_is_lazy_is_made_once(monkeypatch):
    n_made, make = [], _tokens.AsciiWordPiece

    def counting(*args):
        n_made.append(threading.get_ident())
        return make(*args)

    monkeypatch.setattr(_tokens, "AsciiWordPiece", counting)
    StaticEmbedding.from_pretrained("default").encode(some_texts(12_000))
    assert n_made == [threading.get_ident()]
