"""StaticPipeline: a frozen model, which needs no torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import block_diag
from scipy.special import entr, softmax
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from ._io import files as persistence
from ._io import hub
from ._io.card import pipeline_card
from ._io.folder import ModelFolder, read_folder
from ._io.mixin import FolderMixin
from ._io.pipeline import (
    HEAD_FILE,
    TRANSFORMER_SETTINGS,
    read_head,
    read_settings,
    stored_head,
)
from ._layers.bounds import Rows
from ._onnx import write_onnx
from ._utils.arrays import bound
from ._utils.parallel import DEFAULT_BATCH_SIZE, slices
from ._utils.pickling import VersionedPickleMixin
from .embedding import StaticEmbedding
from .evaluation import (
    Evaluation,
    evaluate_classes,
    evaluate_labels,
    evaluate_values,
)
from .head import FrozenHead, head_of, of_texts, top_k
from .top_tokens import TopTokensMixin
from .transformer import StaticEmbeddingTransformer

__all__ = ["StaticPipeline"]

# Above 1, the classes after the most probable one count for more. On the data sets of
# the documentation 1 and 2 do less well, with linear and with fine-tuned models.
_NOVELTY_TEMPERATURE = 1.5


def _head_has(method: str) -> Callable[[Any], bool]:
    """A check whether the last step of a pipeline has `method`."""
    return lambda pipeline: hasattr(pipeline.steps[-1][1], method)


def _has_one_class_a_text(pipeline: Any) -> bool:
    """Whether a pipeline is a classifier of one class a text."""
    return not getattr(pipeline.steps[-1][1], "multilabel", True)


class StaticPipeline(TopTokensMixin, VersionedPickleMixin, FolderMixin, Pipeline):
    """A trained table and head as a scikit-learn pipeline without torch.

    Returned by ``to_pipeline`` of the estimators. The first step, ``embedding``, is a
    :class:`StaticEmbeddingTransformer` of the table and, if there are any, the word
    weights. The second step, ``head``, predicts from its features. Both are fitted from
    the start: ``fit`` learns nothing, and says so in a warning; ``clone`` keeps what
    was trained. So the pipeline can be calibrated, sliced, pickled, used in other
    estimators, and saved as a folder, which model2vec can open, too, if there are no
    word weights.

    Parameters
    ----------
    steps : list of (str, estimator)
        As of :class:`sklearn.pipeline.Pipeline`.
    transform_input : list of str, default=None
        As of :class:`sklearn.pipeline.Pipeline`.
    memory : str or object with the joblib.Memory interface, default=None
        As of :class:`sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        As of :class:`sklearn.pipeline.Pipeline`; and whether the predictions of more
        than 8,192 texts show a progress bar.

    See Also
    --------
    StaticClassifier : An estimator that is frozen into such a pipeline.

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
        ``StaticModelPipeline`` can be opened. No code in them is run. Folders of
        model2vec before 0.9, with a ``pipeline.skops``, need the extra ``legacy``.

        Parameters
        ----------
        name_or_folder : str or Path
            A folder, or the id of a repository on the Hub.
        revision, token, local_files_only, cache_dir, subfolder
            As of :meth:`StaticEmbedding.from_pretrained`.

        Returns
        -------
        pipeline : StaticPipeline

        Raises
        ------
        FileNotFoundError
            If there is no such folder and no such model on the Hub.
        NotADirectoryError
            If there is a file of that name.
        ConnectionError
            If there is no such folder and the Hub cannot be reached.
        ModelFormatError
            If there is no pipeline in the folder, or it is damaged or inconsistent.
        ValueError
            If `revision`, `subfolder` or `token` cannot be one.
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
        return read_folder(folder, cls._of_folder)

    @classmethod
    def _of_folder(cls, folder: ModelFolder) -> StaticPipeline:
        embedding = StaticEmbedding._of_folder(folder)
        has_config = folder.config is not None
        config = persistence.read_config(folder) if has_config else {}
        word_weights, parts = read_head(folder, config, _rows_of(embedding))
        head = head_of(parts)
        if word_weights is not None and hasattr(head, "classes_"):
            word_weights = word_weights.named(head.classes_)
        own = persistence.own_entries(config)
        settings = read_settings(folder.path / "config.json", own, TRANSFORMER_SETTINGS)
        transformer = StaticEmbeddingTransformer(
            embedding, word_weights=word_weights, **settings
        )
        return cls([("embedding", transformer), ("head", head)])

    def fit(self, X: Any, y: Any = None, **params: Any) -> StaticPipeline:
        """Warn that a frozen pipeline learns nothing; fit altered steps as usual.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts.
        y : array-like, default=None
        **params : dict
            As of :class:`sklearn.pipeline.Pipeline`.

        Returns
        -------
        self : StaticPipeline

        Warns
        -----
        UserWarning
            If both steps are frozen, so that everything stays as it is.
        """
        if self._usual_parts() is not None:
            warnings.warn(
                "fit leaves a frozen pipeline as it is. To go on training, open its "
                "folder with StaticClassifier.from_pretrained. Inside of another "
                "estimator, wrap it in sklearn.frozen.FrozenEstimator.",
                UserWarning,
                stacklevel=2,
            )
        fitted: StaticPipeline = super().fit(X, y, **params)
        return fitted

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

    @available_if(_head_has("predict_proba"))
    def predict_top_k(self, X: Any, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
        """The most probable classes of each text, the most probable one first.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        k : int, default=3
            How many classes, of a model that has so many.

        Returns
        -------
        labels : ndarray of shape (n_texts, k)
        probabilities : ndarray of shape (n_texts, k), float64

        Examples
        --------
        >>> from sklearn_static import StaticLinearClassifier
        >>> texts, labels = ["good", "so so", "bad"] * 5, ["pos", "mid", "neg"] * 5
        >>> pipeline = StaticLinearClassifier(random_state=0).fit(texts, labels)
        >>> best, probabilities = pipeline.predict_top_k(["good", "so bad"], k=2)
        >>> best[:, 0]
        array(['pos', 'neg'], dtype='<U3')
        >>> probabilities.shape
        (2, 2)
        """
        return top_k(self.predict_proba(X), self.classes_, k)

    @available_if(_has_one_class_a_text)
    def novelty(self, X: Any) -> np.ndarray:
        """How unlike the texts of training each text seems to be.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        novelty : ndarray of shape (n_texts,), float64
            From 0 to 2.

        Raises
        ------
        TypeError
            If the steps have been altered, or X is not as described.

        Notes
        -----
        The sum of two numbers from 0 to 1. One is the entropy of the probabilities, at
        a temperature of 1.5, divided by the greatest that it can be: a text of no class
        seems to be of several. The other is the share of its words that no training
        text had, of its words and one; without word weights it is left out. Nothing is
        stored for it.

        Examples
        --------
        >>> from sklearn_static import StaticLinearClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> classifier = StaticLinearClassifier(random_state=0).fit(texts, labels)
        >>> pipeline = classifier.to_pipeline()
        >>> known, unknown = pipeline.novelty(["a bad film", "open the window, please"])
        >>> bool(known < unknown)
        True
        """
        transformer, head = self._parts("tell what is novel.")
        texts = transformer._check_texts(X, reset=False)
        log_proba = self.predict_log_proba(texts)
        softened = softmax(log_proba / _NOVELTY_TEMPERATURE, axis=1)
        entropy = entr(softened).sum(axis=1)
        novelty: np.ndarray = entropy / np.log(max(len(head.classes_), 2))
        if transformer.word_weights is not None:
            embedding = transformer.embedding
            share = transformer.word_weights.vocabulary.unknown_share
            for rows in slices(len(texts), DEFAULT_BATCH_SIZE):
                tokens = embedding.tokenize(texts[rows])
                novelty[rows] += share(embedding.words(tokens))
        return novelty

    @available_if(_has_one_class_a_text)
    def with_novelty_threshold(self, X: Any, share: float = 0.05) -> StaticPipeline:
        """The same pipeline, which also tells texts that are unlike those of training.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            Texts of the known classes, n_texts of them; none that were trained on,
            whose novelty is too low.
        share : float, default=0.05
            How many of them may be called novel.

        Returns
        -------
        pipeline : StaticPipeline
            Whose :meth:`is_novel` has a threshold, in saved folders, too. Its
            predictions are the same.

        Raises
        ------
        TypeError, ValueError
            If the steps have been altered, X is empty or not as described, or `share`
            is not from 0 to 1.

        Examples
        --------
        >>> from sklearn_static import StaticLinearClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> classifier = StaticLinearClassifier(random_state=0).fit(texts, labels)
        >>> held_out = ["a good film", "bad films", "such a good one"]
        >>> pipeline = classifier.to_pipeline().with_novelty_threshold(held_out)
        >>> pipeline.is_novel(["a bad film", "open the window, please"])
        array([False,  True])
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share is {share!r}, but 0 to 1 was expected.")
        novelty = self.novelty(X)
        if not len(novelty):
            raise ValueError("X is empty, but one text or more was expected.")
        threshold = float(np.quantile(novelty, 1 - share, method="higher"))
        (first, transformer), (last, head) = self.steps
        head = clone(head).set_params(novelty_threshold=threshold)
        steps = [(first, transformer), (last, head)]
        return type(self)(**{**self.get_params(deep=False), "steps": steps})

    @available_if(_has_one_class_a_text)
    def is_novel(self, X: Any) -> np.ndarray:
        """Whether each text is so unlike those of training that no class may be right.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        is_novel : ndarray of shape (n_texts,), bool
            Whether its :meth:`novelty` is above the threshold.

        Raises
        ------
        ValueError
            If there is no threshold: :meth:`with_novelty_threshold` chooses one.
        """
        _, head = self._parts("tell what is novel.")
        if head.novelty_threshold is None:
            raise ValueError(
                "There is no novelty_threshold: choose one on texts that were held "
                "out, by pipeline = pipeline.with_novelty_threshold(X_held_out)."
            )
        found: np.ndarray = self.novelty(X) > head.novelty_threshold
        return found

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
        """Call `method` of the head on the features of texts.

        Not through scikit-learn's pipeline, which collects the tags of all steps in
        every call, and so takes longer than predicting a text. These two steps need no
        routing of metadata.
        """
        parts = self._usual_parts()
        if params or parts is None:
            return getattr(super(), method)(X, **params)
        transformer, head = parts
        texts = transformer._check_texts(X, reset=False)
        # Without the checks and frames that `transform` adds, unless it is another's.
        is_own = type(transformer) is not StaticEmbeddingTransformer
        embed = transformer.transform if is_own else transformer._features
        show = bool(self.verbose)
        return of_texts(getattr(head, method), embed, texts, show=show)

    def evaluate(self, X: Any, y: Any) -> Evaluation:
        """Figures of the pipeline on texts whose labels or values are known.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them; none that were trained on.
        y : array-like of shape (n_texts,), or (n_texts, n_outputs), sparse or not
            What is right of each: a class, an indicator of many labels, or values.

        Returns
        -------
        evaluation : Evaluation
            Figures by name. Of a classifier ``accuracy``, ``f1_macro``, the mean
            ``log_loss`` and the ``expected_calibration_error`` of the greatest
            probability, beside ``f1_weighted`` or, with many labels, ``f1_micro``. Then
            ``accuracy`` is that of all labels of a text, and the calibration error that
            of every label's probability. Of a regressor ``r2``,
            ``mean_absolute_error`` and ``root_mean_squared_error``. Its ``report`` has
            the figures of each class; printed, it is a text.

        Raises
        ------
        TypeError, ValueError
            If the steps have been altered, or X or y is not as described: y has a class
            that the model does not know, for instance.

        Examples
        --------
        >>> from sklearn_static import StaticLinearClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> classifier = StaticLinearClassifier(random_state=0).fit(texts, labels)
        >>> pipeline = classifier.to_pipeline()
        >>> evaluation = pipeline.evaluate(["a good one", "so bad"], ["pos", "neg"])
        >>> evaluation["accuracy"], evaluation.report["pos"]["f1-score"]
        (1.0, 1.0)
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as parent:
        ...     pipeline.save_pretrained(f"{parent}/film", metrics=evaluation)
        """
        _, head = self._parts("be evaluated.")
        predicted = self.predict(X)
        if not hasattr(head, "classes_"):
            return evaluate_values(y, predicted)
        classes = head.classes_
        if head.multilabel:
            return evaluate_labels(y, predicted, self.decision_function(X), classes)
        return evaluate_classes(y, predicted, self.predict_log_proba(X), classes)

    def _explained_parts(self) -> Any:
        transformer, head = self._parts("be explained.")
        return transformer.embedding, transformer.word_weights, head

    def _check_texts(self, X: Any, *, reset: bool) -> list[str]:
        texts: list[str] = self.steps[0][1]._check_texts(X, reset=reset)
        return texts

    def compress(
        self,
        texts: Any = None,
        *,
        dtype: str | None = None,
        dimensions: int | None = None,
        min_df: int = 1,
    ) -> StaticPipeline:
        """A smaller pipeline with nearly the same predictions.

        Parameters
        ----------
        texts, dtype, dimensions, min_df
            As of :meth:`StaticEmbedding.compress`, for the table.

        Returns
        -------
        pipeline : StaticPipeline

        Raises
        ------
        TypeError, ValueError
            If a parameter is not as described, no token occurs in `min_df` texts, or a
            value overflows float16.

        Notes
        -----
        Measure the loss of accuracy on texts with labels. The head is adapted to the
        dimensions that are kept, without training. Word weights are not changed.

        Examples
        --------
        >>> from sklearn_static import StaticClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> pipeline = StaticClassifier(random_state=0).fit(texts, labels).to_pipeline()
        >>> small = pipeline.compress(texts, dtype="int8", dimensions=16)
        >>> size = lambda model: sum(map(len, model.to_files().values())) / 1e6
        >>> f"from {size(pipeline):.1f} MB to {size(small):.1f} MB"
        'from 31.2 MB to 0.7 MB'
        >>> small.predict(["a good one"])
        array(['pos'], dtype='<U3')
        """
        transformer, head = self._parts("be compressed.")
        smaller, directions = transformer.embedding._compress(
            texts, dtype, dimensions, min_df
        )
        if directions is not None:
            word_weights = transformer.word_weights
            if word_weights is not None:
                same = np.eye(word_weights.n_outputs, dtype=np.float32)
                directions = block_diag(directions, same)
            head = clone(head).set_params(head=head.head.on_coordinates(directions))
        (first, _), (last, _) = self.steps
        steps = [(first, clone(transformer).set_params(model=smaller)), (last, head)]
        return clone(self).set_params(steps=steps)

    def to_onnx(self, path: str | Path) -> None:
        """Write an ONNX file with the same predictions from token ids.

        The tokenizer is not part of the file: call :meth:`StaticEmbedding.tokenize`
        before or, in other languages, a port of the ``tokenizers`` library with the
        ``tokenizer.json`` of a saved folder. All else is: truncation, unknown tokens,
        the mean, the word weights and the head.

        Parameters
        ----------
        path : str or Path
            The file. An existing one is replaced when the new one is complete. Missing
            folders are created.

        Raises
        ------
        ImportError
            If onnx, of the extra ``onnx``, is not installed.
        TypeError
            If the steps have been altered, the head has a layer that needs torch, or a
            label is of a type that JSON lacks.
        ValueError
            If the model is larger than 2 GB, the limit of such a file.
        OSError
            If `path` is a folder, or writing fails. An existing file is not changed.

        Notes
        -----
        Inputs are ``ids`` of shape (n_tokens,), int32, those of all texts concatenated,
        and ``offsets`` of shape (n_texts + 1,), int64: text ``i`` has
        ``ids[offsets[i]:offsets[i + 1]]``. The output is ``probabilities`` of shape
        (n_texts, n_classes), float32, or ``values`` of shape (n_texts, n_outputs) for a
        regressor. The metadata are JSON: ``classes`` are the labels; ``threshold`` is
        the probability from which a label is predicted, with many labels, or a list
        with that of each; and ``max_characters``, if there is a `max_length`, is what
        texts are cut to before they are tokenized. The operators are those of opset 17.

        Examples
        --------
        >>> import onnxruntime
        >>> from tempfile import TemporaryDirectory
        >>> from sklearn_static import StaticClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> pipeline = StaticClassifier(random_state=0).fit(texts, labels).to_pipeline()
        >>> with TemporaryDirectory() as folder:
        ...     pipeline.to_onnx(f"{folder}/film.onnx")
        ...     session = onnxruntime.InferenceSession(f"{folder}/film.onnx")
        >>> tokens = pipeline["embedding"].embedding.tokenize(["a good one"])
        >>> (probabilities,) = session.run(None, tokens._asdict())
        >>> pipeline.classes_[probabilities.argmax(axis=1)]
        array(['pos'], dtype='<U3')
        """
        transformer, head = self._parts("be exported to ONNX.")
        write_onnx(path, transformer.embedding, transformer.word_weights, head)

    def to_files(self) -> dict[str, bytes]:
        """The contents of the model folder, by file name."""
        transformer, head = self._parts(
            "be saved as a folder. Use joblib for other pipelines."
        )
        embedding = transformer.embedding
        own = {k: getattr(transformer, k) for k in TRANSFORMER_SETTINGS}
        word_weights = transformer.word_weights
        head_config, own_head, tensors = stored_head(head._parts(), word_weights)
        config = {**embedding.config(), "head_config": head_config}
        classes = head_config["classes"]
        card = pipeline_card(
            "regression" if classes is None else "classification",
            None if classes is None else [str(label) for label in classes],
            embedding.n_dimensions,
            0 if word_weights is None else len(word_weights.vocabulary),
        )
        return {
            **embedding.to_files(),
            HEAD_FILE: persistence.tensor_bytes(tensors),
            "config.json": persistence.json_bytes(
                persistence.with_versions(config, **own, **own_head)
            ),
            "README.md": card.encode(),
        }

    def _parts(self, use: str) -> tuple[StaticEmbeddingTransformer, FrozenHead]:
        parts = self._usual_parts()
        if parts is None:
            raise TypeError(
                f"The steps are {[type(step).__name__ for _, step in self.steps]}, but "
                f"only a StaticEmbeddingTransformer followed by a frozen head can {use}"
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        parts = self._usual_parts()
        if parts is not None:
            # scikit-learn passes on what the head predicts, but not what goes in.
            transformer, head = (part.__sklearn_tags__() for part in parts)
            tags.input_tags = transformer.input_tags
            tags.requires_fit = transformer.requires_fit or head.requires_fit
            tags.no_validation = head.no_validation
            tags.target_tags = head.target_tags
        return tags


def _rows_of(embedding: StaticEmbedding) -> Rows:
    """The width and the bound of the embeddings that a head gets."""
    if embedding.normalize:
        return Rows(embedding.n_dimensions, 1.0)
    return Rows(embedding.n_dimensions, bound(embedding.vectors, embedding.weights))
