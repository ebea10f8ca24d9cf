"""Files of texts and labels: delimited text, JSON lines, parquet and plain lines."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .._utils.hints import did_you_mean

__all__ = ["CommandError", "Table", "read_table", "write_rows"]

_KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), "delimited"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    ".txt": "lines",
}
_DELIMITERS = ",\t;|"
_LONGEST_FIELD = 2**31 - 1


class CommandError(Exception):
    """What is wrong with arguments or data, for a person to read."""


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes
    ----------
    source : str
        The file's name.
    columns : list of str
    rows : list of dict
    lines : sequence of int
        The number of the line where each row ends.
    delimiter : str or None
        What is between columns; None in files that are no delimited text.
    """

    source: str
    columns: list[str]
    rows: list[dict[str, Any]]
    lines: Sequence[int]
    delimiter: str | None = None

    def column(self, name: str, option: str) -> list[Any]:
        """The values of the column `name`, which `option` gave."""
        if name not in self.columns:
            raise CommandError(
                f"{self.source} has no column {name!r}, but "
                f"{', '.join(map(repr, self.columns))}. Name the one to use with "
                f"{option}.{did_you_mean(name, self.columns)}"
            )
        return [row.get(name) for row in self.rows]

    def place(self, row: int) -> str:
        """Where a row stands."""
        return f"{self.source}, line {self.lines[row]}"


def read_table(name: str, encoding: str = "utf-8") -> Table:
    """The rows of a file, whose name says of which kind it is.

    Parameters
    ----------
    name : str
        ``"-"`` takes lines of standard input.
    encoding : str, default="utf-8"

    Raises
    ------
    CommandError
        If there is no such file, it is not of its kind, or it has no rows.
    """
    if name == "-":
        return _of_lines("standard input", sys.stdin)
    path = Path(name)
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        hint = did_you_mean(path.name, [entry.name for entry in beside])
        raise CommandError(f"There is no file {name!r}.{hint}")
    kind = _KINDS.get(_suffix(path))
    if kind is None or not path.is_file():
        raise CommandError(
            f"{name} is no file that can be read: .csv, .tsv, .jsonl, .parquet or "
            ".txt was expected, or one of them with .gz after it."
        )
    if kind == "parquet":
        table = _of_parquet(name)
    else:
        parse = {"delimited": _of_delimited, "json": _of_json, "lines": _of_lines}[kind]
        codec = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
        open_ = gzip.open if path.suffix.lower() == ".gz" else open
        try:
            with open_(path, "rt", encoding=codec, newline="") as stream:
                table = parse(name, stream)
        except UnicodeDecodeError as error:
            raise CommandError(
                f"{name} is not in {encoding} ({error.reason} at byte {error.start}). "
                "Say in what it is, as in --encoding latin-1."
            ) from error
    if not table.rows:
        raise CommandError(f"{name} has no rows.")
    return table


def _suffix(path: Path) -> str:
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.suffix.lower()


def _of_lines(name: str, stream: IO[str]) -> Table:
    texts = [line.rstrip("\r\n") for line in stream]
    rows = [{"text": text} for text in texts]
    return Table(name, ["text"], rows, range(1, len(rows) + 1))


def _of_delimited(name: str, stream: IO[str]) -> Table:
    csv.field_size_limit(_LONGEST_FIELD)
    header = stream.readline()
    # A tab-separated file is often called .csv, and spreadsheets write semicolons.
    delimiter = max(_DELIMITERS, key=header.count)
    columns = next(csv.reader([header], delimiter=delimiter), [])
    reader = csv.reader(stream, delimiter=delimiter)
    rows, lines = [], []
    for fields in reader:
        if not fields:
            continue
        if len(fields) != len(columns):
            raise CommandError(
                f"{name}, line {reader.line_num + 1} has {len(fields)} fields, but the "
                f"header has {len(columns)}. A field with a {delimiter!r} or a quote "
                'in it has to stand in quotes, "like this".'
            )
        rows.append(dict(zip(columns, fields, strict=True)))
        lines.append(reader.line_num + 1)
    return Table(name, columns, rows, lines, delimiter)


def _of_json(name: str, stream: IO[str]) -> Table:
    rows, lines = [], []
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CommandError(
                f"{name}, line {number} is no JSON: {error}. One object a line was "
                "expected."
            ) from error
        if not isinstance(row, dict):
            raise CommandError(
                f"{name}, line {number} has a {type(row).__name__}, but an object was "
                'expected, such as {"text": "...", "label": "..."}.'
            )
        rows.append(row)
        lines.append(number)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return Table(name, columns, rows, lines)


def _of_parquet(name: str) -> Table:
    try:
        import pandas as pd

        frame = pd.read_parquet(name)
    except ImportError as error:
        raise CommandError(
            f"{name} cannot be read without pandas and pyarrow: pip install pandas "
            "pyarrow."
        ) from error
    columns = [str(column) for column in frame.columns]
    values = [_plain(frame.iloc[:, i]) for i in range(len(columns))]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
    return Table(name, columns, rows, range(1, len(rows) + 1))


def _plain(series: Any) -> list[Any]:
    values = series.astype(object).where(series.notna(), None).tolist()
    return [value.tolist() if hasattr(value, "tolist") else value for value in values]


def write_rows(
    name: str | None, columns: list[str], rows: Iterable[dict[str, Any]], like: Table
) -> None:
    """Write rows to a file, or to standard output.

    Parameters
    ----------
    name : str or None
        The file, whose name says of which kind it is; None is standard output.
    columns : list of str
    rows : iterable of dict
    like : Table
        Of which kind the rows are where no name says so.

    Raises
    ------
    CommandError
        If the name is of a kind that is not written.
    """
    delimiter = like.delimiter or ("\t" if like.columns == ["text"] else None)
    if name is not None:
        kinds = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".jsonl": None}
        if _suffix(Path(name)) not in kinds:
            raise CommandError(f"{name} is none of .csv, .tsv and .jsonl.")
        delimiter = kinds[_suffix(Path(name))]
    with (
        nullcontext(sys.stdout)
        if name is None
        else Path(name).open("w", encoding="utf-8", newline="")
    ) as stream:
        if delimiter is None:
            for row in rows:
                stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            return
        writer = csv.DictWriter(
            stream, columns, delimiter=delimiter, lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
