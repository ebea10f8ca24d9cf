"""
Search over hidden layers
=========================

How wide, how deep? ``GridSearchCV`` answers as for any other estimator.
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
# Most are of one kind, so that accuracy says little: the macro-F1 counts each kind the
# same.

from sklearn.model_selection import train_test_split

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

from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV

from sklearn_static import StaticClassifier, StaticEmbedding, StaticLinearClassifier

embedding = StaticEmbedding.from_pretrained("default")
sizes = [(), (32,), (512,), (128, 128)]
search = GridSearchCV(
    StaticClassifier(embedding, random_state=0),
    {"hidden_layer_sizes": sizes},
    scoring="f1_macro",
    cv=3,
)
search.fit(X_train, y_train)
print(search.best_params_)
fitted = {"best of the search": search}
for default in (StaticClassifier, StaticLinearClassifier):
    classifier = default(embedding, random_state=0)
    fitted[f"{default.__name__}()"] = classifier.fit(X_train, y_train)
for name, classifier in fitted.items():
    predicted = classifier.predict(X_test)
    print(
        f"{name}: test accuracy {accuracy_score(y_test, predicted):.3f}, "
        f"macro-F1 {f1_score(y_test, predicted, average='macro'):.3f}"
    )

# %%
# The scores
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
axis.set(xlabel="hidden_layer_sizes", ylabel="macro-F1, 3 folds")
axis.grid(axis="y", alpha=0.4)
plt.show()
