"""Fine-tuning with torch and skorch: the only wing that imports them.

It is entered from inside ``fit`` and ``partial_fit``, through
:func:`sklearn_static._estimators.hooks.import_training`, so that nothing else needs
torch.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Prefixes of variables; others may have been set by another thread meanwhile.
_OF_TORCH = ("TORCH", "TRITON")


@contextmanager
def _without_side_effects() -> Iterator[None]:
    """Undo what importing torch does to warning filters and environment variables.

    It ignores some warnings, and sets a variable to the folder of its compiler.
    """
    before = set(os.environ)
    with warnings.catch_warnings():
        yield
    for name in set(os.environ) - before:
        if name.startswith(_OF_TORCH):
            del os.environ[name]


with _without_side_effects():
    from skorch.history import History
    from torch import Tensor
    from torch.nn import Module

    from .batches import BagDataset, compact
    from .callbacks import HeldOut, SklearnCallbacks
    from .devices import resolve_device
    from .fitting import FitResult, fine_tune
    from .freezing import freeze_module
    from .losses import criterion
    from .module import (
        StaticModule,
        encode_with,
        mean_embedding,
        mix,
        mlp_head,
        rescale,
    )
    from .optimizer import AdamMoments, RowAdam
    from .settings import FitSettings, FoldStart, Start
    from .thawing import thawed_state

__all__ = [
    "AdamMoments",
    "BagDataset",
    "FitResult",
    "FitSettings",
    "FoldStart",
    "HeldOut",
    "History",
    "Module",
    "RowAdam",
    "SklearnCallbacks",
    "Start",
    "StaticModule",
    "Tensor",
    "compact",
    "criterion",
    "encode_with",
    "fine_tune",
    "freeze_module",
    "mean_embedding",
    "mix",
    "mlp_head",
    "rescale",
    "resolve_device",
    "thawed_state",
]
