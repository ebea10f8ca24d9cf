"""Frozen pipelines as ONNX files; the only wing that imports onnx."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from .._lexical.weights import WordWeights
from ..embedding import StaticEmbedding
from ..head import FrozenHead

__all__ = ["write_onnx"]


def write_onnx(
    path: str | Path,
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    head: FrozenHead,
) -> None:
    """Write a pipeline's ONNX file; see :meth:`StaticPipeline.to_onnx`."""
    place = Path(path).resolve()
    if place.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder; give the path of a file, such as 'model.onnx'."
        )
    content: bytes = _import_model().onnx_model(embedding, word_weights, head)
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as scratch:
        new = Path(scratch) / place.name
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            # On disk before the old file goes, or a crash could leave an empty one.
            os.fsync(file.fileno())
        new.replace(place)


def _import_model() -> ModuleType:
    try:
        return import_module(".model", __name__)
    except ImportError as error:
        raise ImportError(
            "Exporting needs onnx, which comes with the extra 'onnx': pip install "
            f'"sklearn-static[onnx]". ({error})'
        ) from error
