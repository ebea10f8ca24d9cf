"""The package's own exceptions and warnings, which every module may import."""

from __future__ import annotations

from sklearn.exceptions import InconsistentVersionWarning

__all__ = ["ModelFormatError", "VersionSkewWarning"]


class ModelFormatError(ValueError):
    """A model folder or a pickle is damaged, inconsistent or of an unknown format.

    The message names the file, what was found and what was expected.
    """


class VersionSkewWarning(InconsistentVersionWarning):
    """A pickle was written by another version of the package.

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
            "may break it or change its predictions. Open it with the version that "
            "wrote it, or train it again. To keep a model across versions, save it as "
            "a folder: to_pipeline().save_pretrained(folder)."
        )
