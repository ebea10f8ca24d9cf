"""Progress bars, for who asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

__all__ = ["batch_starts", "counter"]


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
