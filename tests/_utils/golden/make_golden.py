"""Pickles made by version 0.1.0 (commit 72f755a): run in a checkout of that commit.

PYTHONPATH=.:tests python make_golden.py FOLDER
"""

import pickle
import sys
from pathlib import Path

from toys import toy_embedding, toy_texts

from sklearn_static import StaticClassifier, __version__


def main(folder: Path) -> None:
    assert __version__ == "0.1.0", __version__
    texts, labels = toy_texts(20)
    solved = StaticClassifier(toy_embedding(4), random_state=0).fit(texts, labels)
    trained = StaticClassifier(
        toy_embedding(4), solver="adam", hidden_layer_sizes=(2,), max_epochs=2
    ).fit(texts, labels)
    models = {
        "embedding": toy_embedding(4),
        "solved_classifier": solved,
        "solved_pipeline": solved.to_pipeline(),
        "trained_classifier": trained,
        "trained_pipeline": trained.to_pipeline(),
        "untrained_classifier": StaticClassifier(),
    }
    for name, model in models.items():
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
