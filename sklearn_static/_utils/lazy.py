"""Attributes that are computed when they are first read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["lazy"]


def lazy(compute: Callable[[Any], Any]) -> Any:
    """A property that calls `compute` once and keeps the value in the instance.

    Two threads may compute the value at the same time, and either is kept. Up to Python
    3.11, :func:`functools.cached_property` holds a lock while it computes, for which a
    process that is forked meanwhile would wait forever.
    """
    name = compute.__name__

    def value(instance: Any) -> Any:
        kept = vars(instance)
        if name not in kept:
            kept[name] = compute(instance)
        return kept[name]

    return property(value, doc=compute.__doc__)
