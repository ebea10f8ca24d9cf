"""Strategies that spoil the contents of files, knowing how they are built."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Draw = st.DrawFn


class Twin(str):
    """A key that is equal to none but itself, so that a dict can hold it twice."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


NUMBERS = [
    *(0, 1, 2, 3, 4, 7, -1, 100, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63, 2**64),
    *(10**9, 10**400, 0.5, -0.5, 1e-300, 1e15, 1e38, -1e38, 1e308),
    *(float("nan"), float("inf"), float("-inf")),
]
VALUES = [
    *(None, True, False, "", "a", " ", "\x00", "\ud800", "é", "\u0301", "a b", "##"),
    *("▁", "[UNK]", "x" * 5000, "<U9999999", "<U1", "|O", "<f2", "|b1", "<M8[D]"),
    *("4,f4", "softmax", "sigmoid", "identity", "sklearn_static", "empty", "gelu"),
    *("BF16", "F16", "I64"),
    *([], {}, [[]], {"a": 1}, [1, 2, 3], ["a", "a", "b"], [True, 1, 2], _nested(40)),
    _nested(120),
]


def odd_values() -> st.SearchStrategy[Any]:
    """What may stand in JSON, most of it where it was not expected."""
    return st.one_of(
        st.sampled_from(NUMBERS),
        st.sampled_from(VALUES).map(deepcopy),
        st.integers(-3, 40),
        st.floats(),
        st.text(max_size=4),
    )


Values = dict[str, list[Any]]


def values_by_key(documents: Iterable[bytes]) -> Values:
    """What stands under each key, anywhere in JSON `documents`."""
    values: Values = {}
    containers: list[Any] = [json.loads(document) for document in documents]
    for container in containers:
        if isinstance(container, dict):
            for key, value in container.items():
                values.setdefault(key, []).append(value)
            containers += container.values()
        elif isinstance(container, list):
            containers += container
    return values


@st.composite
def spoilt_json(draw: Draw, content: bytes, others: Values | None = None) -> bytes:
    """The JSON `content` after a few edits, each of a value anywhere in it.

    Parameters
    ----------
    content : bytes
    others : dict of str to list, default=None
        What else may stand under a key.
    """
    root = {"root": json.loads(content)}
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        _edit(draw, root, others or {})
    return json.dumps(root["root"]).encode()


def _edit(draw: Draw, root: dict[str, Any], others: Values) -> None:
    container, key = _place(draw, root)
    value = container[key]
    edits = ["alter"] * 4 + ["exchange"] * 4
    edit = draw(st.sampled_from([*edits, "copy", "drop", "insert", "wrap", "replace"]))
    if edit == "exchange" and others.get(key):
        container[key] = deepcopy(draw(st.sampled_from(others[key])))
    elif edit == "copy":
        source, name = _place(draw, root)
        container[key] = deepcopy(source[name])
    elif edit == "drop" and container is not root:
        del container[key]
    elif edit == "insert" and isinstance(container, list):
        container.insert(key, deepcopy(draw(st.sampled_from([value, *container]))))
    elif edit == "insert":
        name = draw(st.sampled_from([*container, *map(Twin, container), "a"]))
        container[name] = deepcopy(value)
    elif edit == "wrap":
        container[key] = [value]
    elif edit == "alter":
        container[key] = draw(_LIKE.get(type(value), odd_values()))
    else:
        container[key] = draw(odd_values())


_LIKE: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(0, 40) | st.sampled_from(NUMBERS),
    float: st.floats(),
    str: st.text(max_size=4) | st.sampled_from([v for v in VALUES if type(v) is str]),
}


def _place(draw: Draw, root: dict[str, Any]) -> tuple[Any, Any]:
    """A list or dict in `root`, and one of its keys; those far up are more likely."""
    container: Any = root
    key: Any = "root"
    while (inside := container[key]) and isinstance(inside, (list, dict)):
        if container is not root and not draw(st.integers(0, 4)):
            break
        keys = range(len(inside)) if isinstance(inside, list) else list(inside)
        container, key = inside, draw(st.sampled_from(keys))
    return container, key


@st.composite
def spoilt_bytes(draw: Draw, content: bytes) -> bytes:
    """`content` after a few edits of single bytes or of slices."""
    spoilt = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(spoilt)))
        stop = min(len(spoilt), start + draw(st.integers(0, 16)))
        edit = draw(st.sampled_from(["set", "drop", "cut", "repeat"]))
        if edit == "set":
            spoilt[start:stop] = draw(st.binary(max_size=9))
        elif edit == "drop":
            del spoilt[start:stop]
        elif edit == "cut":
            del spoilt[start:]
        else:
            spoilt[start:start] = spoilt[start:stop] * draw(st.integers(1, 50))
    return bytes(spoilt)


@st.composite
def spoilt_tensors(draw: Draw, content: bytes) -> bytes:
    """The safetensors file `content` with another header, length or values."""
    n_bytes = int.from_bytes(content[:8], "little")
    header, values = content[8 : 8 + n_bytes], content[8 + n_bytes :]
    what = draw(st.sampled_from(["header", "header", "values", "shape"]))
    if what == "header":
        header = draw(spoilt_json(header))
    elif what == "values":
        values = draw(_spoilt_floats(values))
    else:
        header, values = draw(_other_shape(header))
    length = len(header)
    if draw(st.integers(0, 9)) == 9:
        length = draw(st.sampled_from([0, 1, length - 1, length + 1, 2**40, 2**64 - 1]))
    return max(length, 0).to_bytes(8, "little") + header + values


@st.composite
def _spoilt_floats(draw: Draw, values: bytes) -> bytes:
    patterns = ["0000807f", "0000c07f", "ffff7f7f", "00000080", "01000000", "00ff00fc"]
    spoilt = bytearray(values)
    for _ in range(draw(st.integers(1, 3))):
        start = 4 * draw(st.integers(0, len(values) // 4))
        pattern = draw(st.sampled_from(patterns).map(bytes.fromhex) | st.binary())
        spoilt[start : start + len(pattern)] = pattern
    return bytes(spoilt[: draw(st.sampled_from([len(values)] * 4 + [len(values) - 1]))])


_SIZES = {"F32": 4, "F16": 2, "F64": 8, "BF16": 2, "I8": 1, "I64": 8, "BOOL": 1}


@st.composite
def _other_shape(draw: Draw, header: bytes) -> tuple[bytes, bytes]:
    """A consistent file whose tensors have other shapes and dtypes, zeros in them."""
    entries, values = json.loads(header), b""
    for name, entry in entries.items():
        if draw(st.booleans()):
            sizes = st.sampled_from([0, 1, 2, 3, 4, 6, 23, 2**33])
            entry["shape"] = draw(st.lists(sizes, max_size=3))
            entry["dtype"] = draw(st.sampled_from([entry["dtype"], *_SIZES]))
        n_bytes = _SIZES.get(entry["dtype"], 4)
        for size in entry["shape"]:
            n_bytes *= size
        n_bytes = min(n_bytes, 10_000)
        entry["data_offsets"] = [len(values), len(values) + n_bytes]
        values += bytes(n_bytes)
        entries[name] = entry
    return json.dumps(entries).encode(), values
