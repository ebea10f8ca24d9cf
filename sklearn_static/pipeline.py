"""StaticPipeline: a frozen model, which needs numpy and scikit-learn but no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import block_diag
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from . import hub, persistence
from ._arrays import reach
from ._card import pipeline_card
from ._compression import compressed
from ._folders import FolderMixin
from ._head_audit import Rows, check_head
from ._head_format import (
    build_head,
    build_labels,
    build_mlp,
    describe_head,
    mlp_tensors,
)
from ._layouts import LEGACY_HEAD
from ._legacy_head import read_legacy_head
from ._stamps import StampedMixin
from ._votes import WordVotes
from .embedding import StaticEmbedding
from .head import StaticHeadClassifier, StaticHeadRegressor, of_texts
from .persistence import ModelFormatError
from .transformer import StaticEmbeddingTransformer
from .votes import frozen_transformer, votes_of

__all__ = ["StaticPipeline"]

_HEAD_FILE = "head.safetensors"
_TRANSFORMER_SETTINGS = ("handle_missing",)
_MULTILABEL_SETTINGS = ("threshold", "sparse_output")
_SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "handle_missing": (lambda v: v in ("error", "empty"), "'error' or 'empty'"),
    "sparse_output": (lambda v: isinstance(v, bool), "true or false"),
    "threshold": (
        lambda v: type(v) in (int, float) and 0 <= v <= 1,
        "a number from 0 to 1",
    ),
}
_OWN_HEAD = "sklearn_static"

FrozenHead = StaticHeadClassifier | StaticHeadRegressor


def _head_has(method: str) -> Callable[[Any], bool]:
    """Whether a pipeline has `method`, which is as its last step says."""
    return lambda pipeline: hasattr(pipeline.steps[-1][1], method)


class StaticPipeline(StampedMixin, FolderMixin, Pipeline):
    """A trained table and head as a scikit-learn pipeline without torch.

    What :meth:`StaticClassifier.to_pipeline` returns. The first step, ``embedding``, is
    a :class:`StaticEmbeddingTransformer` around the table or, where words vote, a
    :class:`~sklearn_static.votes.StaticVotesTransformer`; the second, ``head``,
    predicts from what it puts out. Both are fitted from the start: ``fit`` does
    nothing, and ``clone`` keeps what was trained. So the pipeline can be calibrated,
    sliced, pickled, put into other estimators, and saved as a folder, which model2vec
    opens too unless words vote.

    Parameters
    ----------
    steps : list of (str, estimator)
        As of :class:`sklearn.pipeline.Pipeline`.
    transform_input : list of str, default=None
        As of :class:`sklearn.pipeline.Pipeline`.
    memory : str or object with the joblib.Memory interface, default=None
        As of :class:`sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        As of :class:`sklearn.pipeline.Pipeline`.

    See Also
    --------
    StaticClassifier : Trains what a pipeline freezes.

    Examples
    --------
    >>> from sklearn_static import StaticClassifier, StaticPipeline
    >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
    >>> pipeline = StaticClassifier(random_state=0).fit(texts, labels).to_pipeline()
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as parent:
    ...     pipeline.save_pretrained(f"{parent}/film")
    ...     again = StaticPipeline.from_pretrained(f"{parent}/film")
    >>> again.predict(["a good one"])
    array(['pos'], dtype='<U3')
    """

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
    ) -> StaticPipeline:
        """Open a folder or a pipeline of the Hugging Face Hub.

        Folders written by :meth:`save_pretrained` and by model2vec's
        ``StaticModelPipeline`` can be opened. No code in them is run. Those of
        model2vec before 0.9, which have a ``pipeline.skops``, need the extra
        ``legacy``.

        Parameters
        ----------
        name_or_folder : str or Path
            A folder, or the id of a repository on the Hub.
        revision : str, default=None
            Branch, tag or commit on the Hub.
        token : str or bool, default=None
            The Hub's access token; None takes the one that is logged in, if any.
        local_files_only : bool, default=False
            Whether to look into the download cache only.
        cache_dir : str or Path, default=None
            Where downloads are kept; None is ``huggingface_hub``'s own place.
        subfolder : str, default=None
            Where in the folder or repository the pipeline is.

        Returns
        -------
        pipeline : StaticPipeline

        Raises
        ------
        FileNotFoundError
            If there is no such folder and no such model on the Hub.
        ConnectionError
            If there is no such folder and the Hub cannot be reached.
        ModelFormatError
            If the folder holds no pipeline, or one that is damaged or inconsistent.
        ImportError
            If the folder has a ``pipeline.skops``, and skops is not installed.

        Warns
        -----
        UserWarning
            If the folder has a ``pipeline.skops`` of another version of scikit-learn.
        """
        folder = hub.resolve_folder(
            name_or_folder,
            revision=revision,
            token=token,
            local_files_only=local_files_only,
            cache_dir=cache_dir,
            subfolder=subfolder,
        )
        embedding = StaticEmbedding.from_pretrained(folder)
        has_config = persistence.has_file(folder, "config.json")
        config = persistence.read_config(folder) if has_config else {}
        votes, head = _read_head(folder, config, embedding)
        own = persistence.own_entries(config)
        settings = _read_settings(folder / "config.json", own, _TRANSFORMER_SETTINGS)
        transformer = frozen_transformer(embedding, votes, settings)
        return cls([("embedding", transformer), ("head", head)])

    @available_if(_head_has("predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """The class, the labels or the values of each text.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        **params : dict
            As of :class:`sklearn.pipeline.Pipeline`, for other steps than these two.

        Returns
        -------
        predictions : ndarray of shape (n_texts,) or (n_texts, n_outputs)
            Of a classifier for many labels, an indicator of shape (n_texts, n_labels),
            a CSR matrix if its head has `sparse_output`.
        """
        return self._of_head("predict", X, params)

    @available_if(_head_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """The probability of each class, or of each label.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        **params : dict
            As of :class:`sklearn.pipeline.Pipeline`, for other steps than these two.

        Returns
        -------
        probabilities : ndarray of shape (n_texts, n_classes), float64
            In the order of ``classes_``.
        """
        return self._of_head("predict_proba", X, params)

    @available_if(_head_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        """The logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        **params : dict
            As of :class:`sklearn.pipeline.Pipeline`, for other steps than these two.

        Returns
        -------
        log_probabilities : ndarray of shape (n_texts, n_classes), float64
        """
        return self._of_head("predict_log_proba", X, params)

    @available_if(_head_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> Any:
        """The scores before softmax or, with many labels, the logistic function.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        **params : dict
            As of :class:`sklearn.pipeline.Pipeline`, for other steps than these two.

        Returns
        -------
        scores : ndarray of shape (n_texts,) or (n_texts, n_classes), float64
            With two classes one score, which is positive for ``classes_[1]``.
        """
        return self._of_head("decision_function", X, params)

    def _of_head(self, method: str, X: Any, params: dict[str, Any]) -> Any:
        """What `method` of the head gives for texts.

        scikit-learn collects the tags of all steps in every call, which takes longer
        than to predict a text. These two steps are always fitted or say so themselves,
        and take no metadata.
        """
        parts = self._usual_parts()
        if params or parts is None:
            return getattr(super(), method)(X, **params)
        transformer, head = parts
        texts = transformer._check_texts(X, reset=False)
        return of_texts(getattr(head, method), transformer.transform, texts)

    def compress(
        self,
        texts: Any = None,
        *,
        dtype: str | None = None,
        dimensions: int | None = None,
        min_df: int = 1,
    ) -> StaticPipeline:
        """A smaller pipeline that predicts nearly the same.

        Parameters
        ----------
        texts : list, tuple, array, Series or one-column frame of str, default=None
            Texts like those to come, such as those that were trained on. Tokens that
            do not occur in them share a row with the token most like them. None
            leaves every token its row.
        dtype : {"float32", "float16", "int8"}, default=None
            What the table is stored as; None is as it is. An int8 row has a scale of
            its own, kept among the weights. Embeddings stay float32.
        dimensions : int, default=None
            How many dimensions to keep: those of the largest singular values of the
            embeddings of `texts` or, without texts, of the table. None keeps all.
        min_df : int, default=1
            How many of `texts` a token has to occur in to keep a row of its own.

        Returns
        -------
        pipeline : StaticPipeline

        Raises
        ------
        TypeError, ValueError
            If a parameter is not as described, no token occurs in `min_df` texts, or
            float16 cannot hold a value.

        Notes
        -----
        Measure what it costs on texts with labels. The trained head is adapted to the
        dimensions that are kept; nothing is trained anew. Votes of words stay as they
        are.

        Examples
        --------
        >>> from sklearn_static import StaticClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> pipeline = StaticClassifier(random_state=0).fit(texts, labels).to_pipeline()
        >>> small = pipeline.compress(texts, dtype="int8", dimensions=16)
        >>> size = lambda model: sum(map(len, model.to_files().values())) / 1e6
        >>> f"from {size(pipeline):.1f} MB to {size(small):.1f} MB"
        'from 8.1 MB to 0.7 MB'
        >>> small.predict(["a good one"])
        array(['pos'], dtype='<U3')
        """
        transformer, head = self._parts()
        smaller, directions = compressed(
            transformer.embedding, texts, dtype, dimensions, min_df
        )
        if directions is not None:
            votes = votes_of(transformer)
            if votes is not None:
                same = np.eye(votes.n_outputs, dtype=np.float32)
                directions = block_diag(directions, same)
            settings = {**head.get_params(deep=False)}
            settings["head"] = head.head.on_coordinates(directions)
            head = type(head)(**settings)
        (first, _), (last, _) = self.steps
        steps = [(first, clone(transformer).set_params(model=smaller)), (last, head)]
        return type(self)(**{**self.get_params(deep=False), "steps": steps})

    def to_files(self) -> dict[str, bytes]:
        """The contents of the model folder, by file name."""
        transformer, head = self._parts()
        embedding = transformer.embedding
        own = {k: getattr(transformer, k) for k in _TRANSFORMER_SETTINGS}
        votes = votes_of(transformer)
        head_config, own_head, tensors = _stored_head(head, votes)
        config = {**embedding.config(), "head_config": head_config}
        classes = head_config["classes"]
        card = pipeline_card(
            "regression" if classes is None else "classification",
            None if classes is None else [str(label) for label in classes],
            embedding.n_dimensions,
            0 if votes is None else len(votes.lexicon),
        )
        return {
            **embedding.to_files(),
            _HEAD_FILE: persistence.tensor_bytes(tensors),
            "config.json": persistence.json_bytes(
                persistence.stamp(config, **own, **own_head)
            ),
            "README.md": card.encode(),
        }

    def _parts(self) -> tuple[StaticEmbeddingTransformer, FrozenHead]:
        parts = self._usual_parts()
        if parts is None:
            raise TypeError(
                f"The steps are {[type(step).__name__ for _, step in self.steps]}, but "
                "only a StaticEmbeddingTransformer followed by a frozen head can be "
                "saved as a folder. Use joblib for other pipelines."
            )
        return parts

    def _usual_parts(self) -> tuple[StaticEmbeddingTransformer, FrozenHead] | None:
        """The transformer and the head, unless the steps have been altered."""
        if len(self.steps) == 2:
            (_, transformer), (_, head) = self.steps
            if isinstance(transformer, StaticEmbeddingTransformer) and isinstance(
                head, FrozenHead
            ):
                return transformer, head
        return None


def _stored_head(
    head: FrozenHead, votes: WordVotes | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]:
    """``head_config`` as model2vec has it, entries of our own, and tensors."""
    own: dict[str, Any] = {}
    classes, activation = None, "identity"
    if isinstance(head, StaticHeadClassifier):
        classes = _plain_labels(head.classes_)
        activation = "sigmoid" if head.multilabel else "softmax"
        own["classes_dtype"] = head.classes_.dtype.str
        if head.multilabel:
            own |= {k: getattr(head, k) for k in _MULTILABEL_SETTINGS}
    linear = head.head.mlp_layers()
    if linear is not None and votes is None:
        n_layers, tensors = len(linear), mlp_tensors(linear)
    else:
        # model2vec knows no such head, nor votes, and refuses an activation that it
        # does not know.
        own |= {"activation": activation}
        own["layers"], tensors = describe_head(head.head)
        n_layers, activation = 0, _OWN_HEAD
    if votes is not None:
        own["votes"] = True
        tensors = {**tensors, **votes.tensors()}
    head_config = {"n_layers": n_layers, "activation": activation, "classes": classes}
    return head_config, own, tensors


def _plain_labels(classes: np.ndarray) -> list[Any]:
    labels: list[Any] = classes.tolist()
    for label in labels:
        if not isinstance(label, (str, int, float, bool)):
            raise TypeError(
                f"The label {label!r} is of type {type(label).__name__}, but a model "
                "folder can hold str, int, float and bool only. Use joblib, or train "
                "with such labels."
            )
    return labels


def _rows_of(embedding: StaticEmbedding, votes: WordVotes | None) -> Rows:
    """What a head can rely on of embeddings, and of votes after them."""
    rows = Rows(embedding.n_dimensions, 1.0)
    if not embedding.normalize:
        rows = rows._replace(reach=reach(embedding.vectors, embedding.weights))
    if votes is None:
        return rows
    return Rows(rows.width + votes.n_outputs, max(rows.reach, votes.reach))


def _read_head(
    folder: Path, config: dict[str, Any], embedding: StaticEmbedding
) -> tuple[WordVotes | None, FrozenHead]:
    path, source, head_config, tensors = _head_parts(folder, config)
    own = persistence.own_entries(config)
    activation = head_config.get("activation")
    try:
        votes, tensors = _read_votes(own, tensors)
        if activation == _OWN_HEAD:
            activation = own.get("activation")
            head = build_head(own.get("layers"), tensors)
        else:
            head = build_mlp(head_config.get("n_layers"), tensors)
        n_outputs = check_head(head, _rows_of(embedding, votes))
    except ValueError as error:
        raise ModelFormatError(
            f"{source} does not fit {folder / 'config.json'}: {error}"
        ) from error
    if activation == "identity":
        return votes, StaticHeadRegressor(head)
    if activation not in ("softmax", "sigmoid"):
        raise ModelFormatError(
            f"{path} has the head activation {activation!r}, but 'softmax', 'sigmoid' "
            "or 'identity' was expected."
        )
    classes = _read_classes(path, head_config, own)
    if n_outputs != len(classes):
        raise ModelFormatError(
            f"{path} names {len(classes)} classes, but {source.name} has {n_outputs} "
            "outputs."
        )
    settings = _read_settings(path, own, _MULTILABEL_SETTINGS)
    multilabel = activation == "sigmoid"
    return votes, StaticHeadClassifier(head, classes, multilabel=multilabel, **settings)


def _read_votes(
    own: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[WordVotes | None, dict[str, np.ndarray]]:
    """The votes, where our entries say that there are any, and the other tensors."""
    if own.get("votes") is not True:
        return None, tensors
    others = {k: v for k, v in tensors.items() if not k.startswith("votes.")}
    return WordVotes.of_tensors(tensors), others


def _head_parts(
    folder: Path, config: dict[str, Any]
) -> tuple[Path, Path, dict[str, Any], dict[str, np.ndarray]]:
    """Where ``head_config`` stands and where the tensors, and both of these."""
    head_config = config.get("head_config")
    if isinstance(head_config, dict):
        tensors = persistence.read_tensors(folder, _HEAD_FILE)
        return folder / "config.json", folder / _HEAD_FILE, head_config, tensors
    legacy = folder / LEGACY_HEAD
    if not legacy.is_file():
        raise ModelFormatError(
            f"{folder / 'config.json'} has no 'head_config': {folder} holds a table "
            "without a head, which StaticEmbedding.from_pretrained opens."
        )
    return legacy, legacy, *read_legacy_head(legacy)


def _read_classes(
    path: Path, head_config: dict[str, Any], own: dict[str, Any]
) -> np.ndarray:
    try:
        return build_labels(head_config.get("classes"), own.get("classes_dtype"))
    except ValueError as error:
        raise ModelFormatError(f"{path} has {error}") from error


def _read_settings(
    path: Path, own: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """Those of our own entries that are parameters called `names`."""
    settings = {name: own[name] for name in names if name in own}
    for name, value in settings.items():
        is_valid, expected = _SETTINGS[name]
        if not is_valid(value):
            raise ModelFormatError(
                f"{path} has {name} {value!r}, but {expected} was expected."
            )
    return settings
