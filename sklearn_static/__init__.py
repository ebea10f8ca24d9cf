"""Static embeddings for scikit-learn: train in seconds, predict in microseconds."""

from ._stamps import VersionSkewWarning
from ._version import __version__
from .classifier import StaticClassifier
from .distillation import distill
from .embedding import StaticEmbedding
from .persistence import ModelFormatError
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
