"""Files that lie are refused, whatever they say: a model opens and is right, or not."""

import json
import os
import tracemalloc

import numpy as np
import pytest
from fuzz.checks import check_folder
from fuzz.run import NAMES
from fuzz.samples import FOLDERS, MODULES
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from safetensors.numpy import load, save

from sklearn_static import ModelFormatError, StaticEmbedding, StaticPipeline

CLASSES = FOLDERS["WordPiece, classes"]
LABELS = FOLDERS["Unigram, labels"]
LAYERS = FOLDERS["BPE of words, values"]


def test_every_target_is_run():
    assert list(NAMES) == list(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_handled(name):
    strategy, check = TARGETS[name]
    run = settings(
        max_examples=120,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run(given(strategy)(check))()


@pytest.mark.parametrize("files", FOLDERS.values(), ids=FOLDERS)
def test_what_is_spoilt_was_sound(files, tmp_path):
    check_folder(files)
    open_files(tmp_path, files)


@pytest.mark.parametrize("files", MODULES)
def test_what_is_spoilt_of_sentence_transformers_was_sound(files, tmp_path):
    check_folder(files)
    open_files(tmp_path, files, StaticEmbedding)


def open_files(folder, files, kind=StaticPipeline):
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return kind.from_pretrained(folder)


def assert_refused(folder, files, message, kind=StaticPipeline):
    with pytest.raises(ModelFormatError, match=message):
        open_files(folder, files, kind)


def with_config(files, edit):
    config = json.loads(files["config.json"])
    edit(config)
    return {**files, "config.json": json.dumps(config).encode()}


def with_tokenizer(files, edit):
    spec = json.loads(files["tokenizer.json"])
    edit(spec)
    return {**files, "tokenizer.json": json.dumps(spec).encode()}


def with_tensors(files, name, **changes):
    return {**files, name: save({**load(files[name]), **changes})}


# config.json


@pytest.mark.parametrize("depth", [120, 900, 5000, 200_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=str)
def test_deeply_nested_entries_are_refused(tmp_path, depth, brackets):
    opening, closing = brackets
    nested = opening * depth + b"1" + closing * depth
    content = CLASSES["config.json"].rstrip()[:-1] + b', "a": ' + nested + b"}"
    files = {**CLASSES, "config.json": content}
    message = "not valid JSON.*recursion|nested more deeply than the 100 levels"
    assert_refused(tmp_path, files, message)


def test_nested_entries_are_kept(tmp_path):
    nested = 1
    for _ in range(90):
        nested = [nested]
    files = with_config(CLASSES, lambda config: config.update(name=nested))
    table = open_files(tmp_path, files, StaticEmbedding)
    assert table.metadata == {"name": nested}
    table.save_pretrained(tmp_path)


@pytest.mark.parametrize("version", [True, 0, -1, 1.0, None, "1", [1], float("nan")])
def test_format_versions_have_to_be_positive_integers(tmp_path, version):
    files = with_config(
        CLASSES, lambda config: config["sklearn_static"].update(format_version=version)
    )
    assert_refused(tmp_path, files, "integer 'format_version' from 1 was expected")


def test_a_format_version_of_many_digits_is_newer(tmp_path):
    files = with_config(
        CLASSES, lambda config: config["sklearn_static"].update(format_version=10**4000)
    )
    assert_refused(tmp_path, files, "format version 10+, but .* reads up to")


@pytest.mark.parametrize("value", [0, 1, "no", [], float("nan")])
def test_normalize_has_to_be_true_or_false(tmp_path, value):
    files = with_config(CLASSES, lambda config: config.update(normalize=value))
    assert_refused(tmp_path, files, r"config\.json has normalize .* true or false")


@pytest.mark.parametrize("max_length", [2**31, 2**63, 2**64, 10**4000])
def test_a_huge_max_length_is_taken(tmp_path, max_length):
    files = with_config(CLASSES, lambda config: config.update(max_length=max_length))
    check_folder(files)
    assert open_files(tmp_path, files)["embedding"].model.max_length == max_length


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("handle_missing", value) for value in ("drop", None, 3, ["error"])),
        *(("threshold", value) for value in ("0.5", None, True, -0.1, 1.1, 10**400)),
        *(("threshold", value) for value in ([], float("nan"), float("inf"))),
        *(("sparse_output", value) for value in ("yes", None, 0, 1, [])),
    ],
)
def test_settings_have_to_be_what_they_are_elsewhere(tmp_path, name, value):
    files = with_config(
        LABELS, lambda config: config["sklearn_static"].update({name: value})
    )
    assert_refused(tmp_path, files, rf"config\.json has {name} .* was expected")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"truncate_dim": True}, "truncate_dim: dimensions is True"),
        ({"truncate_dim": 10**400}, "truncate_dim: dimensions is 1"),
        ({"truncate_dim": [3]}, r"truncate_dim: dimensions is \[3\]"),
        ({"truncate_dim": float("nan")}, "truncate_dim: dimensions is nan"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_odd_settings_of_sentence_transformers_are_refused(tmp_path, settings, message):
    content = json.dumps(settings).encode()
    files = {**MODULES[0], "config_sentence_transformers.json": content}
    assert_refused(tmp_path, files, message, StaticEmbedding)


@pytest.mark.parametrize("name", [["query"], {}, 3, None, "nothing"])
def test_a_prompt_that_is_not_there_is_none(tmp_path, name):
    settings = {"prompts": {"query": "a "}, "default_prompt_name": name}
    content = json.dumps(settings).encode()
    files = {**MODULES[0], "config_sentence_transformers.json": content}
    open_files(tmp_path, files, StaticEmbedding)


# Labels


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "one or more labels"),
        (["a", "a", "b"], "none of them twice"),
        ([1, 1.0, 2], "none of them twice"),
        ([True, 1, 2], "none of them twice"),
        ([1.5, float("nan"), 2.5], "none of them twice"),
        (["a", None, "b"], "each a str, int, float or bool"),
        (["a", ["b"], "c"], "each a str, int, float or bool"),
        ([{"a": 1}, {}, {}], "each a str, int, float or bool"),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [None, "|O", "<U9", "<f8"])
def test_classes_have_to_be_distinct_labels(tmp_path, classes, message, dtype):
    def edit(config):
        config["head_config"]["classes"] = classes
        config["sklearn_static"]["classes_dtype"] = dtype

    assert_refused(tmp_path, with_config(CLASSES, edit), message)


@pytest.mark.parametrize(
    "dtype",
    [
        *("O,O", "|V8", "<M8", "<M8[D]", "|S8", "<c16", "f4,f4", "(3,)U5", "<U0", "("),
        *("<U9999999999", "a5", "", "<i8", "<f2", "|b1", "<U4", 5, True, ["<U5"]),
        *([["a", "<U5"]], {"names": ["a"], "formats": ["f4"]}),
    ],
    ids=str,
)
def test_dtypes_that_are_none_of_the_labels_are_refused(tmp_path, dtype):
    files = with_config(
        CLASSES, lambda config: config["sklearn_static"].update(classes_dtype=dtype)
    )
    assert_refused(tmp_path, files, "classes .* dtype")


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [([256, 1, 2], "|u1"), ([2**64, 1, 2], "<i8"), ([1e300, 1, 2], "<f4")],
    ids=str,
)
def test_labels_out_of_the_range_of_their_dtype_are_refused(tmp_path, classes, dtype):
    def edit(config):
        config["head_config"]["classes"] = classes
        config["sklearn_static"]["classes_dtype"] = dtype

    assert_refused(tmp_path, with_config(CLASSES, edit), "classes .* dtype")


@pytest.mark.parametrize(
    "classes",
    [
        ["a\0", "a", "b"],
        [1, "1", 2],
        [10**400, 1, 2],
        [2**70, 0.5, "a"],
        ["\ud800", 1, 2],
    ],
    ids=lambda classes: str(classes)[:20],
)
def test_labels_without_a_dtype_stay_what_they_are(tmp_path, classes):
    def edit(config):
        config["head_config"]["classes"] = classes
        del config["sklearn_static"]

    pipeline = open_files(tmp_path, with_config(CLASSES, edit))
    assert pipeline.classes_.tolist() == classes
    assert set(pipeline.predict(["a", "fox", ""])) <= set(classes)


# Memory


def huge_width(config):
    config["sklearn_static"]["classes_dtype"] = "<U99999999"


def huge_number_of_layers(config):
    config["head_config"]["n_layers"] = 10**12


@pytest.mark.parametrize("edit", [huge_width, huge_number_of_layers])
def test_numbers_in_the_config_take_no_memory(tmp_path, edit):
    assert_little_memory(tmp_path, with_config(CLASSES, edit))


def giant_id(spec):
    spec["model"]["vocab"]["fox"] = 2**32 - 1


def giant_added_id(spec):
    spec["added_tokens"][0]["id"] = 2**32 - 1


def giant_padding(spec):
    spec["padding"] = {
        "strategy": {"Fixed": 10**12},
        "direction": "Right",
        "pad_id": 0,
        "pad_to_multiple_of": None,
        "pad_type_id": 0,
        "pad_token": "a",
    }


@pytest.mark.parametrize("edit", [giant_id, giant_added_id, giant_padding])
def test_numbers_in_the_tokenizer_take_no_memory(tmp_path, edit):
    assert_little_memory(tmp_path, with_tokenizer(CLASSES, edit))


@pytest.mark.parametrize("shape", [[2**40, 0], [0, 2**40], [2**62, 4], [1] * 99])
def test_huge_shapes_take_no_memory(tmp_path, shape):
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
    header = json.dumps({"embeddings": entry}).encode()
    content = len(header).to_bytes(8, "little") + header
    files = {**CLASSES, "model.safetensors": content}
    message = r"vectors has|model\.safetensors is not a safetensors file"
    assert_refused(tmp_path, files, message, StaticEmbedding)
    assert_little_memory(tmp_path, files)


def assert_little_memory(folder, files):
    tracemalloc.start()
    try:
        open_files(folder, files)
    except ModelFormatError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1_000_000 + 10 * sum(map(len, files.values()))


# Tensors


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E5M2", "F4", "X1"])
def test_dtypes_that_numpy_lacks_are_refused(tmp_path, dtype):
    entry = {"dtype": dtype, "shape": [4, 2], "data_offsets": [0, 8]}
    header = json.dumps({"embeddings": entry}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(8)
    message = r"model\.safetensors is not a safetensors file of numpy dtypes"
    assert_refused(tmp_path, {**CLASSES, "model.safetensors": content}, message)


@pytest.mark.parametrize(
    "values",
    [np.ones((23, 0)), np.full((23, 4), 1e20), np.full((23, 4), 3e38)],
    ids=str,
)
def test_tables_without_finite_sums_are_refused(tmp_path, values):
    embeddings = {"embeddings": values.astype(np.float32)}
    files = with_tensors(CLASSES, "model.safetensors", **embeddings)
    assert_refused(tmp_path, files, "is inconsistent: vectors")


@pytest.mark.parametrize(
    "tensors",
    [
        {"head.0.bias": np.ones(0), "head.0.weight": np.ones((0, 4))},
        {"head.1.bias": np.ones(0), "head.1.weight": np.ones((0, 3))},
        {"head.0.weight": np.full((3, 4), 1e38)},
        {"head.0.weight": np.full((3, 4), 1e300)},
        {"head.0.weight": np.full((3, 4), 1e30), "head.1.weight": np.full((3, 3), 1e9)},
        {"head.0.bias": np.ones((3, 1))},
        {"head.0.weight": np.ones((3, 4), np.int64)},
    ],
)
def test_heads_without_finite_scores_are_refused(tmp_path, tensors):
    files = with_tensors(CLASSES, "head.safetensors", **tensors)
    assert_refused(tmp_path, files, r"head\.safetensors does not fit")


def layers_of(files):
    return json.loads(files["config.json"])["sklearn_static"]["layers"]


def place_of(kind):
    return next(i for i, layer in enumerate(layers_of(LAYERS)) if layer["type"] == kind)


SCALE = f"head.{place_of('scale')}"
NORM = f"head.{place_of('residual')}.0"


@pytest.mark.parametrize(
    "tensors",
    [
        {f"{SCALE}.factor": np.ones(1)},
        {f"{SCALE}.factor": np.ones((6, 6))},
        {f"{SCALE}.factor": np.ones((2, 1, 6))},
        {f"{SCALE}.shift": np.ones(5)},
        {f"{NORM}.weight": np.ones(1)},
        {f"{NORM}.bias": np.ones((6, 1))},
        {f"{SCALE}.factor": np.full(6, 1e38)},
        {
            f"head.{place_of('residual')}.1.weight": np.ones((1, 6)),
            f"head.{place_of('residual')}.1.bias": np.ones(1),
        },
    ],
    ids=lambda tensors: f"{[(k, v.shape) for k, v in tensors.items()]}",
)
def test_layers_that_do_not_fit_are_refused(tmp_path, tensors):
    files = with_tensors(LAYERS, "head.safetensors", **tensors)
    assert_refused(tmp_path, files, r"head\.safetensors does not fit .*: layer \d+, ")


def test_a_norm_of_values_whose_squares_overflow_is_refused(tmp_path):
    weight = {"head.0.weight": np.full((6, 4), 1e18, np.float32)}
    files = with_tensors(LAYERS, "head.safetensors", **weight)
    assert_refused(tmp_path, files, "layer 0, LayerNorm, may have outputs up to inf")


def test_gelu_of_values_whose_cubes_overflow_is_itself(tmp_path):
    weight = {"head.0.weight": np.full((6, 4), 1e14, np.float32)}
    check_folder(with_tensors(LAYERS, "head.safetensors", **weight))


@pytest.mark.parametrize("number", ["0.1", None, True, 10**400, float("inf"), 1e300])
@pytest.mark.parametrize(
    "place", [("layer_norm", "eps"), ("leaky_relu", "negative_slope")]
)
def test_numbers_of_layers_have_to_be_moderate(tmp_path, place, number):
    assert_refused_number(tmp_path, *place, number)


@pytest.mark.parametrize("eps", [0, 0.0, -1, 1e-60, -1e-5])
def test_eps_has_to_be_positive(tmp_path, eps):
    assert_refused_number(tmp_path, "layer_norm", "eps", eps)


def assert_refused_number(folder, kind, name, number):
    def edit(config):
        inner = config["sklearn_static"]["layers"][place_of("residual")]["layers"]
        next(layer for layer in inner if layer["type"] == kind)[name] = number

    assert_refused(folder, with_config(LAYERS, edit), "is not a number from")


@pytest.mark.parametrize("layers", [{}, None, "residual", 3, [[]], ["linear"], [None]])
def test_descriptions_have_to_be_lists_of_layers(tmp_path, layers):
    files = with_config(
        LAYERS, lambda config: config["sklearn_static"].update(layers=layers)
    )
    assert_refused(tmp_path, files, "the description of the head is faulty")


# tokenizer.json


def no_unknown_token(spec):
    spec["model"]["unk_token"] = "[MISSING]"


def stride_beyond_truncation(spec):
    spec["truncation"] = {
        "direction": "Right",
        "max_length": 2,
        "strategy": "LongestFirst",
        "stride": 7,
    }


def empty_precompiled_map(spec):
    spec["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}


def map_that_points_nowhere(spec):
    charsmap = "BAAAAAAEAAAhISEhISEh"
    spec["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": charsmap}


def prefix_longer_than_tokens(spec):
    vocabulary = {token: i for i, token in enumerate(["a", "b", "ab"])}
    spec["model"] = {
        "type": "BPE",
        "vocab": vocabulary,
        "merges": [["a", "b"]],
        "continuing_subword_prefix": "#########",
    }


def unigram_without_unknown(spec):
    spec["model"] = {"type": "Unigram", "vocab": [["a", -1.0]], "unk_id": None}


@pytest.mark.parametrize(
    "edit",
    [
        *(no_unknown_token, empty_precompiled_map, map_that_points_nowhere),
        *(prefix_longer_than_tokens, unigram_without_unknown),
    ],
)
def test_tokenizers_that_fail_on_ordinary_text_are_refused(tmp_path, edit):
    message = "no tokenizer of the tokenizers library|tokenizer fails on ordinary text"
    assert_refused(tmp_path, with_tokenizer(CLASSES, edit), message, StaticEmbedding)


@pytest.mark.parametrize("edit", [stride_beyond_truncation, giant_padding])
def test_truncation_and_padding_do_not_matter(tmp_path, edit):
    texts = ["abc fox ab", "a", ""]
    expected = open_files(tmp_path, CLASSES).predict_proba(texts)
    pipeline = open_files(tmp_path, with_tokenizer(CLASSES, edit))
    assert (pipeline.predict_proba(texts) == expected).all()


def test_a_tokenizer_that_gives_up_on_a_text_is_a_value_error(tmp_path):
    def edit(spec):
        pattern = {"Regex": "(a|aa)+$"}
        spec["pre_tokenizer"] = {
            "type": "Split",
            "pattern": pattern,
            "behavior": "Isolated",
            "invert": False,
        }

    table = open_files(tmp_path, with_tokenizer(CLASSES, edit), StaticEmbedding)
    assert np.isfinite(table.encode(["a fox", "aaaa"])).all()
    with pytest.raises(
        ValueError, match=r"The tokenizer fails on a text: .*retry-limit"
    ):
        table.encode(["a" * 300 + "b"])


def test_merges_are_not_omitted_at_random(tmp_path):
    def edit(spec):
        spec["model"]["dropout"] = 0.5

    files = with_tokenizer(FOLDERS["BPE of bytes, numbers"], edit)
    table = open_files(tmp_path, files, StaticEmbedding)
    encoded = table.encode(["fox ab"] * 200)
    assert (encoded == encoded[0]).all()


# What is no file


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"modules.json", "README.md"}))
@pytest.mark.parametrize("kind", ["folder", "broken link", "link to itself", "pipe"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, name, kind):
    open_files(tmp_path, CLASSES)
    path = tmp_path / name
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "link to itself":
        path.symlink_to(path)
    else:
        if not hasattr(os, "mkfifo"):
            pytest.skip("there are no named pipes")
        os.mkfifo(path)
    with pytest.raises(ModelFormatError, match=f"it has no file {name}"):
        StaticPipeline.from_pretrained(tmp_path)


def test_other_encodings_of_unicode_are_read_or_refused(tmp_path):
    text = CLASSES["config.json"].decode()
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        check_folder({**CLASSES, "config.json": text.encode(encoding)})
    latin = text.replace("so so", "so sö").encode("latin-1")
    files = {**CLASSES, "config.json": latin}
    assert_refused(tmp_path, files, r"config\.json is not valid JSON")
