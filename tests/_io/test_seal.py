"""The digests in config.json: damage is noticed, and other programs may edit."""

import json
import random

import pytest
from toys import frozen_pipeline, toy_embedding

from sklearn_static import ModelFormatError, StaticPipeline

TEXTS = ["the oven and the pan", "a tide in the harbour", ""]
NAMES = ("config.json", "model.safetensors", "tokenizer.json", "head.safetensors")


@pytest.fixture
def pipeline():
    return frozen_pipeline(toy_embedding())


@pytest.fixture
def saved(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    return tmp_path


def answers(model):
    return model.predict(TEXTS).tolist(), model.predict_proba(TEXTS).tolist()


@pytest.mark.parametrize("name", [*NAMES, "modules.json"])
def test_no_flipped_bit_changes_a_prediction(pipeline, saved, name):
    path, rng = saved / name, random.Random(0)
    content, expected = path.read_bytes(), answers(pipeline)
    n_refused = 0
    for _ in range(60):
        spoilt = bytearray(content)
        spoilt[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(spoilt)
        try:
            opened = StaticPipeline.from_pretrained(saved)
        except ModelFormatError:
            n_refused += 1
        else:
            assert name == "config.json", "anything may be different"
            assert answers(opened) == expected
    assert n_refused > 40


def test_an_edit_is_refused_until_the_digests_are_removed(saved):
    path = saved / "config.json"
    text = path.read_text("utf8")
    path.write_text(text.replace('"max_length": 512', '"max_length": 5'), "utf8")
    with pytest.raises(ModelFormatError, match="was edited, remove 'files'"):
        StaticPipeline.from_pretrained(saved)
    config = json.loads(path.read_text("utf8"))
    del config["sklearn_static"]["files"]
    path.write_text(json.dumps(config, indent=2) + "\n", "utf8")
    assert StaticPipeline.from_pretrained(saved)["embedding"].model.max_length == 5


@pytest.mark.parametrize("digest", [3, None, "", "../" * 22, "A" * 64])
def test_digests_that_are_none_are_refused(saved, digest):
    path = saved / "config.json"
    config = json.loads(path.read_text("utf8"))
    config["sklearn_static"]["files"]["model.safetensors"] = digest
    path.write_text(json.dumps(config, indent=2) + "\n", "utf8")
    with pytest.raises(ModelFormatError, match=r"config\.json is not as it was saved"):
        StaticPipeline.from_pretrained(saved)


@pytest.mark.parametrize("layout", [{}, {"indent": 4}])
def test_digests_that_another_program_has_copied_do_not_count(pipeline, saved, layout):
    config = json.loads((saved / "config.json").read_text("utf8"))
    (saved / "config.json").write_text(json.dumps(config, **layout), "utf8")
    tokenizer = json.loads((saved / "tokenizer.json").read_text("utf8"))
    (saved / "tokenizer.json").write_text(json.dumps(tokenizer), "utf8")
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(pipeline)


def test_files_that_are_no_part_of_what_was_saved_are_not_read(pipeline, saved):
    (saved / "config_sentence_transformers.json").write_text('{"truncate_dim": 2}')
    (saved / "pipeline.skops").write_text("rubbish")
    assert answers(StaticPipeline.from_pretrained(saved)) == answers(pipeline)
