"""All private or version-dependent names of other libraries that the package uses."""

from __future__ import annotations

from sklearn.base import _fit_context
from sklearn.utils._param_validation import (
    Interval,
    Options,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """A mixin without effect, for scikit-learn without callbacks."""


__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "Options",
    "RealNotInt",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "validate_params",
]

fit_context = _fit_context(prefer_skip_nested_validation=True)
"""Decorates ``fit`` and ``partial_fit``: checks parameters, and ends callbacks.

Unless scikit-learn's setting ``skip_parameter_validation`` says not to check.
"""
