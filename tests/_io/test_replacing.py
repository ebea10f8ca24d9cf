"""Saves that are killed, that others read or save beside, and hostile folders."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from toys import frozen_pipeline, run_program, toy_embedding

from sklearn_static import ModelFormatError, StaticPipeline
from sklearn_static._io import folder as reading
from sklearn_static._io import lock

TEXTS = ["the oven and the pan", "a tide in the harbour", ""]
HIDDEN = ".sklearn-static"


@pytest.fixture(scope="module")
def models():
    return [frozen_pipeline(toy_embedding(size, seed=size)) for size in (8, 4)]


@pytest.fixture
def saved(models, tmp_path):
    folder = tmp_path / "model"
    models[0].save_pretrained(folder)
    return folder


@pytest.fixture
def elsewhere(tmp_path):
    """A folder that is none of ours, with files called as a model's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "lock", "letter.txt"):
        (folder / name).write_text("mine")
    return folder


@pytest.fixture
def impatient(monkeypatch):
    """Opening does not wait for saves."""
    monkeypatch.setattr(reading, "_PATIENCE", 0.0)


def answers(model):
    return model.predict_proba(TEXTS).tolist()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Processes that are killed


@pytest.mark.skipif(
    not hasattr(os, "fork"), reason="a process has to be forked to be killed"
)
def test_a_save_killed_at_any_step_leaves_the_old_model_or_the_new(tmp_path):
    outcomes = run_program("killed_saves.py", tmp_path)
    for kind in (
        "pipeline over pipeline",
        "table over pipeline",
        "pipeline over table",
        "pipeline over files without digests",
    ):
        assert outcomes[kind]["old"] > 10
        assert outcomes[kind]["new"] > 5
    assert outcomes["new folder"].keys() == {"none", "new"}
    assert outcomes["after a killed save"].keys() == {"old", "new"}


# Several at once


def test_a_reader_beside_saves_gets_one_model_or_the_other(models, saved):
    def save_in_turn():
        for i in range(20):
            models[i % 2].save_pretrained(saved)

    expected = [answers(model) for model in models]
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save_in_turn)
        while not saving.done():
            assert answers(StaticPipeline.from_pretrained(saved)) in expected
        saving.result()


def test_a_reader_that_two_saves_overtake_tries_again(models, saved):
    """After the second save, ``config.json`` is as it was before the first."""
    n_tries = 0

    def read(folder):
        nonlocal n_tries
        n_tries += 1
        if n_tries == 1:
            models[1].save_pretrained(saved)
            try:
                return StaticPipeline._of_folder(folder)
            finally:
                models[0].save_pretrained(saved)
        return StaticPipeline._of_folder(folder)

    assert answers(reading.read_folder(saved, read)) == answers(models[0])
    assert n_tries == 2


def test_a_file_that_comes_to_its_place_meanwhile_is_found(models, saved):
    (saved / HIDDEN).mkdir()
    table = saved / "model.safetensors"
    part = saved / HIDDEN / f"{table.name}.{sha256(table.read_bytes()).hexdigest()}"
    table.rename(part)
    n_tries = 0

    def read(folder):
        nonlocal n_tries
        n_tries += 1
        if n_tries == 1:
            away = part.rename(saved.parent / "away")
            try:
                return StaticPipeline._of_folder(folder)
            finally:
                away.rename(table)
                (saved / HIDDEN).rmdir()
        return StaticPipeline._of_folder(folder)

    assert answers(reading.read_folder(saved, read)) == answers(models[0])
    assert n_tries == 2


def test_savers_of_one_folder_take_turns(models, tmp_path):
    folder = tmp_path / "model"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda i: models[i % 2].save_pretrained(folder), range(12)))
    opened = StaticPipeline.from_pretrained(folder)
    assert answers(opened) in [answers(model) for model in models]
    assert not list(folder.glob(".*"))


def test_a_second_saver_gives_up_after_a_while(models, saved, monkeypatch):
    monkeypatch.setattr(lock, "_PATIENCE", 0.1)
    before = contents(saved)
    with (
        lock.locked(saved / HIDDEN),
        pytest.raises(TimeoutError, match="locked by another save"),
    ):
        models[1].save_pretrained(saved)
    assert contents(saved) == before
    models[1].save_pretrained(saved)


def test_files_put_there_during_a_save_stay(models, saved, monkeypatch):
    real = Path.replace

    def replace(path, target):
        (saved / "notes.txt").write_text("mine")
        (saved / HIDDEN / "notes.txt").write_text("mine")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        models[1].save_pretrained(saved)
    assert (saved / "notes.txt").read_text() == "mine"
    assert (saved / HIDDEN / "notes.txt").read_text() == "mine"
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[1])


def test_files_of_two_models_are_refused_at_once(models, saved, tmp_path):
    models[1].save_pretrained(tmp_path / "other")
    for name in ("model.safetensors", "tokenizer.json", "head.safetensors"):
        own = (saved / name).read_bytes()
        (saved / name).write_bytes((tmp_path / "other" / name).read_bytes() + b" ")
        start = time.monotonic()
        with pytest.raises(ModelFormatError, match=f"{name} is not the file that was"):
            StaticPipeline.from_pretrained(saved)
        assert time.monotonic() - start < reading._PATIENCE
        (saved / name).write_bytes(own)


# Folders from strangers


@pytest.mark.parametrize("name", ["", "old", "new"])
def test_links_out_of_a_folder_are_not_followed(models, saved, elsewhere, name):
    before = contents(elsewhere)
    for scratch in (HIDDEN, ".sklearn-static-a"):
        link = saved / scratch / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(elsewhere, target_is_directory=True)
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[0])
    if name:
        models[1].save_pretrained(saved)
    else:
        with pytest.raises(FileExistsError, match="no folder, but files are put there"):
            models[1].save_pretrained(saved)
    assert contents(elsewhere) == before


def test_a_lock_that_is_a_link_is_not_followed(models, saved, elsewhere):
    before = contents(elsewhere)
    (saved / HIDDEN).mkdir()
    (saved / HIDDEN / "lock").symlink_to(elsewhere / "lock")
    with pytest.raises(OSError, match="lock"):
        models[1].save_pretrained(saved)
    assert contents(elsewhere) == before
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[0])


def test_files_that_are_links_are_replaced_and_not_what_they_lead_to(
    models, saved, elsewhere
):
    for name, content in contents(saved).items():
        (elsewhere / name).write_bytes(content)
        (saved / name).unlink()
        (saved / name).symlink_to(elsewhere / name)
    before = contents(elsewhere)
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[0])
    models[1].save_pretrained(saved)
    assert contents(elsewhere) == before
    assert not [path for path in saved.iterdir() if path.is_symlink()]
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[1])


@pytest.mark.usefixtures("impatient")
def test_hidden_files_do_not_override_visible_ones(models, saved, tmp_path):
    models[1].save_pretrained(tmp_path / "other")
    for place in (HIDDEN, f"{HIDDEN}/old", f"{HIDDEN}-x/old"):
        (saved / place).mkdir(parents=True, exist_ok=True)
        for name, content in contents(tmp_path / "other").items():
            digest = sha256(content).hexdigest()
            for hidden in (name, f"{name}.{digest}"):
                (saved / place / hidden).write_bytes(content)
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[0])
    (saved / "config.json").unlink()
    with pytest.raises(ModelFormatError, match=r"it has no file config\.json"):
        StaticPipeline.from_pretrained(saved)


@pytest.mark.usefixtures("impatient")
def test_hidden_files_count_only_with_the_digest_in_the_visible_config(models, saved):
    (saved / HIDDEN).mkdir()
    table = saved / "model.safetensors"
    content = table.read_bytes()
    part = saved / HIDDEN / f"{table.name}.{sha256(content).hexdigest()}"
    table.rename(part)
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[0])
    part.write_bytes(content[:-1] + b"?")
    with pytest.raises(ModelFormatError, match=r"no file model\.safetensors"):
        StaticPipeline.from_pretrained(saved)
    models[1].save_pretrained(saved)
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(models[1])
    assert not list(saved.glob(".*"))
