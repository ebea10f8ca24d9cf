"""The torch module: an embedding bag and a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["Residual", "StaticModule", "mean_embedding", "mlp_head"]


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
        self.normalize = normalize
        self.encode: Callable[..., torch.Tensor] = mean_embedding

    def forward(
        self, ids: torch.Tensor, offsets: torch.Tensor, share: torch.Tensor
    ) -> torch.Tensor:
        """The scores of a batch, of shape (n_texts, n_outputs).

        `ids` are the rows of all texts in order, text ``i``'s from ``offsets[i]`` on,
        and `share` is the part that each has in its text's mean.
        """
        scores: torch.Tensor = self.head(self.encode(self, ids, offsets, share))
        return scores


def mean_embedding(
    module: StaticModule, ids: torch.Tensor, offsets: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """What :func:`sklearn_static._tokens.pooling.pool` gives, with gradients.

    The table's gradient is sparse: it has the rows of the batch.

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
    mean: torch.Tensor = _BagSum.apply(ids, module.table, offsets, share)
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
    ) -> torch.Tensor:
        ctx.save_for_backward(ids, table, offsets, share)
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
        if ctx.needs_input_grad[3]:
            of_share = (table[ids] * gradient[texts]).sum(dim=1)
        return None, of_table, None, of_share


def _transposed_bag_sum(
    ids: torch.Tensor,
    texts: torch.Tensor,
    gradient: torch.Tensor,
    share: torch.Tensor,
    shape: torch.Size,
) -> torch.Tensor:
    """The gradient of a table: each row's is the bag of the texts that it occurs in."""
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
