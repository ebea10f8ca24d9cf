"""Threads for many products of matrices: one for each kind, and no more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

from .._utils.parallel import n_cores

__all__ = ["Start", "in_turn", "one_blas_thread", "second_thread"]

Start = Callable[[Callable[[], Any]], Callable[[], Any]]
"""From a function that may begin at once to what waits for its result."""


class _Users:
    """Who asks for one thread at the moment, and what the last one sets back."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.users: set[object] = set()
        self.restore: Callable[[], None] | None = None

    def enter(self, user: object, blas: ThreadpoolController) -> None:
        with self.lock:
            if self.restore is None:
                self.restore = _limit(blas)
            self.users.add(user)

    def leave(self, user: object) -> None:
        """Leave, or go on with that after an interrupt."""
        with self.lock:
            self.users.discard(user)
            if not self.users and self.restore is not None:
                self.restore()
                self.restore = None


def _limit(blas: ThreadpoolController) -> Callable[[], None]:
    """Limit the process to one thread; what sets it back works in any thread."""
    _let_any_thread_set(blas)
    limiter = blas.limit(limits=1)

    def restore() -> None:
        _let_any_thread_set(blas)
        limiter.restore_original_limits()
        _let_any_thread_set(blas)

    return restore


def _let_any_thread_set(blas: ThreadpoolController) -> None:
    """End the privilege of the thread that was the first to set a limit.

    From threadpoolctl 3.8 on, what other threads set is ignored without a word, for as
    long as that one lives. It gets its privilege back when it sets a limit again.
    """
    for library in blas.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


_USERS = _Users()


def _renew() -> None:
    """In a fork, the threads that held the lock, or the limit, do not live on."""
    global _USERS
    _USERS = _Users()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Compute products of matrices in one thread.

    Those of thin matrices wait for each other's threads longer than they take, twenty
    times as long where other processes keep the cores busy. The number of threads is
    the process's; the last of those that ask for one at the same time sets it back.
    With OpenMP below, it is each thread's own.
    """
    users, blas = _USERS, ThreadpoolController().select(user_api="blas")
    user = object()
    with blas.select(threading_layer="openmp").limit(limits=1):
        try:
            users.enter(user, blas)
            yield
        finally:
            try:
                users.leave(user)
            except BaseException:  # Ctrl-C would leave the process with one thread
                users.leave(user)
                raise


def in_turn(function: Callable[[], Any]) -> Callable[[], Any]:
    """Begin when the result is asked for."""
    return function


@contextmanager
def second_thread() -> Iterator[Start]:
    """Begin at once in another thread, where the process has a core for it."""
    if n_cores() < 2:
        yield in_turn
        return
    with ThreadPoolExecutor(1) as thread:
        yield lambda function: thread.submit(function).result
