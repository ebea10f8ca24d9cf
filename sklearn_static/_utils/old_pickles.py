"""Pickles of version 0.1: opening one raises an error that says what to do.

They refer to modules that no longer exist. Without the substitutes registered here,
opening one would raise a ModuleNotFoundError without a remedy.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NoReturn

from .._version import __version__

__all__ = ["OLDEST_FORMAT", "OLD_PICKLE", "register_old_modules"]

OLDEST_FORMAT = 2
"""The oldest format of pickles that this version opens."""

OLD_PICKLE = (
    "This was pickled by sklearn-static 0.1 or before, which this version, "
    f"{__version__}, cannot open. Convert it to a folder: open it where "
    "'sklearn-static<0.2' is installed, save it with "
    "model.to_pipeline().save_pretrained(folder), or model.save_pretrained(folder) if "
    "it is a pipeline or an embedding, and open the folder here with "
    "StaticPipeline.from_pretrained(folder) or StaticEmbedding.from_pretrained(folder)."
)

_OLD_CLASSES = {
    "_bags": ("TokenBags",),
    "_head": (
        "Activation",
        "Head",
        "LayerNorm",
        "LeakyReLU",
        "Linear",
        "Residual",
        "Scale",
    ),
    "_lexicon": ("Lexicon",),
    "_targets": ("ClassTargets", "LabelTargets", "RealTargets"),
    "_training.moments": ("AdamMoments",),
    "_votes": ("WordVotes",),
    "votes": ("StaticVotesTransformer",),
}


class _OldClass:
    """Substitute for a class of version 0.1; creating an instance raises the error."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        # Imported late: this module is imported with the package, and `exceptions`
        # imports scikit-learn, which takes long.
        from ..exceptions import ModelFormatError

        raise ModelFormatError(OLD_PICKLE)


def register_old_modules(package: str) -> None:
    """Register substitutes for the modules that pickles of version 0.1 refer to.

    Parameters
    ----------
    package : str
        The name of this package.
    """
    for module_name, class_names in _OLD_CLASSES.items():
        # Attributes rather than a `__getattr__` that raises: to find the module of a
        # function, pickle looks the name up in every module of `sys.modules`.
        module = ModuleType(f"{package}.{module_name}", OLD_PICKLE)
        for name in class_names:
            setattr(module, name, _OldClass)
        sys.modules.setdefault(module.__name__, module)
