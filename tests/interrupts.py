"""Ctrl-C at every place of a fit: a program that test_failed_fits runs.

A signal reaches Python code where a function begins or returns to it. So a first run
notes these places in the package, and then each place has a run of its own, which the
process interrupts there by sending itself a real SIGINT. Since most places are common
to all calls of a fit, the calls share them out; the argument is the number of shares.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import torch
from toys import toy_embedding, toy_texts

import sklearn_static
from sklearn_static import (
    StaticClassifier,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
)
from sklearn_static._tokens import hash_table

# Tables of words are hashed by factors that are drawn, and so take other steps in each
# run. Here a place has to come again.
hash_table._drawn_factors = lambda: np.array([0x9E3779B97F4A7C15, 3], np.uint64)

PACKAGE = str(Path(sklearn_static.__file__).parent)
EMBEDDING = toy_embedding(8)
X, y = toy_texts(24)
VALUES = [float(len(text)) for text in X]
TEXTS, _ = toy_texts(10, seed=1)


def classifier(**parameters: Any) -> StaticClassifier:
    defaults = {"hidden_layer_sizes": (4,), "max_epochs": 2, "batch_size": 16}
    return StaticClassifier(EMBEDDING, **{**defaults, "random_state": 0, **parameters})


def regressor() -> StaticRegressor:
    return StaticRegressor(EMBEDDING, hidden_layer_sizes=(), max_epochs=1)


def linear() -> StaticLinearClassifier:
    return StaticLinearClassifier(EMBEDDING, random_state=0)


def linear_regressor() -> StaticLinearRegressor:
    return StaticLinearRegressor(EMBEDDING, random_state=0)


CALLS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "linear": (linear(), lambda model: model.fit(X, y)),
    "linear, again": (
        linear().fit(X, y),
        lambda model: model.set_params(random_state=1).fit(X, y),
    ),
    "linear regression": (linear_regressor(), lambda model: model.fit(X, VALUES)),
    "random start": (classifier(init="random"), lambda model: model.fit(X, y)),
    "first fit": (classifier(), lambda model: model.fit(X, y)),
    "second fit": (
        classifier(scoring="accuracy").fit(X, y),
        lambda model: model.set_params(random_state=1).fit(X, y),
    ),
    "warm start": (
        classifier(warm_start=True, dropout=0.2).fit(X, y),
        lambda model: model.fit(X, y),
    ),
    "first part": (
        classifier(),
        lambda model: model.partial_fit(X, y, classes=["cook", "sail"]),
    ),
    "next part": (
        classifier().partial_fit(X, y, classes=["cook", "sail"]),
        lambda model: model.partial_fit(X, y),
    ),
    "regression": (
        regressor().set_params(random_state=0).fit(X, VALUES),
        lambda model: model.fit(X, VALUES[::-1]),
    ),
}


def main(n_shares: int) -> None:
    """Print how many interrupted runs of each call left what, as JSON."""
    outcomes = {
        name: interrupt_everywhere(*CALLS[name], slice(i % n_shares, None, n_shares))
        for i, name in enumerate(CALLS)
    }
    print(json.dumps(outcomes))


def interrupt_everywhere(
    model: Any, call: Callable[[Any], Any], share: slice
) -> dict[str, int]:
    """Interrupt `call` at its `share` of places; count what is left of `model`."""
    before = pickle.dumps(model)
    places: list[Any] = []
    run(pickle.loads(before), call, places.append)
    whole = pickle.loads(before)
    call(whole)
    expected = {"old": state_of(pickle.loads(before)), "new": state_of(whole)}
    assert expected["old"] != expected["new"]
    generator = torch.get_rng_state()
    last = {place: n for n, place in enumerate(places)}
    first = {place: places.index(place) for place in last}
    outcomes: Counter = Counter()
    for n in sorted({*first.values(), *last.values()})[share]:
        model = pickle.loads(before)
        assert interrupted(model, call, n), f"{places[n]} swallows KeyboardInterrupt"
        found = [name for name, state in expected.items() if state_of(model) == state]
        assert found, f"an interrupt at {places[n]} leaves something half done"
        assert torch.equal(torch.get_rng_state(), generator), places[n]
        outcomes[found[0]] += 1
        if found[0] == "old":
            survivor = model
    assert state_of(call(survivor)) == expected["new"]
    assert state_of(fit_in_a_thread(pickle.loads(before), call)) == expected["new"]
    return dict(outcomes)


def run(model: Any, call: Callable[[Any], Any], note: Callable[[Any], Any]) -> None:
    """Call, and give each place that is passed to `note`."""

    def profile(frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        if event in ("call", "c_return") and code.co_filename.startswith(PACKAGE):
            note((code.co_filename, frame.f_lineno, event))

    sys.setprofile(profile)
    try:
        call(model)
    finally:
        sys.setprofile(None)


def interrupted(model: Any, call: Callable[[Any], Any], n: int) -> bool:
    """Whether a SIGINT at the n-th place reaches the caller."""
    n_passed = 0

    def interrupt(place: Any) -> None:
        nonlocal n_passed
        if n_passed == n:
            os.kill(os.getpid(), signal.SIGINT)
        n_passed += 1

    try:
        run(model, call, interrupt)
    except KeyboardInterrupt:
        return True
    return False


def state_of(model: Any) -> bytes:
    """All that an estimator has learned, and what it predicts."""
    fitted = hasattr(model, "head_")
    history = [
        {name: value for name, value in row.items() if name != "dur"}
        for row in getattr(model, "history_", [])
    ]
    # Times differ, nets are not pickled, and a RandomState has been used.
    left_out = {"_history", "net_", "random_state"}
    learned = {k: v for k, v in vars(model).items() if k not in left_out}
    predicted = model.predict(TEXTS).tolist() if fitted else None
    return pickle.dumps((sorted(learned), history, predicted, parts(learned)))


def parts(learned: dict[str, Any]) -> list[bytes]:
    """Each attribute on its own, since pickles tell what several share."""
    return [pickle.dumps(learned[name]) for name in sorted(learned)]


def fit_in_a_thread(model: Any, call: Callable[[Any], Any]) -> Any:
    thread = Thread(target=call, args=(model,), daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "an interrupted fit keeps other threads out"
    return model


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(int(sys.argv[1]))
