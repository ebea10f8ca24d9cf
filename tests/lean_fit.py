"""A fit in a new process, which prints whether torch's compiler was imported for it."""

from __future__ import annotations

import json
import sys

from sklearn_static import StaticClassifier


def main() -> None:
    """Train for an epoch."""
    texts, labels = ["good film", "bad film"] * 10, ["good", "bad"] * 10
    StaticClassifier(max_epochs=1, random_state=0).fit(texts, labels)
    print(json.dumps("torch._dynamo" in sys.modules))


if __name__ == "__main__":
    main()
