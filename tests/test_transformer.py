"""StaticEmbeddingTransformer among scikit-learn's own estimators."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from polars.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_param_validation

from sklearn_static import ModelFormatError, StaticEmbeddingTransformer

NAMES = [f"staticembeddingtransformer{i}" for i in range(8)]
LABELS = ["a", "b", "a", "b", "a", "b", "a", "b", "a"]


@pytest.fixture
def transformer(embedding):
    return StaticEmbeddingTransformer(embedding)


@pytest.fixture
def folder(embedding, tmp_path):
    embedding.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def by_name(folder):
    """A transformer that has a folder to open."""
    return StaticEmbeddingTransformer(str(folder))


def test_texts_become_their_embeddings(transformer, embedding, container, plain_texts):
    texts = container(plain_texts)
    expected = embedding.encode(plain_texts)
    assert_array_equal(transformer.fit_transform(texts), expected)
    assert_array_equal(transformer.transform(texts), expected)
    assert transformer.transform(texts).dtype == np.float32


def test_fit_returns_self_and_ignores_labels(transformer, plain_texts):
    assert transformer.fit(plain_texts, LABELS) is transformer
    assert transformer.fit(plain_texts) is transformer


@pytest.mark.parametrize("kind", [str, lambda folder: folder])
def test_fit_opens_a_folder(folder, kind, embedding, plain_texts):
    transformer = StaticEmbeddingTransformer(kind(folder)).fit(plain_texts)
    assert transformer.model == kind(folder)
    expected = embedding.encode(plain_texts)
    assert_array_equal(transformer.transform(plain_texts), expected)


def test_batch_size_does_not_change_the_result(embedding, odd_texts):
    small = StaticEmbeddingTransformer(embedding, batch_size=3)
    assert_array_equal(small.transform(odd_texts), embedding.encode(odd_texts))


def test_progress_bar_is_shown_if_verbose(embedding, capsys):
    StaticEmbeddingTransformer(embedding).transform(["fox"])
    assert capsys.readouterr().err == ""
    StaticEmbeddingTransformer(embedding, verbose=True).transform(["fox"])
    assert "encode" in capsys.readouterr().err


# Fitted or not


def test_around_an_embedding_it_is_fitted_from_the_start(transformer, plain_texts):
    assert_array_equal(transformer.get_feature_names_out(), NAMES)
    assert transformer.transform(plain_texts).shape == (9, 8)
    assert not get_tags(transformer).requires_fit


@pytest.mark.parametrize(
    "use", [lambda t: t.transform(["fox"]), lambda t: t.get_feature_names_out()]
)
def test_around_a_name_it_has_to_be_fitted(by_name, use):
    assert get_tags(by_name).requires_fit
    with pytest.raises(NotFittedError):
        use(by_name)
    use(by_name.fit(["fox"]))


def test_fit_again_opens_the_new_model(by_name, word_piece, make_table):
    by_name.fit(["fox"])
    other = make_table(word_piece, n_dimensions=3)
    assert by_name.set_params(model=other).fit(["fox"]).embedding_ is other
    assert len(by_name.get_feature_names_out()) == 3


def test_a_failed_fit_changes_nothing(by_name, tmp_path):
    opened = by_name.fit(["fox"]).embedding_
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFormatError, match="is not a model folder"):
        by_name.set_params(model=tmp_path / "empty").fit(["fox"])
    assert by_name.embedding_ is opened


def test_a_model_that_does_not_exist_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        StaticEmbeddingTransformer(tmp_path / "missing").fit(["fox"])


@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
def test_texts_are_checked(transformer, method):
    with pytest.raises(TypeError, match="X is a single str"):
        getattr(transformer, method)("fox")
    with pytest.raises(ValueError, match=r"X\[1\] is missing"):
        getattr(transformer, method)(["fox", None])


def test_missing_texts_are_empty_on_request(embedding):
    transformer = StaticEmbeddingTransformer(embedding, handle_missing="empty")
    transformed = transformer.fit_transform(["fox", None])
    assert_array_equal(transformed, embedding.encode(["fox", ""]))


# Conventions


def test_clones_share_the_embedding(transformer, embedding):
    copied = clone(transformer.set_params(batch_size=7))
    assert copied is not transformer
    assert copied.model is embedding
    assert copied.batch_size == 7


def test_clones_of_fitted_ones_are_unfitted(by_name):
    assert not hasattr(clone(by_name.fit(["fox"])), "embedding_")


def test_tags_say_that_texts_come_in():
    tags = get_tags(StaticEmbeddingTransformer())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array


def test_parameters_are_validated(embedding):
    check_param_validation(
        "StaticEmbeddingTransformer", StaticEmbeddingTransformer(embedding)
    )


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("model", None),
        ("model", 3),
        ("handle_missing", "drop"),
        ("batch_size", 0),
        ("batch_size", 1.5),
        ("verbose", "yes"),
    ],
)
def test_wrong_parameters_are_named(embedding, parameter, value):
    transformer = StaticEmbeddingTransformer(embedding)
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
        transformer.set_params(**{parameter: value}).fit(["fox"])


def test_pickles_transform_the_same(by_name, odd_texts):
    by_name.fit(odd_texts)
    again = pickle.loads(pickle.dumps(by_name))
    assert_array_equal(again.transform(odd_texts), by_name.transform(odd_texts))


def test_repr_and_html_need_no_model():
    transformer = StaticEmbeddingTransformer("no/such-model", batch_size=3)
    assert "no/such-model" in repr(transformer)
    assert "no/such-model" in transformer._repr_html_()


# Output containers


def test_pandas_output_has_names_and_index(transformer, embedding, plain_texts):
    texts = pd.DataFrame({"text": plain_texts}, index=range(20, 29))
    frame = transformer.set_output(transform="pandas").fit_transform(texts)
    expected = pd.DataFrame(embedding.encode(plain_texts), texts.index, NAMES)
    pd.testing.assert_frame_equal(frame, expected)


def test_polars_output_has_names(transformer, embedding, plain_texts):
    texts = pl.DataFrame({"text": plain_texts})
    frame = transformer.set_output(transform="polars").fit_transform(texts)
    assert_frame_equal(frame, pl.DataFrame(embedding.encode(plain_texts), NAMES))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_every_container_may_become_a_frame(
    transformer, embedding, container, plain_texts, library
):
    transformer.set_output(transform=library)
    frame = transformer.fit_transform(container(plain_texts))
    assert list(frame.columns) == NAMES
    assert_array_equal(frame.to_numpy(), embedding.encode(plain_texts))


# In compositions


def test_it_feeds_a_classifier(transformer, embedding, plain_texts):
    model = make_pipeline(transformer, StandardScaler(), LogisticRegression())
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    features = embedding.encode(plain_texts)
    expected = plain.fit(features, LABELS).predict_proba(features)
    actual = model.fit(plain_texts, LABELS).predict_proba(plain_texts)
    assert_array_equal(actual, expected)


def test_it_is_cross_validated_and_searched(by_name, plain_texts):
    model = make_pipeline(by_name, LogisticRegression())
    assert len(cross_val_score(model, plain_texts, LABELS, cv=2)) == 2
    grid = {"staticembeddingtransformer__batch_size": [1, 100]}
    search = GridSearchCV(model, grid, cv=2).fit(plain_texts, LABELS)
    assert_array_equal(*search.cv_results_["mean_test_score"])


def test_it_stands_beside_tfidf(transformer, embedding, plain_texts):
    union = FeatureUnion([("words", TfidfVectorizer()), ("static", transformer)])
    features = union.fit_transform(plain_texts)
    expected = embedding.encode(plain_texts)
    assert_array_equal(features.toarray()[:, -8:], expected)
    names = union.get_feature_names_out()
    assert_array_equal(names[-8:], [f"static__{name}" for name in NAMES])


@pytest.mark.parametrize("column", ["text", ["text"], 1, [1]], ids=str)
@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_it_takes_a_column_of_a_frame(
    transformer, embedding, plain_texts, column, library
):
    frame = library.DataFrame({"n": range(9), "text": plain_texts})
    columns = ColumnTransformer(
        [("static", transformer, column), ("rest", "passthrough", ["n"])]
    )
    features = columns.fit_transform(frame)
    assert_array_equal(features[:, :8], embedding.encode(plain_texts))
    names = [*(f"static__{name}" for name in NAMES), "rest__n"]
    assert_array_equal(columns.get_feature_names_out(), names)


def test_two_columns_at_once_are_refused(transformer, plain_texts):
    frame = pd.DataFrame({"title": plain_texts, "text": plain_texts})
    columns = ColumnTransformer([("static", transformer, ["title", "text"])])
    with pytest.raises(ValueError, match="2 columns"):
        columns.fit(frame)


@pytest.mark.parametrize(
    "frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"]
)
def test_the_column_of_texts_has_a_name(embedding, plain_texts, frame):
    transformer = StaticEmbeddingTransformer(embedding)
    transformer.fit(frame({"text": plain_texts}))
    assert transformer.feature_names_in_.tolist() == ["text"]
    assert transformer.feature_names_in_.dtype == object
    assert transformer.n_features_in_ == 1
    expected = embedding.encode(plain_texts)
    for texts in (frame({"text": plain_texts}), plain_texts):
        assert_array_equal(transformer.transform(texts), expected)
    with pytest.raises(ValueError, match="named 'title', but 'text' was seen in fit"):
        transformer.transform(frame({"title": plain_texts}))
    transformer.fit(plain_texts)
    assert not hasattr(transformer, "feature_names_in_")
    assert transformer.n_features_in_ == 1
    assert_array_equal(transformer.transform(frame({"title": plain_texts})), expected)


def test_a_failed_fit_keeps_the_name_of_the_column(embedding, plain_texts, tmp_path):
    transformer = StaticEmbeddingTransformer(embedding)
    transformer.fit(pd.DataFrame({"text": plain_texts}))
    transformer.set_params(model=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        transformer.fit(pd.DataFrame({"title": plain_texts}))
    assert transformer.feature_names_in_.tolist() == ["text"]


def test_a_column_numbered_by_pandas_has_no_name(embedding, plain_texts):
    transformer = StaticEmbeddingTransformer(embedding).fit(pd.DataFrame(plain_texts))
    assert not hasattr(transformer, "feature_names_in_")
    assert transformer.n_features_in_ == 1
