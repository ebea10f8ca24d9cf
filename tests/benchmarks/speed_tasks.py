"""One timed piece of work by one library, in a process of its own.

`speed.py` runs it, and prints what it means::

    python tests/benchmarks/speed_tasks.py encode sklearn-static FOLDER subj 20000

The folder is where `fit` leaves a frozen model, which `predict`, `latency` and `load`
take up. What is printed is JSON: the seconds of each repetition, the first of which is
the first of its process, and the peak of the process's memory.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from kinds import WORD_PIECE, make_table, table_of
from reference import POTION, read

OURS, MODEL2VEC, ONE_PROCESS = "sklearn-static", "model2vec", "model2vec, one process"
TFIDF, FASTTEXT, LAGHU = "TF-IDF", "fastText", "laghu"
SCIKIT_LEARN = "scikit-learn"
BARE_LOOP, SINGLY = "bare loop", "fits singly"
N_TRAINED = {"bbc": 1000}
"""On how many texts `fit` trains, where it is not all."""

Answer = dict[str, Any]


def encode(
    library: str, folder: Path, dataset: str, n: str, kind: str = WORD_PIECE
) -> Answer:
    """Embeddings of `n` texts, drawn again and again from those of a data set."""
    texts = resampled(dataset, int(n))
    if library == TFIDF:
        from sklearn.feature_extraction.text import TfidfVectorizer

        fitted = TfidfVectorizer(sublinear_tf=True).fit(texts)
        return repeated(fitted.transform, texts)
    return repeated(encoder(library, table_of(kind, folder)), texts)


def encoder(library: str, table: Path) -> Callable[[list[str]], Any]:
    """What a library embeds texts by."""
    if library == OURS:
        from sklearn_static import StaticEmbedding

        return StaticEmbedding.from_pretrained(table).encode
    if library == LAGHU:
        import laghu

        return laghu.load(str(table)).encode
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(table)
    share = library == MODEL2VEC
    return lambda batch: model.encode(batch, use_multiprocessing=share)


def encode_one(library: str, folder: Path, dataset: str, n: str, kind: str) -> Answer:
    """The median time to embed one new text, after the training texts one by one."""
    return one_by_one(encoder(library, table_of(kind, folder)), dataset, int(n))


def train_tokenizer(library: str, folder: Path, kind: str) -> Answer:
    """A table of that kind, left for the tasks that embed."""
    make_table(kind, folder)
    return {"seconds": [], "megabytes": peak_megabytes()}


def fit(library: str, folder: Path, dataset: str, seed: str) -> Answer:
    """A classifier at its defaults from the texts of a data set, frozen and saved.

    Of ours it is the linear one.
    """
    model, train = untrained(library, int(seed))
    return fit_and_save(library, model, train, folder, dataset, seed)


def fine_tune(library: str, folder: Path, dataset: str, seed: str) -> Answer:
    """The same with the fine-tuned classifier of ours."""
    model, train = untrained(library, int(seed))
    if library == OURS:
        from sklearn_static import StaticClassifier

        model = StaticClassifier(POTION, random_state=int(seed))
        train = model.fit
        import_module("sklearn_static._training")
    place = folder / "fine-tuned"
    place.mkdir(exist_ok=True)
    return fit_and_save(library, model, train, place, dataset, seed)


def fit_and_save(
    library: str,
    model: Any,
    train: Callable[..., Any],
    folder: Path,
    dataset: str,
    seed: str,
) -> Answer:
    texts, labels = read(dataset, "train")
    n = N_TRAINED.get(dataset, len(texts))
    rows = np.random.default_rng(int(seed)).permutation(len(texts))[:n]
    texts, labels = [texts[i] for i in rows], [labels[i] for i in rows]
    start = perf_counter()
    train(texts, labels)
    seconds = perf_counter() - start
    megabytes = peak_megabytes()
    save(library, model, saved_place(library, folder, dataset))
    texts, labels = read(dataset, "test")
    predicted = np.asarray(model.predict(texts))
    accuracy = float((predicted == np.asarray(labels)).mean())
    return {"seconds": [seconds], "megabytes": megabytes, "accuracy": accuracy}


def untrained(library: str, seed: int) -> tuple[Any, Callable[..., Any]]:
    """A model, and what trains it, with all imports done."""
    if library == OURS:
        from sklearn_static import StaticLinearClassifier

        ours = StaticLinearClassifier(POTION, random_state=seed)
        return ours, ours.fit
    if library == TFIDF:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        words = TfidfVectorizer(sublinear_tf=True)
        linear = make_pipeline(words, LogisticRegression(max_iter=1000))
        return linear, linear.fit
    if library == FASTTEXT:
        fast = FastText()
        return fast, fast.fit
    from model2vec.train import StaticModelForClassification

    theirs = StaticModelForClassification.from_pretrained(path=str(POTION))
    return theirs, lambda X, y: theirs.fit(X, y, random_seed=seed, device="cpu")


def saved_place(library: str, folder: Path, dataset: str) -> Path:
    """Where `fit` leaves a model; that of model2vec does for both of its settings."""
    return folder / f"{MODEL2VEC if library == ONE_PROCESS else library}-{dataset}"


def save(library: str, model: Any, place: Path) -> None:
    if library == TFIDF:
        import joblib

        joblib.dump(model, place)
    elif library == FASTTEXT:
        model.trained.save_model(str(place))
    else:
        model.to_pipeline().save_pretrained(str(place))


def saved(library: str, folder: Path, dataset: str) -> Any:
    """The frozen model that `fit` has left."""
    place = saved_place(library, folder, dataset)
    if library == TFIDF:
        import joblib

        return joblib.load(place)
    if library == FASTTEXT:
        return FastText(place)
    if library == OURS:
        from sklearn_static import StaticPipeline

        return StaticPipeline.from_pretrained(place)
    from model2vec.inference import StaticModelPipeline

    return StaticModelPipeline.from_pretrained(str(place))


class FastText:
    """fastText's classifier in the settings that its tutorial arrives at.

    See https://fasttext.cc/docs/en/supervised-tutorial.html. It trains on both cores.
    """

    def __init__(self, place: Path | None = None) -> None:
        import fasttext

        self.library = fasttext
        if place is not None:
            self.trained = fasttext.load_model(str(place))

    def fit(self, X: list[str], y: list[Any]) -> None:
        with TemporaryDirectory() as folder:
            file = Path(folder, "train.txt")
            lines = [
                f"__label__{label} {' '.join(text.split())}\n"
                for text, label in zip(X, y, strict=True)
            ]
            file.write_text("".join(lines), "utf8")
            self.trained = self.library.train_supervised(
                str(file), lr=1.0, epoch=25, wordNgrams=2, thread=2, verbose=0
            )

    def predict(self, X: list[str]) -> list[str]:
        labels, _ = self.trained.predict([" ".join(text.split()) for text in X])
        return [label.removeprefix("__label__") for (label,) in labels]


def predict(library: str, folder: Path, dataset: str, n: str) -> Answer:
    """Labels of `n` texts by a frozen model."""
    model = saved(library, folder, dataset)
    if library == ONE_PROCESS:
        return repeated(
            lambda texts: model.predict(texts, use_multiprocessing=False),
            resampled(dataset, int(n)),
        )
    return repeated(model.predict, resampled(dataset, int(n)))


def latency(library: str, folder: Path, dataset: str, n: str) -> Answer:
    """The median time of a call on one new text, after calls on the training texts."""
    return one_by_one(saved(library, folder, dataset).predict, dataset, int(n))


def one_by_one(function: Callable[[list[str]], Any], dataset: str, n: int) -> Answer:
    """The median time of a call on one of `n` new texts, after the training texts."""
    for text in read(dataset, "train")[0]:
        function([text])
    seconds = []
    for text in read(dataset, "test")[0][:n]:
        start = perf_counter()
        function([text])
        seconds.append(perf_counter() - start)
    return {"seconds": [float(np.median(seconds))], "megabytes": peak_megabytes()}


def load(library: str, folder: Path, dataset: str) -> Answer:
    """A frozen model from disk, by a library that has been imported."""
    import_module(
        "sklearn_static.pipeline" if library == OURS else "model2vec.inference"
    )
    return repeated(lambda _: saved(library, folder, dataset), [])


def imports(library: str, folder: Path, what: str) -> Answer:
    """The import of this package or of what predicts; or that of scikit-learn alone."""
    name = "sklearn_static" if library == OURS else "sklearn"
    start = perf_counter()
    import_module(name if what == "package" else f"{name}.pipeline")
    return {"seconds": [perf_counter() - start], "megabytes": peak_megabytes()}


def loop(library: str, folder: Path, dataset: str, n_epochs: str) -> Answer:
    """Some epochs of `fit`; as ``"bare loop"`` without skorch around the batches."""
    from sklearn_static import StaticClassifier
    from sklearn_static._training import fitting

    texts, labels = read(dataset, "train")
    model = StaticClassifier(
        POTION,
        init="random",
        max_epochs=int(n_epochs),
        n_iter_no_change=int(n_epochs),
        random_state=0,
    )
    timed = fitting._run if library == OURS else bare_loop
    seconds = []

    def run(net: Any, train: Any) -> None:
        start = perf_counter()
        timed(net, train)
        seconds.append(perf_counter() - start)

    fitting._run = run
    model.fit(texts, labels)
    return {"seconds": seconds, "megabytes": peak_megabytes()}


def bare_loop(net: Any, train: Any) -> None:
    """The arithmetic of `net` on the batches of `train`, and nothing else."""
    import torch

    def loss_of(batch: Any) -> Any:
        inputs, (y, weights) = batch
        return net.criterion_(net.module_(**inputs), y) @ weights / len(y)

    net.notify("on_train_begin", X=train, y=None)
    valid = net.train_split(train)[1]
    for _ in range(net.max_epochs):
        net.module_.train()
        for batch in net.get_iterator(train, training=True):
            net.optimizer_.zero_grad()
            loss_of(batch).backward()
            net.optimizer_.step()
        net.module_.eval()
        with torch.no_grad():
            for batch in net.get_iterator(valid):
                loss_of(batch)
        net.history.new_epoch()
        net.history.record("train_loss", 0.0)


def search(library: str, folder: Path, dataset: str, n: str) -> Answer:
    """A grid search of 8 candidates in 3 folds; or their fits, one by one."""
    from sklearn.model_selection import GridSearchCV, ParameterGrid, StratifiedKFold

    texts, labels = (part[: int(n)] for part in read(dataset, "train"))
    classifier, _ = untrained(OURS, 0)
    grid = {"C": [1.0, 3.0, 10.0, 30.0], "lexical": [True, False]}
    folds = StratifiedKFold(3)
    start = perf_counter()
    if library == OURS:
        GridSearchCV(classifier, grid, cv=folds, refit=False).fit(texts, labels)
    else:
        for parameters in ParameterGrid(grid):
            for train, test in folds.split(texts, labels):
                model = untrained(OURS, 0)[0].set_params(**parameters)
                model.fit([texts[i] for i in train], [labels[i] for i in train])
                model.score([texts[i] for i in test], [labels[i] for i in test])
    seconds = perf_counter() - start
    return {"seconds": [seconds], "megabytes": peak_megabytes()}


def curve(library: str, folder: Path, work: str, n: str) -> Answer:
    """`n` texts through one piece of work of ours: a point of a scaling curve."""
    from sklearn_static import (
        StaticClassifier,
        StaticEmbedding,
        StaticLinearClassifier,
    )

    texts, labels = resampled_examples("subj", int(n))
    embedding = StaticEmbedding.from_pretrained(POTION)
    model = StaticLinearClassifier(embedding, random_state=0)
    one_epoch = StaticClassifier(
        embedding, init="random", max_epochs=1, early_stopping=False, random_state=0
    )
    works = {
        "encode": lambda: embedding.encode(texts),
        "fit": lambda: model.fit(texts, labels),
        "fine-tune, an epoch": lambda: one_epoch.fit(texts, labels),
        "partial_fit": lambda: one_epoch.partial_fit(texts, labels),
        "predict": lambda: model.predict(texts),
    }
    if work in ("fine-tune, an epoch", "partial_fit"):
        one_epoch.fit(texts[:200], labels[:200])
    else:
        model.fit(texts[:200], labels[:200])
    base = peak_megabytes()
    start = perf_counter()
    works[work]()
    seconds = perf_counter() - start
    return {"seconds": [seconds], "megabytes": peak_megabytes() - base}


def resampled(dataset: str, n: int) -> list[str]:
    """`n` real texts, in an order in which each comes again late."""
    return resampled_examples(dataset, n)[0]


def resampled_examples(dataset: str, n: int) -> tuple[list[str], list[Any]]:
    """The same with their labels."""
    train, test = read(dataset, "train"), read(dataset, "test")
    texts, labels = train[0] + test[0], train[1] + test[1]
    orders = shuffles(len(texts))
    rows = np.concatenate([next(orders) for _ in range(-(-n // len(texts)))])[:n]
    return [texts[i] for i in rows], [labels[i] for i in rows]


def shuffles(n: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    while True:
        yield rng.permutation(n)


def repeated(function: Callable[[Any], Any], argument: Any) -> Answer:
    """The first call in this process, and three more.

    What imports have left for the garbage collector is collected before: it takes as
    long as to open a model, and would fall into some of the calls that are timed.
    """
    gc.collect()
    seconds = []
    for _ in range(4):
        start = perf_counter()
        function(argument)
        seconds.append(perf_counter() - start)
    return {"seconds": seconds, "megabytes": peak_megabytes()}


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars of peers on the standard output."""
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout = stdout


TASKS = {
    task.__name__: task
    for task in (
        encode,
        encode_one,
        train_tokenizer,
        fit,
        fine_tune,
        predict,
        latency,
        load,
        imports,
        loop,
        search,
        curve,
    )
}
TAKING_UP = {"predict", "latency", "load"}
"""The tasks that need a model that `fit` has left."""


def main() -> None:
    name, library, folder, *arguments = sys.argv[1:]
    with quiet():
        answer = TASKS[name](library, Path(folder), *arguments)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
