"""Progress bars; tqdm is imported when one is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["counter"]


@contextmanager
def counter(
    name: str, unit: str, *, show: bool
) -> Iterator[Callable[[int, int], None]]:
    """A callback ``(n_done, n_in_all)``, which draws a progress bar if `show`.

    Parameters
    ----------
    name : str
        Stands before the bar.
    unit : str
        What is counted, in the plural.
    show : bool
    """
    if not show:
        yield lambda n_done, n_in_all: None
        return
    from tqdm.auto import tqdm

    with tqdm(desc=name, unit=f" {unit}") as bar:

        def update(n_done: int, n_in_all: int) -> None:
            bar.total = n_in_all
            bar.update(n_done - bar.n)

        yield update
