"""Distillation: a static embedding from a sentence transformer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.decomposition import PCA
from tokenizers import Tokenizer

from ._distill.tokenizer import static_tokenizer, tokens_by_id
from ._tokens.library import unknown_token_id
from ._utils.compat import Interval, validate_params
from .embedding import StaticEmbedding

if TYPE_CHECKING:
    from ._distill.teacher import Teacher

__all__ = ["distill"]


@validate_params(
    {
        "dimensions": [Interval(Integral, 1, None, closed="left")],
        "sif_coefficient": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def distill(
    model_name_or_folder: str | Path,
    *,
    dimensions: int = 256,
    vocabulary: Sequence[str] | None = None,
    sif_coefficient: float | None = 1e-4,
    batch_size: int = 256,
    device: str = "cpu",
    revision: str | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
    show_progress_bar: bool = False,
) -> StaticEmbedding:
    """Make a static embedding from a sentence transformer, the teacher.

    The teacher embeds each token of its vocabulary as a text, with its special tokens,
    its pooling and all later modules. The embeddings are reduced by principal component
    analysis, and weighted by how rare each token is. No texts are needed.

    The function needs the extra ``distill``; the embedding does not.

    Parameters
    ----------
    model_name_or_folder : str or Path
        The teacher: a folder, or an id of the Hugging Face Hub such as
        ``"sentence-transformers/all-MiniLM-L6-v2"``. A model without ``modules.json``
        has its last hidden states averaged. No code from the model's repository is run.
    dimensions : int, default=256
        How many principal components to keep, in order of importance.
    vocabulary : sequence of str, default=None
        Words or phrases to add as tokens, such as technical terms that the teacher's
        tokenizer would split. Existing tokens are skipped. They count as the rarest
        tokens.
    sif_coefficient : float, default=1e-4
        The `a` of the weights ``a / (a + p)`` for a token of probability ``p``. The
        smaller it is, the less frequent tokens count. None weights all tokens alike.
    batch_size : int, default=256
        How many tokens the teacher embeds at a time.
    device : str, default="cpu"
        Where the teacher runs, such as ``"cuda"``; ``"auto"`` takes a GPU where there
        is one.
    revision : str, default=None
        Branch, tag or commit on the Hub.
    token : str or bool, default=None
        The Hub's access token; None takes the one that is logged in, if any.
    local_files_only : bool, default=False
        Whether to look into the download cache only.
    show_progress_bar : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    embedding : StaticEmbedding
        With `vectors` of shape (n_tokens, dimensions), float32, and `normalize` set.
        The tokens are those of the teacher without special tokens and placeholders such
        as ``[unused0]``, then `vocabulary`. The row of the unknown token is zero.

    Raises
    ------
    ImportError
        If torch or transformers is not installed; the message says how to get them.
    FileNotFoundError
        If there is no such folder and no such model on the Hub.
    NotADirectoryError
        If there is a file of that name.
    TypeError, ValueError
        If a parameter is not as described, `dimensions` is more than the teacher's, or
        than the number of tokens, a word of `vocabulary` has more tokens than the
        teacher takes or would not be found in texts as one token, or the teacher has a
        module that is not supported.

    See Also
    --------
    StaticEmbedding.save_pretrained : Save the result.
    StaticClassifier : Fine-tune it.

    Notes
    -----
    The weights are smooth inverse frequencies [1]_. The probability of a token is
    estimated by Zipf's law, ``p(r) ~ 1 / r``, where the rank ``r`` is its position in
    the vocabulary, since vocabularies are roughly in order of frequency. The approach
    is that of Model2Vec [2]_.

    References
    ----------
    .. [1] S. Arora, Y. Liang and T. Ma, "A Simple but Tough-to-Beat Baseline for
       Sentence Embeddings", ICLR 2017, https://openreview.net/forum?id=SyK00v5xx.
    .. [2] S. Tulkens and T. van Dongen, "Model2Vec: Fast State-of-the-Art Static
       Embeddings", 2024, https://github.com/MinishLab/model2vec.

    Examples
    --------
    >>> from sklearn_static import distill
    >>> embedding = distill(
    ...     "sentence-transformers/all-MiniLM-L6-v2",
    ...     vocabulary=["scikit-learn", "covid"],
    ... )  # doctest: +SKIP
    >>> embedding.save_pretrained("my-embedding")  # doctest: +SKIP
    """
    words = _checked_vocabulary(vocabulary)
    teacher = _import_teacher()(
        str(model_name_or_folder),
        device,
        revision=revision,
        token=token,
        local_files_only=local_files_only,
    )
    tokenizer = static_tokenizer(teacher.tokenizer, words)
    tokens = tokens_by_id(tokenizer)
    unknown = unknown_token_id(tokenizer)
    known = np.flatnonzero([i != unknown for i in range(len(tokens))])
    _check_reducible(dimensions, teacher.n_dimensions, len(known))
    ids = _as_ids([tokens[i] for i in known], teacher.tokenizer)
    _check_lengths([tokens[i] for i in known], ids, teacher.most_tokens)
    embeddings = teacher.embed(
        ids,
        batch_size=batch_size,
        show_progress_bar=show_progress_bar,
    )
    vectors = np.zeros((len(tokens), dimensions), np.float32)
    vectors[known] = _principal_components(embeddings, dimensions)
    if sif_coefficient is not None:
        vectors[known] *= _sif_weights(len(known), sif_coefficient)[:, None]
    return StaticEmbedding(
        vectors,
        tokenizer,
        normalize=True,
        metadata={
            "tokenizer_name": _public_name(model_name_or_folder),
            "apply_pca": dimensions,
            "sif_coefficient": sif_coefficient,
        },
    )


def _import_teacher() -> type[Teacher]:
    try:
        for library in ("torch", "transformers"):
            import_module(library)
        teacher = import_module("._distill.teacher", __package__)
    except ImportError as error:
        raise ImportError(
            "Distilling needs transformers and torch, which come with the extra "
            f"'distill': pip install \"sklearn-static[distill]\". ({error})"
        ) from error
    cls: type[Teacher] = teacher.Teacher
    return cls


def _as_ids(tokens: Sequence[str], tokenizer: Tokenizer) -> list[list[int]]:
    """The ids of each token in `tokenizer`; several for a word that it would split."""
    ids = tokenizer.get_vocab()
    return [
        [ids[token]]
        if token in ids
        else tokenizer.encode(token, add_special_tokens=False).ids
        for token in tokens
    ]


def _check_lengths(
    tokens: Sequence[str], ids: Sequence[list[int]], most: float
) -> None:
    for token, parts in zip(tokens, ids, strict=True):
        if len(parts) > most:
            raise ValueError(
                f"vocabulary holds {token!r}, which has {len(parts)} tokens, but the "
                f"teacher takes at most {most:g}. Take it out, or shorten it."
            )


def _principal_components(embeddings: np.ndarray, dimensions: int) -> np.ndarray:
    # This solver is exact, and unlike the others draws no random numbers.
    pca = PCA(dimensions, svd_solver="covariance_eigh")
    return np.asarray(pca.fit_transform(embeddings))


def _sif_weights(n_tokens: int, coefficient: float) -> np.ndarray:
    """The weight of each token, of shape (n_tokens,), float32, most frequent first."""
    inverse_ranks = 1 / np.arange(1, n_tokens + 1)
    probabilities = inverse_ranks / inverse_ranks.sum()
    return (coefficient / (coefficient + probabilities)).astype(np.float32)


def _public_name(name_or_folder: str | Path) -> str:
    """A Hub id, or a folder's name without its path, which is private."""
    path = Path(name_or_folder)
    return path.resolve().name if path.is_dir() else str(name_or_folder)


def _checked_vocabulary(vocabulary: Sequence[str] | None) -> list[str]:
    if vocabulary is None:
        return []
    if isinstance(vocabulary, str):
        raise TypeError(
            "vocabulary is a single str, but a sequence of str was expected. To add "
            "one word, wrap it in a list: [word]."
        )
    words = list(vocabulary)
    for i, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(
                f"vocabulary[{i}] is of type {type(word).__name__}, but a str was "
                "expected."
            )
    return words


def _check_reducible(dimensions: int, n_dimensions: int, n_tokens: int) -> None:
    if dimensions > n_dimensions:
        raise ValueError(
            f"dimensions is {dimensions}, but the teacher's embeddings have only "
            f"{n_dimensions}: give that number or fewer."
        )
    if dimensions > n_tokens:
        raise ValueError(
            f"dimensions is {dimensions}, but the vocabulary has only {n_tokens} "
            "tokens, which is the number of principal components: give that or fewer."
        )
