"""What is fuzzed, by name: a strategy for inputs, and what is checked of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz.checks import check_cache, check_folder, check_table
from fuzz.mutations import (
    Values,
    spoilt_bytes,
    spoilt_json,
    spoilt_tensors,
    values_by_key,
)
from fuzz.samples import FOLDERS, MODULES, N_DIMENSIONS, TABLES
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sklearn_static._io.files import tensor_bytes
from sklearn_static._tokens.tokenizer import BagTokenizer
from sklearn_static._utils.errors import reraise_as

__all__ = ["TARGETS", "texts"]

Files = dict[str, bytes]

NORMALIZERS = [
    {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b a"},
    {"type": "Replace", "pattern": {"String": ""}, "content": ""},
    {"type": "Replace", "pattern": {"Regex": "[^a]"}, "content": ""},
    {"type": "Prepend", "prepend": "a "},
    {"type": "Nmt"},
    {"type": "StripAccents"},
    {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAEAAAhISEhISEh"},
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]},
]
PRE_TOKENIZERS = [
    {
        "type": "Split",
        "pattern": {"Regex": "(a|aa)+$"},
        "behavior": "Isolated",
        "invert": False,
    },
    {
        "type": "Split",
        "pattern": {"String": ""},
        "behavior": "Removed",
        "invert": True,
    },
    {"type": "Digits", "individual_digits": True},
    {"type": "CharDelimiterSplit", "delimiter": " "},
    {"type": "FixedLength", "length": 0},
    {"type": "UnicodeScripts"},
    {"type": "WhitespaceSplit"},
]
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 2,
    "pair": [{"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}


def _others(name: str) -> Values:
    return values_by_key(files[name] for files in FOLDERS.values())


TOKENIZER_PARTS = _others("tokenizer.json")
TOKENIZER_PARTS["normalizer"] += NORMALIZERS
TOKENIZER_PARTS["pre_tokenizer"] += PRE_TOKENIZERS
TOKENIZER_PARTS["post_processor"].append(TEMPLATE)
CONFIG_PARTS = _others("config.json")


def texts() -> st.SearchStrategy[list[str]]:
    """Texts of any characters, and of the pieces that the samples' tokenizers know."""
    pieces = st.one_of(
        st.sampled_from(["a", "b", "ab", "fox", "Abc", "[MASK]", "[UNK]", "##a", "▁"]),
        st.sampled_from([*"     \t\n\r\x00\x1c\x85\xa0\xad\u200b\u2028\u3000\ufeff"]),
        st.characters(exclude_categories=()),
        st.builds(str.__mul__, st.characters(), st.sampled_from([99, 101, 1000])),
    )
    return st.lists(st.lists(pieces, max_size=20).map("".join), max_size=4)


@st.composite
def folders(
    draw: st.DrawFn, name: str, spoil: Callable[[bytes], st.SearchStrategy[bytes]]
) -> Files:
    """The files of a sample, that called `name` spoilt."""
    files = draw(st.sampled_from([*FOLDERS.values()]))
    change = draw(st.sampled_from([spoil] * 5 + [spoilt_bytes]))
    return {**files, name: draw(change(files[name]))}


@st.composite
def heads(draw: st.DrawFn) -> Files:
    """The files of a sample whose head is described otherwise, or is another's."""
    files = draw(st.sampled_from([*FOLDERS.values()]))
    other = draw(st.sampled_from([*FOLDERS.values()]))
    config = json.loads(files["config.json"])
    donor = json.loads(draw(st.sampled_from([files, other]))["config.json"])
    own = {key: donor[key] for key in ("head_config", "sklearn_static")}
    spoilt = json.loads(draw(_spoilt_config(json.dumps(own).encode())))
    config = {**config, **spoilt} if isinstance(spoilt, dict) else spoilt
    tensors = draw(st.sampled_from([files, other]))["head.safetensors"]
    if draw(st.booleans()):
        tensors = draw(spoilt_tensors(tensors))
    content = json.dumps(config).encode()
    return {**files, "config.json": content, "head.safetensors": tensors}


@st.composite
def modules(draw: st.DrawFn) -> Files:
    """The files of a table as sentence-transformers saves them, one spoilt."""
    files = draw(st.sampled_from(MODULES))
    name = draw(st.sampled_from(sorted(files)))
    if name.endswith(".safetensors"):
        return {**files, name: draw(spoilt_tensors(files[name]))}
    return {**files, name: draw(spoilt_json(files[name], TOKENIZER_PARTS))}


@st.composite
def tokenizers(draw: st.DrawFn) -> Files:
    """The files of a sample with a spoilt tokenizer, and mostly a table for its ids."""
    files = draw(folders("tokenizer.json", _spoilt_tokenizer))
    if draw(st.integers(0, 4)):
        n_tokens = _n_tokens(files["tokenizer.json"])
        vectors = np.random.default_rng(0).normal(size=(n_tokens, N_DIMENSIONS))
        files["model.safetensors"] = tensor_bytes({"embeddings": vectors})
    return files


def _spoilt_tokenizer(content: bytes) -> st.SearchStrategy[bytes]:
    return spoilt_json(content, TOKENIZER_PARTS)


def _spoilt_config(content: bytes) -> st.SearchStrategy[bytes]:
    return spoilt_json(content, CONFIG_PARTS)


def _n_tokens(content: bytes) -> int:
    """How many rows the table of a tokenizer needs, if that is one and they are few."""
    try:
        with reraise_as(ValueError, "This is no tokenizer"):
            tokenizer = BagTokenizer(Tokenizer.from_buffer(content), None)
    except ValueError:
        return 1
    return min(tokenizer.n_tokens, 1000)


REMEMBERING = [
    name
    for name, t in TABLES.items()
    if t._bag_tokenizer._bert or t._bag_tokenizer._word_tokens
]
TARGETS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "cache": (
        st.tuples(st.sampled_from(REMEMBERING), texts().filter(bool)),
        lambda case: check_cache(TABLES[case[0]], case[1]),
    ),
    "texts": (
        st.tuples(st.sampled_from([*TABLES]), texts()),
        lambda case: check_table(TABLES[case[0]], case[1]),
    ),
    "config.json": (folders("config.json", _spoilt_config), check_folder),
    "tokenizer.json": (tokenizers(), check_folder),
    "model.safetensors": (folders("model.safetensors", spoilt_tensors), check_folder),
    "head": (heads(), check_folder),
    "modules": (modules(), check_folder),
}
