"""Forks of a process whose threads are busy: a program that test_load runs.

Its arguments are what the children do, how many there are, and the folder of a
pipeline. It prints how many of them did as they should, up to the first that did not.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count, takewhile
from threading import Thread

import toys

from sklearn_static import StaticClassifier, StaticPipeline

PATIENCE = 60
"""Seconds after which a child that hangs is killed."""


def predict(n_forks: int, folder: str) -> int:
    """Fork while threads predict words that are new; predict others in the children."""
    pipeline = StaticPipeline.from_pretrained(folder)
    alone = StaticPipeline.from_pretrained(folder)
    expected = [answer(alone, child) for child in range(n_forks)]

    def keep_busy(name: str) -> None:
        for n in count():
            pipeline.predict([f"{name}{n}x{i} żó{n}x{i}" for i in range(400)])

    for name in ("a", "b"):
        Thread(target=keep_busy, args=(name,), daemon=True).start()
    return n_successes(
        lambda child: answer(pipeline, child) == expected[child], n_forks
    )


def answer(pipeline: StaticPipeline, child: int) -> bytes:
    texts = ["the quick fox", f"c{child} naïve{child} words", f"{child} żó{child}", ""]
    return pipeline.predict_proba(texts).tobytes()


def fit(n_forks: int, folder: str) -> int:
    """Fork while a thread fits; fit, and predict with an earlier fit, in the children.

    Texts enough for torch to share the work among threads.
    """
    texts, labels = toys.toy_texts(3000)
    embedding = toys.toy_embedding()

    def fitted() -> StaticClassifier:
        settings = {"hidden_layer_sizes": (), "max_epochs": 2, "lr": 0.01}
        classifier = StaticClassifier(embedding, **settings, random_state=0)
        return classifier.fit(texts, labels)

    def keep_busy() -> None:
        while True:
            fitted()

    earlier = fitted()
    Thread(target=keep_busy, daemon=True).start()

    def check(child: int) -> bool:
        return min(model.score(texts, labels) for model in (earlier, fitted())) > 0.9

    return n_successes(check, n_forks)


def n_successes(check: Callable[[int], bool], n_forks: int) -> int:
    """In how many children `check` is true, up to the first in which it is not."""
    return len(list(takewhile(partial(succeeds, check), range(n_forks))))


def succeeds(check: Callable[[int], bool], child: int) -> bool:
    """Whether `check` is true in a fork, in good time."""
    process = os.fork()
    if process == 0:
        signal.alarm(PATIENCE)
        os._exit(not check(child))
    return os.waitpid(process, 0)[1] == 0


if __name__ == "__main__":
    what, n_forks, folder = sys.argv[1:]
    print({"predict": predict, "fit": fit}[what](int(n_forks), folder), flush=True)
    # Threads that are busy do not let the interpreter end in good order.
    os._exit(0)
