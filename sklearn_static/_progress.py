"""Progress bars, for who asks for them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["batch_starts"]


def batch_starts(
    n_items: int, batch_size: int, name: str, *, show: bool
) -> Iterable[int]:
    """Where each batch of `n_items` begins; `show` draws a bar called `name`."""
    starts = range(0, n_items, batch_size)
    if not show:
        return starts
    from tqdm.auto import tqdm

    bar: Iterable[int] = tqdm(starts, name)
    return bar
