"""Static embeddings for scikit-learn: train in seconds, predict in microseconds."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._io.files import ModelFormatError
    from ._utils.pickling import VersionSkewWarning
    from .classifier import StaticClassifier
    from .distillation import distill
    from .embedding import StaticEmbedding
    from .pipeline import StaticPipeline
    from .regressor import StaticRegressor
    from .transformer import StaticEmbeddingTransformer

__all__ = [
    "ModelFormatError",
    "StaticClassifier",
    "StaticEmbedding",
    "StaticEmbeddingTransformer",
    "StaticPipeline",
    "StaticRegressor",
    "VersionSkewWarning",
    "__version__",
    "distill",
]

_HOMES = {
    "ModelFormatError": "_io.files",
    "StaticClassifier": "classifier",
    "StaticEmbedding": "embedding",
    "StaticEmbeddingTransformer": "transformer",
    "StaticPipeline": "pipeline",
    "StaticRegressor": "regressor",
    "VersionSkewWarning": "_utils.pickling",
    "distill": "distillation",
}


def __getattr__(name: str) -> Any:
    # A process that only predicts does not wait for the imports of what trains.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
