"""Fine-tuning with torch and skorch: the only room that imports them.

It is entered from inside ``fit`` and ``partial_fit``, through
:func:`sklearn_static._base.import_training`, so that nothing else needs torch.
"""

from .batches import BagDataset, compact
from .fitting import FitResult, FitSettings, fine_tune
from .losses import CRITERIA
from .module import StaticModule, head_to_numpy, mean_embedding, mlp_head

__all__ = [
    "CRITERIA",
    "BagDataset",
    "FitResult",
    "FitSettings",
    "StaticModule",
    "compact",
    "fine_tune",
    "head_to_numpy",
    "mean_embedding",
    "mlp_head",
]
