"""A table as a model folder: what of it stands in which file, under which name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from . import persistence
from ._arrays import leading
from ._card import embedding_card
from .persistence import ModelFormatError

__all__ = ["DEFAULT_MAX_LENGTH", "StoredTable", "further_entries", "read_table"]

DEFAULT_MAX_LENGTH = 512

_TABLE_FILE = "model.safetensors"
_KIND = {"model_type": "model2vec", "architectures": ["StaticModel"]}
_STATED_ELSEWHERE = {
    *("normalize", "max_length", "hidden_dim", "embedding_dtype"),
    *("vocabulary_quantization", "head_config", "sklearn_static"),
}


class StoredTable(NamedTuple):
    """What a model folder says of a table; see :class:`StaticEmbedding`.

    The arrays and settings of one that was read are not checked.
    """

    vectors: np.ndarray
    tokenizer: Tokenizer
    weights: np.ndarray | None
    mapping: np.ndarray | None
    normalize: bool
    max_length: int | None
    metadata: dict[str, Any]

    def overridden(
        self,
        normalize: bool | None,
        max_length: int | Literal["auto"] | None,
        dimensions: int | None,
    ) -> StoredTable:
        """The same with other settings, where they are not None or "auto"."""
        if dimensions is None:
            vectors = self.vectors
        else:
            vectors = leading(self.vectors, dimensions)
        return self._replace(
            vectors=vectors,
            normalize=self.normalize if normalize is None else bool(normalize),
            max_length=self.max_length if max_length == "auto" else max_length,
        )

    def config(self) -> dict[str, Any]:
        """The contents of ``config.json``, without our own key."""
        config = {
            **_KIND,
            **self.metadata,
            "hidden_dim": self.vectors.shape[1],
            "normalize": self.normalize,
            "max_length": self.max_length,
            "embedding_dtype": self.vectors.dtype.name,
        }
        if self.mapping is not None:
            config["vocabulary_quantization"] = len(self.vectors)
        return config

    def files(self) -> dict[str, bytes]:
        """The contents of a model folder, by file name."""
        tensors = {
            "embeddings": self.vectors,
            "weights": self.weights,
            "mapping": self.mapping,
        }
        present = {name: t for name, t in tensors.items() if t is not None}
        modules = [_module(0, ".", "StaticEmbedding")]
        if self.normalize:
            modules.append(_module(1, "1_Normalize", "Normalize"))
        n_tokens = len(self.vectors if self.mapping is None else self.mapping)
        card = embedding_card(n_tokens, self.vectors.shape[1])
        return {
            _TABLE_FILE: persistence.tensor_bytes(present),
            "tokenizer.json": self.tokenizer.to_str().encode(),
            "config.json": persistence.json_bytes(persistence.stamp(self.config())),
            "modules.json": persistence.json_bytes(modules),
            "README.md": card.encode(),
        }


def read_table(folder: Path) -> StoredTable:
    """What a model folder says of its table.

    Raises
    ------
    ModelFormatError
        If a file is absent or damaged.
    """
    config = persistence.read_config(folder)
    tokenizer = persistence.read_tokenizer(folder)
    tensors = persistence.read_tensors(folder, _TABLE_FILE)
    if "embeddings" not in tensors:
        raise ModelFormatError(
            f"{folder / _TABLE_FILE} holds {sorted(tensors)}, but a tensor "
            "'embeddings' was expected."
        )
    return StoredTable(
        vectors=tensors["embeddings"],
        tokenizer=tokenizer,
        weights=tensors.get("weights"),
        mapping=tensors.get("mapping"),
        normalize=bool(config.get("normalize", False)),
        max_length=config.get("max_length", DEFAULT_MAX_LENGTH),
        metadata=further_entries(config),
    )


def further_entries(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """A deep copy of the entries of a config that nothing else in the table says.

    Raises
    ------
    TypeError
        If it cannot be written as JSON.
    """
    try:
        entries: dict[str, Any] = json.loads(json.dumps(dict(config or {})))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"metadata is {config!r}, but what JSON can hold was expected: {error}."
        ) from error
    return {
        name: value
        for name, value in entries.items()
        if name not in _STATED_ELSEWHERE and _KIND.get(name) != value
    }


def _module(index: int, path: str, kind: str) -> dict[str, Any]:
    kind = f"sentence_transformers.models.{kind}"
    return {"idx": index, "name": str(index), "path": path, "type": kind}
