"""The Python of docs/scaling.md, run as a script of the reader's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(heading: str) -> list[str]:
    """The Python blocks under a heading of the second level."""
    _, found, rest = PAGE.read_text("utf8").partition(f"\n## {heading}\n")
    if not found:
        raise ValueError(f"{PAGE} has no heading {heading!r}.")
    return BLOCK.findall(rest.partition("\n## ")[0])


def run(block: str, names: dict[str, Any]) -> None:
    """Run a block in the namespace `names`, which it adds to.

    Its functions say that they are of ``__main__``, where workers cannot import them
    from, as those of a reader's script or notebook do.
    """
    names["__name__"] = "__main__"
    exec(compile(block, f"<block of {PAGE.name}>", "exec"), names)
