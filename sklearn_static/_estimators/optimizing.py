"""Optimizer and loss as parameters, by skorch's names."""

from __future__ import annotations

from typing import Any, ClassVar

from .hooks import import_training
from .targets import Targets

__all__ = ["Optimizing"]

_OPTIMIZER = "optimizer__"


class Optimizing:
    """The parameters of the optimizer and of the loss.

    ``get_params`` and ``set_params`` know each entry of ``optimizer_params`` as
    ``optimizer__<name>``, so that it can be searched over.
    """

    optimizer: Any
    optimizer_params: dict[str, Any] | None
    criterion: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "optimizer": [callable, None],
        "optimizer_params": [dict, None],
        "criterion": [callable, None],
    }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, and with `deep` those of the optimizer by skorch's names.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        params : dict of str to object
        """
        params: dict[str, Any] = super().get_params(deep)  # type: ignore[misc]
        own = self.optimizer_params
        if deep and isinstance(own, dict):
            params |= {f"{_OPTIMIZER}{name}": value for name, value in own.items()}
        return params

    def set_params(self, **params: Any) -> Any:
        """Set parameters; ``optimizer__weight_decay=0.1`` is one of the optimizer.

        Parameters
        ----------
        **params : dict of str to object

        Returns
        -------
        self : estimator
        """
        own = {
            name: params.pop(name) for name in [*params] if name.startswith(_OPTIMIZER)
        }
        super().set_params(**params)  # type: ignore[misc]
        if own:
            named = {name.removeprefix(_OPTIMIZER): own[name] for name in own}
            self.optimizer_params = {**(self.optimizer_params or {}), **named}
        return self

    def _criterion(self, targets: Targets) -> Any:
        if self.criterion is not None and targets.pos_weight is not None:
            raise ValueError(
                "class_weight with many labels is part of the default loss, but "
                "criterion is another one. Leave class_weight at None, and give your "
                "criterion the weights, as torch's pos_weight."
            )
        made: Any = import_training().criterion(
            targets.loss, targets.pos_weight, self.criterion
        )
        return made
