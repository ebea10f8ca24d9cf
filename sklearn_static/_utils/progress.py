"""Progress bars, for who asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["counter", "shown"]

_Item = TypeVar("_Item")


def shown(items: Sequence[_Item], name: str, *, show: bool) -> Iterable[_Item]:
    """The items; `show` draws a bar called `name` while they are gone through."""
    if not show:
        return items
    from tqdm.auto import tqdm

    bar: Iterable[_Item] = tqdm(items, name)
    return bar


@contextmanager
def counter(name: str, *, show: bool) -> Iterator[Callable[[int, int], None]]:
    """What takes how many steps are done, of how many; `show` draws a bar of them."""
    if not show:
        yield lambda n_done, n_steps: None
        return
    from tqdm.auto import tqdm

    with tqdm(desc=name) as bar:

        def told(n_done: int, n_steps: int) -> None:
            bar.total = n_steps
            bar.update(n_done - bar.n)

        yield told
