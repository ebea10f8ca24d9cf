"""Fine-tuning with torch and skorch: the only room that imports them.

It is entered from inside ``fit`` and ``partial_fit``, through
:func:`sklearn_static._estimators.hooks.import_training`, so that nothing else needs
torch.
"""

from .imports import without_traces

with without_traces():
    from torch import Tensor
    from torch.nn import Module

    from .batches import BagDataset, compact
    from .callbacks import SklearnCallbacks
    from .encoding import encode_with
    from .fitting import FitResult, FitSettings, Start, fine_tune
    from .freezing import freeze_head
    from .losses import criterion
    from .module import StaticModule, mean_embedding, mlp_head
    from .moments import AdamMoments

__all__ = [
    "AdamMoments",
    "BagDataset",
    "FitResult",
    "FitSettings",
    "Module",
    "SklearnCallbacks",
    "Start",
    "StaticModule",
    "Tensor",
    "compact",
    "criterion",
    "encode_with",
    "fine_tune",
    "freeze_head",
    "mean_embedding",
    "mlp_head",
]
