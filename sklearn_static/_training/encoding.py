"""Embedding texts with a trained torch module, where its way is its own."""

from __future__ import annotations

import numpy as np
import torch

from .batches import BagDataset
from .forks import one_thread_in_forks
from .module import StaticModule

__all__ = ["encode_with"]


@one_thread_in_forks()
def encode_with(
    module: StaticModule, dataset: BagDataset, batch_size: int = 1024
) -> np.ndarray:
    """The embeddings that `module` gives the texts of `dataset`.

    Parameters
    ----------
    module : StaticModule
        In evaluation mode, on the CPU.
    dataset : BagDataset
        Of n_texts texts.
    batch_size : int, default=1024

    Returns
    -------
    embeddings : ndarray of shape (n_texts, n_dimensions), float32
    """
    with torch.inference_mode():
        parts = [
            module.encode(module, **dataset.batch(start, start + batch_size)[0]).numpy()
            for start in range(0, max(len(dataset), 1), batch_size)
        ]
    return np.concatenate(parts)
