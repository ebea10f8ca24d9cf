"""Predictions on Spark, on this machine, as documented."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recipes import blocks, run
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import StaticPipeline

pytest.importorskip("pyspark", reason="the group `engines` has it")
pd = pytest.importorskip("pandas", reason="the group `engines` has it")

PREDICTION = "Prediction on Spark"
N_PARTS = 6
TEXTS = toy_texts(10 * N_PARTS, topics=("cook", "sail", "code"))[0]
TEXTS[7] = TEXTS[-1] = None
SETTINGS = {
    # Java starts in half the time where it does not compile for speed.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    # Each file is a partition, however small.
    "spark.sql.files.openCostInBytes": "128m",
}

pytestmark = pytest.mark.filterwarnings(
    "ignore:PySpark does not yet fully support pandas:FutureWarning",
    "ignore:The copy keyword is deprecated:DeprecationWarning",
)


class Trace:
    """Each time that it is opened from a pickle, a process adds to a file of its own.

    Parameters
    ----------
    folder : Path
        Where the files are, which have the processes' numbers for names.
    """

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        file = f"open({str(self.folder)!r} + '/' + str(__import__('os').getpid()), 'a')"
        return eval, (f"print(end='x', file={file})",)

    def openings(self):
        """How often each process has opened it."""
        return [file.stat().st_size for file in self.folder.iterdir()]


def make_pipeline(trace=None):
    pipeline = frozen_pipeline(toy_embedding(), handle_missing="empty")
    pipeline.trace = trace
    return pipeline


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The working directory, with texts in files beside a saved pipeline."""
    place = tmp_path_factory.mktemp("spark")
    make_pipeline().save_pretrained(place / "reviews")
    (place / "texts").mkdir()
    for part in range(N_PARTS):
        rows = range(10 * part, 10 * part + 10)
        frame = pd.DataFrame({"id": rows, "text": [TEXTS[row] for row in rows]})
        frame.to_parquet(place / "texts" / f"{part:02}.parquet", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        yield place


@pytest.fixture(scope="module")
def spark(place):
    """The session that the page asks for; Java keeps its first working directory."""
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        pytest.skip("Spark needs Java; there is no JAVA_HOME and no java on the path")
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master("local[2]").config(map=SETTINGS)
        session = builder.getOrCreate()
        yield session
        session.stop()


@pytest.fixture(scope="module")
def names(spark, place):
    """What the page's blocks leave, the pipeline being one that leaves a trace."""
    (place / "trace").mkdir()
    trace = Trace(place / "trace")
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticPipeline, "from_pretrained", lambda _: make_pipeline(trace))
        for block in blocks(PREDICTION):
            run(block, names)
    assert names["spark"] is spark
    return {**names, "trace": trace}


def written(folder):
    """The frames that stand in a folder of parquet files."""
    return [pd.read_parquet(file) for file in Path(folder).glob("*.parquet")]


def test_predictions_are_those_of_one_process(names):
    labels = pd.concat(written("labels")).sort_values("id")
    expected = make_pipeline().predict(TEXTS)
    assert len({*expected}) > 1
    assert labels["id"].tolist() == [*range(len(TEXTS))]
    assert_array_equal(labels["label"], expected)


def test_the_rows_of_a_partition_stay_in_order(names):
    parts = written("labels")
    assert len(parts) == N_PARTS
    assert all(part["id"].is_monotonic_increasing for part in parts)


def test_probabilities_are_those_of_one_process(names):
    assert names["probabilities"].schema.simpleString() == (
        "struct<id:bigint,probabilities:array<double>>"
    )
    frame = names["probabilities"].toPandas().sort_values("id")
    assert_allclose(
        np.stack(frame["probabilities"]),
        make_pipeline().predict_proba(TEXTS),
        rtol=1e-6,
    )


def test_each_python_worker_opens_the_pipeline_once(names):
    names["labels"].count()
    names["probabilities"].collect()
    openings = names["trace"].openings()
    assert {*openings} == {1}
    assert len(openings) < N_PARTS


def test_without_a_broadcast_it_is_opened_for_each_partition(names, tmp_path):
    own = {"pipeline": make_pipeline(Trace(tmp_path))}
    run(
        """
def labelled(parts):
    for part in parts:
        yield part[["id"]].assign(label=pipeline.predict(part["text"]))
""",
        own,
    )
    labels = names["frame"].mapInPandas(own["labelled"], names["labels"].schema)
    labels.collect()
    assert sum(own["pipeline"].trace.openings()) == N_PARTS
