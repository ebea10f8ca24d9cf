"""Pickles of version 0.1, which end with a message that tells what to do instead.

They name classes by the modules that these were in. Without a stand-in, opening one
would end with a ModuleNotFoundError that tells nobody what to do.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NoReturn

from .._version import __version__

__all__ = ["OLDEST_FORMAT", "OLD_PICKLE", "register_old_modules"]

OLDEST_FORMAT = 2
"""The first format of pickles that this version opens."""

OLD_PICKLE = (
    "This was pickled by sklearn-static 0.1 or before, which this version, "
    f"{__version__}, cannot open. Take the way through a folder: open it where "
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
    """Stands in for a class of version 0.1; no instance can be made."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        # Imported here, since this module is imported with the package, and the
        # exceptions import scikit-learn, which takes time.
        from ..exceptions import ModelFormatError

        raise ModelFormatError(OLD_PICKLE)


def register_old_modules(package: str) -> None:
    """Let pickles of version 0.1 find stand-ins for the classes that they name.

    Parameters
    ----------
    package : str
        The name of this package.
    """
    for module_name, class_names in _OLD_CLASSES.items():
        # With these attributes rather than a `__getattr__` that raises: to find where
        # a function is, pickle asks every module for an attribute of its name.
        module = ModuleType(f"{package}.{module_name}", OLD_PICKLE)
        for name in class_names:
            setattr(module, name, _OldClass)
        sys.modules.setdefault(module.__name__, module)
