"""Failures of the libraries that are written in Rust, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["failures_as"]


@contextmanager
def failures_as(kind: type[Exception], message: str) -> Iterator[None]:
    """Raise `kind` for whatever fails inside, panics too, which are no Exceptions.

    What the operating system refuses says nothing of the input, and is left as it is.
    """
    try:
        yield
    except (OSError, MemoryError):
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise kind(f"{message}: {error!r}.") from error
        raise
