"""What the `tokenizers` library makes of texts, with errors of one kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

from .._utils.errors import reraise_as
from .bags import TokenBags

__all__ = [
    "checked_encodings",
    "ids_of_each",
    "specification",
    "tokenize",
    "unknown_token_id",
    "without_lone_surrogates",
]

# From where on the library's threads are worth waking.
_MANY_TEXTS = 50


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> TokenBags:
    """What :func:`ids_of_each` gives, as bags."""
    return TokenBags.from_rows(ids_of_each(tokenizer, texts))


def ids_of_each(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """All token ids of each text, unknown ones too, without special tokens.

    Lone surrogates, which are no characters, count as U+FFFD.

    Raises
    ------
    ValueError
        If the tokenizer fails on a text.
    """
    return [encoding.ids for encoding in checked_encodings(tokenizer, texts)]


def checked_encodings(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Any]:
    with reraise_as(ValueError, "The tokenizer fails on a text"):
        try:
            return _encodings(tokenizer, texts)
        except TypeError:
            texts = [without_lone_surrogates(text) for text in texts]
            return _encodings(tokenizer, texts)


def _encodings(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Any]:
    if len(texts) < _MANY_TEXTS:
        return [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    return tokenizer.encode_batch_fast(texts, add_special_tokens=False)


def without_lone_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unknown_token_id(tokenizer: Tokenizer) -> int | None:
    """The id that `tokenizer` gives to what it does not know, if it has one."""
    model = tokenizer.model
    if hasattr(model, "unk_token"):
        token = model.unk_token
        return None if token is None else tokenizer.token_to_id(token)
    unknown_id: int | None = specification(model).get("unk_id")
    return unknown_id


def specification(component: Any) -> dict[str, Any]:
    """What a part of a tokenizer has in ``tokenizer.json``."""
    spec: dict[str, Any] = json.loads(component.__getstate__())
    return spec
