"""Torch in a process that was forked from one that has trained.

OpenMP shares torch's work among threads, which do not live on in a fork, where it would
wait for them forever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_thread_in_forks"]

_PROCESS = os.getpid()


@contextmanager
def one_thread_in_forks() -> Iterator[None]:
    """Let torch work in the calling thread alone, if this process is a fork."""
    if os.getpid() == _PROCESS:
        yield
        return
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
