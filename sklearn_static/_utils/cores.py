"""How many cores there are to compute with."""

from __future__ import annotations

import os

from joblib import cpu_count

__all__ = ["n_cores"]


def n_cores() -> int:
    """How many cores the process may compute with.

    Who runs as many processes as there are cores, as joblib, Dask and Spark do, says so
    by the variable that OpenMP reads.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(limit) if limit.isdecimal() else cpu_count()
