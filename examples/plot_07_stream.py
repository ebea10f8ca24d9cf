"""
Learn from a stream
===================

Texts that come in parts, too many to keep: ``partial_fit`` learns from one part, and
lets it go.
"""

# %%
# The stream
# ----------
#
# Sentences of documentation. At first they are about three libraries, later about six.

import numpy as np
from quickstart import docstring_sentences

texts, labels = map(np.asarray, docstring_sentences())
random = np.random.default_rng(0)
is_early = np.isin(labels, ["numpy", "scipy", "sympy"]) & (
    random.random(len(labels)) < 0.5
)
early = random.permutation(np.flatnonzero(is_early))
late = random.permutation(np.flatnonzero(~is_early))
n_early, n_late = len(early) // 100, len(late) // 100
parts = [*np.array_split(early, n_early), *np.array_split(late, n_late)]
print(f"{n_early} parts about three libraries, then {n_late} about six")

# %%
# Predict, then learn
# -------------------
#
# Each part is predicted before it is learned from, so that all accuracies are of new
# texts. The first call has to name all classes that will ever come. Parts are small,
# so small batches and a higher learning rate make the most of each. Beside it a linear
# model on hashed counts of words, scikit-learn's usual way to learn from streams, and a
# pipeline that was frozen when the new libraries set in.

import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier

from sklearn_static import StaticClassifier

classes = np.unique(labels)
hashing = HashingVectorizer()
linear = SGDClassifier(loss="log_loss", random_state=0)
static = StaticClassifier(init="random", lr=1e-2, batch_size=16, random_state=0)
accuracies = []
for number, part in enumerate(parts):
    X, y = texts[part], labels[part]
    if number == n_early:
        frozen = static.to_pipeline()
    if number:
        accuracies.append(
            {
                "part": number,
                "StaticClassifier": static.score(X, y),
                "SGDClassifier": linear.score(hashing.transform(X), y),
                "frozen": frozen.score(X, y) if number >= n_early else np.nan,
            }
        )
    static.partial_fit(X, y, classes=classes)
    linear.partial_fit(hashing.transform(X), y, classes=classes)

# %%
# Accuracy on what comes next
# ---------------------------
#
# Dots are single parts, lines the means of five. After the change, what goes on
# learning recovers, and what was frozen does not.

import matplotlib.pyplot as plt

table = pd.DataFrame(accuracies).set_index("part")
figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
for name in table:
    (line,) = axis.plot(table[name].rolling(5, min_periods=1).mean(), label=name)
    axis.plot(table[name], ".", color=line.get_color(), alpha=0.4)
axis.axvline(n_early, color="gray", linestyle=":", label="new libraries")
axis.set(xlabel="part of the stream", ylabel="accuracy before learning", ylim=(0, 1))
axis.legend(loc="lower left")
plt.show()
