"""Pickles with the version that wrote them, which is checked when they are opened.

Increase :data:`PICKLE_FORMAT` when older versions would misread a pickle. For other
changes the warning about versions is enough.
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
"""The version of the pickles' contents."""

_KEY = "_sklearn_static"


class VersionedPickleMixin:
    """Stores the package's version in pickles, and checks it."""

    def __getstate__(self) -> dict[str, Any]:
        return with_version(super().__getstate__())  # type: ignore[arg-type]

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(without_version(state, type(self).__name__))


def with_version(state: Mapping[str, Any]) -> dict[str, Any]:
    """The `state` of an object with the versions of format and package added."""
    return {**state, _KEY: {"format": PICKLE_FORMAT, "version": __version__}}


def without_version(state: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The inverse of :func:`with_version`; checks the versions.

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
