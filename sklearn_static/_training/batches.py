"""Token bags to torch batches, without padding and without a step per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

import numpy as np
import torch
from torch.utils.data import Dataset

from .._tokens.bags import TokenBags
from .forks import one_thread_in_forks

__all__ = ["BagBatches", "BagDataset", "compact"]

Batch = tuple[dict[str, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


class BagDataset(Dataset):
    """Bags of table rows, with a target and a weight each.

    Parameters
    ----------
    bags : TokenBags
        Of n_texts texts; the ids are rows of the table that is trained.
    weights : ndarray of shape (n_tokens_in_bags,), float32, or None
        A factor for each token, None for ones.
    y : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        Class numbers (int64) or real values (float32).
    sample_weight : ndarray of shape (n_texts,), float32
    """

    def __init__(
        self,
        bags: TokenBags,
        weights: np.ndarray | None,
        y: np.ndarray,
        sample_weight: np.ndarray,
    ) -> None:
        lengths = bags.lengths
        share = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
        if weights is not None:
            share *= weights
        # Those of one text may be a view of what is kept of it.
        self.ids = torch.from_numpy(np.require(bags.ids, requirements="W"))
        self.offsets = torch.from_numpy(bags.offsets.astype(np.int32))
        self.share = torch.from_numpy(share)
        self.y = torch.from_numpy(y)
        self.sample_weight = torch.from_numpy(sample_weight)
        self.word_scores: torch.Tensor | None = None

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.y)

    def __getitem__(self, index: int) -> Batch:
        """A batch of one text."""
        return self.batch(index, index + 1)

    def batch(self, start: int, stop: int) -> Batch:
        """The texts from `start` to `stop` as inputs of the module and targets."""
        stop = min(stop, len(self))
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        inputs = {
            "ids": self.ids[first:last],
            "offsets": self.offsets[start:stop] - first,
            "share": self.share[first:last],
        }
        if self.word_scores is not None:
            inputs["word_scores"] = self.word_scores[start:stop]
        return inputs, (self.y[start:stop], self.sample_weight[start:stop])

    def reordered(self, order: torch.Tensor) -> BagDataset:
        """The same texts, `order[i]` in place ``i``."""
        lengths = self.offsets.diff()[order]
        offsets = torch.zeros(len(order) + 1, dtype=torch.int32)
        torch.cumsum(lengths, 0, out=offsets[1:])
        shift = torch.repeat_interleave(self.offsets[order] - offsets[:-1], lengths)
        token = shift + torch.arange(len(shift), dtype=torch.int32)
        other = copy(self)
        other.ids, other.share, other.offsets = (
            self.ids[token],
            self.share[token],
            offsets,
        )
        other.y, other.sample_weight = self.y[order], self.sample_weight[order]
        if self.word_scores is not None:
            other.word_scores = self.word_scores[order]
        return other

    def beside(self, word_scores: np.ndarray) -> BagDataset:
        """The same texts with scores, (n_texts, n_outputs), that words add."""
        other = copy(self)
        other.word_scores = torch.from_numpy(word_scores)
        return other

    def renumbered(self, number: np.ndarray) -> BagDataset:
        """The same texts, row ``i`` of the table being called ``number[i]``."""
        other = copy(self)
        other.ids = torch.from_numpy(number)[self.ids]
        return other

    def merged(self) -> BagDataset:
        """The same texts, each row once in a text, with the sum of its shares."""
        ids, n_texts = self.ids.numpy(), len(self)
        n_rows = int(ids.max(initial=0)) + 1
        text = np.repeat(np.arange(n_texts), np.diff(self.offsets.numpy()))
        found, inverse = np.unique(text * n_rows + ids, return_inverse=True)
        share = np.bincount(inverse, self.share.numpy(), len(found))
        offsets = np.searchsorted(found, np.arange(n_texts + 1) * n_rows)
        other = copy(self)
        other.ids = torch.from_numpy((found % n_rows).astype(np.int32))
        other.share = torch.from_numpy(share.astype(np.float32))
        other.offsets = torch.from_numpy(offsets.astype(np.int32))
        return other


@one_thread_in_forks()
def compact(
    datasets: Sequence[BagDataset], n_rows: int
) -> tuple[np.ndarray, list[BagDataset]]:
    """Number the rows that occur, so that a table of only these can be trained.

    Rows that do not occur get no gradient, and Adam without weight decay leaves them
    alone, so nothing is lost. Nor is it by merging the tokens of a text that have the
    same row.

    Parameters
    ----------
    datasets : sequence of BagDataset
        Whose ids are rows of a table of `n_rows`.
    n_rows : int

    Returns
    -------
    rows : ndarray of shape (n_rows_that_occur,), int64
        In ascending order.
    compacted : list of BagDataset
        The same; their ids index `rows`.
    """
    occurs = np.zeros(n_rows, bool)
    for dataset in datasets:
        occurs[dataset.ids.numpy()] = True
    number = np.cumsum(occurs, dtype=np.int32) - 1
    compacted = [dataset.renumbered(number).merged() for dataset in datasets]
    return np.flatnonzero(occurs), compacted


class BagBatches:
    """Iterate over a dataset in batches, which are slices of the shuffled whole.

    A last batch of one text, which batch normalisation cannot train on, joins the one
    before.

    Parameters
    ----------
    dataset : BagDataset
    batch_size : int
    generator : torch.Generator, default=None
        Shuffles the texts anew on every pass; None keeps them in order.
    """

    def __init__(
        self,
        dataset: BagDataset,
        batch_size: int,
        generator: torch.Generator | None = None,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return len(self._starts)

    @property
    def _starts(self) -> range:
        """Where the batches begin."""
        starts = range(0, len(self.dataset), self.batch_size)
        has_one_left = len(self.dataset) % self.batch_size == 1
        return starts[:-1] if has_one_left and len(starts) > 1 else starts

    def __iter__(self) -> Iterator[Batch]:
        """One pass."""
        dataset = self.dataset
        if self.generator is not None:
            order = torch.randperm(len(dataset), generator=self.generator)
            dataset = dataset.reordered(order)
        starts = self._starts
        for start, stop in zip(starts, [*starts[1:], len(dataset)], strict=True):
            yield dataset.batch(start, stop)
