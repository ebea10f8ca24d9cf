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
# The first sentences of docstrings, of libraries that are installed here. At first they
# are of three libraries, later of five.

import ast
import random
import re
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

NAMES = re.compile(
    r"\b(matplotlib|numpy|np|pandas|pd|scipy|scikit-learn|sklearn)\b", re.I
)


def sentences_of(library):
    """Yield how docstrings open, without the name of the library."""
    root = Path(find_spec(library).origin).parent
    files = sorted(root.rglob("*.py"))
    random.Random(0).shuffle(files)
    for file in files:
        if "tests" in file.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                opening, _, _ = (ast.get_docstring(node) or "").partition("\n\n")
                plain = NAMES.sub("", re.sub(r":\w+:|[`*]", "", opening))
                if len(plain.split()) >= 5:
                    yield " ".join(plain.split())


library_of = {}
for library in ["matplotlib", "numpy", "pandas", "scipy", "sklearn"]:
    for sentence in islice(sentences_of(library), 1500):
        library_of.setdefault(sentence, library)
texts, labels = list(library_of), list(library_of.values())

# %%

import numpy as np

texts, labels = np.asarray(texts), np.asarray(labels)
generator = np.random.default_rng(0)
is_early = np.isin(labels, ["numpy", "pandas", "scipy"]) & (
    generator.random(len(labels)) < 0.5
)
early = generator.permutation(np.flatnonzero(is_early))
late = generator.permutation(np.flatnonzero(~is_early))
n_early, n_late = len(early) // 100, len(late) // 100
parts = [*np.array_split(early, n_early), *np.array_split(late, n_late)]
print(f"{n_early} parts of three libraries, then {n_late} of five")

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
# Dots are single parts, lines the means of five. The frozen pipeline can't know the new
# libraries.

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

# %%
# If all texts could be kept
# --------------------------
#
# What the last ten parts would be predicted as by ``StaticLinearClassifier`` at its
# defaults, fitted on all parts before them, and as the mean of each of the above.

from sklearn_static import StaticLinearClassifier

before, last = np.concatenate(parts[:-10]), np.concatenate(parts[-10:])
kept = StaticLinearClassifier(random_state=0).fit(texts[before], labels[before])
print(
    f"StaticLinearClassifier on all texts: {kept.score(texts[last], labels[last]):.3f}"
)
print(table.iloc[-10:].mean().round(3).to_string())
