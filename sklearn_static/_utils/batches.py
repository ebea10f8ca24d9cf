"""Batches of texts, two at a time.

Python runs in one thread while numpy computes for another, so that two threads take
two thirds of the time of one. A third would wait for the first two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from .cores import n_cores
from .progress import shown

__all__ = ["DEFAULT_BATCH_SIZE", "for_each_batch", "slices"]

DEFAULT_BATCH_SIZE = 8192
# Batches of long texts are smaller: what they need grows with their characters.
_MOST_CHARACTERS = 1 << 22
# So many characters for each thread are worth starting a second one.
_MANY_CHARACTERS = 100_000


def for_each_batch(
    work: Callable[[slice], None],
    texts: Sequence[str],
    batch_size: int,
    name: str,
    *,
    show: bool = False,
) -> None:
    """Call `work` for one slice of texts after the other, or for two at a time.

    Parameters
    ----------
    work : callable
        Does what there is to do for a slice. The slices come in no order, and the
        first text may come twice.
    texts : sequence of str
    batch_size : int
        The most texts of a slice.
    name : str
        Of the progress bar.
    show : bool, default=False
        Whether there is one.
    """
    n_texts = len(texts)
    if n_texts == 1 and not show:
        work(slice(1))
        return
    length = max(sum(map(len, texts)) / max(n_texts, 1), 1)
    batch_size = min(batch_size, max(int(_MOST_CHARACTERS / length), 1))
    is_worth_two = length * min(batch_size, n_texts // 2) >= _MANY_CHARACTERS
    n_threads = min(2, n_cores()) if is_worth_two else 1
    parts = slices(n_texts, batch_size, n_threads)
    steps = shown(parts, name, show=show)
    if n_threads == 1:
        for part in steps:
            work(part)
        return
    work(slice(1))  # makes what is lazy, before two threads do
    with ThreadPoolExecutor(n_threads) as threads:
        deque(zip(steps, threads.map(work, parts), strict=True), maxlen=0)


def slices(n_items: int, batch_size: int, multiple_of: int = 1) -> list[slice]:
    """Slices of nearly the same size, so many that none is larger than `batch_size`."""
    n_slices = -(-n_items // (batch_size * multiple_of)) * multiple_of
    ends = [n_items * i // n_slices for i in range(n_slices + 1)] if n_slices else [0]
    return [slice(start, stop) for start, stop in pairwise(ends)]
