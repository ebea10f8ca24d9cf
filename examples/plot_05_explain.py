"""
Explain a prediction
====================

Which words does a prediction come from? Which words are typical of each class? Which
texts does the model find alike?
"""

# %%
# The data
# --------
#
# Error messages of libraries that are installed here, from the ``raise`` statements of
# their code. Which exception is raised with each? Nothing is imported or downloaded.

import ast
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

KINDS = [
    "AttributeError",
    "ImportError",
    "NotImplementedError",
    "RuntimeError",
    "TypeError",
    "ValueError",
]


def messages_of(library):
    """Yield the texts of ``raise`` statements, and the names of the exceptions."""
    root = Path(find_spec(library).origin).parent
    for file in sorted(root.rglob("*.py")):
        if "tests" in file.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            match node:
                case ast.Raise(exc=ast.Call(func=ast.Name(kind), args=[message, *_])):
                    parts = [
                        part.value
                        for part in ast.walk(message)
                        if isinstance(part, ast.Constant)
                        and isinstance(part.value, str)
                    ]
                    yield " ".join(" ".join(parts).split()), kind


kind_of = {}
for library in ["matplotlib", "numpy", "pandas", "scipy", "sklearn"]:
    for text, kind in messages_of(library):
        if kind in KINDS and len(text.split()) >= 4:
            kind_of.setdefault(text, kind)
texts, labels = list(kind_of), list(kind_of.values())
for kind, count in Counter(labels).most_common():
    print(f"{count:5} {kind}")

# %%
# The model
# ---------

from sklearn.model_selection import train_test_split

from sklearn_static import StaticLinearClassifier

X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=2400, stratify=labels, random_state=0
)
classifier = StaticLinearClassifier(random_state=0).fit(X_train, y_train)
print(f"test accuracy {classifier.score(X_test, y_test):.3f}")

# %%
# The top tokens of each class
# ----------------------------
#
# The tokens, words and word pairs that raise the score of each exception most, each
# taken alone, out of those that occur in ten training texts or more.

import pandas as pd

top = classifier.top_tokens(X_train, n_tokens=8, min_df=10)
pd.DataFrame(
    {kind: pd.Series([token for token, _ in tokens]) for kind, tokens in top.items()}
)

# %%
# Single predictions
# ------------------
#
# The test messages that the model is the most mistaken about. Explanations show
# themselves as below in a notebook: green speaks for the exception that is named first,
# which is the one that was predicted, and red against it. The number is its score.

import numpy as np

probabilities = classifier.predict_proba(X_test)
right = np.searchsorted(classifier.classes_, y_test)
wrongest = probabilities[np.arange(len(y_test)), right].argsort()[:4]
classifier.explain([X_test[i] for i in wrongest])

# %%
# The first of them for two classes side by side: the one that was predicted, and the
# right one. The contributions of a text's tokens and the score of a text without any
# add up to the score.

import matplotlib.pyplot as plt

from sklearn_static.displays import ContributionDisplay

(explanation,) = classifier.explain([X_test[wrongest[0]]])
truth = y_test[wrongest[0]]
figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, layout="constrained")
for axis, output in zip(axes, [explanation.best, truth], strict=True):
    ContributionDisplay.from_explanation(
        explanation, output=output, n_tokens=10, ax=axis
    )
axes[0].set_title("predicted")
axes[1].set_title("right")
plt.show()

# %%
# Words that are alike
# --------------------
#
# The classifier can handle words that no training text had because the table has
# similar vectors for words of similar meaning.

words = ["negative", "matrix", "missing", "deprecated"]
nearest = classifier.embedding_.nearest(words, n_tokens=6)
for word, tokens in zip(words, nearest, strict=True):
    print(f"{word}: {', '.join(f'{token} {cosine:.2f}' for token, cosine in tokens)}")

# %%
# Texts that are alike
# --------------------
#
# Test messages on a plane. Left by their embeddings, whose main directions are those in
# which messages differ most, whatever the exception. Right by the classifier's scores,
# which pull the exceptions apart.

from sklearn_static.displays import TextMapDisplay

figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for axis, (title, estimator) in zip(
    axes,
    {"embeddings": classifier.embedding_, "scores": classifier}.items(),
    strict=True,
):
    TextMapDisplay.from_estimator(estimator, X_test[:800], y_test[:800], ax=axis)
    axis.set_title(title)
axes[0].get_legend().remove()
plt.show()
