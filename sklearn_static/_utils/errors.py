"""Turning errors of libraries into the type that callers expect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["reraise_as"]


@contextmanager
def reraise_as(kind: type[Exception], message: str) -> Iterator[None]:
    """Raise `kind`, with `message`, in place of any error inside.

    OSError and MemoryError pass: they are about the machine, not about the data.

    Parameters
    ----------
    kind : type of Exception
    message : str
        What failed; without a full stop.
    """
    try:
        yield
    except (OSError, MemoryError):
        raise
    except BaseException as error:
        # A panic of a library written in Rust, such as tokenizers, is a BaseException
        # whose class cannot be imported.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise kind(f"{message}: {error!r}.") from error
        raise
