"""
Text beside numbers
===================

Rows of a table often have a text and numbers. A ``ColumnTransformer`` makes features of
both, any classifier goes on from there, and scikit-learn tunes, explains and keeps it.
"""

# %%
# The data
# --------
#
# Functions of libraries that are installed here: how the docstring opens, how many
# parameters there are, how long code and docstring are. Is there a ``raise`` statement
# in the code? Nothing is imported or downloaded to find them.

import ast
import random
import re
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pandas as pd


def functions_of(library):
    """Yield what is known of each function whose docstring opens with a sentence."""
    root = Path(find_spec(library).origin).parent
    files = sorted(root.rglob("*.py"))
    random.Random(0).shuffle(files)
    for file in files:
        if "tests" in file.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if not isinstance(node, ast.FunctionDef):
                continue
            docstring = ast.get_docstring(node) or ""
            opening = re.sub(r":\w+:|[`*]", "", docstring.partition("\n\n")[0])
            n_doc_lines = docstring.count("\n") + 1
            if len(opening.split()) >= 5:
                yield {
                    "opening": " ".join(opening.split()),
                    "n_parameters": len(node.args.args),
                    "n_lines": max(node.end_lineno - node.lineno - n_doc_lines, 1),
                    "n_doc_lines": n_doc_lines,
                    "raises": any(isinstance(n, ast.Raise) for n in ast.walk(node)),
                }


functions = pd.DataFrame(
    row
    for library in ["matplotlib", "numpy", "pandas", "scipy", "sklearn"]
    for row in islice(functions_of(library), 600)
).drop_duplicates("opening", ignore_index=True)
numbers = ["n_parameters", "n_lines", "n_doc_lines"]
functions[["opening", *numbers, "raises"]].head()

# %%
# The models
# ----------
#
# A text column is named by a string, so that its transformer gets texts and not a
# frame. The text becomes an embedding beside TF-IDF: what words mean, and which words
# they are. Numbers become splines, since a straight line says little of a count. Beside
# these, ``StaticLinearClassifier`` at its defaults, which takes texts alone.

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer

from sklearn_static import StaticEmbeddingTransformer, StaticLinearClassifier

text_parts = [
    (StaticEmbeddingTransformer(), "opening"),
    (TfidfVectorizer(sublinear_tf=True, min_df=2), "opening"),
]
number_part = (
    make_pipeline(FunctionTransformer(np.log1p), SplineTransformer()),
    numbers,
)
models = {
    name: make_pipeline(
        make_column_transformer(*parts), LogisticRegression(max_iter=1000)
    )
    for name, parts in {
        "text": text_parts,
        "numbers": [number_part],
        "text and numbers": [*text_parts, number_part],
    }.items()
}
models["text and numbers"]

# %%
# What each part knows
# --------------------
#
# The further a curve bends to the upper left, the better: it finds more of the
# functions that raise, and fewer of the others. AUC is the area below it.

import matplotlib.pyplot as plt
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import StratifiedKFold, cross_val_predict

folds = StratifiedKFold(5, shuffle=True, random_state=0)
figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model, X in [
    (
        "StaticLinearClassifier, text",
        StaticLinearClassifier(random_state=0),
        functions["opening"],
    ),
    *((name, model, functions) for name, model in models.items()),
]:
    probabilities = cross_val_predict(
        model, X, functions["raises"], cv=folds, method="predict_proba"
    )
    RocCurveDisplay.from_predictions(
        functions["raises"],
        probabilities[:, 1],
        name=name,
        plot_chance_level=name == "text and numbers",
        ax=axis,
    )
axis.set(xlabel="share of the others", ylabel="share of the functions that raise")
plt.show()

# %%
# Tuned
# -----
#
# The penalty, as of any pipeline.

from sklearn.model_selection import GridSearchCV, train_test_split

train, test = train_test_split(functions, test_size=0.3, random_state=0)
search = GridSearchCV(
    models["text and numbers"],
    {"logisticregression__C": [0.1, 1.0, 10.0]},
    scoring="roc_auc",
    cv=3,
).fit(train, train["raises"])
print(search.best_params_)
print(f"AUC on new functions {search.score(test, test['raises']):.3f}")

# %%
# Explained
# ---------
#
# How much of the AUC is lost when a column is shuffled, so that it says nothing.

from sklearn.inspection import permutation_importance

columns = ["opening", *numbers]
importance = permutation_importance(
    search,
    test[columns],
    test["raises"],
    scoring="roc_auc",
    n_repeats=5,
    random_state=0,
)
figure, axis = plt.subplots(figsize=(6, 2.5), layout="constrained")
axis.barh(columns, importance.importances_mean, xerr=importance.importances_std)
axis.invert_yaxis()
axis.set(xlabel="AUC that is lost without the column")
plt.show()

# %%
# Kept
# ----
#
# A pipeline of mixed columns is kept by joblib. It needs no torch. A classifier of
# texts alone has ``to_pipeline().save_pretrained(folder)`` in its place.

from tempfile import TemporaryDirectory

import joblib

with TemporaryDirectory() as folder:
    joblib.dump(search.best_estimator_, Path(folder) / "raises.joblib")
    opened = joblib.load(Path(folder) / "raises.joblib")
assert (opened.predict(test) == search.predict(test)).all()
