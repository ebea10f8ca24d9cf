"""The arguments of the commands, and what an error looks like."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from .. import __version__
from . import commands
from .tables import CommandError

__all__ = ["main"]

_DESCRIPTION = """\
Train, use and look at text classifiers on static embeddings. Files are .csv, .tsv,
.jsonl, .parquet (with pandas) or .txt (a text a line), with .gz after it or not."""


def main(
    arguments: Sequence[str] | None = None, *, program: str = "sklearn-static"
) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, default=None
        None takes those of the process.
    program : str, default="sklearn-static"
        The name in messages.

    Returns
    -------
    status : int
        0 if all went well, 1 after an error, which standard error tells, and 130 after
        Ctrl-C. Arguments that cannot be parsed end the process with status 2.
    """
    options = _parser(program).parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            options.run(options)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read the output has had enough, as `head` does; the interpreter
            # would complain when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (CommandError, ImportError, OSError, ValueError) as error:
            print(f"{program}: error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


def _show_warning(message: Any, *args: Any, **kwargs: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for add in (_add_train, _add_predict, _add_evaluate, _add_explain, _add_info):
        add(subparsers)
    return parser


def _add_train(subparsers: Any) -> None:
    add = _command(subparsers, "train", commands.train, "train a model on a file")
    add("data", help="the texts and what is right of each")
    add("-o", "--output", required=True, metavar="FOLDER", help="where the model goes")
    _add_columns(add)
    _add_separator(add)
    add("--values", action="store_true", help="the labels are numbers to predict")
    add("--test", metavar="FILE", help="texts to evaluate the model on")
    add(
        "--test-size",
        type=_fraction,
        default=0.2,
        metavar="SHARE",
        help="without --test, how much of the data to evaluate on instead of training "
        "on it; 0 for none (default: %(default)s)",
    )
    add("--model", default="default", help="the table: a folder or a Hub id")
    add(
        "--fine-tune",
        action="store_true",
        help="train the table, too, which takes longer and needs torch",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the estimator, such as C=3 or lexical=False",
    )
    add("--seed", type=int, default=0, help="the random state (default: %(default)s)")
    add("--license", help="of the model, for its card")
    add("--dataset", help="its name on the Hub, for the card")
    _add_encoding(add)
    _add_quiet(add)


def _add_predict(subparsers: Any) -> None:
    add = _command(subparsers, "predict", commands.predict, "predict for a file's rows")
    add("model", help="a folder, or a Hub id")
    add("data", nargs="?", default="-", help="default: lines of standard input")
    add("-o", "--output", metavar="FILE", help="default: standard output")
    add("--text", default="text", help="the column of texts (default: %(default)s)")
    add(
        "--top-k",
        type=_positive,
        metavar="K",
        help="how many classes to give with their probabilities (default: 1)",
    )
    _add_separator(add)
    add(
        "--novelty",
        action="store_true",
        help="tell how unlike the texts of training each text is",
    )
    _add_encoding(add)


def _add_evaluate(subparsers: Any) -> None:
    add = _command(
        subparsers, "evaluate", commands.evaluate, "compare with a file's labels"
    )
    add("model", help="a folder, or a Hub id")
    add("data", help="texts that the model was not trained on")
    _add_columns(add)
    _add_separator(add)
    add("--json", action="store_true", help="figures and report as JSON")
    _add_encoding(add)
    _add_quiet(add)


def _add_explain(subparsers: Any) -> None:
    add = _command(
        subparsers, "explain", commands.explain, "show which words speak for a class"
    )
    add("model", help="a folder, or a Hub id")
    add("texts", nargs="+", metavar="text", help="texts, each an argument")
    add("--output-class", metavar="CLASS", help="default: the most probable one")
    add("--top", type=_positive, default=10, help="how many words (default: 10)")


def _add_info(subparsers: Any) -> None:
    add = _command(subparsers, "info", commands.info, "say what a model is")
    add("model", help="a folder, or a Hub id")
    add("--json", action="store_true", help="as JSON")


def _command(subparsers: Any, name: str, run: Any, summary: str) -> Any:
    parser = subparsers.add_parser(name, help=summary, description=run.__doc__)
    parser.set_defaults(run=run)
    return parser.add_argument


def _add_columns(add: Any) -> None:
    add("--text", default="text", help="the column of texts (default: %(default)s)")
    add("--label", default="label", help="the column of labels (default: %(default)s)")


def _add_separator(add: Any) -> None:
    add(
        "--label-separator",
        metavar="CHARACTERS",
        help="between the labels of a text, of which there may be any number; in "
        ".jsonl a list has them",
    )


def _add_encoding(add: Any) -> None:
    add("--encoding", default="utf-8", help="of the file (default: %(default)s)")


def _add_quiet(add: Any) -> None:
    add("-q", "--quiet", action="store_true", help="no progress on standard error")


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to less than 1")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value
