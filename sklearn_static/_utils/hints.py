"""What a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean"]


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A question to end an error message with, or nothing where no name is near.

    `cutoff` is how near, from 0 to 1, as of :func:`difflib.get_close_matches`.
    """
    by_lower = {other.lower(): other for other in known}
    near = get_close_matches(name.lower(), by_lower, 1, cutoff)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""
