"""Model cards: the README.md of a saved folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import Any

from .._version import __version__

__all__ = ["embedding_card", "filled_in", "name_repository", "pipeline_card"]

_MOST_CLASSES = 50
_REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HERE = '"."  # this folder, or its id on the Hub'
_HEADER = """\
---
library_name: sklearn-static
pipeline_tag: {task}
tags:
- sklearn-static
- static-embeddings
- model2vec
---

"""


def embedding_card(n_tokens: int, n_dimensions: int) -> str:
    """The card of a table."""
    return (
        _HEADER.format(task="feature-extraction")
        + f"""\
# Static embedding

{n_tokens:,} token vectors of {n_dimensions} dimensions, in model2vec's format, written
by sklearn-static {__version__}.

```python
from sklearn_static import StaticEmbedding

name = {_HERE}
embedding = StaticEmbedding.from_pretrained(name)
vectors = embedding.encode(["A text.", "Another one."])
```
"""
    )


def pipeline_card(
    task: str, classes: Sequence[str] | None, n_dimensions: int, n_word_weights: int = 0
) -> str:
    """The card of a frozen pipeline; `task` is a name of scikit-learn's glossary."""
    if classes is None:
        answer = f"One prediction per text ({task})."
    else:
        named = ", ".join(_code(label) for label in classes[:_MOST_CLASSES])
        if len(classes) > _MOST_CLASSES:
            named += f", and {len(classes) - _MOST_CLASSES} more"
        answer = f"{len(classes)} classes ({task}): {named}."
    words = (
        f", weights of {n_word_weights:,} words and word pairs"
        if n_word_weights
        else ""
    )
    return (
        # The Hub has no task for the regression of texts, and files it under this one.
        _HEADER.format(task="text-classification")
        + f"""\
# Static pipeline

{answer} The mean of token vectors of {n_dimensions} dimensions{words} and a small head,
frozen into a scikit-learn pipeline that needs no torch, written by sklearn-static
{__version__}.

```python
from sklearn_static import StaticPipeline

name = {_HERE}
pipeline = StaticPipeline.from_pretrained(name)
predictions = pipeline.predict(["A text.", "Another one."])
```
"""
    )


def filled_in(
    card: str,
    metrics: Mapping[str, float] | None,
    card_data: Mapping[str, Any] | None,
    base_model: Any,
) -> str:
    """The card with a table of metrics, and all of it in the Hub's metadata, too.

    Parameters
    ----------
    card : str
    metrics : mapping of str to float, or None
    card_data : mapping of str to JSON-able values, or None
        Entries of the Hub's metadata, such as ``license`` and ``datasets``.
    base_model : object
        Where the table came from; left out unless it is a Hub id.

    Raises
    ------
    TypeError, ValueError
        If `metrics` is no mapping of names to finite numbers, `card_data` no mapping of
        names to what JSON can hold, or it has an entry that cards have already.
    """
    rows = _metric_rows(metrics or {})
    _, head, body = card.split("---\n", 2)
    own = {line.partition(":")[0] for line in head.splitlines()}
    data = _checked_data(card_data or {}, own)
    if isinstance(base_model, str) and _REPO_ID.fullmatch(base_model):
        data = {"base_model": base_model, **data}
    if rows:
        body += f"\n## Metrics\n\n| metric | value |\n|---|--:|\n{_table(rows)}"
    said = {key: data[key] for key in _SAID if key in data}
    if said:
        body += f"\n## Origin\n\n{_listing(said)}"
    if rows and "pipeline_tag: text-classification" in head:
        data["model-index"] = [_model_index(rows, data)]
    # JSON is YAML, and needs no library.
    head += "".join(f"{key}: {_yaml(value)}\n" for key, value in data.items())
    return f"---\n{head}---\n{body}"


_SAID = {
    "license": "Licence",
    "datasets": "Data set",
    "base_model": "Base model",
    "language": "Language",
}


def _yaml(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # What JSON may leave as it is and YAML takes for the end of a line, or for no text.
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text)


def _listing(said: Mapping[str, Any]) -> str:
    lines = []
    for key, value in said.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        named = ", ".join(_code(str(each)) for each in values)
        lines.append(f"- {_SAID[key]}: {named}\n")
    return "".join(lines)


def _table(rows: Mapping[str, float]) -> str:
    cells = ((_code(name).replace("|", r"\|"), value) for name, value in rows.items())
    return "".join(f"| {cell} | {value:.4g} |\n" for cell, value in cells)


def _model_index(rows: Mapping[str, float], data: Mapping[str, Any]) -> dict[str, Any]:
    """Results as the Hub reads them; a data set without a name is called unknown."""
    datasets = data.get("datasets", [])
    first = datasets if isinstance(datasets, str) else next(iter(datasets), "unknown")
    result = {
        "task": {"type": "text-classification"},
        "dataset": {"type": first, "name": first},
        "metrics": [{"type": name, "value": value} for name, value in rows.items()],
    }
    return {"name": "sklearn-static", "results": [result]}


def _checked_data(card_data: Any, own: set[str]) -> dict[str, Any]:
    if not isinstance(card_data, Mapping):
        raise TypeError(
            f"card_data is {card_data!r}, but a mapping was expected, such as "
            "{'license': 'mit'}."
        )
    for key, value in card_data.items():
        if not isinstance(key, str) or not re.fullmatch(r"[a-z][a-z_-]*", key):
            raise ValueError(
                f"card_data has the entry {key!r}, but a name of the Hub's metadata "
                "was expected, such as 'license'."
            )
        if key in own:
            raise ValueError(
                f"card_data has the entry {key!r}, which every card has already."
            )
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"card_data[{key!r}] is {value!r}, but str, numbers, lists and dicts "
                "of them were expected."
            ) from error
    return dict(card_data)


def _metric_rows(metrics: Any) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"metrics is {metrics!r}, but a mapping was expected, such as "
            "{'accuracy': 0.93}."
        )
    for name, value in metrics.items():
        if not isinstance(value, Real):
            raise TypeError(
                f"metrics[{name!r}] is {value!r}, but a number was expected."
            )
        if not isfinite(value):
            raise ValueError(f"metrics[{name!r}] is {value}, which is not finite.")
    return {str(name): float(value) for name, value in metrics.items()}


def name_repository(card: str, repo_id: str) -> str:
    """The card with a snippet that opens a repository of the Hub."""
    return card.replace(_HERE, f'"{repo_id}"')


def _code(label: str) -> str:
    """A label as Markdown's inline code, on one line whatever characters it has."""
    text = repr(label)
    if label and label == label.strip():
        text = text[1:-1]
    longest = max(map(len, re.findall("`+", text)), default=0)
    if not longest:
        return f"`{text}`"
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"
