"""
Text beside numbers
===================

Rows of a table often have a text and numbers. A ``ColumnTransformer`` makes features of
both, and any classifier goes on from there.
"""

# %%
# The data
# --------
#
# Functions of installed libraries: how the docstring opens, how many parameters there
# are, how long code and docstring are. Is there a ``raise`` statement in the code?

from source_functions import documented_functions

functions = documented_functions(
    "networkx", "numpy", "scipy", "sklearn", "sympy", "torch"
)
numbers = ["n_parameters", "n_lines", "n_doc_lines"]
functions[["opening", *numbers, "raises"]].head()

# %%
# The models
# ----------
#
# A text column is named by a string, so that its transformer gets texts and not a
# frame. The text becomes an embedding beside TF-IDF: what words mean, and which words
# they are. Numbers become splines, since a straight line says little of a count.

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer

from sklearn_static import StaticEmbeddingTransformer

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
# functions that raise, and fewer of the others. AUC is the area below it. Long code
# raises more often, and what a function is for says something that its length does not.

import matplotlib.pyplot as plt
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import StratifiedKFold, cross_val_predict

folds = StratifiedKFold(5, shuffle=True, random_state=0)
figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model in models.items():
    probabilities = cross_val_predict(
        model, functions, functions["raises"], cv=folds, method="predict_proba"
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
