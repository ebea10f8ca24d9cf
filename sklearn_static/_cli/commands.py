"""What each command does."""

from __future__ import annotations

import ast
import json
import math
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .._estimators.split import groups_of, split_rows
from .._utils.hints import did_you_mean
from ..classifier import StaticClassifier
from ..embedding import StaticEmbedding
from ..exceptions import ModelFormatError
from ..linear import StaticLinearClassifier, StaticLinearRegressor
from ..pipeline import StaticPipeline
from ..regressor import StaticRegressor
from .tables import CommandError, Table, read_table, write_rows

__all__ = ["evaluate", "explain", "info", "predict", "train"]

_ESTIMATORS = {
    (False, False): StaticLinearClassifier,
    (False, True): StaticClassifier,
    (True, False): StaticLinearRegressor,
    (True, True): StaticRegressor,
}


def train(options: Namespace) -> None:
    """Train a model, evaluate it on texts that were held out, and save it.

    A text that is more novel than all but 5 % of those will be called novel.
    """
    _check_output(options.output)
    estimator = _estimator(options)
    texts, y = _examples(options.data, options)
    _tell(options, f"Read {len(texts):,} texts of {options.data}.")
    if options.test:
        X_test, y_test = _examples(options.test, options)
    else:
        texts, y, X_test, y_test = _held_out(texts, y, options)
    if not options.values:
        _check_classes(y, options)
    _tell(options, f"Training {type(estimator).__name__} on {len(texts):,} texts.")
    start = perf_counter()
    pipeline = estimator.fit(texts, y).to_pipeline()
    _tell(options, f"Trained in {perf_counter() - start:.1f} s.")
    evaluation = None
    if X_test:
        _tell(options, f"Evaluating on {len(X_test):,} other texts.")
        evaluation = pipeline.evaluate(X_test, _known(y_test, pipeline))
        print(evaluation)
        if not options.values:
            pipeline = pipeline.with_novelty_threshold(X_test)
    card_data = {"license": options.license, "datasets": [options.dataset]}
    pipeline.save_pretrained(
        options.output,
        metrics=evaluation,
        card_data={k: v for k, v in card_data.items() if v not in (None, [None])},
    )
    _tell(options, f"Saved {options.output}.")


def predict(options: Namespace) -> None:
    """Predict for each row, and write the rows with what was predicted.

    The columns "prediction" and "probability" are added; with --top-k also
    "prediction_2" and so on; with --novelty "novelty" and, if the model has a
    threshold, "novel".
    """
    pipeline = StaticPipeline.from_pretrained(options.model)
    table = read_table(options.data, options.encoding)
    texts = [_text(text) for text in table.column(options.text, "--text")]
    pipeline.set_params(verbose=sys.stderr.isatty())
    added = _predicted(pipeline, texts, options.top_k)
    if options.novelty:
        added |= _novelty(pipeline, texts)
    names = list(dict.fromkeys([*table.columns, *added]))
    columns = zip(*added.values(), strict=True)
    rows = (
        {**row, **dict(zip(added, values, strict=True))}
        for row, values in zip(table.rows, columns, strict=True)
    )
    write_rows(options.output, names, rows, like=table)


def evaluate(options: Namespace) -> None:
    """Compare what a model predicts with the labels of a file."""
    pipeline = StaticPipeline.from_pretrained(options.model)
    options.values = not hasattr(pipeline, "classes_")
    texts, y = _examples(options.data, options)
    _tell(options, f"Read {len(texts):,} texts of {options.data}.")
    evaluation = pipeline.evaluate(texts, _known(y, pipeline))
    if options.json:
        found = {**evaluation, "report": evaluation.report}
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(evaluation)


def explain(options: Namespace) -> None:
    """Show how much each word of a text adds to the score of a class."""
    pipeline = StaticPipeline.from_pretrained(options.model)
    wanted = None
    if options.output_class is not None:
        (wanted,) = _known([options.output_class], pipeline)
    for explanation in pipeline.explain(options.texts):
        print(explanation.text)
        shown = explanation.best if wanted is None else wanted
        score = explanation.scores[explanation.outputs.tolist().index(shown)]
        print(f"  {shown}: score {score:+.2f}")
        for token, value in explanation.top(options.top, shown):
            print(f"    {value:+.2f}  {token}")


def info(options: Namespace) -> None:
    """Say what a model predicts, what it is made of and how large it is."""
    found = _described(options.model)
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    width = max(map(len, found))
    for name, value in found.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        print(f"{name:{width}}  {shown}")


def _described(model: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        pipeline = StaticPipeline.from_pretrained(model)
    except ModelFormatError:
        # A table without a head, unless this, too, fails.
        embedding = StaticEmbedding.from_pretrained(model)
        found["predicts"] = "nothing: a table of token vectors"
        files = embedding.to_files()
    else:
        transformer, head = pipeline["embedding"], pipeline["head"]
        embedding, words = transformer.embedding, transformer.word_weights
        if hasattr(head, "classes_"):
            found["predicts"] = (
                "any number of labels" if head.multilabel else "one class"
            )
            found["classes"] = head.classes_.tolist()
        else:
            found["predicts"] = "values"
        found["layers"] = [type(layer).__name__ for layer in head.head.layers]
        found["words and pairs"] = 0 if words is None else len(words.vocabulary)
        files = pipeline.to_files()
    found["tokens"], found["dimensions"] = embedding.n_tokens, embedding.n_dimensions
    found["dtype"] = embedding.vectors.dtype.name
    found["megabytes"] = round(sum(map(len, files.values())) / 1e6, 1)
    return {**found, **embedding.metadata}


def _examples(name: str, options: Namespace) -> tuple[list[str], Any]:
    """The texts of a file, and the label or value of each.

    Rows without one are left out, and it is told how many.
    """
    table = read_table(name, options.encoding)
    texts = [_text(text) for text in table.column(options.text, "--text")]
    labels = table.column(options.label, "--label")
    whole = [
        i for i, label in enumerate(labels) if texts[i].strip() and not _is_empty(label)
    ]
    if len(whole) < len(texts):
        left_out = f"{len(texts) - len(whole):,} of {len(texts):,} rows"
        _warn(f"{left_out} of {name} are left out, without a text or a label.")
    if not whole:
        raise CommandError(
            f"No row of {name} has both {options.text!r} and {options.label!r}."
        )
    read = _value if options.values else _label
    return [texts[i] for i in whole], [read(labels[i], table, i) for i in whole]


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _label(value: Any, table: Table, row: int) -> str:
    if isinstance(value, (list, dict)):
        raise CommandError(
            f"{table.place(row)} has the label {value!r}, but one label a text was "
            "expected. Train with many labels a text from Python: fit takes an "
            "indicator, as of sklearn.preprocessing.MultiLabelBinarizer."
        )
    return str(value)


def _value(value: Any, table: Table, row: int) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise CommandError(
            f"{table.place(row)} has the value {value!r}, but a finite number was "
            "expected."
        )
    return number


def _known(y: list[Any], pipeline: StaticPipeline) -> list[Any]:
    """Labels of a file as the model has them, which may be numbers."""
    if not hasattr(pipeline, "classes_"):
        return y
    labels = {str(label): label for label in pipeline.classes_.tolist()}
    for label in y:
        if label not in labels:
            raise CommandError(
                f"The model knows no class {label!r}, but {len(labels)}, such as "
                f"{next(iter(labels))!r}.{did_you_mean(label, labels)}"
            )
    return [labels[label] for label in y]


def _check_classes(y: list[str], options: Namespace) -> None:
    counts = Counter(y)
    if len(counts) < 2:
        raise CommandError(
            f"All texts have the label {y[0]!r}, but two labels or more were "
            "expected. Is --label the right column?"
        )
    alone = [label for label, count in counts.items() if count == 1]
    if len(alone) > len(y) / 2:
        raise CommandError(
            f"The {len(y):,} texts have {len(counts):,} labels, such as {y[0]!r}, most "
            "of them once. Is --label the right column? Numbers are predicted with "
            "--values."
        )
    if alone:
        named = ", ".join(map(repr, alone[:5])) + (", ..." if len(alone) > 5 else "")
        _warn(
            f"{len(alone)} of {len(counts)} labels have a single text to train on, "
            f"which is hardly enough: {named}"
        )


def _held_out(
    texts: list[str], y: list[Any], options: Namespace
) -> tuple[list[str], list[Any], list[str], list[Any]]:
    """Examples to train on and to evaluate on; equal texts are on one side."""
    if not options.test_size:
        return texts, y, [], []
    numbers = np.zeros(len(y), np.int64)
    if not options.values:
        _, numbers = np.unique(y, return_inverse=True)
    random_state = np.random.RandomState(options.seed)
    parts = split_rows(numbers, options.test_size, random_state, groups_of(texts))
    (X, y_train), (X_test, y_test) = (
        ([texts[i] for i in part], [y[i] for i in part]) for part in parts
    )
    return X, y_train, X_test, y_test


def _estimator(options: Namespace) -> Any:
    """The estimator that the options describe, with their parameters."""
    kind = _ESTIMATORS[options.values, options.fine_tune]
    settings = dict(_setting(setting) for setting in options.set)
    verbose = not options.quiet and sys.stderr.isatty()
    estimator = kind(options.model, random_state=options.seed, verbose=verbose)
    known = estimator.get_params()
    for parameter in settings:
        if parameter not in known:
            raise CommandError(
                f"{kind.__name__} has no parameter {parameter!r}, but "
                f"{', '.join(known)}.{did_you_mean(parameter, known)}"
            )
    return estimator.set_params(**settings)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"--set has {text!r}, but NAME=VALUE was expected.")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def _check_output(folder: str) -> None:
    """Refuse early what saving would refuse once the model is trained."""
    path = Path(folder)
    if path.is_file():
        raise CommandError(f"--output is {folder!r}, which is a file.")
    if path.is_dir() and any(path.iterdir()) and not (path / "config.json").exists():
        raise CommandError(
            f"--output is {folder!r}, a folder with files that are no model."
        )


def _predicted(
    pipeline: StaticPipeline, texts: list[str], top_k: int
) -> dict[str, list[Any]]:
    """Columns with predictions, by name."""
    if not hasattr(pipeline, "classes_"):
        values = pipeline.predict(texts)
        if values.ndim == 1:
            return {"prediction": values.tolist()}
        numbered = enumerate(values.T.tolist(), 1)
        return {f"prediction_{i}": column for i, column in numbered}
    labels, probabilities = pipeline.predict_top_k(texts, top_k)
    found: dict[str, list[Any]] = {}
    for place in range(labels.shape[1]):
        suffix = f"_{place + 1}" if place else ""
        found[f"prediction{suffix}"] = labels[:, place].tolist()
        chosen = probabilities[:, place].tolist()
        found[f"probability{suffix}"] = [round(p, 6) for p in chosen]
    return found


def _novelty(pipeline: StaticPipeline, texts: list[str]) -> dict[str, list[Any]]:
    if not hasattr(pipeline, "novelty"):
        raise CommandError(
            "--novelty needs a classifier of one class a text, which this is not."
        )
    novelty, threshold = pipeline.novelty(texts), pipeline["head"].novelty_threshold
    found = {"novelty": [round(value, 6) for value in novelty.tolist()]}
    if threshold is not None:
        found["novel"] = (novelty > threshold).tolist()
    return found


def _tell(options: Namespace, message: str) -> None:
    if not options.quiet:
        print(message, file=sys.stderr)


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)
