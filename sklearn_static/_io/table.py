"""Embedding tables as model folders: which file holds what, under which name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from .._tokens.parsing import TokenizerSource
from .._tokens.tokenizer import Convention, copied
from .._utils.arrays import leading
from ..exceptions import ModelFormatError
from . import files as persistence
from .card import embedding_card
from .folder import ModelFolder
from .sentence_transformers import (
    MODULE_TENSOR,
    Modules,
    module_max_length,
    module_vectors,
    read_modules,
)

__all__ = ["DEFAULT_MAX_LENGTH", "StoredTable", "further_entries", "read_table"]

DEFAULT_MAX_LENGTH = 512

_TABLE_FILE = "model.safetensors"
_TOKENIZER_FILE = "tokenizer.json"
_KIND = {"model_type": "model2vec", "architectures": ["StaticModel"]}
_STATED_ELSEWHERE = {
    *("normalize", "max_length", "hidden_dim", "embedding_dtype"),
    *("vocabulary_quantization", "head_config", "sklearn_static"),
}


class StoredTable(NamedTuple):
    """The arrays and settings of a :class:`StaticEmbedding`, as a folder holds them.

    :func:`read_table` does not check whether they fit each other.
    """

    vectors: np.ndarray
    tokenizer: TokenizerSource
    weights: np.ndarray | None
    mapping: np.ndarray | None
    normalize: bool
    max_length: int | None
    metadata: dict[str, Any]
    convention: Convention = "model2vec"

    def overridden(
        self,
        normalize: bool | None,
        max_length: int | Literal["auto"] | None,
        dimensions: int | None,
    ) -> StoredTable:
        """A copy with other settings, where these are not None or "auto"."""
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
        """The contents of ``config.json``, without format and package version."""
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
        if self.convention != "model2vec":
            config["sklearn_static"] = {"convention": self.convention}
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
        config = persistence.with_versions(self.config())
        return {
            _TABLE_FILE: persistence.tensor_bytes(present),
            _TOKENIZER_FILE: self._stored_tokenizer().to_str().encode(),
            "config.json": persistence.json_bytes(config),
            "modules.json": persistence.json_bytes(modules),
            "README.md": card.encode(),
        }

    def _stored_tokenizer(self) -> Tokenizer:
        """The tokenizer; for sentence-transformers, it truncates to `max_length`."""
        if self.convention == "model2vec" or self.max_length is None:
            return self.tokenizer.whole
        tokenizer = copied(self.tokenizer.whole)
        tokenizer.enable_truncation(self.max_length)
        return tokenizer


def read_table(folder: ModelFolder) -> StoredTable:
    """The table in a folder of model2vec or of sentence-transformers.

    Raises
    ------
    ModelFormatError
        If a file is absent or damaged, or the model is of another architecture.
    """
    if folder.config is not None:
        persistence.read_config(folder)  # a newer format may have other files
    modules = read_modules(folder)
    if modules is None:
        persistence.read_config(folder)
    place = "" if modules is None else modules.table
    tokenizer = persistence.read_tokenizer(folder, place + _TOKENIZER_FILE)
    tensors = persistence.read_tensors(folder, place + _TABLE_FILE)
    if modules is not None and MODULE_TENSOR in tensors:
        return _of_static_module(folder, modules, tokenizer, tensors)
    config = persistence.read_config(folder)
    if "embeddings" not in tensors:
        raise ModelFormatError(
            f"{folder.path / _TABLE_FILE} holds {sorted(tensors)}, but a tensor "
            "'embeddings' was expected."
        )
    normalize = config.get("normalize")
    if not isinstance(normalize, bool | None):
        raise ModelFormatError(
            f"{folder.path / 'config.json'} has normalize {normalize!r}, but true or "
            "false was expected."
        )
    return StoredTable(
        vectors=tensors["embeddings"],
        tokenizer=tokenizer,
        weights=tensors.get("weights"),
        mapping=tensors.get("mapping"),
        normalize=bool(normalize),
        max_length=config.get("max_length", DEFAULT_MAX_LENGTH),
        metadata=further_entries(config),
        convention=persistence.own_entries(config).get("convention", "model2vec"),
    )


def _of_static_module(
    folder: ModelFolder,
    modules: Modules,
    tokenizer: TokenizerSource,
    tensors: dict[str, np.ndarray],
) -> StoredTable:
    path = folder.path / modules.table / _TOKENIZER_FILE
    return StoredTable(
        vectors=module_vectors(folder, modules, tensors),
        tokenizer=tokenizer,
        weights=None,
        mapping=None,
        normalize=modules.normalize,
        max_length=module_max_length(path, tokenizer.rules),
        metadata={},
        convention="sentence-transformers",
    )


def further_entries(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """A deep copy of the entries of a config that repeat nothing else in the table.

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
