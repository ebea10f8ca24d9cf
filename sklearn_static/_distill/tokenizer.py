"""From a teacher's tokenizer to that of a static embedding.

A table has a row for each token, so tokens that occur in no text are removed, words can
be added, and ids are renumbered without gaps. This edits the tokenizer's JSON, the one
form that every kind of tokenizer has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel, WordPiece

from .._tokens.library import unknown_token_id

__all__ = ["static_tokenizer", "tokens_by_id"]

_PLACEHOLDER = re.compile(r"[\[<]unused_?\d+[\]>]")


def tokens_by_id(tokenizer: Tokenizer) -> list[str]:
    """The tokens of `tokenizer` in the order of their ids."""
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def static_tokenizer(tokenizer: Tokenizer, words: Sequence[str] = ()) -> Tokenizer:
    """A tokenizer without special tokens, and with tokens for `words`.

    Special tokens such as ``[CLS]`` and placeholders such as ``[unused0]`` are removed;
    the unknown token is kept. There is no post-processing, padding or truncation.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        The teacher's. It is not changed.
    words : sequence of str
        Normalised as `tokenizer` normalises texts. A word that would be split, such as
        ``"new york"``, becomes an added token, which is found before splitting.

    Returns
    -------
    tokenizer : tokenizers.Tokenizer
        With ids from 0 on without gaps: the remaining tokens in their old order, then
        the words in theirs.

    Raises
    ------
    ValueError
        If a word is empty after normalisation, or the tokenizer would not find it as
        one token.
    """
    spec = json.loads(tokenizer.to_str())
    spec.update(post_processor=None, padding=None, truncation=None)
    model, all_added = spec["model"], spec["added_tokens"]
    added = [entry for entry in all_added if not entry["special"]]
    unknown = _unknown_token(model)
    special = {entry["content"] for entry in all_added if entry["special"]}
    tokens = [
        token
        for token in _model_tokens(model)
        if token == unknown or not (token in special or _PLACEHOLDER.fullmatch(token))
    ]
    plain, spanning = _new_tokens(Tokenizer.from_str(json.dumps(spec)), words)
    tokens += plain
    _set_model_tokens(model, tokens, unknown)
    spec["added_tokens"] = [
        {**entry, "id": len(tokens) + i} for i, entry in enumerate(added)
    ]
    result = Tokenizer.from_str(json.dumps(spec))
    result.add_tokens([_added_token(tokenizer, word) for word in spanning])
    _check_found(result, words)
    return result


def _model_tokens(model: dict[str, Any]) -> list[str]:
    """The tokens of a model's specification, by id."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        return [token for token, _ in vocabulary]
    return sorted(vocabulary, key=vocabulary.__getitem__)


def _set_model_tokens(
    model: dict[str, Any], tokens: list[str], unknown: str | None
) -> None:
    """Make `tokens` the vocabulary of a model's specification."""
    if isinstance(model["vocab"], list):
        scores = dict(model["vocab"])
        model["vocab"] = [[token, scores[token]] for token in tokens]
        model["unk_id"] = None if unknown is None else tokens.index(unknown)
    else:
        model["vocab"] = {token: i for i, token in enumerate(tokens)}


def _unknown_token(model: dict[str, Any]) -> str | None:
    if model.get("unk_id") is not None:
        return str(model["vocab"][model["unk_id"]][0])
    return model.get("unk_token")


def _new_tokens(
    tokenizer: Tokenizer, words: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The `words` that are not tokens yet, normalised and without repetitions.

    First those that the model finds once they are in its vocabulary. Then those that
    are split before the model sees them, or that it cannot find without merges or
    scores.
    """
    unknown_id = unknown_token_id(tokenizer)
    finds_whole_words = isinstance(tokenizer.model, (WordPiece, WordLevel))
    plain: dict[str, None] = {}
    spanning: dict[str, str] = {}
    for word in words:
        ids = tokenizer.encode(word, add_special_tokens=False).ids
        if len(ids) == 1 and ids != [unknown_id]:
            continue
        text = _normalized(tokenizer, word)
        if finds_whole_words and _pieces(tokenizer, text) == [text]:
            plain[text] = None
        else:
            # An added token is normalised as texts are. Where that is not the same
            # twice, as with blanks put around each Chinese character, it has to be the
            # word as it was given.
            is_stable = _normalized(tokenizer, text) == text
            spanning.setdefault(text, text if is_stable else word.strip())
    return list(plain), list(spanning.values())


def _added_token(tokenizer: Tokenizer, word: str) -> AddedToken:
    text = _normalize(tokenizer, word)
    # One that begins with a blank of the normalizer's has a letter before it in texts.
    has_blank = text[0].isspace() or text[0] == "▁"
    return AddedToken(word, single_word=not has_blank)


def _check_found(tokenizer: Tokenizer, words: Sequence[str]) -> None:
    """Check that each word is one token, alone and in a text."""
    unknown_id = unknown_token_id(tokenizer)
    lost = []
    for word in words:
        texts = [word.strip(), f"a {word.strip()} a"]
        alone, inside = tokenizer.encode_batch(texts, add_special_tokens=False)
        is_one = len(alone.ids) == 1 and alone.ids != [unknown_id]
        if not (is_one and alone.ids[0] in inside.ids):
            lost.append(word)
    if lost:
        raise ValueError(
            f"vocabulary holds {lost[:5]}, which the teacher's tokenizer would not "
            "find as one token each. Take them out, or write them in another way."
        )


def _normalize(tokenizer: Tokenizer, word: str) -> str:
    normalizer = tokenizer.normalizer
    return word if normalizer is None else normalizer.normalize_str(word)


def _normalized(tokenizer: Tokenizer, word: str) -> str:
    text = _normalize(tokenizer, word)
    if not text.strip():
        raise ValueError(
            f"vocabulary holds {word!r}, which is empty after the normalisation of "
            "the teacher's tokenizer. Remove it."
        )
    return text.strip()


def _pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    if tokenizer.pre_tokenizer is None:
        return [text]
    return [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
