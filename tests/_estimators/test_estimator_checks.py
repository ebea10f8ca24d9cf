"""scikit-learn's whole check suite, which text estimators are otherwise spared.

For estimators whose tags say that X is no two-dimensional array, ``check_estimator``
generates a single check. So each estimator is sent through the suite by a subclass that
differs in one method, the seam through which all X enters: it takes rows of numbers,
checks them as scikit-learn's own estimators do, and turns each row into a text.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_param_validation,
    check_parameters_default_constructible,
    check_set_params,
    estimator_checks_generator,
)
from sklearn.utils.validation import check_is_fitted, validate_data
from tokenizers import Tokenizer, models, pre_tokenizers

from sklearn_static import (
    StaticClassifier,
    StaticEmbedding,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
)

N_BINS = 64
MOST_FEATURES = 32


def number_embedding():
    """A table with a token for each bin of each feature of a row of numbers."""
    names = [f"f{i}b{b}" for i in range(MOST_FEATURES) for b in range(N_BINS)]
    vocabulary = {name: i for i, name in enumerate(["[UNK]", *names])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(vocabulary), 24)).astype(np.float32)
    centres = np.linspace(-1, 1, N_BINS).astype(np.float32)
    for i in range(MOST_FEATURES):
        # Neighbouring bins of a feature have neighbouring vectors.
        direction = rng.normal(size=24).astype(np.float32)
        first = 1 + i * N_BINS
        vectors[first : first + N_BINS] = centres[:, None] * direction
    return StaticEmbedding(vectors, tokenizer)


EMBEDDING = number_embedding()


class NumbersAsTexts:
    """Turns rows of numbers into texts at the seam, and restores default tags."""

    def _check_texts(self, X, *, reset):
        X = validate_data(self, X, reset=reset, dtype=np.float64)
        squeezed = np.arctan(X) / np.pi + 0.5
        bins = np.minimum((squeezed * N_BINS).astype(int), N_BINS - 1)
        return [
            " ".join(f"f{i % MOST_FEATURES}b{b}" for i, b in enumerate(row))
            for row in bins
        ]

    def _column_seen(self, X):
        return {}  # validate_data has seen to the columns

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        tags.input_tags.two_d_array = True
        tags.requires_fit = True
        return tags


class NumberClassifier(NumbersAsTexts, StaticClassifier):
    """The fine-tuned classifier, on numbers."""


class NumberLinearClassifier(NumbersAsTexts, StaticLinearClassifier):
    """The linear classifier, on numbers."""


class NumberRegressor(NumbersAsTexts, StaticRegressor):
    """The fine-tuned regressor, on numbers."""


class NumberLinearRegressor(NumbersAsTexts, StaticLinearRegressor):
    """The linear regressor, on numbers."""


class PredictsFrozen:
    """Predicts with a clone of the pipeline that what was trained is frozen into."""

    def _predict(self, method, X):
        check_is_fitted(self)
        pipeline = clone(self.to_pipeline())
        return getattr(pipeline, method)(self._check_texts(X, reset=False))


class FrozenNumberClassifier(PredictsFrozen, NumberClassifier):
    """The frozen pipeline of a fine-tuned classifier, on numbers."""


class FrozenNumberLinearClassifier(PredictsFrozen, NumberLinearClassifier):
    """The frozen pipeline of a linear classifier, on numbers."""


class FrozenNumberRegressor(PredictsFrozen, NumberRegressor):
    """The frozen pipeline of a fine-tuned regressor, on numbers."""


class FrozenNumberLinearRegressor(PredictsFrozen, NumberLinearRegressor):
    """The frozen pipeline of a linear regressor, on numbers."""


class NumberTransformer(NumbersAsTexts, StaticEmbeddingTransformer):
    """The transformer, on numbers."""

    def __sklearn_is_fitted__(self):
        return hasattr(self, "embedding_")


QUICK = {"hidden_layer_sizes": (32,), "lr": 0.02, "batch_size": 16, "max_epochs": 40}
WHOLE = {**QUICK, "early_stopping": False}
ESTIMATORS = {
    "classifier": NumberClassifier(EMBEDDING),
    "classifier, random start": NumberClassifier(EMBEDDING, init="random", **WHOLE),
    "classifier, all rows": NumberClassifier(EMBEDDING, **WHOLE),
    "classifier, no words": NumberClassifier(EMBEDDING, lexical=False, **QUICK),
    "classifier, balanced": NumberClassifier(
        EMBEDDING, class_weight="balanced", **QUICK
    ),
    "classifier, warm": NumberClassifier(EMBEDDING, warm_start=True, **QUICK),
    "linear classifier": NumberLinearClassifier(EMBEDDING),
    "linear classifier, no words": NumberLinearClassifier(EMBEDDING, lexical=False),
    "linear classifier, C": NumberLinearClassifier(EMBEDDING, C=1.0),
    "linear classifier, balanced": NumberLinearClassifier(
        EMBEDDING, class_weight="balanced"
    ),
    "regressor": NumberRegressor(EMBEDDING),
    "regressor, random start": NumberRegressor(EMBEDDING, init="random", **WHOLE),
    "regressor, all rows": NumberRegressor(EMBEDDING, **WHOLE),
    "regressor, no words": NumberRegressor(EMBEDDING, lexical=False, **QUICK),
    "regressor, warm": NumberRegressor(EMBEDDING, warm_start=True, **QUICK),
    "linear regressor": NumberLinearRegressor(EMBEDDING),
    "linear regressor, no words": NumberLinearRegressor(EMBEDDING, lexical=False),
    "transformer": NumberTransformer(EMBEDDING),
    "frozen classifier": FrozenNumberClassifier(EMBEDDING, **WHOLE),
    "frozen linear classifier": FrozenNumberLinearClassifier(EMBEDDING),
    "frozen regressor": FrozenNumberRegressor(EMBEDDING, **WHOLE),
    "frozen linear regressor": FrozenNumberLinearRegressor(EMBEDDING),
}


def least_number_of_checks(name):
    return 40 if name == "transformer" else 50 if "regressor" in name else 58


NOT_EQUIVALENT = (
    "minibatches are drawn from the rows as they are, so repeating a row is not the "
    "same run as weighing it; scikit-learn expects the same of MLPClassifier"
)
IN_FOLDS = (
    "folds are drawn from the rows as they are, so repeating a row is not the same as "
    "weighing it"
)
WEIGHTS = "check_sample_weight_equivalence_on_dense_data"


GOES_ON = (
    "the check fits twice and expects the same model, but with warm_start=True the "
    "second fit goes on from the first"
)
REFUSED = (
    "partial_fit refuses class_weight='balanced', as SGDClassifier does: a part of the "
    "data cannot tell how frequent classes are"
)
OF_OPTIONS = {
    "classifier, balanced": {
        "check_fit_score_takes_y": REFUSED,
        "check_n_features_in_after_fitting": REFUSED,
        "check_estimators_partial_fit_n_features": REFUSED,
    },
    "classifier, warm": {
        "check_classifiers_multilabel_representation_invariance": GOES_ON
    },
    "regressor, warm": {"check_supervised_y_2d": GOES_ON},
}


def expected_failures(name):
    # Ridge regression has no batches, and whatever the folds, the same penalty is best.
    if name == "transformer" or "linear regressor" in name:
        return {}
    reason = IN_FOLDS if "linear" in name else NOT_EQUIVALENT
    return {WEIGHTS: reason, **OF_OPTIONS.get(name, {})}


# These compare outputs to seven digits and more, but tables and heads are float32, and
# BLAS rounds a row differently depending on the rows beside it.
AT_SINGLE_PRECISION = {
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
}


def name_of(check):
    return getattr(check, "func", check).__name__


def cases():
    """What `parametrize_with_checks` gives, which pytest 9 refuses from 1.6's."""
    for kind, estimator in ESTIMATORS.items():
        failures = expected_failures(kind)
        for _, check in estimator_checks_generator(estimator):
            name, settings = name_of(check), getattr(check, "keywords", {})
            marks = []
            if name in failures:
                marks = [pytest.mark.xfail(reason=failures[name], strict=True)]
            words = [kind, name, *map(str, settings.values())]
            yield pytest.param(estimator, check, marks=marks, id="-".join(words))


@pytest.mark.parametrize(("estimator", "check"), list(cases()))
def test_scikit_learns_checks(estimator, check, monkeypatch):
    if name_of(check) in AT_SINGLE_PRECISION:
        for compare in ("assert_allclose", "assert_allclose_dense_sparse"):
            exact = getattr(estimator_checks, compare)

            def close(x, y, rtol=0, atol=0, err_msg="", exact=exact):
                exact(x, y, rtol=1e-5, atol=1e-5, err_msg=err_msg)

            monkeypatch.setattr(estimator_checks, compare, close)
    check(estimator)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_suite_is_collected_in_full(name):
    checks = {name_of(c) for _, c in estimator_checks_generator(ESTIMATORS[name])}
    assert len(checks) >= least_number_of_checks(name)
    assert checks >= AT_SINGLE_PRECISION
    assert set(expected_failures(name)) <= checks


ON_TEXT = [
    StaticClassifier(EMBEDDING),
    StaticLinearClassifier(EMBEDDING),
    StaticRegressor(EMBEDDING),
    StaticLinearRegressor(EMBEDDING),
    StaticEmbeddingTransformer(EMBEDDING),
]
WITHOUT_DATA = [
    check_estimator_cloneable,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_param_validation,
    check_parameters_default_constructible,
    check_set_params,
]


@pytest.mark.parametrize("check", WITHOUT_DATA, ids=name_of)
@pytest.mark.parametrize("estimator", ON_TEXT, ids=lambda e: type(e).__name__)
def test_checks_that_need_no_data_hold_for_the_estimators_themselves(estimator, check):
    check(type(estimator).__name__, estimator)
