"""Models downloaded from and pushed to a Hugging Face Hub on the loopback interface."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import traceback
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hub_server import CUT, LARGE, OWNER, READER, HubServer
from numpy.testing import assert_array_equal
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as dump_tensors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from tokenizers import Tokenizer, models, pre_tokenizers

from sklearn_static import (
    ModelFormatError,
    StaticClassifier,
    StaticEmbedding,
    StaticEmbeddingTransformer,
    StaticPipeline,
)
from sklearn_static._io.card import pipeline_card
from sklearn_static._io.files import json_bytes

WORDS = ("[UNK]", "good", "bad", "film", "great", "fun", "awful", "bore")
TEXTS = ["good film", "an awful bore", "great fun", "bad", ""]
LABELS = ["pos", "neg", "pos", "neg", "neg"]
OFFLINE_WAYS = r"model='default'.*folder on disk.*local_files_only=True"

# From huggingface_hub, about how it calls its HTTP library.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

SETTINGS = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_VERBOSITY": "critical",
    "NO_PROXY": "127.0.0.1,localhost",
}
real_sleep = time.sleep


@contextmanager
def hub_client(endpoint, home, **settings):
    """``huggingface_hub`` as a new process with these environment variables has it."""

    def forget():
        ours = [name for name in sys.modules if name.startswith("huggingface_hub")]
        return {name: sys.modules.pop(name) for name in ours}

    with pytest.MonkeyPatch.context() as patch:
        foreign = ("HF_", "HUGGING", "TRANSFORMERS_OFFLINE", "NO_PROXY", "no_proxy")
        for name in os.environ:
            if name.startswith(foreign):
                patch.delenv(name)
        settings = {**SETTINGS, **settings, "HF_ENDPOINT": endpoint}
        for name, value in {**settings, "HF_HOME": str(home)}.items():
            patch.setenv(name, value)
        # Between its attempts, the client waits for seconds.
        patch.setattr(time, "sleep", lambda seconds: real_sleep(min(seconds, 0.001)))
        before = forget()
        try:
            yield
        finally:
            forget()
            sys.modules.update(before)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("huggingface")


@pytest.fixture(scope="module")
def running_hub(home):
    with HubServer() as server, hub_client(server.url, home):
        yield server


@pytest.fixture
def hub(running_hub):
    running_hub.reset()
    return running_hub


@pytest.fixture
def unreachable(home):
    """Makes the Hub one that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with hub_client(f"http://127.0.0.1:{bound.getsockname()[1]}", home):
            yield


def make_embedding(n_dimensions=4, seed=0, words=WORDS, **settings):
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.random.default_rng(seed).normal(size=(len(words), n_dimensions))
    return StaticEmbedding(vectors, tokenizer, normalize=True, **settings)


def make_large_embedding():
    return make_embedding(n_dimensions=330_000)


def files_of(model, folder):
    model.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def without_digests(files):
    """Files to which others may be added."""
    config = json.loads(files["config.json"])
    del config["sklearn_static"]["files"]
    return {**files, "config.json": json_bytes(config)}


@pytest.fixture(scope="module")
def embedding():
    return make_embedding()


@pytest.fixture(scope="module")
def embedding_files(embedding, tmp_path_factory):
    return files_of(embedding, tmp_path_factory.mktemp("models") / "embedding")


@pytest.fixture(scope="module")
def pipeline_files(embedding_files):
    rng = np.random.default_rng(1)
    head = {
        "head.0.weight": rng.normal(size=(2, 4)).astype(np.float32),
        "head.0.bias": rng.normal(size=2).astype(np.float32),
    }
    config = json.loads(embedding_files["config.json"])
    config["head_config"] = {
        "n_layers": 1,
        "activation": "softmax",
        "classes": ["neg", "pos"],
    }
    return {
        **embedding_files,
        "head.safetensors": dump_tensors(head),
        "config.json": json.dumps(config).encode(),
    }


@pytest.fixture(scope="module")
def pipeline(pipeline_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, content in pipeline_files.items():
        (folder / name).write_bytes(content)
    return StaticPipeline.from_pretrained(folder)


def assert_same_embedding(actual, expected):
    assert_array_equal(actual.encode(TEXTS), expected.encode(TEXTS))


def assert_same_pipeline(actual, expected):
    assert_array_equal(actual.predict(TEXTS), expected.predict(TEXTS))
    assert_array_equal(actual.predict_proba(TEXTS), expected.predict_proba(TEXTS))


def open_embedding(cache_dir, **options):
    return StaticEmbedding.from_pretrained("org/table", cache_dir=cache_dir, **options)


# Downloads that succeed


def test_embedding_opens_by_hub_id(hub, embedding, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    assert_same_embedding(open_embedding(tmp_path), embedding)


def test_pipeline_opens_by_hub_id(hub, pipeline, pipeline_files, tmp_path):
    hub.add("org/film", pipeline_files)
    opened = StaticPipeline.from_pretrained("org/film", cache_dir=tmp_path)
    assert_same_pipeline(opened, pipeline)


def test_classifier_trains_from_hub_id(hub, embedding, embedding_files):
    pytest.importorskip("skorch")
    hub.add("org/for-training", embedding_files)
    by_id, by_table = (
        StaticClassifier(
            model,
            hidden_layer_sizes=(),
            early_stopping=False,
            max_epochs=2,
            random_state=0,
        ).fit(TEXTS, LABELS)
        for model in ("org/for-training", embedding)
    )
    assert_same_pipeline(by_id, by_table)


def test_new_process_takes_the_hub_from_its_environment(
    hub, pipeline, pipeline_files, tmp_path
):
    hub.add("org/film", pipeline_files)
    code = f"""
import sys
from sklearn_static import StaticPipeline
pipeline = StaticPipeline.from_pretrained("org/film", cache_dir={str(tmp_path)!r})
print(*pipeline.predict({TEXTS!r}), "torch" in sys.modules)
"""
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.stdout.split() == [*pipeline.predict(TEXTS), "False"], process.stderr
    assert hub.downloads()


def test_only_the_files_of_a_model_are_downloaded(hub, pipeline_files, tmp_path):
    foreign = {"pytorch_model.bin": b"0", "model.py": b"0", "more/config.json": b"0"}
    hub.add("org/film", {**pipeline_files, **foreign})
    StaticPipeline.from_pretrained("org/film", cache_dir=tmp_path)
    assert hub.downloads() == sorted(
        [
            *("README.md", "config.json", "head.safetensors"),
            *("model.safetensors", "modules.json", "tokenizer.json"),
        ]
    )


def static_module_files(embedding_files, table):
    """The files of an embedding as sentence-transformers lays them out."""
    vectors = load_tensors(embedding_files["model.safetensors"])["embeddings"]
    modules = json.loads(embedding_files["modules.json"])
    modules[0]["path"] = table.rstrip("/")
    return {
        f"{table}model.safetensors": dump_tensors({"embedding.weight": vectors}),
        f"{table}tokenizer.json": embedding_files["tokenizer.json"],
        "modules.json": json.dumps(modules).encode(),
        "1_Normalize/config.json": b"{}",
        # Files of equal content are downloaded once.
        "config_sentence_transformers.json": b'{"prompts": {}}',
    }


@pytest.mark.parametrize("subfolder", [None, "models/small"])
@pytest.mark.parametrize("table", ["", "0_StaticEmbedding/"])
def test_static_module_of_sentence_transformers_opens_by_hub_id(
    hub, embedding_files, tmp_path, table, subfolder
):
    files = static_module_files(embedding_files, table)
    files |= {"pytorch_model.bin": b"0", "1_Normalize/model.bin": b"0"}
    home = "" if subfolder is None else f"{subfolder}/"
    hub.add("org/table", {f"{home}{name}": file for name, file in files.items()})
    opened = open_embedding(tmp_path, subfolder=subfolder)
    assert_same_embedding(opened, make_embedding(convention="sentence-transformers"))
    wanted = [f"{home}{name}" for name in files if not name.endswith(".bin")]
    assert hub.downloads() == sorted(wanted)


@pytest.mark.parametrize("table", ["", "0_StaticEmbedding/"])
@pytest.mark.parametrize(
    "name",
    [
        *("{}model.safetensors", "{}tokenizer.json", "modules.json"),
        "config_sentence_transformers.json",
    ],
)
def test_missing_file_of_a_static_module_is_named(
    hub, embedding_files, tmp_path, table, name
):
    files = static_module_files(embedding_files, table)
    del files[name.format(table)]
    hub.add("org/table", files)
    missing = re.escape(name.format(table))
    if not table and "{}" not in name:
        missing = r"config\.json"  # with which it were a folder of model2vec
    with pytest.raises(FileNotFoundError, match=rf"'org/table' has no {missing}\. "):
        open_embedding(tmp_path)


@pytest.mark.parametrize("table", ["", "0_StaticEmbedding/"])
def test_broken_transfer_of_modules_leaves_no_table_that_does_not_normalize(
    hub, embedding_files, tmp_path, table
):
    hub.add("org/table", static_module_files(embedding_files, table))
    hub.fail("GET .*/modules.json", CUT)
    with pytest.raises(ConnectionError, match="broken off"):
        open_embedding(tmp_path)
    with pytest.raises(FileNotFoundError, match="download"):
        open_embedding(tmp_path, local_files_only=True)
    hub.faults.clear()
    assert open_embedding(tmp_path).normalize


def test_transformer_is_refused_by_its_modules(hub, embedding_files, tmp_path):
    modules = [
        {"idx": i, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_P", "Pooling")])
    ]
    files = {**without_digests(embedding_files), "modules.json": json_bytes(modules)}
    hub.add("org/table", files)
    with pytest.raises(ModelFormatError, match=r"\['Transformer', 'Pooling'\], but"):
        open_embedding(tmp_path)


def test_old_pipeline_opens_by_hub_id(hub, embedding, embedding_files, tmp_path):
    pytest.importorskip("skops")
    from skops.io import dumps

    rng = np.random.default_rng(0)
    head = MLPClassifier((), max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head.fit(rng.normal(size=(9, 4)), np.arange(9) % 3)
    config = json.dumps({"normalize": True}).encode()
    files = {**embedding_files, "config.json": config}
    hub.add("org/old", {**files, "pipeline.skops": dumps(make_pipeline(head))})
    opened = StaticPipeline.from_pretrained("org/old", cache_dir=tmp_path)
    assert_array_equal(opened.predict(TEXTS), head.predict(embedding.encode(TEXTS)))
    assert "pipeline.skops" in hub.downloads()


def test_second_call_downloads_nothing(hub, embedding, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    open_embedding(tmp_path)
    hub.log.clear()
    assert_same_embedding(open_embedding(tmp_path), embedding)
    assert hub.requests("GET /api/models/org/table")
    assert hub.downloads() == []


def test_new_commit_downloads_only_the_files_that_changed(
    hub, embedding_files, tmp_path
):
    hub.add("org/table", embedding_files)
    open_embedding(tmp_path)
    hub.log.clear()
    changed = make_embedding(seed=1)
    files = files_of(changed, tmp_path / "changed")
    names = ("config.json", "model.safetensors")
    hub.add("org/table", {name: files[name] for name in names})
    assert_same_embedding(open_embedding(tmp_path), changed)
    assert sorted(hub.downloads()) == [*names]


def test_revision_is_a_branch_or_a_commit(hub, embedding, embedding_files, tmp_path):
    other = make_embedding(seed=1)
    commit = hub.add("org/table", embedding_files)
    hub.add("org/table", files_of(other, tmp_path / "other"), branch="v2/rc")
    hub.add("org/table", files_of(other, tmp_path / "other"))
    cache = tmp_path / "cache"
    assert_same_embedding(open_embedding(cache, revision=commit), embedding)
    assert_same_embedding(open_embedding(cache, revision="v2/rc"), other)
    assert_same_embedding(open_embedding(cache), other)


@pytest.mark.parametrize("subfolder", ["small", "models/small", "sm[a]ll*"])
def test_subfolder_is_all_that_is_downloaded(
    hub, embedding, embedding_files, tmp_path, subfolder
):
    inside = {f"{subfolder}/{name}": file for name, file in embedding_files.items()}
    outside = {f"{subfolder}er/config.json": b"0", "config.json": b"0"}
    hub.add("org/table", {**inside, **outside})
    opened = open_embedding(tmp_path, subfolder=subfolder)
    assert_same_embedding(opened, embedding)
    assert {path.rpartition("/")[0] for path in hub.downloads()} == {subfolder}


def test_folder_comes_before_hub_id(hub, embedding, tmp_path, monkeypatch):
    hub.add("org/table", {"config.json": b"0"})
    monkeypatch.chdir(tmp_path)
    embedding.save_pretrained("org/table")
    assert_same_embedding(StaticEmbedding.from_pretrained("org/table"), embedding)
    assert hub.log == []


def test_cache_dir_is_where_downloads_are_kept(hub, embedding_files, tmp_path, home):
    hub.add("org/elsewhere", embedding_files)
    StaticEmbedding.from_pretrained("org/elsewhere", cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*elsewhere*"))
    assert not list(home.rglob("*elsewhere*"))


# Who may read


@pytest.mark.parametrize("kind", ["private", "gated"])
def test_token_opens_restricted_model(hub, embedding, embedding_files, tmp_path, kind):
    hub.add("org/table", embedding_files, **{kind: True})
    assert_same_embedding(open_embedding(tmp_path, token=OWNER), embedding)


def test_token_that_is_logged_in_is_taken(
    hub, embedding, embedding_files, tmp_path, monkeypatch
):
    hub.add("org/table", embedding_files, private=True)
    monkeypatch.setenv("HF_TOKEN", OWNER)
    assert_same_embedding(open_embedding(tmp_path), embedding)
    with pytest.raises(FileNotFoundError, match="private"):
        open_embedding(tmp_path / "other", token=False)


@pytest.mark.parametrize("token", [None, READER])
def test_private_model_is_not_found_without_its_token(
    hub, embedding_files, tmp_path, token
):
    hub.add("org/table", embedding_files, private=True)
    with pytest.raises(
        FileNotFoundError,
        match=r"no folder 'org/table', and no such model .* private: then pass token=",
    ):
        open_embedding(tmp_path, token=token)


@pytest.mark.parametrize("token", [None, READER])
def test_gated_model_says_where_to_ask_for_access(
    hub, embedding_files, tmp_path, token
):
    hub.add("org/table", embedding_files, gated=True)
    with pytest.raises(
        PermissionError, match=r"'org/table' is gated: ask for access.*pass token="
    ):
        open_embedding(tmp_path, token=token)


@pytest.mark.parametrize("around", ["{}\n", " {}", "{}\r\n", "{}\t"])
def test_blanks_around_a_token_do_no_harm(
    hub, embedding, embedding_files, tmp_path, around
):
    hub.add("org/table", embedding_files, private=True)
    token = around.format(OWNER)
    assert_same_embedding(open_embedding(tmp_path, token=token), embedding)
    assert embedding.push_to_hub("org/pushed", token=token)


@pytest.mark.parametrize("token", ["", " ", "hf_se cret", "hf_se\ncret", "hf_secrét"])
def test_what_is_no_token_is_refused_and_not_shown(hub, embedding, tmp_path, token):
    for use in (
        lambda: open_embedding(tmp_path, token=token),
        lambda: embedding.push_to_hub("org/pushed", token=token),
    ):
        with pytest.raises(ValueError, match="token is empty, or has") as caught:
            use()
        trace = "".join(traceback.format_exception(caught.value))
        assert "hf_se" not in trace
    assert hub.log == []


def test_unknown_token_is_refused(hub, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    with pytest.raises(PermissionError, match=r"'org/table'.*not open.*pass token="):
        open_embedding(tmp_path, token="hf_mistyped")


def test_token_true_needs_a_login(hub, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    with pytest.raises(PermissionError, match=r"log in with huggingface_hub.login\(\)"):
        open_embedding(tmp_path, token=True)


# What is not there


@pytest.mark.parametrize("kind", [StaticEmbedding, StaticPipeline])
def test_missing_model_is_not_found(hub, kind, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no folder 'org/none', and no such model on the Hub"
    ):
        kind.from_pretrained("org/none", cache_dir=tmp_path)


def test_missing_model_is_not_found_by_classifier(hub):
    pytest.importorskip("skorch")
    classifier = StaticClassifier("org/none", early_stopping=False)
    with pytest.raises(FileNotFoundError, match="'org/none'"):
        classifier.fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    "name", ["a/b/c", "./folder", "/no/folder", "two--dashes", "a b"]
)
def test_name_that_is_no_hub_id_asks_no_hub(hub, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError,
        match=f"no folder '{name}', and it is no Hub id .*folder.*'default'",
    ):
        StaticEmbedding.from_pretrained(Path(name) if name == "a/b/c" else name)
    assert hub.log == []


@pytest.mark.parametrize("revision", ["v2", "0" * 40])
def test_missing_revision_is_not_found(hub, embedding_files, tmp_path, revision):
    hub.add("org/table", embedding_files)
    with pytest.raises(
        FileNotFoundError,
        match=f"'org/table' has no branch, tag or commit '{revision}'",
    ):
        open_embedding(tmp_path, revision=revision)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_missing_file_is_named(hub, embedding_files, tmp_path, name):
    hub.add("org/table", {k: v for k, v in embedding_files.items() if k != name})
    with pytest.raises(
        FileNotFoundError, match=rf"'org/table' has no {name}\. .*model2vec's format"
    ):
        open_embedding(tmp_path)


def test_repository_without_any_file_of_a_model_is_none(hub, tmp_path):
    hub.add("org/table", {"weights.bin": b"0"})
    with pytest.raises(
        FileNotFoundError,
        match=r"has no model\.safetensors, tokenizer\.json, config\.json",
    ):
        open_embedding(tmp_path)


def test_missing_subfolder_is_named(hub, embedding, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    with pytest.raises(FileNotFoundError, match=r"has no small/model.safetensors"):
        open_embedding(tmp_path, subfolder="small")
    embedding.save_pretrained(tmp_path / "table")
    with pytest.raises(FileNotFoundError, match="table' has no subfolder 'small'"):
        StaticEmbedding.from_pretrained(tmp_path / "table", subfolder="small")


@pytest.mark.parametrize(
    "subfolder", ["..", "../x", "a/../../x", "..\\x", "/x", "\\x", "C:/x", "C:x"]
)
def test_subfolder_cannot_lead_out_of_the_model(
    hub, embedding, embedding_files, tmp_path, subfolder
):
    hub.add("org/table", embedding_files)
    for place in ("x", "in/a", "in/x"):
        embedding.save_pretrained(tmp_path / place)
    for name in ("org/table", tmp_path / "in"):
        with pytest.raises(ValueError, match="a path inside the model's folder"):
            StaticEmbedding.from_pretrained(name, subfolder=subfolder)
    assert hub.log == []


REVISIONS = ["/any/file", "../../../x", "a/../../x", "..\\x", "C:/x", "\\x", "a\0"]


@pytest.mark.parametrize("revision", REVISIONS)
def test_revision_cannot_lead_out_of_the_cache(
    hub, embedding_files, tmp_path, revision
):
    hub.add("org/table", embedding_files)
    for load in (StaticEmbedding.from_pretrained, StaticPipeline.from_pretrained):
        with pytest.raises(ValueError, match="but a branch, tag or commit"):
            load("org/table", revision=revision, cache_dir=tmp_path / "in" / "cache")
    assert hub.log == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a/" + "x" * 5000, "x" * 5000])
def test_a_name_of_any_length_is_not_found(hub, name):
    with pytest.raises(FileNotFoundError, match="no Hub id either"):
        StaticEmbedding.from_pretrained(name)


def test_a_file_is_no_model(hub, embedding, tmp_path):
    embedding.save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    message = r"model\.safetensors' is a file, .* give the folder that it is in"
    with pytest.raises(NotADirectoryError, match=message):
        StaticEmbedding.from_pretrained(path)
    with pytest.raises(NotADirectoryError, match=message):
        StaticPipeline.from_pretrained(tmp_path, subfolder="model/model.safetensors")
    assert hub.log == []


# What goes wrong


@pytest.mark.parametrize(
    "request_",
    ["GET /api/models", "HEAD .*/model.safetensors", "GET .*/model.safetens"],
)
@pytest.mark.parametrize("status", [500, 503, 418])
def test_server_error_names_status_and_offline_ways(
    hub, embedding_files, tmp_path, request_, status
):
    hub.add("org/table", embedding_files)
    hub.fail(request_, status)
    with pytest.raises(
        ConnectionError, match=rf"'org/table'.*error {status}.*{OFFLINE_WAYS}"
    ):
        open_embedding(tmp_path)


@pytest.mark.parametrize("request_", ["GET /api/models", "HEAD .*/resolve/"])
def test_cached_model_opens_while_the_server_fails(
    hub, embedding, embedding_files, tmp_path, request_
):
    hub.add("org/table", embedding_files)
    open_embedding(tmp_path)
    hub.fail(request_, 500)
    assert_same_embedding(open_embedding(tmp_path), embedding)


def test_access_refused_by_status_is_a_permission_error(hub, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    hub.fail("HEAD .*/model.safetensors", 403)
    with pytest.raises(PermissionError, match=r"'org/table' is not open to this token"):
        open_embedding(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_broken_transfer_leaves_no_half_model(
    hub, embedding, embedding_files, tmp_path, home, name
):
    hub.add("org/table", embedding_files)
    hub.fail(f"GET .*/{name}", CUT)
    with pytest.raises(ConnectionError, match=rf"broken off\..*{OFFLINE_WAYS}"):
        open_embedding(tmp_path)
    with pytest.raises(FileNotFoundError, match="download"):
        open_embedding(tmp_path, local_files_only=True)
    with (
        hub_client(hub.url, home, HF_HUB_OFFLINE="1"),
        pytest.raises((FileNotFoundError, ConnectionError), match="org/table"),
    ):
        open_embedding(tmp_path)
    hub.faults.clear()
    assert_same_embedding(open_embedding(tmp_path), embedding)


def test_broken_transfer_of_a_large_file_is_taken_up_again(hub, tmp_path):
    large = make_large_embedding()
    files = files_of(large, tmp_path / "large")
    assert len(files["model.safetensors"]) > LARGE
    hub.add("org/table", files)
    hub.fail("GET /large-files", CUT, times=1)
    with suppress(ConnectionError):
        open_embedding(tmp_path / "cache")
    assert_same_embedding(open_embedding(tmp_path / "cache"), large)
    assert len(hub.requests("GET /large-files")) == 2


def test_connection_that_breaks_off_without_an_answer(hub, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    hub.fail("HEAD .*/model.safetensors", CUT)
    with pytest.raises(ConnectionError, match=f"broken off.*{OFFLINE_WAYS}"):
        open_embedding(tmp_path)


def test_cold_cache_and_no_hub_name_the_offline_ways(hub, unreachable, tmp_path):
    with pytest.raises(
        ConnectionError,
        match=rf"no folder 'org/table', and the Hub cannot be reached.*{OFFLINE_WAYS}",
    ):
        open_embedding(tmp_path)


def test_warm_cache_needs_no_hub(hub, pipeline, pipeline_files, tmp_path, request):
    hub.add("org/film", pipeline_files)
    StaticPipeline.from_pretrained("org/film", cache_dir=tmp_path)
    request.getfixturevalue("unreachable")
    opened = StaticPipeline.from_pretrained("org/film", cache_dir=tmp_path)
    assert_same_pipeline(opened, pipeline)


def test_offline_mode_opens_what_is_cached_and_nothing_else(
    hub, embedding, embedding_files, tmp_path, home
):
    hub.add("org/table", embedding_files)
    open_embedding(tmp_path)
    hub.log.clear()
    with hub_client(hub.url, home, HF_HUB_OFFLINE="1"):
        assert_same_embedding(open_embedding(tmp_path), embedding)
        with pytest.raises(ConnectionError, match=OFFLINE_WAYS):
            open_embedding(tmp_path / "cold")
    assert hub.log == []


def test_local_files_only_asks_no_hub(hub, embedding, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    open_embedding(tmp_path)
    hub.log.clear()
    assert_same_embedding(open_embedding(tmp_path, local_files_only=True), embedding)
    for cold in ({"cache_dir": tmp_path / "cold"}, {"revision": "v2"}):
        with pytest.raises(
            FileNotFoundError,
            match=r"no full download.*try local_files_only=False.*folder.*default",
        ):
            open_embedding(**{"cache_dir": tmp_path, **cold}, local_files_only=True)
    assert hub.log == []


def test_cache_that_cannot_be_written_is_named(hub, embedding_files, tmp_path):
    hub.add("org/table", embedding_files)
    occupied = tmp_path / "occupied"
    occupied.write_bytes(b"")
    with pytest.raises(OSError, match="occupied") as caught:
        open_embedding(occupied)
    assert not isinstance(caught.value, ConnectionError)


# Pushing


def test_embedding_comes_back_from_the_hub(hub, embedding, tmp_path):
    url = embedding.push_to_hub("owner/table", token=OWNER)
    assert url.startswith(f"{hub.url}/owner/table/commit/")
    opened = StaticEmbedding.from_pretrained("owner/table", cache_dir=tmp_path)
    assert_same_embedding(opened, embedding)


def test_pipeline_comes_back_from_the_hub(hub, pipeline, tmp_path):
    pipeline.push_to_hub("owner/film", token=OWNER)
    opened = StaticPipeline.from_pretrained("owner/film", cache_dir=tmp_path)
    assert_same_pipeline(opened, pipeline)


def test_large_table_travels_as_a_large_file(hub, tmp_path):
    large = make_large_embedding()
    large.push_to_hub("owner/large", token=OWNER)
    assert len(hub.large_files) == 1
    assert len(hub.requests("PUT /large-files")) == 1
    opened = StaticEmbedding.from_pretrained("owner/large", cache_dir=tmp_path)
    assert_same_embedding(opened, large)


def test_push_is_one_commit_with_its_message(hub, embedding, embedding_files):
    embedding.push_to_hub("owner/table", token=OWNER)
    embedding.push_to_hub("owner/table", token=OWNER, commit_message="Say why")
    repository = hub.repositories["owner/table"]
    assert repository.messages[1:] == ["Upload a static model", "Say why"]
    assert set(repository.files()) == {*embedding_files, ".gitattributes"}


def test_push_replaces_what_is_on_the_hub(hub, embedding, tmp_path):
    changed = make_embedding(seed=1)
    for model in (embedding, changed):
        model.push_to_hub("owner/table", token=OWNER)
        opened = StaticEmbedding.from_pretrained("owner/table", cache_dir=tmp_path)
        assert_same_embedding(opened, model)


def test_push_to_a_branch_leaves_the_main_one(hub, embedding, tmp_path):
    changed = make_embedding(seed=1)
    embedding.push_to_hub("owner/table", token=OWNER)
    hub.add("owner/table", {}, branch="v2")
    changed.push_to_hub("owner/table", token=OWNER, revision="v2")
    for revision, model in ((None, embedding), ("v2", changed)):
        opened = StaticEmbedding.from_pretrained(
            "owner/table", cache_dir=tmp_path, revision=revision
        )
        assert_same_embedding(opened, model)


def test_push_to_a_missing_branch_is_refused(hub, embedding):
    with pytest.raises(FileNotFoundError, match="'owner/table' has no branch 'v2'"):
        embedding.push_to_hub("owner/table", token=OWNER, revision="v2")


def test_push_without_namespace_goes_to_the_users_own(hub, embedding):
    embedding.push_to_hub("table", token=OWNER)
    assert "model.safetensors" in hub.repositories["owner/table"].files()


@pytest.mark.parametrize("private", [None, False, True])
def test_private_is_what_a_new_repository_becomes(hub, embedding, private, tmp_path):
    embedding.push_to_hub("owner/table", token=OWNER, private=private)
    assert hub.repositories["owner/table"].private == bool(private)
    embedding.push_to_hub("owner/table", token=OWNER, private=private)


def test_private_push_does_not_publish(hub, embedding):
    hub.add("owner/table", {".gitattributes": b""})
    with pytest.raises(ValueError, match="'owner/table' exists and is public"):
        embedding.push_to_hub("owner/table", token=OWNER, private=True)
    assert list(hub.repositories["owner/table"].files()) == [".gitattributes"]


def test_push_takes_the_token_that_is_logged_in(hub, embedding, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", OWNER)
    embedding.push_to_hub("owner/table")
    assert "model.safetensors" in hub.repositories["owner/table"].files()


@pytest.mark.parametrize("token", [None, False, True, READER, "hf_mistyped"])
def test_push_without_the_right_to_write_is_refused(hub, pipeline, token):
    with pytest.raises(
        PermissionError, match=r"push to 'owner/film': pass token=.*may write there"
    ):
        pipeline.push_to_hub("owner/film", token=token)
    assert hub.repositories == {}


@pytest.mark.parametrize("token", [None, READER])
def test_push_to_a_repository_of_others_is_refused(hub, embedding, token):
    hub.add("owner/table", {".gitattributes": b""})
    with pytest.raises(PermissionError, match="'owner/table'"):
        embedding.push_to_hub("owner/table", token=token)
    assert list(hub.repositories["owner/table"].files()) == [".gitattributes"]


@pytest.mark.parametrize("repo_id", ["a/b/c", "two--dashes", "", "white space"])
def test_push_to_what_is_no_hub_id_is_refused(hub, embedding, repo_id):
    with pytest.raises(ValueError, match=f"repo_id is '{repo_id}', but a Hub id such"):
        embedding.push_to_hub(repo_id, token=OWNER)
    assert hub.log == []


def test_what_cannot_be_saved_makes_no_repository(hub, pipeline):
    with pytest.raises(TypeError):
        StaticPipeline(pipeline.steps[:1]).push_to_hub("owner/half", token=OWNER)
    assert hub.log == []


@pytest.mark.parametrize(
    "request_",
    [
        "POST /api/repos/create",
        "POST /api/models/owner/table/preupload",
        "POST /owner/table.git/info/lfs/objects/batch",
        "PUT /large-files",
        "POST /large-files/.*/verify",
        "POST /api/models/owner/table/commit",
    ],
)
@pytest.mark.parametrize(
    ("action", "trouble"), [(500, "error 500"), (CUT, "broken off")]
)
def test_push_that_fails_leaves_the_model_as_it_was(
    hub, embedding, tmp_path, request_, action, trouble
):
    embedding.push_to_hub("owner/table", token=OWNER)
    hub.fail(request_, action)
    with pytest.raises(
        ConnectionError,
        match=f"not pushed to 'owner/table'.*{trouble}.*save_pretrained",
    ):
        make_large_embedding().push_to_hub("owner/table", token=OWNER)
    hub.faults.clear()
    opened = StaticEmbedding.from_pretrained("owner/table", cache_dir=tmp_path)
    assert_same_embedding(opened, embedding)


def test_push_without_a_hub_says_that_it_cannot_be_reached(hub, unreachable, embedding):
    with pytest.raises(ConnectionError, match=r"not pushed.*cannot be reached"):
        embedding.push_to_hub("owner/table", token=OWNER)


@pytest.mark.parametrize("name", ["defualt", "Default", "defaut"])
def test_a_typo_of_the_bundled_model_does_not_ask_the_hub(hub, tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"no folder .* Did you mean 'default'"):
        StaticEmbedding.from_pretrained(name)
    with pytest.raises(FileNotFoundError, match="Did you mean 'default'"):
        StaticEmbeddingTransformer(name).fit(["a"])
    assert not hub.log


def test_a_folder_that_is_nearly_called_default_is_opened(
    embedding, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    embedding.save_pretrained("defaults")
    assert StaticEmbedding.from_pretrained("defaults").n_dimensions == 4


# Model cards


def metadata_of(card):
    from huggingface_hub import ModelCard

    return ModelCard(card, ignore_metadata_errors=False).data.to_dict()


def run_snippet(card):
    snippet = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    namespace = {}
    exec(compile(snippet, "README.md", "exec"), namespace)
    return namespace


def test_card_of_an_embedding_has_valid_metadata(hub, embedding_files):
    assert metadata_of(embedding_files["README.md"].decode()) == {
        "library_name": "sklearn-static",
        "pipeline_tag": "feature-extraction",
        "tags": ["sklearn-static", "static-embeddings", "model2vec"],
    }


LABELS_IN_CARDS = {
    "pos": "`pos`",
    "two words": "`two words`",
    "Ünïcode 🎉": "`Ünïcode 🎉`",
    "# heading": "`# heading`",
    "<b>html</b>": "`<b>html</b>`",
    "yes": "`yes`",
    "key: [value": "`key: [value`",
    "`": "`` ` ``",
    "a```b``c": "```` a```b``c ````",
    "": "`''`",
    " padded ": "`' padded '`",
    "two\nlines": r"`two\nlines`",
    "---\nlicense: mit\n---": r"`---\nlicense: mit\n---`",
    "a\u2028b\x85c\0": r"`a\u2028b\x85c\x00`",
    "\ud800": r"`\ud800`",
}


@pytest.mark.parametrize("label", LABELS_IN_CARDS, ids=ascii)
def test_any_class_name_stays_inside_its_code_span(hub, label):
    card = pipeline_card("classification", [label, "other"], 4)
    plain = pipeline_card("classification", ["plain", "other"], 4)
    assert card == plain.replace("`plain`", LABELS_IN_CARDS[label])
    assert metadata_of(card) == metadata_of(plain)
    assert card.encode().decode() == card


def test_card_of_a_pipeline_has_task_and_classes(hub, pipeline, tmp_path):
    card = files_of(pipeline, tmp_path / "film")["README.md"].decode()
    assert "2 classes (classification): `neg`, `pos`." in card
    assert metadata_of(card) == {
        "library_name": "sklearn-static",
        "pipeline_tag": "text-classification",
        "tags": ["sklearn-static", "static-embeddings", "model2vec"],
    }


def test_card_has_the_metrics_that_are_given(hub, pipeline, tmp_path):
    metrics = {"accuracy": 0.93, "macro|F1": np.float32(0.5), "n_texts": 1000}
    pipeline.save_pretrained(tmp_path / "model", metrics=metrics)
    saved = (tmp_path / "model" / "README.md").read_text("utf8")
    pipeline.push_to_hub("owner/film", token=OWNER, metrics=metrics)
    pushed = hub.repositories["owner/film"].files()["README.md"].decode()
    for card in (saved, pushed):
        (result,) = metadata_of(card)["model-index"][0]["results"]
        assert [metric["value"] for metric in result["metrics"]] == [0.93, 0.5, 1000]
        _, table = card.split("## Metrics\n\n")
        assert table.splitlines()[2:] == [
            *("| `accuracy` | 0.93 |", r"| `macro\|F1` | 0.5 |", "| `n_texts` | 1000 |")
        ]


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ([0.9], TypeError, r"metrics is \[0\.9\], but a mapping"),
        ({"f1": "high"}, TypeError, r"metrics\['f1'\] is 'high', but a number"),
        ({"f1": float("nan")}, ValueError, r"metrics\['f1'\] is nan, which is not"),
    ],
)
def test_what_are_no_metrics_is_refused(pipeline, tmp_path, metrics, error, message):
    with pytest.raises(error, match=message):
        pipeline.save_pretrained(tmp_path / "model", metrics=metrics)
    assert not list(tmp_path.iterdir())


def test_card_takes_an_evaluation_as_it_is(hub, pipeline, tmp_path):
    texts = ["A text.", "Another one."]
    evaluation = pipeline.evaluate(texts, pipeline.predict(texts))
    pipeline.save_pretrained(tmp_path / "model", metrics=evaluation)
    card = (tmp_path / "model" / "README.md").read_text("utf8")
    (result,) = metadata_of(card)["model-index"][0]["results"]
    metrics = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert metrics == evaluation
    assert "| `accuracy` | 1 |" in card


def test_card_has_licence_data_set_and_base_model(hub, embedding_files, make_frozen):
    embedding = StaticEmbedding.from_pretrained("default")
    data = {"license": "mit", "datasets": ["owner/tickets"], "language": "en"}
    make_frozen(embedding).push_to_hub(
        "owner/film", token=OWNER, metrics={"accuracy": 0.9}, card_data=data
    )
    card = hub.repositories["owner/film"].files()["README.md"].decode()
    metadata = metadata_of(card)
    assert data.items() <= metadata.items()
    assert metadata["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    (result,) = metadata["model-index"][0]["results"]
    assert result["dataset"] == {"type": "owner/tickets", "name": "owner/tickets"}
    assert "- Licence: `mit`\n- Data set: `owner/tickets`\n" in card


@pytest.mark.parametrize("text", LABELS_IN_CARDS, ids=ascii)
def test_card_data_stay_inside_the_metadata(hub, pipeline, tmp_path, text):
    pipeline.save_pretrained(tmp_path / "a", card_data={"license_name": text})
    metadata = metadata_of((tmp_path / "a" / "README.md").read_text("utf8"))
    assert set(metadata) == {"library_name", "pipeline_tag", "tags", "license_name"}
    assert metadata["license_name"] == re.sub("[\x85\u2028\ud800]", " ", text)


@pytest.mark.parametrize(
    ("card_data", "error", "message"),
    [
        ("mit", TypeError, "card_data is 'mit', but a mapping"),
        ({"a b": 1}, ValueError, "the entry 'a b', but a name"),
        ({"tags": ["x"]}, ValueError, "the entry 'tags', which every card has"),
        (
            {"license": {1, 2}},
            TypeError,
            r"card_data\['license'\] is \{1, 2\}, but str",
        ),
    ],
)
def test_what_is_no_card_data_is_refused(pipeline, tmp_path, card_data, error, message):
    with pytest.raises(error, match=message):
        pipeline.save_pretrained(tmp_path / "model", card_data=card_data)
    assert not list(tmp_path.iterdir())


def test_card_of_many_classes_names_the_first_ones():
    card = pipeline_card("classification", [f"class {i}" for i in range(1000)], 4)
    assert "1000 classes" in card
    assert "`class 49`, and 950 more." in card
    assert "`class 50`" not in card


def test_card_without_classes_names_the_task(hub):
    card = pipeline_card("regression", None, 4)
    assert "One prediction per text (regression)." in card
    assert metadata_of(card)["pipeline_tag"] == "text-classification"


def test_snippet_of_an_embeddings_card_runs_in_its_folder(
    embedding, tmp_path, monkeypatch
):
    embedding.save_pretrained(tmp_path / "table")
    monkeypatch.chdir(tmp_path / "table")
    vectors = run_snippet(Path("README.md").read_text("utf8"))["vectors"]
    assert_array_equal(vectors, embedding.encode(["A text.", "Another one."]))


def test_snippet_of_a_pipelines_card_runs_in_its_folder(
    pipeline, tmp_path, monkeypatch
):
    pipeline.save_pretrained(tmp_path / "film")
    monkeypatch.chdir(tmp_path / "film")
    predictions = run_snippet(Path("README.md").read_text("utf8"))["predictions"]
    assert_array_equal(predictions, pipeline.predict(["A text.", "Another one."]))


@pytest.mark.parametrize("repo_id", ["owner/snippet", "short-snippet"])
def test_snippet_of_a_pushed_card_runs_anywhere(
    hub, pipeline, tmp_path, monkeypatch, repo_id
):
    pipeline.push_to_hub(repo_id, token=OWNER)
    monkeypatch.chdir(tmp_path)
    (repository,) = hub.repositories.values()
    namespace = run_snippet(repository.files()["README.md"].decode())
    assert namespace["name"] == f"owner/{repo_id.rpartition('/')[2]}"
    expected = pipeline.predict(["A text.", "Another one."])
    assert_array_equal(namespace["predictions"], expected)
