"""
Training curves
===============

What early stopping saw: ``history_`` has a record for each epoch of fine-tuning.
"""

# %%
# The data
# --------
#
# Sentences of documentation, and the library that each comes from.

from quickstart import docstring_sentences
from sklearn.model_selection import train_test_split

texts, labels = docstring_sentences()
X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=1200, stratify=labels, random_state=0
)
print(f"{y_train[0]}: {X_train[0]}")

# %%
# Two fits
# --------
#
# The same network with all of it trained, and with the token vectors left as they are.
# Both start from a random head, so that the curves show all of the training. The
# default is to start from the linear solution.

from sklearn_static import StaticClassifier, StaticEmbedding

embedding = StaticEmbedding.from_pretrained("default")
fits = {
    "table and head": StaticClassifier(embedding, init="random", random_state=0),
    "head only": StaticClassifier(
        embedding, init="random", freeze_embedding=True, random_state=0
    ),
}
for name, classifier in fits.items():
    classifier.fit(X_train, y_train)
    print(
        f"{name}: {classifier.n_iter_} epochs, best {classifier.best_epoch_}, "
        f"test accuracy {classifier.score(X_test, y_test):.3f}"
    )

# %%
# The curves
# ----------
#
# The training loss goes on falling when the validation loss has turned, so the
# parameters that are kept are those of the best epoch and not of the last. Training the
# table too fits the training texts sooner, and here the validation texts better.

import matplotlib.pyplot as plt

from sklearn_static.displays import TrainingCurveDisplay

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True, layout="constrained")
for axis, (name, classifier) in zip(axes, fits.items(), strict=True):
    TrainingCurveDisplay.from_estimator(classifier, ax=axis)
    axis.set_title(name)
    axis.label_outer()
plt.show()
