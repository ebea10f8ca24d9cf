"""
Training curves
===============

What early stopping saw: ``history_`` has a record for each epoch of fine-tuning.
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
    texts, labels, train_size=1200, stratify=labels, random_state=0
)

# %%
# Three fits
# ----------
#
# The defaults start from the linear solution. Two others start from a random head, so
# that the curves show all of the training: the same network with all of it trained, and
# with the token vectors left as they are.

from sklearn.metrics import f1_score

from sklearn_static import StaticClassifier, StaticEmbedding

embedding = StaticEmbedding.from_pretrained("default")
fits = {
    "the default": StaticClassifier(embedding, random_state=0),
    "random start": StaticClassifier(embedding, init="random", random_state=0),
    "random start, head only": StaticClassifier(
        embedding, init="random", freeze_embedding=True, random_state=0
    ),
}
for name, classifier in fits.items():
    classifier.fit(X_train, y_train)
    print(
        f"{name}: {classifier.n_iter_} epochs, best {classifier.best_epoch_}, "
        f"test accuracy {classifier.score(X_test, y_test):.3f}, "
        f"macro-F1 {f1_score(y_test, classifier.predict(X_test), average='macro'):.3f}"
    )

# %%
# The curves
# ----------
#
# The training loss goes on falling when the validation loss has turned, so the
# parameters that are kept are those of the best epoch and not of the last. The default
# starts where the linear solution is.

import matplotlib.pyplot as plt

from sklearn_static.displays import TrainingCurveDisplay

figure, axes = plt.subplots(1, 3, figsize=(10, 3.5), sharey=True, layout="constrained")
for axis, (name, classifier) in zip(axes, fits.items(), strict=True):
    TrainingCurveDisplay.from_estimator(classifier, ax=axis)
    axis.set_title(name)
    axis.label_outer()
plt.show()
