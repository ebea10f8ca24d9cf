"""A tokenizer out of its JSON form, and its library's object when that is needed.

To hand some ten thousand tokens to the library takes as long as all else that opening a
table does but reading it. Most texts of BERT's tokenizers never need it: see
:mod:`sklearn_static._tokens.tokenizer`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer, models

from .._utils.lazy import lazy

__all__ = ["TokenizerSource", "parsed"]

_SETTINGS = ("unk_token", "continuing_subword_prefix", "max_input_chars_per_word")
_LARGEST_ID = 2**32 - 1


class TokenizerSource:
    """A tokenizer in two parts, its rules and its vocabulary.

    Parameters
    ----------
    rules : tokenizers.Tokenizer
        All of it, or all but the vocabulary of a WordPiece, of which it has the added
        tokens and the unknown one.
    vocabulary : dict of str to int, default=None
        What `rules` lacks then.
    """

    def __init__(
        self, rules: Tokenizer, vocabulary: dict[str, int] | None = None
    ) -> None:
        self.rules = rules
        self._vocabulary = vocabulary

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """The ids of all tokens, added ones too."""
        if self._vocabulary is None:
            return self.rules.get_vocab()
        return self._vocabulary

    @lazy
    def whole(self) -> Tokenizer:
        """The tokenizer with its vocabulary."""
        if self._vocabulary is None:
            return self.rules
        model: Any = self.rules.model
        settings = {name: getattr(model, name) for name in _SETTINGS}
        whole = Tokenizer.from_str(self.rules.to_str())
        whole.model = models.WordPiece(self._vocabulary, **settings)
        return whole


def parsed(content: str) -> TokenizerSource:
    """The tokenizer that ``tokenizer.json`` describes.

    Raises
    ------
    Exception
        Of any kind, if `content` describes none.
    """
    spec = json.loads(content)
    if not _is_plain_word_piece(spec):
        return TokenizerSource(Tokenizer.from_str(content))
    model = spec["model"]
    vocabulary = model["vocab"]
    _check(vocabulary)
    # The library looks the ids of added tokens up in the vocabulary.
    needed = [token["content"] for token in spec["added_tokens"]]
    needed.append(model["unk_token"])
    model["vocab"] = {
        token: vocabulary[token] for token in needed if token in vocabulary
    }
    return TokenizerSource(Tokenizer.from_str(json.dumps(spec)), vocabulary)


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


def _check(vocabulary: Mapping[str, int]) -> None:
    """Raise ValueError unless the library can be given the vocabulary."""
    ids = vocabulary.values()
    if not 0 <= min(ids, default=0) <= max(ids, default=0) <= _LARGEST_ID:
        raise ValueError(f"ids from 0 to {_LARGEST_ID} were expected")
    "".join(vocabulary).encode()  # lone surrogates are no text
