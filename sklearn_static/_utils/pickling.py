"""Which version wrote a pickle, said when another one opens it.

Increase :data:`PICKLE_FORMAT` when what an older version reads from a pickle would be
wrong. What only differs is left to the warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from .._io.files import ModelFormatError
from .._version import __version__

__all__ = ["PICKLE_FORMAT", "StampedMixin", "VersionSkewWarning", "checked", "stamped"]

PICKLE_FORMAT = 1
"""The version of what stands in pickles."""

_KEY = "_sklearn_static"


class VersionSkewWarning(InconsistentVersionWarning):
    """A pickle was opened by another version of the package than wrote it.

    Parameters
    ----------
    estimator_name : str
        The class.
    current_version : str
        The version that opened the pickle.
    original_version : str
        The version that wrote it.
    """

    def __init__(
        self, *, estimator_name: str, current_version: str, original_version: str
    ) -> None:
        self.estimator_name = estimator_name
        self.current_version = current_version
        self.original_version = original_version

    def __str__(self) -> str:
        return (
            f"A {self.estimator_name} was pickled by sklearn-static "
            f"{self.original_version} and is opened by {self.current_version}, which "
            "may break it or change what it predicts. Open it with the version that "
            "wrote it, or train it again. What is to be kept from version to version "
            "is better saved as a folder: to_pipeline().save_pretrained(folder)."
        )


class StampedMixin:
    """Pickles of a class that say which version wrote them."""

    def __getstate__(self) -> dict[str, Any]:
        return stamped(super().__getstate__())  # type: ignore[arg-type]

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(checked(state, type(self).__name__))


def stamped(state: Mapping[str, Any]) -> dict[str, Any]:
    """The `state` of an object with the versions that write it."""
    return {**state, _KEY: {"format": PICKLE_FORMAT, "version": __version__}}


def checked(state: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The state that :func:`stamped` was given, of an object of the class `name`.

    Raises
    ------
    ModelFormatError
        If its format is newer than this version's.

    Warns
    -----
    VersionSkewWarning
        If another version has written it.
    """
    versions = state.get(_KEY, {"format": 0, "version": "before 0.1.0"})
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
