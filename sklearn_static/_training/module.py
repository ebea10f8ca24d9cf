"""The torch module: an embedding bag and a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from .batches import BagDataset
from .forks import one_thread_in_forks

__all__ = [
    "Residual",
    "StaticModule",
    "encode_with",
    "mean_embedding",
    "mix",
    "mlp_head",
    "rescale",
]


class StaticModule(nn.Module):
    """Bags of table rows to scores.

    Parameters
    ----------
    table : Tensor of shape (n_rows, n_dimensions), float32
    head : Module
        From (n_texts, n_dimensions) to (n_texts, n_outputs).
    normalize : bool
        Whether embeddings are scaled to unit length.
    freeze_embedding : bool
        Whether the table is left as it is.

    Attributes
    ----------
    encode : callable
        From ``(module, ids, offsets, share)`` to embeddings; :func:`mean_embedding`
        unless replaced.
    sparse_gradient : bool
        Whether the table's gradient has only the rows of the batch. Most optimizers
        need all of them.
    """

    def __init__(
        self,
        table: torch.Tensor,
        head: nn.Module,
        *,
        normalize: bool,
        freeze_embedding: bool = False,
    ) -> None:
        super().__init__()
        self.table = nn.Parameter(table, requires_grad=not freeze_embedding)
        self.head = head
        self.linear: nn.Linear | None = None
        self.normalize = normalize
        self.encode: Callable[..., torch.Tensor] = mean_embedding
        self.sparse_gradient = True

    def add_linear(
        self,
        n_outputs: int,
        solution: tuple[np.ndarray, np.ndarray] | None = None,
        share: float = 1.0,
    ) -> None:
        """Put a linear part beside the head, whose scores add to the head's.

        Parameters
        ----------
        n_outputs : int
        solution : pair of ndarray, default=None
            A weight, of shape (n_outputs, n_dimensions), and a bias. None leaves the
            part to a state that is loaded.
        share : float, default=1.0
            The share of `solution` that the part starts from, and that the word scores
            beside it are of the solution's.
        """
        self.linear = nn.Linear(self.table.shape[1], n_outputs)
        self.register_buffer("head_scale", torch.ones(()))
        if solution is None:
            return
        weight, bias = map(torch.tensor, solution)
        self.linear.load_state_dict({"weight": weight * share, "bias": bias * share})
        # They move with the module to its device, but are no part of what is learned.
        self.register_buffer("solved_weight", weight, persistent=False)
        self.register_buffer("solved_bias", bias, persistent=False)
        self.solved_share = share

    def forward(
        self,
        ids: torch.Tensor,
        offsets: torch.Tensor,
        share: torch.Tensor,
        word_scores: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The scores of a batch, of shape (n_texts, n_outputs).

        `ids` are the rows of all texts in order, text ``i``'s from ``offsets[i]`` on,
        `share` is the part that each has in its text's mean, and `word_scores`, of
        shape (n_texts, n_outputs), is what words add to the scores.
        """
        embeddings = self.encode(self, ids, offsets, share)
        scores: torch.Tensor = self.head(embeddings)
        if self.linear is not None:
            scores = self.linear(embeddings) + self.head_scale * scores
        return scores if word_scores is None else scores + word_scores

    def solved(
        self,
        ids: torch.Tensor,
        offsets: torch.Tensor,
        share: torch.Tensor,
        word_scores: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The scores that the whole solution has on the table as it is now.

        As :meth:`forward`, of a module whose linear part started from a solution.
        """
        embeddings = self.encode(self, ids, offsets, share)
        scores = functional.linear(embeddings, self.solved_weight, self.solved_bias)
        return (
            scores if word_scores is None else scores + word_scores / self.solved_share
        )


@torch.no_grad()
def mix(module: StaticModule, kept: float) -> None:
    """Make `module` the mean of itself and the solution that it started from.

    Parameters
    ----------
    module : StaticModule
        Whose linear part started from a solution.
    kept : float
        The weight of the module itself, from 0 to 1.
    """
    assert module.linear is not None
    module.linear.weight.lerp_(module.solved_weight, 1 - kept)
    module.linear.bias.lerp_(module.solved_bias, 1 - kept)
    module.head_scale.mul_(kept)


@torch.no_grad()
def rescale(module: StaticModule, factor: float, shift: np.ndarray) -> None:
    """Multiply the scores of `module` by `factor`, and add `shift` of (n_outputs,)."""
    assert module.linear is not None
    module.linear.weight.mul_(factor)
    module.linear.bias.mul_(factor).add_(torch.from_numpy(shift))
    module.head_scale.mul_(factor)


def mean_embedding(
    module: StaticModule, ids: torch.Tensor, offsets: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """What :func:`sklearn_static._tokens.pooling.pool` gives, with gradients.

    Parameters
    ----------
    module : StaticModule
        Whose ``table`` has shape (n_rows, n_dimensions).
    ids : Tensor of shape (n_tokens_in_batch,), int32
        The rows of all texts in order.
    offsets : Tensor of shape (n_texts,), int32
        Where each text's rows begin.
    share : Tensor of shape (n_tokens_in_batch,), float32
        The part that each row has in its text's mean.

    Returns
    -------
    embeddings : Tensor of shape (n_texts, n_dimensions), float32
    """
    mean: torch.Tensor = _BagSum.apply(
        ids, module.table, offsets, share, module.sparse_gradient
    )
    return functional.normalize(mean) if module.normalize else mean


class _BagSum(torch.autograd.Function):
    """The weighted sums of a table's rows, with a gradient of only these rows.

    torch's own gradient has either all rows of the table or one for each token.
    """

    @staticmethod
    def forward(
        ctx: Any,
        ids: torch.Tensor,
        table: torch.Tensor,
        offsets: torch.Tensor,
        share: torch.Tensor,
        sparse_gradient: bool,
    ) -> torch.Tensor:
        ctx.save_for_backward(ids, table, offsets, share)
        ctx.sparse_gradient = sparse_gradient
        return _bag_sum(ids, table, offsets, share)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        ids, table, offsets, share = ctx.saved_tensors
        end = offsets.new_tensor([len(ids)])
        texts = torch.arange(len(offsets), dtype=ids.dtype, device=ids.device)
        texts = texts.repeat_interleave(offsets.diff(append=end))
        of_table = of_share = None
        if ctx.needs_input_grad[1]:
            of_table = _transposed_bag_sum(ids, texts, gradient, share, table.shape)
            if not ctx.sparse_gradient:
                of_table = of_table.to_dense()
        if ctx.needs_input_grad[3]:
            of_share = (table[ids] * gradient[texts]).sum(dim=1)
        return None, of_table, None, of_share, None


def _transposed_bag_sum(
    ids: torch.Tensor,
    texts: torch.Tensor,
    gradient: torch.Tensor,
    share: torch.Tensor,
    shape: torch.Size,
) -> torch.Tensor:
    """The gradient of a table: each row's is the bag of the texts that it occurs in."""
    # Sorted by row, the tokens of a row are a run, and the runs are bags of texts. So
    # the way back is the kernel of the way there, with a row each instead of a token.
    ids, order = ids.sort()
    rows, counts = ids.unique_consecutive(return_counts=True)
    firsts = (counts.cumsum(0) - counts).to(ids.dtype)
    values = _bag_sum(texts[order], gradient, firsts, share[order])
    return torch.sparse_coo_tensor(
        *(rows[None].long(), values, shape), is_coalesced=True, check_invariants=False
    )


def _bag_sum(
    ids: torch.Tensor, table: torch.Tensor, offsets: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    return functional.embedding_bag(
        ids, table, offsets, mode="sum", per_sample_weights=share
    )


class Residual(nn.Module):
    """The input plus what some layers make of it (He et al., 2016, arXiv:1512.03385).

    Parameters
    ----------
    *layers : Module
        One after the other; what they put out is as wide as what they take.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """``X + layers(X)``."""
        out: torch.Tensor = X + self.layers(X)
        return out


def mlp_head(
    n_inputs: int, hidden_layer_sizes: Sequence[int], n_outputs: int, dropout: float
) -> nn.Sequential:
    """Linear layers with rectifiers, and dropout where it is positive, between them.

    Hidden layers start as in [1]_, the last as in [2]_, biases at zero.

    Parameters
    ----------
    n_inputs : int
        The embedding's dimensions.
    hidden_layer_sizes : sequence of int
        The width of each hidden layer.
    n_outputs : int
        The number of classes, labels or targets.
    dropout : float
        The share of each hidden layer's outputs that is zeroed in training.

    Returns
    -------
    head : Sequential

    References
    ----------
    .. [1] K. He et al., "Delving Deep into Rectifiers", ICCV 2015.
    .. [2] X. Glorot and Y. Bengio, "Understanding the Difficulty of Training Deep
       Feedforward Neural Networks", AISTATS 2010.
    """
    layers: list[nn.Module] = []
    for n_hidden in hidden_layer_sizes:
        linear = nn.Linear(n_inputs, n_hidden)
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
        layers += [linear, nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        n_inputs = n_hidden
    last = nn.Linear(n_inputs, n_outputs)
    nn.init.xavier_uniform_(last.weight)
    layers.append(last)
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


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
