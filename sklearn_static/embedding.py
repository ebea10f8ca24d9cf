"""StaticEmbedding: a tokenizer and a table with one vector per token."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer

from ._io import hub
from ._io.compression import check_compression, compressed
from ._io.folder import ModelFolder, read_folder
from ._io.mixin import FolderMixin
from ._io.table import DEFAULT_MAX_LENGTH, StoredTable, further_entries, read_table
from ._lexical.words import WordFinder, Words
from ._tokens.bags import TokenBags
from ._tokens.parsing import TokenizerSource, parsed
from ._tokens.pooling import parts, pool
from ._tokens.tokenizer import (
    BagTokenizer,
    Convention,
    Pieces,
    check_max_length,
    copied,
)
from ._utils.arrays import check_fit, frozen, frozen_or_none
from ._utils.hints import did_you_mean
from ._utils.lazy import lazy
from ._utils.parallel import DEFAULT_BATCH_SIZE, for_each_batch
from ._utils.pickling import with_version, without_version
from ._utils.ranking import Ranking, cosines, ranked
from ._utils.validation import HandleMissing, check_texts
from .exceptions import ModelFormatError

__all__ = ["StaticEmbedding", "resolve_embedding"]

DEFAULT_MODEL = "default"
_DTYPES = (np.float32, np.float16, np.int8)


class StaticEmbedding(FolderMixin):
    """A tokenizer and a table of token vectors: the embedding of a text is their mean.

    The embedding of a text is the mean of its tokens' vectors, each multiplied by the
    token's weight if there are weights, and scaled to unit length if `normalize` is
    set. Unknown tokens are dropped, unless `convention` is that of
    sentence-transformers. The embedding of a text without tokens is all zeros.

    An embedding is immutable, so ``copy.deepcopy`` and :func:`sklearn.base.clone`
    return the same object, and threads may share it.

    Parameters
    ----------
    vectors : array-like of shape (n_rows, n_dimensions), float32, float16 or int8
        The table. Other dtypes are converted to float32. Copied unless read-only.
    tokenizer : tokenizers.Tokenizer
        Its ids index `vectors`, or `mapping` if there is one. Copied.
    weights : array-like of shape (n_tokens,), default=None
        A factor for each token id.
    mapping : array-like of shape (n_tokens,), int, default=None
        The row of each token id, for tables whose tokens share rows.
    normalize : bool, default=False
        Whether embeddings are scaled to unit Euclidean length.
    max_length : int or None, default=512
        The number of tokens that texts are truncated to, unknown ones included. Before
        that, texts are cut to this number times the median token length in characters.
        None does not truncate.
    metadata : mapping, default=None
        Further JSON-able entries for ``config.json``, such as the table's origin.
    convention : {"model2vec", "sentence-transformers"}, default="model2vec"
        With "sentence-transformers", unknown tokens are kept, with their vector in the
        table, and texts are truncated by tokens only, not by characters before.

    Raises
    ------
    TypeError
        If a parameter is of another type than described.
    ValueError
        If the shapes do not fit each other or the tokenizer, if an index of `mapping`
        is out of range, a value is not finite or above 1e15, or the tokenizer fails on
        ordinary text.

    See Also
    --------
    StaticEmbeddingTransformer : An embedding as a scikit-learn transformer.
    distill : An embedding from a sentence transformer.

    Notes
    -----
    ``encode`` returns the vectors of model2vec's ``StaticModel.encode`` [1]_, and
    folders are written in model2vec's format. Folders of sentence-transformers [2]_
    with a ``StaticEmbedding`` can be opened, too, and give the vectors of its
    ``encode``.

    References
    ----------
    .. [1] S. Tulkens and T. van Dongen, "Model2Vec: Fast State-of-the-Art Static
       Embeddings", 2024, https://github.com/MinishLab/model2vec.
    .. [2] N. Reimers and I. Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese
       BERT-Networks", EMNLP 2019, https://www.sbert.net.

    Examples
    --------
    >>> from sklearn_static import StaticEmbedding
    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> vocabulary = {"[UNK]": 0, "good": 1, "bad": 2}
    >>> tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> embedding = StaticEmbedding([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]], tokenizer)
    >>> embedding.encode(["good", "good or bad", ""])
    array([[2., 0.],
           [1., 1.],
           [0., 0.]], dtype=float32)
    """

    def __init__(
        self,
        vectors: Any,
        tokenizer: Tokenizer,
        *,
        weights: Any = None,
        mapping: Any = None,
        normalize: bool = False,
        max_length: int | None = DEFAULT_MAX_LENGTH,
        metadata: Mapping[str, Any] | None = None,
        convention: Convention = "model2vec",
    ) -> None:
        table = StoredTable(
            vectors,
            TokenizerSource(copied(tokenizer)),
            weights=weights,
            mapping=mapping,
            normalize=bool(normalize),
            max_length=max_length,
            metadata=further_entries(metadata),
            convention=convention,
        )
        self._init(table)

    def _init(self, table: StoredTable, copy: bool = True) -> None:
        """Take over the tokenizer and, unless `copy`, the arrays."""
        float32, int32 = (np.float32,), (np.int32,)
        self._vectors = frozen(table.vectors, "vectors", _DTYPES, copy=copy)
        self._weights = frozen_or_none(table.weights, "weights", float32, copy=copy)
        self._mapping = frozen_or_none(table.mapping, "mapping", int32, copy=copy)
        self._bag_tokenizer = BagTokenizer(
            table.tokenizer, table.max_length, table.convention
        )
        self._normalize = table.normalize
        self._metadata = table.metadata
        self._check()

    def _check(self) -> None:
        n_tokens = self._bag_tokenizer.n_tokens
        check_fit(self.vectors, self.weights, self.mapping, n_tokens)

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        local_files_only: bool = False,
        cache_dir: str | Path | None = None,
        subfolder: str | None = None,
        normalize: bool | None = None,
        max_length: int | Literal["auto"] | None = "auto",
        dimensions: int | None = None,
    ) -> StaticEmbedding:
        """Open a folder or a model of the Hugging Face Hub.

        The format is model2vec's, or sentence-transformers' with the single module
        ``StaticEmbedding``, perhaps followed by ``Normalize``. The format determines
        `convention`.

        Parameters
        ----------
        name_or_folder : str or Path
            ``"default"`` (the bundled table), a folder, or a Hub id such as
            ``"minishlab/potion-base-8M"``.
        revision : str, default=None
            Branch, tag or commit on the Hub.
        token : str or bool, default=None
            The Hub's access token; None takes the one that is logged in, if any.
        local_files_only : bool, default=False
            Whether to use the download cache only.
        cache_dir : str or Path, default=None
            The download cache; None is that of ``huggingface_hub``.
        subfolder : str, default=None
            The folder of the model within the folder or repository.
        normalize : bool, default=None
            Overrides the model's own setting.
        max_length : int, None or "auto", default="auto"
            Overrides the model's setting, which "auto" keeps. Without one, that is 512
            in model2vec's format, and None in that of sentence-transformers.
        dimensions : int, default=None
            The number of leading dimensions to keep; None keeps all. For tables whose
            dimensions are in order of importance, such as those reduced by PCA.

        Returns
        -------
        embedding : StaticEmbedding

        Raises
        ------
        FileNotFoundError
            If there is no such folder and no such model on the Hub.
        NotADirectoryError
            If there is a file of that name.
        ConnectionError
            If there is no such folder and the Hub cannot be reached.
        ModelFormatError
            If there is no model in the folder, or it is damaged or inconsistent.
        TypeError, ValueError
            If `max_length` is not as described, or `dimensions` more than the table
            has; if `revision`, `subfolder` or `token` cannot be one.
        """
        if max_length != "auto":
            check_max_length(max_length)
        if name_or_folder == DEFAULT_MODEL:
            folder = _bundled_folder()
        else:
            _check_no_typo(name_or_folder)
            folder = hub.resolve_folder(
                name_or_folder,
                revision=revision,
                token=token,
                local_files_only=local_files_only,
                cache_dir=cache_dir,
                subfolder=subfolder,
            )
        return read_folder(
            folder, lambda f: cls._of_folder(f, normalize, max_length, dimensions)
        )

    @classmethod
    def _of_folder(
        cls,
        folder: ModelFolder,
        normalize: bool | None = None,
        max_length: int | Literal["auto"] | None = "auto",
        dimensions: int | None = None,
    ) -> StaticEmbedding:
        table = read_table(folder).overridden(normalize, max_length, dimensions)
        embedding = cls.__new__(cls)
        try:
            embedding._init(table, copy=False)
        except (ValueError, TypeError) as error:
            raise ModelFormatError(f"{folder.path} is inconsistent: {error}") from error
        return embedding

    @property
    def vectors(self) -> np.ndarray:
        """The table, of shape (n_rows, n_dimensions), as stored; read-only."""
        return self._vectors

    @property
    def weights(self) -> np.ndarray | None:
        """The factor of each token id, of shape (n_tokens,), float32; read-only."""
        return self._weights

    @property
    def mapping(self) -> np.ndarray | None:
        """The row of each token id, of shape (n_tokens,), int32; read-only."""
        return self._mapping

    @property
    def normalize(self) -> bool:
        """Whether embeddings are scaled to unit length."""
        return self._normalize

    @property
    def max_length(self) -> int | None:
        """The number of tokens that texts are truncated to."""
        return self._bag_tokenizer.max_length

    @property
    def convention(self) -> Convention:
        """Whose truncation and treatment of unknown tokens is followed."""
        return self._bag_tokenizer.convention

    @property
    def metadata(self) -> dict[str, Any]:
        """A copy of the further entries of ``config.json``."""
        return deepcopy(self._metadata)

    @property
    def tokenizer(self) -> Tokenizer:
        """A copy of the tokenizer."""
        return copied(self._bag_tokenizer.tokenizer)

    @property
    def tokens(self) -> list[str]:
        """The token of each id; ``""`` for unused ids."""
        # Its method `id_to_token` would give added tokens as it normalises them.
        vocabulary = self._bag_tokenizer.tokenizer.get_vocab()
        names = {i: token for token, i in vocabulary.items()}
        return [names.get(i, "") for i in range(self.n_tokens)]

    @property
    def n_tokens(self) -> int:
        """The number of token ids."""
        return len(self.vectors if self.mapping is None else self.mapping)

    @property
    def n_dimensions(self) -> int:
        """The length of an embedding."""
        return self.vectors.shape[1]

    def encode(
        self,
        texts: Any,
        *,
        batch_size: int = DEFAULT_BATCH_SIZE,
        show_progress_bar: bool = False,
        handle_missing: HandleMissing = "error",
    ) -> np.ndarray:
        """Embed texts.

        Parameters
        ----------
        texts : list, tuple, array, Series or one-column frame of str
            Of length n_texts.
        batch_size : int, default=8192
            The most texts in a batch, fewer if they are long. Bounds the memory beyond
            that of the result, which it does not change.
        show_progress_bar : bool, default=False
            Whether to show a progress bar.
        handle_missing : {"error", "empty"}, default="error"
            Whether None and NaN raise an error or count as empty texts.

        Returns
        -------
        embeddings : ndarray of shape (n_texts, n_dimensions), float32
            A text without known tokens has all zeros.

        Raises
        ------
        TypeError, ValueError
            If `texts` is not as described, `batch_size` is not positive, or the
            tokenizer fails on a text.

        Notes
        -----
        From 200,000 characters on, a second thread is used if the process has two
        cores, unless the environment variable ``OMP_NUM_THREADS`` is 1. joblib, Dask
        and Spark set it to that if they run a process for each core.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, but 1 or more was expected.")
        checked = check_texts(texts, handle_missing=handle_missing)
        if len(checked) == 1 and not show_progress_bar:
            return self.pool(self._bag_tokenizer(checked))
        out = np.empty((len(checked), self.n_dimensions), np.float32)

        def write(part: slice) -> None:
            self.pool(self._bag_tokenizer(checked[part]), out=out[part])

        for_each_batch(write, checked, batch_size, "encode", show=show_progress_bar)
        return out

    def nearest(self, texts: Any, n_tokens: int = 10) -> list[Ranking]:
        """The tokens most similar to each text.

        Parameters
        ----------
        texts : list, tuple, array, Series or one-column frame of str
            Of length n_texts. May be single words.
        n_tokens : int, default=10
            How many at most for each text.

        Returns
        -------
        nearest : list of list of (str, float)
            For each text, tokens and the cosine similarity of their vectors to the
            embedding, in descending order. Tokens are spelled as in the vocabulary,
            such as ``"##set"`` for a part of a word.

        Examples
        --------
        >>> from sklearn_static import StaticEmbedding
        >>> embedding = StaticEmbedding.from_pretrained("default")
        >>> (nearest,) = embedding.nearest(["film"], n_tokens=3)
        >>> [token for token, cosine in nearest]
        ['film', 'films', 'movie']
        """
        each = TokenBags.alone(np.arange(self.n_tokens, dtype=np.int32))
        likeness, tokens = cosines(self.encode(texts), self.pool(each)), self.tokens
        return [ranked(tokens.__getitem__, row, n_tokens) for row in likeness]

    def similarity(self, texts: Any, others: Any) -> np.ndarray:
        """The cosine of each text's embedding with that of each other text.

        Parameters
        ----------
        texts : list, tuple, array, Series or one-column frame of str
            Of length n_texts.
        others : list, tuple, array, Series or one-column frame of str
            Of length n_others.

        Returns
        -------
        similarity : ndarray of shape (n_texts, n_others), float32
            From -1 to 1; 0 with a text without known tokens.

        See Also
        --------
        sklearn.neighbors.NearestNeighbors : For the nearest of more texts than all
            cosines of which fit into memory.

        Examples
        --------
        >>> from sklearn_static import StaticEmbedding
        >>> embedding = StaticEmbedding.from_pretrained("default")
        >>> answers = ["Go to settings to change it.", "We ship within two days."]
        >>> similarity = embedding.similarity(["How long is the delivery?"], answers)
        >>> answers[similarity[0].argmax()]
        'We ship within two days.'
        """
        return cosines(self.encode(texts), self.encode(others))

    def tokenize(self, texts: Any) -> TokenBags:
        """The token ids of each text, truncated, and without unknown ones.

        Parameters
        ----------
        texts : list, tuple, array, Series or one-column frame of str
            Of length n_texts.

        Returns
        -------
        bags : TokenBags
            With ``ids`` of shape (n_tokens_in_all,), int32, and ``offsets`` of shape
            (n_texts + 1,): text ``i`` has ``ids[offsets[i]:offsets[i + 1]]``.
        """
        return self._bag_tokenizer(check_texts(texts))

    def pieces(self, text: str) -> Pieces:
        """The tokens of one text, as of :meth:`tokenize`, and their positions.

        Parameters
        ----------
        text : str

        Returns
        -------
        pieces : Pieces
            With ``tokens``, a list of str, ``ids`` of shape (n_tokens,), int32, and
            ``spans`` of shape (n_tokens, 2): token ``i`` is
            ``text[spans[i, 0]:spans[i, 1]]``.
        """
        return self._bag_tokenizer.pieces(text)

    def pool(self, bags: TokenBags, *, out: np.ndarray | None = None) -> np.ndarray:
        """The embeddings of tokenized texts.

        Parameters
        ----------
        bags : TokenBags
            As of :meth:`tokenize`, n_texts of them.
        out : ndarray of shape (n_texts, n_dimensions), float32, default=None
            The array to write to; None allocates one.

        Returns
        -------
        embeddings : ndarray of shape (n_texts, n_dimensions), float32
        """
        weights = None
        if self.mapping is not None:
            bags, weights = self.rows(bags)
        return pool(
            bags, self._matrix, weights=weights, normalize=self.normalize, out=out
        )

    def parts(self, bags: TokenBags) -> np.ndarray:
        """The contribution of each token to the embedding of its text.

        Parameters
        ----------
        bags : TokenBags
            As of :meth:`tokenize`, with n_tokens_in_all tokens.

        Returns
        -------
        parts : ndarray of shape (n_tokens_in_all, n_dimensions), float32
            The vector of each token divided by the number of tokens of its text and, if
            embeddings are normalised, by the length of the mean. So the parts of a text
            add up to its embedding.
        """
        weights = None
        if self.mapping is not None:
            bags, weights = self.rows(bags)
        return parts(bags, self._matrix, weights=weights, normalize=self.normalize)

    @lazy
    def _word_finder(self) -> WordFinder:
        # Which tokens begin a word, and which continue one, is in the vocabulary.
        source = self._bag_tokenizer.source
        return WordFinder(source.rules, source.vocabulary, self._bag_tokenizer.n_tokens)

    def words(self, bags: TokenBags) -> Words:
        """The words of texts, without punctuation.

        Parameters
        ----------
        bags : TokenBags
            As of :meth:`tokenize`, n_texts of them.

        Returns
        -------
        words : Words
            With ``hashes``, a hash of each word, of shape (n_words,), uint64,
            and ``offsets`` of shape (n_texts + 1,): text ``i`` has
            ``hashes[offsets[i]:offsets[i + 1]]``.
        """
        words: Words = self._word_finder(bags)
        return words

    def words_of_one(self, bag: TokenBags) -> list[int]:
        """The ``hashes`` that :meth:`words` gives for one text, in less time.

        Parameters
        ----------
        bag : TokenBags
            As :meth:`tokenize` gives it for one text.

        Returns
        -------
        hashes : list of int
        """
        hashes: list[int] = self._word_finder.of_one(bag.ids.tolist())
        return hashes

    def words_of_tokens(self, bags: TokenBags) -> np.ndarray:
        """The index of the word, in :meth:`words`, that each token belongs to.

        Parameters
        ----------
        bags : TokenBags
            As of :meth:`tokenize`, with n_tokens_in_all tokens.

        Returns
        -------
        words : ndarray of shape (n_tokens_in_all,), int64
            -1 for tokens that belong to no word, such as punctuation.
        """
        numbers: np.ndarray = self._word_finder.of_tokens(bags)
        return numbers

    def rows(self, bags: TokenBags) -> tuple[TokenBags, np.ndarray | None]:
        """The table's row and the weight of each token in `bags`.

        Parameters
        ----------
        bags : TokenBags
            With n_tokens_in_all tokens.

        Returns
        -------
        rows : TokenBags
            With row numbers for ids.
        weights : ndarray of shape (n_tokens_in_all,), float32, or None
            None where the table has no weights.
        """
        weights = None if self.weights is None else self.weights[bags.ids]
        if self.mapping is None:
            return bags, weights
        return TokenBags(self.mapping[bags.ids], bags.offsets), weights

    def with_vectors(self, vectors: Any, *, metadata: Any = None) -> StaticEmbedding:
        """The same tokens with another table.

        Parameters
        ----------
        vectors : array-like of shape (n_rows, n_dimensions)
            The number of rows is that of this table. Copied unless read-only.
        metadata : mapping, default=None
            The new embedding's; None keeps this one's.

        Returns
        -------
        embedding : StaticEmbedding
            It shares the tokenizer with its cache, the weights and the mapping.
        """
        embedding = type(self).__new__(type(self))
        state = {k: v for k, v in self.__dict__.items() if k != "_matrix"}
        embedding.__dict__.update(state)
        embedding._vectors = frozen(vectors, "vectors", _DTYPES)
        if metadata is not None:
            embedding._metadata = further_entries(metadata)
        embedding._check()
        return embedding

    def compress(
        self,
        texts: Any = None,
        *,
        dtype: str | None = None,
        dimensions: int | None = None,
        min_df: int = 1,
    ) -> StaticEmbedding:
        """A smaller embedding with nearly the same similarities.

        Parameters
        ----------
        texts : list, tuple, array, Series or one-column frame of str, default=None
            Typical texts, such as the training texts. A token that does not occur in
            them shares a row with the most similar one that does. None keeps a row for
            every token.
        dtype : {"float32", "float16", "int8"}, default=None
            The dtype of the table; None keeps it. Each int8 row has a scale, which is
            part of the weights. Embeddings are float32 in any case.
        dimensions : int, default=None
            The number of dimensions to keep: those of the largest singular values of
            the embeddings of `texts` or, without texts, of the table. None keeps all.
        min_df : int, default=1
            The least document frequency in `texts` of a token that keeps its row.

        Returns
        -------
        embedding : StaticEmbedding

        Raises
        ------
        TypeError, ValueError
            If a parameter is not as described, no token occurs in `min_df` texts, or a
            value overflows float16.

        See Also
        --------
        StaticPipeline.compress : Compress the table of a trained pipeline.

        Examples
        --------
        >>> from sklearn_static import StaticEmbedding
        >>> embedding = StaticEmbedding.from_pretrained("default")
        >>> texts = ["a good film", "a bad film"]
        >>> embedding.compress(texts, dimensions=64)
        StaticEmbedding(n_tokens=29524, n_dimensions=64, dtype=int8, ...)
        """
        return self._compress(texts, dtype, dimensions, min_df)[0]

    def _compress(
        self, texts: Any, dtype: str | None, dimensions: int | None, min_df: int
    ) -> tuple[StaticEmbedding, np.ndarray | None]:
        """The result of `compress`, and the directions that it keeps, as columns."""
        check_compression(self.vectors, texts, dtype, dimensions, min_df)
        typical, frequencies = None, None
        if texts is not None:
            frequencies = self._document_frequencies(texts)
            typical = None if dimensions is None else self.encode(texts)
        *table, directions = compressed(
            self._token_vectors(),
            self.vectors.dtype.name if dtype is None else str(np.dtype(dtype)),
            dimensions,
            typical,
            frequencies,
            min_df,
        )
        vectors, weights, mapping = table
        smaller = type(self)(
            vectors,
            self.tokenizer,
            weights=weights,
            mapping=mapping,
            normalize=self.normalize,
            max_length=self.max_length,
            metadata=self._metadata,
            convention=self.convention,
        )
        return smaller, directions

    def _token_vectors(self) -> np.ndarray:
        """The weighted vector of each token, of shape (n_tokens, n_dimensions)."""
        vectors = self.vectors.astype(np.float32)
        if self.mapping is not None:
            vectors = vectors[self.mapping]
        if self.weights is not None:
            vectors *= self.weights[:, None]
        return vectors

    def _document_frequencies(self, texts: Any) -> np.ndarray:
        """How many of `texts` have each token, of shape (n_tokens,)."""
        return self.tokenize(texts).document_frequencies(self.n_tokens)

    def for_training(self, *, rescale: bool = True) -> StaticEmbedding:
        """The embedding with a float32 table to start training from.

        Parameters
        ----------
        rescale : bool, default=True
            Whether to scale the table to rows of median length 10 if embeddings are
            normalised. That changes no embedding. But the steps of Adam have the same
            size for all tables, so they turn short vectors further than long ones, and
            some tables have rows of length 1, others of 100.

        Returns
        -------
        embedding : StaticEmbedding
            Rows are multiplied by the weights, unless tokens share rows. An int8 table
            without weights, whose scale is arbitrary, is scaled to -1 to 1.
        """
        vectors = self.vectors
        if vectors.dtype == np.int8 and self.weights is None:
            vectors = vectors / np.float32(127)
        elif vectors.dtype != np.float32 or self.weights is not None:
            vectors = self._matrix
        if rescale and self.normalize:
            vectors = vectors * _factor_to_median_length(vectors, 10.0)
        if vectors is self.vectors:
            return self
        vectors.flags.writeable = False
        embedding = self.with_vectors(vectors)
        if self.mapping is None:
            embedding._weights = None
        return embedding

    @lazy
    def _matrix(self) -> np.ndarray:
        """The table as float32, times the weights unless tokens share rows."""
        matrix = self.vectors.astype(np.float32, copy=False)
        if self.weights is not None and self.mapping is None:
            matrix = matrix * self.weights[:, None]
        matrix.flags.writeable = False
        return matrix

    def to_files(self) -> dict[str, bytes]:
        """The contents of a model folder, by file name."""
        return self._stored().files()

    def config(self) -> dict[str, Any]:
        """The contents of ``config.json``, a JSON-able dict."""
        return self._stored().config()

    def _stored(self) -> StoredTable:
        return StoredTable(
            self.vectors,
            self._bag_tokenizer.source,
            weights=self.weights,
            mapping=self.mapping,
            normalize=self.normalize,
            max_length=self.max_length,
            metadata=self._metadata,
            convention=self.convention,
        )

    def __copy__(self) -> StaticEmbedding:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> StaticEmbedding:
        return self

    def __getstate__(self) -> dict[str, Any]:
        tokenizer = self._bag_tokenizer.tokenizer.to_str()
        return with_version({**self._stored()._asdict(), "tokenizer": tokenizer})

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = without_version(state, type(self).__name__)
        tokenizer = parsed(state["tokenizer"])
        self._init(StoredTable(**{**state, "tokenizer": tokenizer}), copy=False)

    def __repr__(self) -> str:
        source = self._metadata.get("tokenizer_name")
        name = f", tokenizer_name={source!r}" if source else ""
        return (
            f"StaticEmbedding(n_tokens={self.n_tokens}, "
            f"n_dimensions={self.n_dimensions}, dtype={self.vectors.dtype.name}{name})"
        )


def _factor_to_median_length(vectors: np.ndarray, length: float) -> np.float32:
    """The factor that makes `length` the median length of rows that are not zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    lengths = lengths[lengths > 0]
    return np.float32(length / np.median(lengths) if len(lengths) else 1)


def resolve_embedding(model: StaticEmbedding | str | Path) -> StaticEmbedding:
    """The embedding of an estimator's `model`, opened if it is a name or a folder."""
    if isinstance(model, StaticEmbedding):
        return model
    if model == DEFAULT_MODEL:
        return _bundled()
    return StaticEmbedding.from_pretrained(model)


def _check_no_typo(name: str | Path) -> None:
    """Refuse what is nearly "default", which the Hub would be asked about."""
    hint = did_you_mean(str(name), [DEFAULT_MODEL], cutoff=0.8)
    if hint and not Path(name).exists():
        raise FileNotFoundError(f"There is no folder {str(name)!r}.{hint}")


@lru_cache(maxsize=1)
def _bundled() -> StaticEmbedding:
    return StaticEmbedding.from_pretrained(DEFAULT_MODEL)


def _bundled_folder() -> Path:
    return Path(str(package_files(__package__))) / "models" / "default"
