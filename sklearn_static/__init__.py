"""Static embeddings for scikit-learn: train in seconds, predict in microseconds."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._utils.old_pickles import register_old_modules
from ._version import __version__

if TYPE_CHECKING:
    from .classifier import StaticClassifier
    from .distillation import distill
    from .embedding import StaticEmbedding
    from .exceptions import ModelFormatError, VersionSkewWarning
    from .linear import StaticLinearClassifier, StaticLinearRegressor
    from .pipeline import StaticPipeline
    from .regressor import StaticRegressor
    from .thresholds import tune_threshold
    from .transformer import StaticEmbeddingTransformer

__all__ = [
    "ModelFormatError",
    "StaticClassifier",
    "StaticEmbedding",
    "StaticEmbeddingTransformer",
    "StaticLinearClassifier",
    "StaticLinearRegressor",
    "StaticPipeline",
    "StaticRegressor",
    "VersionSkewWarning",
    "__version__",
    "distill",
    "tune_threshold",
]

_HOMES = {
    "ModelFormatError": "exceptions",
    "StaticClassifier": "classifier",
    "StaticEmbedding": "embedding",
    "StaticEmbeddingTransformer": "transformer",
    "StaticLinearClassifier": "linear",
    "StaticLinearRegressor": "linear",
    "StaticPipeline": "pipeline",
    "StaticRegressor": "regressor",
    "VersionSkewWarning": "exceptions",
    "distill": "distillation",
    "tune_threshold": "thresholds",
}

register_old_modules(__name__)


def __getattr__(name: str) -> Any:
    # A process that only predicts does not wait for the imports of what trains.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_import_home(name), name)
    globals()[name] = value
    return value


def _import_home(name: str) -> ModuleType:
    home = f"{__name__}.{_HOMES[name]}"
    try:
        return import_module(home)
    except AttributeError as error:
        # To Python, an AttributeError out of `__getattr__` means that there is no such
        # name: `from sklearn_static import name` would say so, and hide this one.
        raise ImportError(f"{home} could not be imported: {error!r}") from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
