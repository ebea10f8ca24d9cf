"""Pickles that say which version wrote them, and what other versions make of them.

Increase :data:`PICKLE_FORMAT` when what an older version reads from a pickle would be
wrong. What only differs is left to the warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from .._version import __version__
from ..exceptions import ModelFormatError, VersionSkewWarning
from .old_pickles import OLD_PICKLE, OLDEST_FORMAT

__all__ = ["PICKLE_FORMAT", "VersionedPickleMixin", "with_version", "without_version"]

PICKLE_FORMAT = 2
"""The version of what stands in pickles."""

_KEY = "_sklearn_static"


class VersionedPickleMixin:
    """Pickles of a class that say which version wrote them."""

    def __getstate__(self) -> dict[str, Any]:
        return with_version(super().__getstate__())  # type: ignore[arg-type]

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(without_version(state, type(self).__name__))


def with_version(state: Mapping[str, Any]) -> dict[str, Any]:
    """The `state` of an object, and the versions of its format and of the package."""
    return {**state, _KEY: {"format": PICKLE_FORMAT, "version": __version__}}


def without_version(state: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The state that :func:`with_version` was given, once its versions are checked.

    Parameters
    ----------
    state : mapping of str to object
        What :func:`with_version` returned.
    name : str
        The object's class, for messages.

    Raises
    ------
    ModelFormatError
        If its format is newer than this version's, or that of 0.1 or before.

    Warns
    -----
    VersionSkewWarning
        If another version wrote it.
    """
    versions = state.get(_KEY, {"format": 0, "version": "before 0.1.0"})
    if versions["format"] < OLDEST_FORMAT:
        raise ModelFormatError(OLD_PICKLE)
    if versions["format"] > PICKLE_FORMAT:
        raise ModelFormatError(
            f"The {name} was pickled by sklearn-static {versions['version']} in format "
            f"{versions['format']}, but this version, {__version__}, reads up to "
            f"{PICKLE_FORMAT}. Upgrade with pip install --upgrade sklearn-static."
        )
    if versions["version"] != __version__:
        warnings.warn(
            VersionSkewWarning(
                estimator_name=name,
                current_version=__version__,
                original_version=versions["version"],
            ),
            stacklevel=3,
        )
    return {key: value for key, value in state.items() if key != _KEY}
