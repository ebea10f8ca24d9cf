"""Model cards: the README.md of a saved folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Real

from .._version import __version__

__all__ = ["embedding_card", "name_repository", "pipeline_card", "with_metrics"]

_MOST_CLASSES = 50
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


def with_metrics(card: str, metrics: Mapping[str, float]) -> str:
    """The card with a table of metrics.

    Raises
    ------
    TypeError, ValueError
        If `metrics` is no mapping of names to finite numbers.
    """
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"metrics is {metrics!r}, but a mapping was expected, such as "
            "{'accuracy': 0.93}."
        )
    rows: list[str] = []
    for name, value in metrics.items():
        if not isinstance(value, Real):
            raise TypeError(
                f"metrics[{name!r}] is {value!r}, but a number was expected."
            )
        if not isfinite(value):
            raise ValueError(f"metrics[{name!r}] is {value}, which is not finite.")
        cell = _code(str(name)).replace("|", r"\|")
        rows.append(f"| {cell} | {value:.4g} |\n")
    return f"{card}\n## Metrics\n\n| metric | value |\n|---|--:|\n{''.join(rows)}"


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
