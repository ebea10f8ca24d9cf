"""Torch building blocks for own architectures.

Importing this module imports torch, which nothing else in the package does outside
``fit``. It comes with the extra: ``pip install "sklearn-static[train]"``.
"""

from ._training.module import Residual, StaticModule, mean_embedding, mlp_head

__all__ = ["Residual", "StaticModule", "mean_embedding", "mlp_head"]
