"""Which of two ways a classifier is fitted in, as its parameters say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from .hooks import Architecture

__all__ = ["Solver", "choose_solver"]

Solver = Literal["newton-cg", "adam"]

_PARAMETERS: dict[Solver, tuple[str, ...]] = {
    "newton-cg": ("C", "lexical"),
    "adam": (
        *("hidden_layer_sizes", "dropout", "freeze_embedding", "lr", "batch_size"),
        *("max_epochs", "early_stopping", "scoring", "validation_fraction"),
        *("n_iter_no_change", "tol", "warm_start", "callbacks", "device"),
    ),
}
_PARTS = (
    *("construct_head", "construct_module", "_encode", "prepare_dataset"),
    "train_test_split",
)


def choose_solver(
    estimator: Any, defaults: dict[str, Any], only: Solver | None = None
) -> Solver:
    """The solver that is asked for: by name, by its parameters, or by own parts.

    Parameters
    ----------
    estimator : StaticClassifier
    defaults : dict
        Its parameters where nothing is asked for.
    only : {"newton-cg", "adam"}, default=None
        The one that can do what is to be done.

    Raises
    ------
    ValueError
        If a parameter has been set that the solver does not use.
    """
    asked: dict[Solver, list[str]] = {
        solver: _changed(estimator, names, defaults)
        for solver, names in _PARAMETERS.items()
    }
    asked["adam"] += _replaced(type(estimator))
    implied: Solver = "adam" if asked["adam"] else "newton-cg"
    named: Solver | None = None if estimator.solver == "auto" else estimator.solver
    solver = named or only or implied
    other: Solver = "newton-cg" if solver == "adam" else "adam"
    if asked[other]:
        reason = "" if named or only else f", which {', '.join(asked[solver])} asks for"
        raise ValueError(
            f"{', '.join(asked[other])} would have no effect with the solver "
            f"{solver!r}{reason}. Leave one or the other as it is by default."
        )
    return solver


def _changed(
    estimator: Any, names: Iterable[str], defaults: dict[str, Any]
) -> list[str]:
    """Those of the parameters `names` that are not as by default."""
    parameters = estimator.get_params(deep=False)
    return [
        f"{name}={parameters[name]!r}"
        for name in names
        if not np.array_equal(parameters[name], defaults[name])
    ]


def _replaced(kind: type) -> list[str]:
    """Those parts of training that a class has of its own."""
    return [
        f"{kind.__name__}.{part}"
        for part in _PARTS
        if getattr(kind, part) is not getattr(Architecture, part)
    ]
