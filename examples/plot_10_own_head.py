"""
A head of your own
==================

A subclass that replaces one method has another architecture, and stays an estimator
that is scored, searched over, pickled and frozen.
"""

# %%
# The data
# --------

from quickstart import docstring_sentences
from sklearn.model_selection import train_test_split

texts, labels = docstring_sentences()
X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=1200, stratify=labels, random_state=0
)

# %%
# The head
# --------
#
# A layer normalisation, then a residual block with dropout, then a linear layer.
# Both classifiers start from a random head (``init="random"``), so that only the heads
# differ. Importing torch at the top is fine in a script that fine-tunes. The frozen
# pipeline does not need it.

from torch import nn

from sklearn_static import StaticClassifier, StaticEmbedding
from sklearn_static.nn import Residual


class ResidualHead(StaticClassifier):
    def construct_head(self, n_inputs, n_outputs):
        return nn.Sequential(
            nn.LayerNorm(n_inputs),
            Residual(
                nn.Linear(n_inputs, n_inputs), nn.GELU(), nn.Dropout(self.dropout)
            ),
            nn.Linear(n_inputs, n_outputs),
        )


embedding = StaticEmbedding.from_pretrained("default")
classifiers = {
    "perceptron": StaticClassifier(
        embedding, init="random", dropout=0.3, random_state=0
    ),
    "residual": ResidualHead(embedding, init="random", dropout=0.3, random_state=0),
}
for name, classifier in classifiers.items():
    classifier.fit(X_train, y_train)
    print(f"{name}: test accuracy {classifier.score(X_test, y_test):.3f}")

# %%
# What it confuses
# ----------------

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

figure, axis = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
ConfusionMatrixDisplay.from_estimator(
    classifiers["residual"],
    X_test,
    y_test,
    normalize="true",
    values_format=".2f",
    xticks_rotation=45,
    cmap="Blues",
    ax=axis,
)
plt.show()

# %%
# Freeze it
# ---------
#
# Numpy computes all of these layers too, so the pipeline needs no torch.

pipeline = classifiers["residual"].to_pipeline()
assert (pipeline.predict(X_test) == classifiers["residual"].predict(X_test)).all()
for layer in pipeline["head"].head.layers:
    print(type(layer).__name__)
