"""What each command does."""

from __future__ import annotations

import ast
import json
import re
import sys
from argparse import Namespace
from bisect import bisect_right
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from .._utils.hints import did_you_mean
from ..classifier import StaticClassifier
from ..embedding import StaticEmbedding
from ..exceptions import ModelFormatError
from ..explanation import Explanation
from ..linear import StaticLinearClassifier, StaticLinearRegressor
from ..pipeline import StaticPipeline
from ..regressor import StaticRegressor
from .examples import check_classes, class_called, read_examples, texts_of
from .tables import CommandError, read_table, write_rows

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
    examples = read_examples(options.data, options)
    _tell(options, f"Read {len(examples.texts):,} texts of {options.data}.")
    train, test = examples, None
    if options.test:
        test = read_examples(options.test, options)
    elif options.test_size:
        train, test = examples.split(options.test_size, options.seed)
    texts: list[str] = train.texts
    y: Any = train.y
    if examples.kind == "class":
        check_classes(y)
    if examples.kind == "labels":
        y, names = examples.indicator(y)
        estimator.set_params(label_names=names)
    _tell(options, f"Training {type(estimator).__name__} on {len(texts):,} texts.")
    start = perf_counter()
    pipeline = estimator.fit(texts, y).to_pipeline()
    _tell(options, f"Trained in {perf_counter() - start:.1f} s.")
    evaluation = None
    if test is not None and test.texts:
        _tell(options, f"Evaluating on {len(test.texts):,} other texts.")
        evaluation = pipeline.evaluate(test.texts, test.known(pipeline))
        print(evaluation)
        if examples.kind == "class":
            pipeline = pipeline.with_novelty_threshold(test.texts)
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
    threshold, "novel". Of many labels, "prediction" has all, unless --top-k is given.
    """
    pipeline = StaticPipeline.from_pretrained(options.model)
    table = read_table(options.data, options.encoding)
    texts = texts_of(table, options)
    pipeline.set_params(verbose=sys.stderr.isatty())
    if options.top_k is None and getattr(pipeline["head"], "multilabel", False):
        added = _predicted_labels(pipeline, texts, options.label_separator)
    else:
        added = _predicted(pipeline, texts, options.top_k or 1)
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
    examples = read_examples(options.data, options)
    _tell(options, f"Read {len(examples.texts):,} texts of {options.data}.")
    evaluation = pipeline.evaluate(examples.texts, examples.known(pipeline))
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
        wanted = class_called(options.output_class, pipeline)
    for explanation in pipeline.explain(options.texts):
        print(explanation.text)
        shown = explanation.best if wanted is None else wanted
        score = explanation.scores[explanation.outputs.tolist().index(shown)]
        print(f"  {shown}: score {score:+.2f}")
        by_size = sorted(_of_words(explanation, shown).items(), key=_size, reverse=True)
        for word, value in by_size[: options.top]:
            print(f"    {value:+.2f}  {word}")


def _of_words(explanation: Explanation, output: Any) -> dict[str, float]:
    """What the tokens of each word, wherever it stands, add to a score."""
    words = list(re.finditer(r"\w+|[^\w\s]+", explanation.text))
    ends = [word.end() for word in words]
    found: dict[str, float] = {}
    for (start, _), value in zip(
        explanation.spans.tolist(), explanation.of(output).tolist(), strict=True
    ):
        word = words[min(bisect_right(ends, start), len(words) - 1)].group()
        found[word] = found.get(word, 0.0) + value
    return found


def _size(one: tuple[str, float]) -> float:
    return abs(one[1])


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


def _predicted_labels(
    pipeline: StaticPipeline, texts: list[str], separator: str | None
) -> dict[str, list[Any]]:
    """All labels of each text, with `separator` between them, or as lists."""
    names = pipeline.classes_.astype(object)
    rows = np.asarray(csr_matrix(pipeline.predict(texts)).todense(), bool)
    labels = [names[row].tolist() for row in rows]
    if separator is None:
        return {"prediction": labels}
    return {"prediction": [separator.join(map(str, each)) for each in labels]}


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
