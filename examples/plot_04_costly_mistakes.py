"""
When one mistake costs more than another
========================================

A team answers for one library. A message that is kept from it costs as much as reading
ten in vain. Probabilities that mean what they say tell what to do.
"""

# %%
# The data
# --------
#
# The first sentences of docstrings play the messages: those of libraries that are
# installed here. The team is that of scikit-learn.

# sphinx_gallery_thumbnail_number = 2  # noqa: ERA001
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
from sklearn.model_selection import train_test_split

for_team = np.asarray(labels) == "sklearn"
X_train, X_test, y_train, y_test = train_test_split(
    texts, for_team, train_size=1500, stratify=for_team, random_state=0
)
print(f"{y_train.mean():.0%} of {len(y_train)} messages are for the team")

# %%
# Are the probabilities right?
# ----------------------------
#
# Of the messages with a probability of a third, a third should be for the team: on the
# diagonal. ``StaticLinearClassifier`` calibrates its probabilities on held-out texts.
# Beside it logistic regression, whose penalty keeps the scores of rare words small, and
# ``class_weight="balanced"``, which shifts probabilities on purpose, as if there were
# as many messages for the team as others. The expected calibration error is the mean
# distance from the diagonal, and the log-loss also counts how well the messages are
# told apart.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline

from sklearn_static import StaticLinearClassifier


def calibration_error(y, probabilities, n_bins=15):
    bins = np.minimum((probabilities * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, y - probabilities, n_bins)
    return np.abs(gaps).sum() / len(y)


classifiers = {
    "StaticLinearClassifier": StaticLinearClassifier(random_state=0),
    "the same, balanced": StaticLinearClassifier(
        class_weight="balanced", random_state=0
    ),
    "logistic regression on TF-IDF": make_pipeline(
        TfidfVectorizer(), LogisticRegression()
    ),
}
figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
for (name, classifier), marker in zip(classifiers.items(), "os^", strict=True):
    probabilities = classifier.fit(X_train, y_train).predict_proba(X_test)[:, 1]
    CalibrationDisplay.from_predictions(
        y_test, probabilities, n_bins=8, name=name, ax=axis, marker=marker
    )
    print(
        f"{name}: accuracy {accuracy_score(y_test, probabilities >= 0.5):.3f}, "
        f"log-loss {log_loss(y_test, probabilities):.3f}, "
        f"calibration error {calibration_error(y_test, probabilities):.3f}"
    )
axis.set(xlabel="predicted probability", ylabel="share that is for the team")
plt.show()

# %%
# A threshold from the costs
# --------------------------
#
# Reading costs 1, missing costs 10. So a message is worth reading from a probability of
# 1 / (1 + 10) on. That takes no further data, and follows at once when costs change.
# ``TunedThresholdClassifierCV`` looks for the cheapest threshold in cross-validation
# instead. It needs no calibration, and trains once a fold.

from sklearn.metrics import confusion_matrix, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

MISSED, IN_VAIN = 10, 1


def mean_cost(y_true, y_predicted):
    (_, in_vain), (missed, _) = confusion_matrix(y_true, y_predicted)
    return (MISSED * missed + IN_VAIN * in_vain) / len(y_true)


def tuned_threshold(classifier):
    tuned = TunedThresholdClassifierCV(
        classifier,
        scoring=make_scorer(mean_cost, greater_is_better=False),
        cv=3,
        random_state=0,
    )
    return tuned.fit(X_train, y_train).best_threshold_


# %%
# The cost by threshold
# ---------------------
#
# Dotted is the threshold that follows from the costs: right where probabilities are.
# The diamonds are thresholds that were tuned. One half, which is where ``predict``
# decides, is for mistakes that cost the same.

thresholds = np.linspace(0.005, 0.995, 199)
figure, axis = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, classifier in classifiers.items():
    probabilities = classifier.predict_proba(X_test)[:, 1]
    costs = [mean_cost(y_test, probabilities >= t) for t in thresholds]
    (line,) = axis.plot(thresholds, costs, label=name)
    tuned = tuned_threshold(classifier)
    cost = mean_cost(y_test, probabilities >= tuned)
    axis.plot(tuned, cost, "D", color=line.get_color())
    derived = mean_cost(y_test, probabilities >= IN_VAIN / (IN_VAIN + MISSED))
    half = mean_cost(y_test, probabilities >= 0.5)
    print(
        f"{name}: mean cost {half:.2f} at one half, {derived:.2f} at the threshold "
        f"from the costs, {cost:.2f} at the tuned one, {min(costs):.2f} at best"
    )
axis.axvline(IN_VAIN / (IN_VAIN + MISSED), color="gray", linestyle=":")
axis.set(xlabel="threshold", ylabel="mean cost of a new message", ylim=(0, None))
axis.legend()
plt.show()
