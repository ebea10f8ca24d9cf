"""
Search over hidden layers
=========================

How wide, how deep? ``GridSearchCV`` answers as for any other estimator.
"""

# %%
# The data
# --------

from quickstart import docstring_sentences
from sklearn.model_selection import train_test_split

texts, labels = docstring_sentences()
X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=600, stratify=labels, random_state=0
)

# %%
# The search
# ----------
#
# The embedding is opened once and passed to the classifier: it is immutable, so that
# all candidates share it. ``()`` has no hidden layer. Every candidate starts from the
# same linear solution, so they differ in what the hidden layers add to it.

from sklearn.model_selection import GridSearchCV

from sklearn_static import StaticClassifier, StaticEmbedding

embedding = StaticEmbedding.from_pretrained("default")
sizes = [(), (32,), (512,), (128, 128)]
search = GridSearchCV(
    StaticClassifier(embedding, random_state=0),
    {"hidden_layer_sizes": sizes},
    cv=3,
)
search.fit(X_train, y_train)
print(search.best_params_)
print(f"test accuracy {search.score(X_test, y_test):.3f}")

# %%
# Accuracies
# ----------
#
# A dot is the mean over the folds, a line one standard deviation to either side. Where
# the lines overlap, the difference says little: then take the smaller head.

import matplotlib.pyplot as plt
import pandas as pd

results = pd.DataFrame(search.cv_results_)
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
axis.errorbar(
    [str(size) for size in sizes],
    results["mean_test_score"],
    yerr=results["std_test_score"],
    fmt="o",
    capsize=4,
)
axis.set(xlabel="hidden_layer_sizes", ylabel="accuracy, 3 folds")
axis.grid(axis="y", alpha=0.4)
plt.show()
