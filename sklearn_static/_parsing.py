"""A tokenizer and its vocabulary out of their JSON form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tokenizers import Tokenizer, models

__all__ = ["ParsedTokenizer", "parsed"]

_SETTINGS = ("unk_token", "continuing_subword_prefix", "max_input_chars_per_word")


class ParsedTokenizer(NamedTuple):
    """A tokenizer, and what its ``get_vocab`` would give.

    Attributes
    ----------
    tokenizer : tokenizers.Tokenizer
    vocabulary : mapping of str to int
    """

    tokenizer: Tokenizer
    vocabulary: Mapping[str, int]


def parsed(content: str) -> ParsedTokenizer:
    """The tokenizer that ``tokenizer.json`` describes.

    The library takes as long to hand out a vocabulary as to read it. So that of a
    WordPiece tokenizer is read here, and handed to the library.

    Raises
    ------
    Exception
        Of any kind, if `content` describes none.
    """
    spec = json.loads(content)
    if not _is_plain_word_piece(spec):
        tokenizer = Tokenizer.from_str(content)
        return ParsedTokenizer(tokenizer, tokenizer.get_vocab())
    model = spec["model"]
    vocabulary = model["vocab"]
    # The library looks the ids of added tokens up in the vocabulary.
    model["vocab"] = {token["content"]: token["id"] for token in spec["added_tokens"]}
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    settings = {name: model[name] for name in _SETTINGS}
    tokenizer.model = models.WordPiece(vocabulary, **settings)
    return ParsedTokenizer(tokenizer, vocabulary)


def _is_plain_word_piece(spec: Any) -> bool:
    """Whether nothing is left to the library's defaults, nor added tokens' ids."""
    model = spec["model"]
    return (
        "added_tokens" in spec
        and model.get("type") == "WordPiece"
        and model.keys() == {"type", "vocab", *_SETTINGS}
        and set(map(type, model["vocab"].values())) <= {int}
        and all(
            model["vocab"].get(token["content"]) == token["id"]
            for token in spec["added_tokens"]
        )
    )
