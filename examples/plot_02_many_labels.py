"""
Many labels, and a threshold
============================

Which sections should a docstring have? It may be any number of them, so the target is
an indicator with a column for each.
"""

# %%
# The data
# --------
#
# How the docstrings of functions open, and the headings that come after, from libraries
# that are installed here. Nothing is imported or downloaded to find them. Labels that
# are too rare to learn are left out.

import ast
import random
import re
from collections import Counter
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)


def functions_of(library):
    """Yield how docstrings of functions open, and their headings."""
    root = Path(find_spec(library).origin).parent
    files = sorted(root.rglob("*.py"))
    random.Random(0).shuffle(files)
    for file in files:
        if "tests" in file.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node) or ""
                opening, *rest = HEADING.split(docstring)
                plain = re.sub(r":\w+:|[`*]", "", opening)
                if rest and len(plain.split()) >= 5:
                    yield " ".join(plain.split()), [name.title() for name in rest[::2]]


sections_of = {}
for library in ["matplotlib", "numpy", "pandas", "scipy", "sklearn"]:
    sections_of.update(islice(functions_of(library), 600))
counts = Counter(name for names in sections_of.values() for name in names)
for name, count in counts.most_common(12):
    print(f"{count:5} {name}")

# %%

from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MultiLabelBinarizer

common = sorted(name for name, count in counts.items() if count >= 50)
binarizer = MultiLabelBinarizer(classes=common)
Y = binarizer.fit_transform(
    [name for name in names if name in common] for names in sections_of.values()
)
X_train, X_test, Y_train, Y_test = train_test_split(
    list(sections_of), Y, test_size=0.3, random_state=0
)
print(X_train[0], binarizer.inverse_transform(Y_train[:1])[0], sep="\n")

# %%
# The fit
# -------
#
# Each label has a linear model and a probability of its own.

from sklearn_static import StaticLinearClassifier

classifier = StaticLinearClassifier(random_state=0).fit(X_train, Y_train)
probabilities = classifier.predict_proba(X_test)

# %%
# Each label by itself
# --------------------
#
# The average precision of a label says how well its probabilities sort functions that
# have it from those that do not. Guessing scores the share of functions that have it.
# The longer a line, the more the opening tells about the label.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import average_precision_score

precisions = average_precision_score(Y_test, probabilities, average=None)
guessed = Y_test.mean(axis=0)
order = np.argsort(precisions)
names = binarizer.classes_[order]
figure, axis = plt.subplots(figsize=(7, 3.5), layout="constrained")
axis.hlines(names, guessed[order], precisions[order], color="lightgray")
axis.plot(guessed[order], names, "|", color="gray", label="guessing")
axis.plot(precisions[order], names, "o", label="StaticLinearClassifier")
axis.set(xlabel="average precision on new functions", xlim=(0, 1))
axis.legend(loc="lower right")
plt.show()

# %%
# A threshold
# -----------
#
# ``predict`` gives the labels whose probability is at least ``threshold``. A lower one
# finds more labels, and more that are wrong. Probabilities for the choice come from
# the training texts, of which each part is predicted by a model of the others.

from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import cross_val_predict

held_out = cross_val_predict(classifier, X_train, Y_train, cv=3, method="predict_proba")
thresholds = np.linspace(0.05, 0.95, 37)
curves = np.array(
    [
        precision_recall_fscore_support(
            Y_train, held_out >= threshold, average="micro", zero_division=1
        )[:3]
        for threshold in thresholds
    ]
)
best = thresholds[curves[:, 2].argmax()]
figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, curve in zip(["precision", "recall", "F1"], curves.T, strict=True):
    axis.plot(thresholds, curve, label=name)
axis.axvline(best, color="gray", linestyle=":", label="greatest F1")
axis.set(xlabel="threshold", ylabel="of all labels together", ylim=(0, 1))
axis.legend(loc="lower left")
plt.show()

# %%
# In use
# ------
#
# The threshold is a parameter of the frozen head, so nothing has to be trained again.

from sklearn.metrics import f1_score

pipeline = classifier.to_pipeline()
for threshold in (0.5, best):
    pipeline.set_params(head__threshold=threshold)
    score = f1_score(Y_test, pipeline.predict(X_test), average="micro")
    print(f"threshold {threshold:.3f}: F1 {score:.3f} on new functions")
suggested = binarizer.inverse_transform(pipeline.predict(X_test[:3]))
for text, sections in zip(X_test[:3], suggested, strict=True):
    print(f"\n{text}\n  {', '.join(sections)}")
