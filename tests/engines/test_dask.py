"""Searches and predictions on a Dask cluster of worker processes, as documented."""

from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recipes import blocks, run
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticLinearClassifier

distributed = pytest.importorskip("distributed", reason="the group `engines` has it")
dd = pytest.importorskip("dask.dataframe", reason="the group `engines` has it")
pd = pytest.importorskip("pandas", reason="the group `engines` has it")

SEARCH, PREDICTION = "A search on Dask", "Prediction on Dask"
N_PARTS = 12

pytestmark = pytest.mark.filterwarnings(
    "ignore:Port 8787 is already in use:UserWarning",
    "ignore:(.*\n.*)?The inplace keyword in DataFrame:DeprecationWarning",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """That of the page, of a cluster on this machine."""
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cluster"))
        run(blocks(SEARCH)[0], names)
        yield names["client"]
        names["client"].shutdown()


def test_the_workers_are_processes_with_one_thread(client):
    threads = client.nthreads()
    assert len(threads) == 2
    assert {*threads.values()} == {1}
    pids = client.run(lambda: __import__("os").getpid())
    assert len({*pids.values()}) == 2


# A search


def scores(search):
    names = sorted(name for name in search.cv_results_ if name.startswith("split"))
    return np.array([search.cv_results_[name] for name in names])


def test_the_documented_search_finds_what_it_finds_without_dask(client):
    texts, labels = toy_texts(60)
    names = {"texts": texts, "labels": labels}
    run(blocks(SEARCH)[1], names)
    alone = clone(names["search"]).fit(texts, labels)
    assert len(names["search"].cv_results_["params"]) > 1
    assert_array_equal(scores(names["search"]), scores(alone))
    assert names["search"].best_params_ == alone.best_params_


@pytest.mark.parametrize(
    ("kind", "settings", "grid"),
    [
        (StaticLinearClassifier, {}, {"C": [1.0, 100.0], "lexical": [True, False]}),
        (
            *(StaticClassifier, {"init": "random", "max_epochs": 3}),
            {"lr": [1e-4, 1e-2], "hidden_layer_sizes": [(), (8,)]},
        ),
    ],
    ids=["linear", "fine-tuned"],
)
def test_scores_are_those_without_dask_bit_for_bit(
    client, tmp_path, kind, settings, grid
):
    if kind is StaticClassifier:
        pytest.importorskip("skorch", reason="the extra `train` has it")
    texts, labels = toy_texts()
    toy_embedding().save_pretrained(tmp_path / "table")
    classifier = kind(tmp_path / "table", random_state=0, **settings)
    search = GridSearchCV(
        classifier, grid, cv=2, scoring="neg_log_loss", error_score="raise"
    )
    with threadpool_limits(1):
        alone = clone(search).fit(texts, labels)
        with joblib.parallel_config("dask", scatter=[texts, labels]):
            search.fit(texts, labels)
    assert len(np.unique(scores(alone))) > 4
    assert_array_equal(scores(search), scores(alone))
    assert_array_equal(search.predict_proba(texts), alone.predict_proba(texts))


@pytest.fixture
def sent(monkeypatch):
    """The bytes of each message of this process, where the scheduler is too."""
    sizes = []
    write = distributed.comm.tcp.TCP.write

    async def counting(self, *args, **kwargs):
        size = await write(self, *args, **kwargs)
        sizes.append(size)
        return size

    monkeypatch.setattr(distributed.comm.tcp.TCP, "write", counting)
    return sizes


def test_a_named_table_and_scattered_texts_are_not_sent_with_every_task(
    client, sent, tmp_path
):
    texts, labels = toy_texts(60)
    texts = [text + " of" * 6500 for text in texts]
    table = toy_embedding(n_dimensions=4000)
    table.save_pretrained(tmp_path / "table")
    n_bytes = table.vectors.nbytes
    assert 0.8 < sum(map(len, texts)) / n_bytes < 1.2

    def sent_by(model, **settings):
        search = GridSearchCV(
            StaticClassifier(model, random_state=0),
            {"C": [1.0, 3.0, 10.0, 30.0, 100.0]},
            cv=2,
            error_score="raise",
        )
        sent.clear()
        with joblib.parallel_config("dask", **settings):
            search.fit(texts, labels)
        return sum(sent)

    # Once to the scheduler, and from there to one worker or to both.
    once = 3 * n_bytes
    assert sent_by(tmp_path / "table", scatter=[texts, labels]) < 1.2 * once
    assert sent_by(table, scatter=[texts, labels]) > 3 * once
    assert sent_by(tmp_path / "table") > 3 * once


# Prediction


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Texts in files, some of them missing, beside a saved pipeline."""
    monkeypatch.chdir(tmp_path)
    texts = toy_texts(10 * N_PARTS, topics=("cook", "sail", "code"))[0]
    texts[7] = texts[-1] = None
    make_pipeline().save_pretrained("reviews")
    Path("texts").mkdir()
    frame = pd.DataFrame({"id": range(len(texts)), "text": texts, "other": 0.5})
    for part in range(N_PARTS):
        rows = frame.iloc[10 * part : 10 * part + 10]
        rows.to_parquet(f"texts/{part:02}.parquet", index=False)
    return texts


def make_pipeline():
    return frozen_pipeline(toy_embedding(), handle_missing="empty")


@pytest.fixture
def openings(client):
    """A function that gives how many tables each worker process has opened."""

    def count(dask_worker):
        from sklearn_static import StaticEmbedding

        init, dask_worker.n_opened = StaticEmbedding._init, 0

        def counting(self, *args, **kwargs):
            dask_worker.n_opened += 1
            init(self, *args, **kwargs)

        dask_worker.uncounted, StaticEmbedding._init = init, counting

    def uncount(dask_worker):
        from sklearn_static import StaticEmbedding

        StaticEmbedding._init = dask_worker.uncounted

    client.run(count)
    yield lambda: [*client.run(lambda dask_worker: dask_worker.n_opened).values()]
    client.run(uncount)


def test_each_worker_opens_the_documented_pipeline_once(client, texts, openings):
    names = {"client": client}
    for block in blocks(PREDICTION):
        run(block, names)
    assert len([*Path("labels").glob("*.parquet")]) == N_PARTS
    assert openings() == [1, 1]


def test_predictions_are_those_of_one_process_in_the_order_of_the_rows(client, texts):
    names = {"client": client}
    for block in blocks(PREDICTION):
        run(block, names)
    alone = make_pipeline()
    labels = dd.read_parquet("labels").compute()
    assert labels["id"].tolist() == [*range(len(texts))]
    assert len({*labels["label"]}) > 1
    assert_array_equal(labels["label"], alone.predict(texts))
    probabilities = dd.read_parquet("probabilities").compute()
    assert probabilities.pop("id").tolist() == [*range(len(texts))]
    assert_array_equal(probabilities.columns, alone.classes_)
    assert_allclose(probabilities, alone.predict_proba(texts), rtol=1e-6)


def test_the_documented_meta_is_what_comes_out(client, texts):
    names = {"client": client}
    for block in blocks(PREDICTION):
        run(block, names)
    for promised in (names["labels"], names["columns"]):
        for partition in (promised, promised.partitions[0]):
            computed = partition.compute()
            assert [*computed.columns] == [*promised.columns]
            assert [*computed.dtypes] == [*promised.dtypes]


def test_a_worker_that_is_started_anew_has_the_pipeline(client, texts):
    run(blocks(PREDICTION)[0], {"client": client})
    before = {*client.scheduler_info()["workers"]}
    client.restart()
    held = client.run(lambda dask_worker: "reviews" in dask_worker.plugins)
    assert [*held.values()] == [True, True]
    assert before.isdisjoint(held)


def test_other_ways_open_it_more_often(client, texts, openings):
    names = {"pipeline": make_pipeline(), "opened": {}}
    run(
        """
from sklearn_static import StaticPipeline


def given(part, pipeline):
    return part["text"].isna() & (pipeline.predict(part["text"]) == "")


def remembered(part, folder):
    if folder not in opened:
        opened[folder] = StaticPipeline.from_pretrained(folder)
    return given(part, opened[folder])
""",
        names,
    )
    frame = dd.from_pandas(pd.DataFrame({"text": texts}), npartitions=N_PARTS)

    def opened_by(function, argument):
        before = sum(openings())
        frame.map_partitions(function, argument, meta=(None, "bool")).compute()
        return sum(openings()) - before

    folder = str(Path("reviews").absolute())
    assert opened_by(names["given"], names["pipeline"]) == N_PARTS
    assert opened_by(names["remembered"], folder) == N_PARTS
    scattered = client.scatter(names["pipeline"], broadcast=True)
    opened_by(names["given"], scattered)
    client.run_on_scheduler(drop_copies)
    assert opened_by(names["given"], scattered) > 0


def drop_copies(dask_scheduler):
    """What the scheduler does every other second."""
    dask_scheduler.extensions["amm"].run_once()
