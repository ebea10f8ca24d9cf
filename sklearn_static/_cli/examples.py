"""Texts of a file with what is right of each: a class, labels or a value."""

from __future__ import annotations

import math
import sys
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._estimators.split import groups_of, split_rows
from .._utils.hints import did_you_mean
from ..pipeline import StaticPipeline
from .tables import CommandError, Table, read_table

__all__ = ["Examples", "check_classes", "class_called", "read_examples", "texts_of"]


@dataclass(frozen=True)
class Examples:
    """Texts of a file.

    Attributes
    ----------
    texts : list of str
    y : list
        A str, a list of str or a float for each text, as `kind` says.
    kind : {"class", "labels", "value"}
    """

    texts: list[str]
    y: list[Any]
    kind: str

    def split(self, share: float, seed: int) -> tuple[Examples, Examples]:
        """Examples to train on, and a `share` to evaluate on.

        Equal texts are on one side, and every class is trained on.
        """
        numbers = np.zeros(len(self.y), np.int64)
        if self.kind == "class":
            _, numbers = np.unique(self.y, return_inverse=True)
        random_state = np.random.RandomState(seed)
        parts = split_rows(numbers, share, random_state, groups_of(self.texts))
        train, test = map(self._take, parts)
        return train, test

    def _take(self, rows: np.ndarray) -> Examples:
        texts, y = [self.texts[i] for i in rows], [self.y[i] for i in rows]
        return replace(self, texts=texts, y=y)

    def indicator(self, y: list[list[str]]) -> tuple[np.ndarray, list[str]]:
        """Labels `y` as 0 and 1, and the names of all labels here."""
        names = sorted({label for labels in self.y for label in labels})
        return _indicator(y, {name: i for i, name in enumerate(names)}), names

    def known(self, pipeline: StaticPipeline) -> Any:
        """What is right of each text, as a model has it, whose labels may be numbers.

        Raises
        ------
        CommandError
            If there is a label that the model does not know.
        """
        if self.kind == "value":
            return self.y
        if getattr(pipeline["head"], "multilabel", False):
            numbers = {str(label): i for i, label in enumerate(pipeline.classes_)}
            y = [[each] if isinstance(each, str) else each for each in self.y]
            for label in dict.fromkeys(label for labels in y for label in labels):
                class_called(label, pipeline)
            return _indicator(y, numbers)
        if self.kind == "labels":
            raise CommandError("The texts have many labels, but the model tells one.")
        found = {label: class_called(label, pipeline) for label in set(self.y)}
        return [found[label] for label in self.y]


def _indicator(y: list[list[str]], numbers: dict[str, int]) -> np.ndarray:
    indicator = np.zeros((len(y), len(numbers)), np.int64)
    for row, labels in zip(indicator, y, strict=True):
        row[[numbers[label] for label in labels]] = 1
    return indicator


def class_called(name: str, pipeline: StaticPipeline) -> Any:
    """The class of a model that is written so.

    Raises
    ------
    CommandError
        If there is no such class.
    """
    labels = {str(label): label for label in pipeline.classes_.tolist()}
    if name not in labels:
        raise CommandError(
            f"The model knows no class {name!r}, but {len(labels)}, such as "
            f"{next(iter(labels))!r}.{did_you_mean(name, labels)}"
        )
    return labels[name]


def read_examples(name: str, options: Namespace) -> Examples:
    """The texts of a file, and what is right of each.

    Rows without one are left out, and their number is printed.

    Parameters
    ----------
    name : str
    options : Namespace
        With ``text``, ``label``, ``label_separator``, ``values`` and ``encoding``.

    Raises
    ------
    CommandError
        If the file cannot be read, lacks a column, or no row has both.
    """
    table = read_table(name, options.encoding)
    texts = texts_of(table, options)
    labels = table.column(options.label, "--label")
    separator = options.label_separator
    empty = (None,) if separator is not None else (None, "")
    whole = [
        i
        for i, label in enumerate(labels)
        if texts[i].strip()
        and (label.strip() if isinstance(label, str) else label) not in empty
    ]
    if len(whole) < len(texts):
        left_out = f"{len(texts) - len(whole):,} of {len(texts):,} rows"
        _warn(f"{left_out} of {name} are left out, without a text or a label.")
    if not whole:
        raise CommandError(
            f"No row of {name} has both {options.text!r} and {options.label!r}."
        )
    texts = [texts[i] for i in whole]
    if options.values:
        return Examples(texts, [_value(labels[i], table, i) for i in whole], "value")
    y = [_label(labels[i], table, i, separator) for i in whole]
    if not any(isinstance(label, list) for label in y):
        return Examples(texts, y, "class")
    y = [label if isinstance(label, list) else [label] for label in y]
    return Examples(texts, y, "labels")


def texts_of(table: Table, options: Namespace) -> list[str]:
    """The column of texts; what is missing is empty."""
    texts = table.column(options.text, "--text")
    return ["" if text is None else str(text) for text in texts]


def _label(
    value: Any, table: Table, row: int, separator: str | None
) -> str | list[str]:
    """A class, or a list of labels."""
    if isinstance(value, dict):
        raise CommandError(
            f"{table.place(row)} has the label {value!r}, but a string, a number or a "
            "list of them was expected."
        )
    if separator is not None and not isinstance(value, list):
        value = str(value).split(separator)
    if not isinstance(value, list):
        return str(value)
    labels = [str(label).strip() for label in value]
    return [label for label in labels if label]


def _value(value: Any, table: Table, row: int) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise CommandError(
            f"{table.place(row)} has the value {value!r}, but a finite number was "
            "expected."
        )
    return number


def check_classes(y: list[str]) -> None:
    """Refuse a column that is none of classes, and tell of classes with one text.

    Raises
    ------
    CommandError
        If there is but one class, or most texts have a class of their own.
    """
    counts = Counter(y)
    if len(counts) < 2:
        raise CommandError(
            f"All texts have the label {y[0]!r}, but two labels or more were "
            "expected. Is --label the right column?"
        )
    alone = [label for label, count in counts.items() if count == 1]
    if len(alone) > len(y) / 2:
        raise CommandError(
            f"The {len(y):,} texts have {len(counts):,} labels, such as {y[0]!r}, most "
            "of them once. Is --label the right column? Numbers are predicted with "
            "--values."
        )
    if alone:
        named = ", ".join(map(repr, alone[:5])) + (", ..." if len(alone) > 5 else "")
        _warn(
            f"{len(alone)} of {len(counts)} labels have a single text to train on, "
            f"which is hardly enough: {named}"
        )


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)
