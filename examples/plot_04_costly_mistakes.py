"""
When one mistake costs more than another
========================================

A team answers for one library. A message that is kept from it costs as much as reading
ten in vain. Probabilities that mean what they say tell what to do.
"""

# sphinx_gallery_thumbnail_number = 2  # noqa: ERA001

# %%
# The data
# --------
#
# Sentences of documentation play the messages. The team is that of scikit-learn.

import numpy as np
from quickstart import docstring_sentences
from sklearn.model_selection import train_test_split

texts, libraries = docstring_sentences()
for_team = np.asarray(libraries) == "sklearn"
X_train, X_test, y_train, y_test = train_test_split(
    texts, for_team, train_size=1500, stratify=for_team, random_state=0
)
print(f"{y_train.mean():.0%} of {len(y_train)} messages are for the team")

# %%
# Are the probabilities right?
# ----------------------------
#
# Of the messages with a probability of a third, a third should be for the team.
# ``StaticLinearClassifier`` calibrates its probabilities on held-out texts. Two others
# do not follow the diagonal: a penalised logistic regression on many rare words is less
# confident than it could be, and ``class_weight="balanced"`` makes messages for the
# team more probable than they are, as if there were as many of them as of others.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_static import StaticLinearClassifier

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
    classifier.fit(X_train, y_train)
    CalibrationDisplay.from_estimator(
        classifier, X_test, y_test, n_bins=8, name=name, ax=axis, marker=marker
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
# Dotted is the threshold that follows from the costs: near the least cost only where
# probabilities are calibrated. The diamonds are thresholds that were tuned. One half,
# which is where ``predict`` decides, is for mistakes that cost the same.

thresholds = np.linspace(0.005, 0.995, 199)
figure, axis = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, classifier in classifiers.items():
    probabilities = classifier.predict_proba(X_test)[:, 1]
    costs = [mean_cost(y_test, probabilities >= t) for t in thresholds]
    (line,) = axis.plot(thresholds, costs, label=name)
    tuned = tuned_threshold(classifier)
    cost = mean_cost(y_test, probabilities >= tuned)
    axis.plot(tuned, cost, "D", color=line.get_color())
axis.axvline(IN_VAIN / (IN_VAIN + MISSED), color="gray", linestyle=":")
axis.set(xlabel="threshold", ylabel="mean cost of a new message", ylim=(0, None))
axis.legend()
plt.show()
