"""Static embeddings for scikit-learn: train in seconds, predict in microseconds."""

from ._version import __version__
from .classifier import StaticClassifier
from .embedding import StaticEmbedding
from .persistence import ModelFormatError
from .pipeline import StaticPipeline
from .transformer import StaticEmbeddingTransformer

__all__ = [
    "ModelFormatError",
    "StaticClassifier",
    "StaticEmbedding",
    "StaticEmbeddingTransformer",
    "StaticPipeline",
    "__version__",
]
