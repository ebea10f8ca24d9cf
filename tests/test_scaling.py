"""The recipe for one machine in docs/scaling.md, and that no block goes untested."""

import re
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor
from recipes import PAGE, blocks, run
from toys import frozen_pipeline, toy_embedding, toy_texts

pa = pytest.importorskip("pyarrow", reason="the group `peers` has it")
pq = pytest.importorskip("pyarrow.parquet", reason="the group `peers` has it")

HEADING = "One machine"


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """A hundred texts in four files, one of them missing, beside a saved pipeline."""
    monkeypatch.chdir(tmp_path)
    get_reusable_executor().shutdown()  # whose workers are in another folder
    texts = [*toy_texts(99)[0], None]
    pipeline = frozen_pipeline(toy_embedding(), handle_missing="empty")
    pipeline.save_pretrained("reviews")
    Path("texts").mkdir()
    for start in range(0, 100, 25):
        table = pa.table({"id": range(start, start + 25), "text": texts[start:][:25]})
        pq.write_table(table, f"texts/{start:02}.parquet")
    return texts


@pytest.fixture
def expected(texts):
    """Pairs of an id and the label that one process gives."""
    pipeline = frozen_pipeline(toy_embedding(), handle_missing="empty")
    return list(enumerate(pipeline.predict(texts).tolist()))


def labels():
    """What stands in the files of labels, in the order of their names."""
    rows = [
        row
        for file in sorted(Path("labels").glob("*.parquet"))
        for row in pq.read_table(file).to_pylist()
    ]
    return [(row["id"], row["label"]) for row in rows]


def test_worker_processes_label_files_as_one_process_would(expected):
    names = {}
    for block in blocks(HEADING):
        run(block, names)
    assert len({label for _, label in expected}) > 1
    assert labels() == expected


def test_what_was_interrupted_goes_on_with_what_is_missing(expected):
    define, work = blocks(HEADING)
    names = {}
    run(define, names)
    third = Path("texts", "50.parquet")
    whole = third.read_bytes()
    pq.write_table(pa.table({"id": [50], "text": [0]}), third)
    with pytest.raises(TypeError, match="a str was expected"):
        run(work, names)
    assert "50.parquet" not in {file.name for file in Path("labels").iterdir()}
    third.write_bytes(whole)
    first = Path("labels", "00.parquet")
    before = first.stat().st_mtime_ns
    run(work, names)
    assert labels() == expected
    assert first.stat().st_mtime_ns == before


def test_every_block_of_the_page_is_run_by_some_test():
    page = PAGE.read_text("utf8")
    titles = re.findall(r"^## (.*)$", page, re.MULTILINE)
    with_code = {title for title in titles if blocks(title)}
    tests = "".join(
        file.read_text("utf8") for file in Path(__file__).parent.rglob("test_*.py")
    )
    assert with_code == {title for title in titles if f'"{title}"' in tests}
    assert sum(len(blocks(title)) for title in titles) == page.count("```python\n")
