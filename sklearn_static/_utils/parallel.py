"""Batches of texts in up to two threads, and the number of cores.

One thread runs Python code while numpy, which releases the GIL, computes in the other:
two threads take two thirds of the time of one. A third would only wait for the GIL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from joblib import cpu_count

from .progress import counter

__all__ = ["DEFAULT_BATCH_SIZE", "for_each_batch", "n_cores", "slices"]

DEFAULT_BATCH_SIZE = 8192
# Batches of long texts are smaller, since memory grows with the number of characters.
_MOST_CHARACTERS = 1 << 22
# The number of characters for each thread that is worth starting a second one.
_MANY_CHARACTERS = 100_000


def for_each_batch(
    work: Callable[[slice], None],
    texts: Sequence[str],
    batch_size: int,
    name: str,
    *,
    show: bool = False,
) -> None:
    """Call `work` on slices of texts, in two threads where that is faster.

    Parameters
    ----------
    work : callable
        Called on slices that cover all texts, in any order; maybe twice on the first
        text.
    texts : sequence of str
    batch_size : int
        The most texts in a slice.
    name : str
        The progress bar's.
    show : bool, default=False
        Whether to show a progress bar.
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
    with counter(name, "texts", show=show) as callback:
        if n_threads == 1:
            for part in parts:
                work(part)
                callback(part.stop, n_texts)
            return
        # The first text computes lazy attributes, such as the tokenizer's tables, which
        # both threads would compute otherwise.
        work(slice(1))
        with ThreadPoolExecutor(n_threads) as threads:
            for part, _ in zip(parts, threads.map(work, parts), strict=True):
                callback(part.stop, n_texts)


def slices(n_items: int, batch_size: int, multiple_of: int = 1) -> list[slice]:
    """Slices of nearly equal size, none larger than `batch_size`."""
    n_slices = -(-n_items // (batch_size * multiple_of)) * multiple_of
    ends = [n_items * i // n_slices for i in range(n_slices + 1)] if n_slices else [0]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def n_cores() -> int:
    """The number of cores that this process may use.

    ``OMP_NUM_THREADS``, which joblib, Dask and Spark set in their workers, is the
    limit: other processes use the other cores.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(limit) if limit.isdecimal() else cpu_count()
