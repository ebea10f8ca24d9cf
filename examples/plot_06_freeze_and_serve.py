"""
Freeze, save, serve
===================

From a trained classifier to a folder that a service opens: how large it is, how small
it can be made at which cost, and how soon it answers.
"""

# %%
# The data
# --------
#
# The first sentences of docstrings, of libraries that are installed here. From which
# library is each? Nothing is imported or downloaded to find them.

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
# Train, freeze and save
# ----------------------

from tempfile import TemporaryDirectory

from sklearn.model_selection import train_test_split

from sklearn_static import StaticLinearClassifier, StaticPipeline

X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=2400, stratify=labels, random_state=0
)
classifier = StaticLinearClassifier(random_state=0).fit(X_train, y_train)
temporary = TemporaryDirectory()
folder = Path(temporary.name) / "libraries"
classifier.to_pipeline().save_pretrained(folder)
for file in sorted(folder.iterdir()):
    print(f"{file.name:20} {file.stat().st_size / 1000:7,.0f} kB")

# %%
# Open
# ----
#
# A service opens the folder when it starts. The labels are the classifier's own.

from time import perf_counter

start = perf_counter()
pipeline = StaticPipeline.from_pretrained(folder)
print(f"opened in {1000 * (perf_counter() - start):.0f} ms")
assert (pipeline.predict(X_test) == classifier.predict(X_test)).all()

# %%
# A smaller one
# -------------
#
# ``compress`` lets tokens that the given texts do not have share a row of the table,
# and keeps as many dimensions as you ask for. Measure the cost on texts with labels,
# since it depends on the data.

smaller = {
    "as it was trained": pipeline,
    "tokens of the texts": pipeline.compress(X_train),
    "64 dimensions": pipeline.compress(X_train, dimensions=64),
    "16 dimensions": pipeline.compress(X_train, dimensions=16),
}


def megabytes(pipeline):
    return sum(len(content) for content in pipeline.to_files().values()) / 1e6


import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
bars = axis.barh(list(smaller), [megabytes(each) for each in smaller.values()])
axis.bar_label(
    bars,
    [f"accuracy {each.score(X_test, y_test):.3f}" for each in smaller.values()],
    padding=4,
)
axis.margins(x=0.3)
axis.invert_yaxis()
axis.set(xlabel="megabytes of the folder")
plt.show()

# %%
# How soon it answers
# -------------------
#
# Texts one by one, as they come to a service: once by a pipeline that was just opened
# and then again, when their words are in the cache. And a hundred texts at a time,
# which share the fixed cost of a call. The curves go from the fastest percent of the
# calls to the slowest.

import numpy as np
from matplotlib.ticker import LogLocator


def milliseconds_a_text(pipeline, batches):
    times = []
    for batch in batches:
        start = perf_counter()
        pipeline.predict_proba(batch)
        times.append(1000 * (perf_counter() - start) / len(batch))
    return times


fresh = StaticPipeline.from_pretrained(folder)
fresh.predict_proba(["The first call prepares the table."])
alone = [[text] for text in X_test[:1000]]
together = [X_test[i : i + 100] for i in range(1000, 3000, 100)]
shares = np.linspace(0.01, 0.99, 99)
figure, axis = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
for name, batches in {
    "one by one": alone,
    "one by one again": alone,
    "a hundred at a time": together,
}.items():
    times = milliseconds_a_text(fresh, batches)
    axis.plot(np.quantile(times, shares), shares, label=name)
axis.set(xlabel="milliseconds a text", ylabel="share of the calls", xscale="log")
axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
axis.xaxis.set_major_formatter("{x:g}")
axis.xaxis.set_minor_formatter("")
axis.grid(which="both", alpha=0.3)
axis.legend()
plt.show()
temporary.cleanup()
