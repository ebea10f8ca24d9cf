"""The parts of training that a subclass may replace."""

from __future__ import annotations

from importlib import import_module
from numbers import Integral
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..embedding import StaticEmbedding
from .split import groups_of, split_rows
from .targets import Examples

if TYPE_CHECKING:
    from .._training import BagDataset, Module, StaticModule, Tensor

__all__ = ["Hooks", "import_training"]


def import_training() -> ModuleType:
    """The wing that needs torch.

    Raises
    ------
    ImportError
        If torch or skorch is not installed.
    """
    try:
        return import_module("sklearn_static._training")
    except ImportError as error:
        raise ImportError(
            "Fine-tuning needs torch and skorch, which come with the extra 'train': "
            'pip install "sklearn-static[train]". StaticLinearClassifier and '
            f"StaticLinearRegressor need neither. ({error})"
        ) from error


class Hooks:
    """The head, the module, the encoding, the dataset and the split.

    A subclass of an estimator may replace each; ``docs/architecture.md`` has examples.
    """

    hidden_layer_sizes: Any
    dropout: float
    freeze_embedding: bool
    validation_fraction: float | int

    def construct_head(self, n_inputs: int, n_outputs: int) -> Module:
        """Make the torch module from embeddings to scores, untrained.

        Parameters
        ----------
        n_inputs : int
            The embedding's dimensions.
        n_outputs : int
            The number of classes, labels or targets.

        Returns
        -------
        head : torch.nn.Module
            From a float32 Tensor of shape (n_texts, n_inputs) to one of shape
            (n_texts, n_outputs).
        """
        head: Module = import_training().mlp_head(
            n_inputs, self._hidden_layer_sizes(), n_outputs, self.dropout
        )
        return head

    def _hidden_layer_sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        sizes = (sizes,) if isinstance(sizes, Integral) else tuple(sizes)
        if not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes is {self.hidden_layer_sizes!r}, but whole numbers "
                "from 1 were expected."
            )
        return tuple(int(size) for size in sizes)

    def construct_module(
        self, table: Tensor, head: Module, normalize: bool
    ) -> StaticModule:
        """Make the torch module of table and head; add parameters for `_encode` here.

        Parameters
        ----------
        table : Tensor of shape (n_rows, n_dimensions), float32
        head : torch.nn.Module
        normalize : bool
            Whether embeddings are scaled to unit length.

        Returns
        -------
        module : StaticModule
        """
        module: StaticModule = import_training().StaticModule(
            table, head, normalize=normalize, freeze_embedding=self.freeze_embedding
        )
        return module

    @staticmethod
    def _encode(
        module: StaticModule,
        ids: Tensor,
        offsets: Tensor,
        share: Tensor,
    ) -> Tensor:
        """Embed a batch of token bags.

        Where this is replaced, the classifier predicts with torch, and the whole table
        is trained, not only the rows that occur.

        Parameters
        ----------
        module : StaticModule
            Whose ``table`` has shape (n_rows, n_dimensions).
        ids : Tensor of shape (n_tokens_in_batch,), int32
            The rows of all texts in order.
        offsets : Tensor of shape (n_texts,), int32
            Where each text's rows begin.
        share : Tensor of shape (n_tokens_in_batch,), float32
            The factor of each row in the mean of its text.

        Returns
        -------
        embeddings : Tensor of shape (n_texts, n_dimensions), float32
        """
        embeddings: Tensor = import_training().mean_embedding(
            module, ids, offsets, share
        )
        return embeddings

    def _encodes_in_its_own_way(self) -> bool:
        own = type(self)
        return (
            own._encode is not Hooks._encode
            or own.construct_module is not Hooks.construct_module
        )

    def _splits_itself(self) -> bool:
        return type(self).train_test_split is not Hooks.train_test_split

    def prepare_dataset(
        self, embedding: StaticEmbedding, examples: Examples
    ) -> BagDataset:
        """Tokenize examples for training, once for all epochs.

        Parameters
        ----------
        embedding : StaticEmbedding
        examples : Examples
            With ``texts``, encoded ``y`` and ``sample_weight``.

        Returns
        -------
        dataset : BagDataset
            Whose ids are rows of the embedding's table.
        """
        rows, weights = embedding.rows(embedding.tokenize(examples.texts))
        weight = examples.sample_weight
        scale = weight / weight.mean() if weight.any() else weight
        dataset: BagDataset = import_training().BagDataset(
            rows, weights, examples.y, scale.astype(np.float32)
        )
        return dataset

    def train_test_split(
        self,
        texts: list[str],
        y: np.ndarray,
        random_state: np.random.RandomState,
        groups: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose training rows, and validation rows for early stopping.

        Parameters
        ----------
        texts : list of str
            Of length n_texts.
        y : ndarray of shape (n_texts,), int64, or (n_texts, n_outputs), float32
            Class numbers, label indicators or standardised targets. The split is
            stratified by class numbers, where there are enough rows. Equal texts stay
            together.
        random_state : RandomState
        groups : ndarray of shape (n_texts,), default=None
            Those of ``fit``, whose texts stay together. Not passed where ``fit`` was
            given none.

        Returns
        -------
        train, valid : ndarray of int64
            Row numbers. With no validation rows, training is as without early
            stopping.
        """
        classes = y if y.ndim == 1 else np.zeros(len(y), np.int64)
        together = groups_of(texts, groups)
        return split_rows(classes, self.validation_fraction, random_state, together)
