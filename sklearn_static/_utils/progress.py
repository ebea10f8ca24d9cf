"""Progress bars; tqdm is imported when one is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["counter", "shown"]

_Item = TypeVar("_Item")


def shown(items: Sequence[_Item], name: str, *, show: bool) -> Iterable[_Item]:
    """The items; if `show`, iterating over them shows a progress bar."""
    if not show:
        return items
    from tqdm.auto import tqdm

    bar: Iterable[_Item] = tqdm(items, name)
    return bar


@contextmanager
def counter(name: str, *, show: bool) -> Iterator[Callable[[int, int], None]]:
    """A callback ``(n_done, n_steps)``, which draws a progress bar if `show`."""
    if not show:
        yield lambda n_done, n_steps: None
        return
    from tqdm.auto import tqdm

    with tqdm(desc=name) as bar:

        def update(n_done: int, n_steps: int) -> None:
            bar.total = n_steps
            bar.update(n_done - bar.n)

        yield update
