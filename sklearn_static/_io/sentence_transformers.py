"""Folders of sentence-transformers' StaticEmbedding.

Such a folder has a ``modules.json`` that lists the modules of a model and where their
files are: beside it or, from versions before 5, in ``0_StaticEmbedding``. model2vec's
folders have a ``modules.json``, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from .._utils.arrays import leading
from ..exceptions import ModelFormatError
from . import files as persistence
from .files import MODULES, NESTED, NORMALIZE_CONFIG, SETTINGS
from .folder import ModelFolder

__all__ = [
    "MODULE_TENSOR",
    "Modules",
    "module_max_length",
    "module_vectors",
    "read_modules",
]

MODULE_TENSOR = "embedding.weight"


class Modules(NamedTuple):
    """The contents of a ``modules.json``.

    Attributes
    ----------
    table : str
        Where in the folder the table and the tokenizer are: ``""`` or a path with
        a slash at its end.
    normalize : bool
        Whether embeddings are scaled to unit length.
    """

    table: str
    normalize: bool


def read_modules(folder: ModelFolder) -> Modules | None:
    """The contents of ``modules.json``; None where there is no such file.

    Raises
    ------
    ModelFormatError
        If it lists anything but a StaticEmbedding, perhaps with Normalize after it.
    """
    if not folder.has(MODULES):
        return None
    modules = [_kind_and_path(m) for m in persistence.read_json(folder, MODULES, list)]
    kinds = [kind for kind, _ in modules]
    if kinds not in (["StaticEmbedding"], ["StaticEmbedding", "Normalize"]):
        raise ModelFormatError(
            f"{folder.path / MODULES} lists the modules {kinds}, but StaticEmbedding "
            "was expected, alone or followed by Normalize. A static table can be made "
            "out of a transformer with sklearn_static.distill."
        )
    path = modules[0][1]
    if path not in ("", ".", NESTED):
        raise ModelFormatError(
            f"{folder.path / MODULES} has StaticEmbedding in {path!r}, but in '', '.' "
            f"or {NESTED!r} was expected."
        )
    normalize = "Normalize" in kinds
    if normalize:
        _check_normalizes_embeddings(folder)
    return Modules(f"{NESTED}/" if path == NESTED else "", normalize)


def _kind_and_path(module: Any) -> tuple[str, Any]:
    """The class of a module, its home left out if that is sentence-transformers."""
    if not isinstance(module, dict):
        return repr(module), None
    kind = str(module.get("type"))
    home, _, name = kind.rpartition(".")
    is_theirs = home.partition(".")[0] == "sentence_transformers"
    return (name if is_theirs else kind), module.get("path")


def _check_normalizes_embeddings(folder: ModelFolder) -> None:
    if not folder.has(NORMALIZE_CONFIG):
        return
    config = persistence.read_json(folder, NORMALIZE_CONFIG, dict)
    features = {k: v for k, v in config.items() if v != "sentence_embedding"}
    if features:
        raise ModelFormatError(
            f"{folder.path / NORMALIZE_CONFIG} has {features}, but normalization of "
            "the 'sentence_embedding' was expected."
        )


def module_vectors(
    folder: ModelFolder, modules: Modules, tensors: dict[str, np.ndarray]
) -> np.ndarray:
    """The vectors in `tensors`, of as many dimensions as the folder's settings say.

    Raises
    ------
    ModelFormatError
        If the settings ask for what is not done here.
    """
    vectors = tensors[MODULE_TENSOR]
    if not folder.has(SETTINGS):
        return vectors
    path = folder.path / SETTINGS
    settings = persistence.read_json(folder, SETTINGS, dict)
    _check_no_prompt(path, settings)
    dimensions = settings.get("truncate_dim")
    if dimensions is None:
        return vectors
    if modules.normalize:
        raise ModelFormatError(
            f"{path} has truncate_dim {dimensions!r} to cut embeddings after scaling "
            "them to unit length, which is the last step here. Remove the entry, and "
            "pass dimensions= to cut them before."
        )
    try:
        return leading(vectors, dimensions)
    except (TypeError, ValueError) as error:
        raise ModelFormatError(f"{path} has a wrong truncate_dim: {error}") from error


def _check_no_prompt(path: Path, settings: dict[str, Any]) -> None:
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts")
    if not isinstance(prompts, dict) or not isinstance(name, str):
        return
    prompt = prompts.get(name)
    if prompt:
        raise ModelFormatError(
            f"{path} has default_prompt_name {name!r} to put {prompt!r} before each "
            "text, which is not done here. Remove the entry, and put it there yourself."
        )


def module_max_length(path: Path, tokenizer: Tokenizer) -> int | None:
    """The most tokens of a text that a StaticEmbedding with this tokenizer takes.

    Raises
    ------
    ModelFormatError
        If it takes the last ones instead of the first.
    """
    truncation = tokenizer.truncation
    if truncation is None:
        return None
    if truncation["direction"] != "right":
        raise ModelFormatError(
            f"{path} cuts texts from the {truncation['direction']}, but from the right "
            "was expected."
        )
    return int(truncation["max_length"])
