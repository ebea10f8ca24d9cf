"""Model cards: the README.md of a saved folder."""

from __future__ import annotations

from collections.abc import Sequence

from ._version import __version__

__all__ = ["embedding_card", "pipeline_card"]

_HEADER = """\
---
library_name: sklearn-static
tags:
- sklearn-static
- static-embeddings
- model2vec
{more}---

"""


def embedding_card(n_tokens: int, n_dimensions: int) -> str:
    """The card of a table."""
    return (
        _HEADER.format(more="")
        + f"""\
# Static embedding

{n_tokens:,} token vectors of {n_dimensions} dimensions, in model2vec's format, written
by sklearn-static {__version__}.

```python
from sklearn_static import StaticEmbedding

embedding = StaticEmbedding.from_pretrained(".")  # this folder, or its id on the Hub
vectors = embedding.encode(["A text.", "Another one."])
```
"""
    )


def pipeline_card(task: str, classes: Sequence[str] | None, n_dimensions: int) -> str:
    """The card of a frozen pipeline; `task` is a name of scikit-learn's glossary."""
    if classes is None:
        answer = f"One prediction per text ({task})."
    else:
        named = ", ".join(f"`{label}`" for label in classes[:50])
        rest = f", and {len(classes) - 50} more" if len(classes) > 50 else ""
        answer = f"{len(classes)} classes ({task}): {named}{rest}."
    tag = "tabular-regression" if classes is None else "text-classification"
    return (
        _HEADER.format(more=f"pipeline_tag: {tag}\n")
        + f"""\
# Static pipeline

{answer} The mean of token vectors of {n_dimensions} dimensions and a small head, frozen
into a scikit-learn pipeline that needs no torch, written by sklearn-static
{__version__}.

```python
from sklearn_static import StaticPipeline

pipeline = StaticPipeline.from_pretrained(".")  # this folder, or its id on the Hub
predictions = pipeline.predict(["A text.", "Another one."])
```
"""
    )
