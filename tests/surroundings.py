"""What the package leaves as it is in a process: a program that test_load runs.

It prints, for each thing that was done, the names of the global states that differ from
those before.
"""

from __future__ import annotations

import decimal
import gc
import json
import locale
import logging
import multiprocessing
import os
import pickle
import random
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info


def pythons_states() -> dict[str, Any]:
    return {
        "environment": dict(os.environ),
        "working directory": Path.cwd(),
        "warning filters": list(warnings.filters),
        "random": random.getstate(),
        "decimal": repr(decimal.getcontext()),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "disabled logging": logging.root.manager.disable,
        "signals": {s: signal.getsignal(s) for s in signal.valid_signals()},
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "search path": list(sys.path),
        "finders": (list(sys.meta_path), list(sys.path_hooks)),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval()),
        "garbage collection": (gc.isenabled(), gc.get_threshold()),
        "threads": threading.enumerate(),
        "processes": multiprocessing.active_children(),
        "temporary folder": tempfile.tempdir,
        "socket timeout": socket.getdefaulttimeout(),
    }


def libraries_states() -> dict[str, Any]:
    pools = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    return {
        "numpy's generator": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "numpy's errors": np.geterr(),
        "numpy's print options": repr(np.get_printoptions()),
        "scikit-learn's settings": sklearn.get_config(),
        **{f"threads of {path}": n_threads for path, n_threads in pools.items()},
    }


def torchs_states() -> dict[str, Any]:
    """Empty until a fit imports torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    return {
        "torch's generator": torch.get_rng_state().tolist(),
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch's dtype": torch.get_default_dtype(),
        "torch's device": torch.get_default_device(),
        "torch's gradients": (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
        ),
        "torch's algorithms": torch.are_deterministic_algorithms_enabled(),
        "torch's precision": torch.get_float32_matmul_precision(),
    }


def states() -> dict[str, Any]:
    return {**pythons_states(), **libraries_states(), **torchs_states()}


def main(parent: Path) -> None:
    """Print what each action changed, as JSON."""
    changes: dict[str, list[str]] = {}

    @contextmanager
    def watched(action: str) -> Iterator[None]:
        before = states()
        yield
        after = states()
        changes[action] = [name for name in before if after[name] != before[name]]

    tempfile.gettempdir()
    with watched("import"):
        import sklearn_static
    import toys

    texts, labels = toys.toy_texts()
    values = [float(len(text)) for text in texts]
    parameters = {"max_epochs": 2, "dropout": 0.5, "random_state": None}
    embedding = toys.toy_embedding()
    with watched("transform"):
        sklearn_static.StaticEmbeddingTransformer(embedding).fit(texts).transform(texts)
    for cls, targets in (
        (sklearn_static.StaticClassifier, labels),
        (sklearn_static.StaticRegressor, values),
    ):
        estimator = cls(embedding, **parameters)
        announced = {} if targets is values else {"classes": ["cook", "sail"]}
        with watched(f"{cls.__name__}.fit"):
            estimator.fit(texts, targets).predict(texts)
        with watched(f"{cls.__name__}.partial_fit"):
            cls(embedding, **parameters).partial_fit(texts, targets, **announced)
        with watched(f"a fit of {cls.__name__} that fails"):
            fail(cls(embedding, lr=1e30), texts, targets)
        with watched(f"a search over {cls.__name__}"):
            GridSearchCV(estimator, {"lr": [1e-3, 1e-2]}, cv=2).fit(texts, targets)
        pipeline = estimator.to_pipeline()
        with watched(f"{cls.__name__}, saved and opened"):
            pipeline.save_pretrained(parent / cls.__name__)
            sklearn_static.StaticPipeline.from_pretrained(parent / cls.__name__)
        with watched(f"{cls.__name__}, many texts"):
            pipeline.predict([f"{text} x{i}" for i in range(200) for text in texts])
    with watched("import of nn"):
        import_module("sklearn_static.nn")
    with watched("the bundled table"):
        sklearn_static.StaticEmbedding.from_pretrained("default").encode(texts * 200)
    print(json.dumps(changes))


def fail(estimator: Any, texts: list[str], targets: list[Any]) -> None:
    try:
        estimator.fit(texts, targets)
    except ValueError:
        return
    raise AssertionError("the fit has not failed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
