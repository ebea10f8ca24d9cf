"""Where a tokenizer surely splits a text, so that the parts can be tokenized alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from tokenizers import Tokenizer

from .library import specification

__all__ = ["Seams", "added_contents", "splits_at_spaces"]

_SPACE_BLIND_NORMALIZERS = {
    *("BertNormalizer", "Lowercase", "StripAccents"),
    *("NFC", "NFD", "NFKC", "NFKD"),
}
_SPACE_SPLITTERS = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}
_PLAIN_PROCESSORS = {"BertProcessing", "RobertaProcessing", "ByteLevel"}


def splits_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether the tokens of a text are those of its space-delimited chunks, joined.

    True only where this is proven: the normalizer changes no character because of one
    beyond a space, the pre-tokenizer always splits at a space and drops it, the model
    is not random, the post-processor repeats and drops nothing, and no added token is
    empty or contains white space.
    """
    normalizers = _flat(tokenizer.normalizer, "normalizers")
    pre_tokenizers = _flat(tokenizer.pre_tokenizer, "pretokenizers")
    processors = _flat(tokenizer.post_processor, "processors")
    return (
        all(part["type"] in _SPACE_BLIND_NORMALIZERS for part in normalizers)
        and bool(pre_tokenizers)
        and all(part["type"] in _SPACE_SPLITTERS for part in pre_tokenizers)
        and all(map(_only_adds_special_tokens, processors))
        and getattr(tokenizer.model, "dropout", None) is None
        and all(map(_is_one_chunk, added_contents(tokenizer)))
    )


class Seams(NamedTuple):
    """What is sure about a tokenizer that splits texts before their spaces.

    A *word* is what stands between spaces, with the spaces before it, so that a text is
    its words, joined. What is left of a word after normalizing depends on no other
    word, and the pre-tokenizer begins a new part where a word begins, on conditions
    that :class:`~sklearn_static._tokens.words.WordTokens` checks for each word.

    Attributes
    ----------
    marks : tuple of str
        With one of these has to begin what is left of a word.
    strips_start : bool
        Whether spaces at the beginning of a text are dropped.
    spaced : {"none", "after white space", "any"}
        Which parts of a word get a space before them that the text does not have.
    """

    marks: tuple[str, ...]
    strips_start: bool
    spaced: Literal["none", "after white space", "any"]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Seams | None:
        """What is sure about `tokenizer`; None if it may look across spaces."""
        normalizers = _flat(tokenizer.normalizer, "normalizers")
        first, *later = _flat(tokenizer.pre_tokenizer, "pretokenizers") or [{}]
        processors = _flat(tokenizer.post_processor, "processors")
        marks = _marks(first)
        contents = "".join(added_contents(tokenizer))
        if not (
            marks
            and all(map(_keeps_words_apart, normalizers))
            and all(map(_knows_only_its_part, later))
            and all(map(_only_adds_special_tokens, processors))
            and getattr(tokenizer.model, "dropout", None) is None
            and all(map(_is_one_chunk, added_contents(tokenizer)))
            and not any(mark in contents for mark in marks)
        ):
            return None
        return cls(
            marks,
            strips_start=any(part.get("strip_left") for part in normalizers),
            spaced=_spaced(first, later),
        )


# The regular expressions of GPT-2, GPT-4, Llama 3 and Qwen 2. None of their parts holds
# what is no white space before a space, or depends on what stands before it.
_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_RUNS_OF_SPACES = r"\s+(?!\S)|\s+"
_EXPRESSIONS = {
    rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{_RUNS_OF_SPACES}",
    *(
        rf"(?i:{_CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{number}|"
        rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|{_RUNS_OF_SPACES}"
        for number in ("", "{1,3}")
    ),
}
_OF_ITS_PART = {
    *(*_SPACE_SPLITTERS, "Punctuation", "Digits", "UnicodeScripts"),
    *("Split", "CharDelimiterSplit", "ByteLevel", "Metaspace"),
}


def _marks(splitter: dict[str, Any]) -> tuple[str, ...]:
    """Where a pre-tokenizer always splits, at or before; empty if that is not sure."""
    kind = splitter.get("type")
    if kind == "Metaspace":
        return (" ", splitter["replacement"]) if splitter.get("split", True) else ()
    if kind == "Split":
        is_sure = splitter["pattern"].get("Regex") in _EXPRESSIONS and (
            (splitter["behavior"], splitter["invert"])
            in (("Isolated", False), ("Removed", True))
        )
    else:
        is_sure = kind in _SPACE_SPLITTERS or (
            kind == "ByteLevel" and splitter.get("use_regex", True)
        )
    return (" ",) if is_sure else ()


def _spaced(
    first: dict[str, Any], later: list[dict[str, Any]]
) -> Literal["none", "after white space", "any"]:
    spacing = [
        part["type"] == "Metaspace" or part.get("add_prefix_space", False)
        for part in later
    ]
    if not any(spacing):
        return "none"
    of_white_space = first["type"] == "WhitespaceSplit" and len(later) == 1
    return "after white space" if of_white_space else "any"


def _knows_only_its_part(splitter: dict[str, Any]) -> bool:
    """Whether a later pre-tokenizer does not know where its part of a text stands."""
    kind = splitter["type"]
    return kind in _OF_ITS_PART and splitter.get("prepend_scheme") != "first"


def _keeps_words_apart(normalizer: dict[str, Any]) -> bool:
    """Whether a normalizer changes no character because of one in another word.

    But for runs of white space, which it may shorten, and white space at the ends.
    """
    kind, pattern = normalizer["type"], normalizer.get("pattern", {})
    if kind == "Replace" and "String" in pattern:
        return len(pattern["String"]) == 1 and not pattern["String"].isspace()
    if kind == "Replace":
        return pattern["Regex"] in (" {2,}", r"\s+", r"\s{2,}")
    return kind in {*_SPACE_BLIND_NORMALIZERS, "Precompiled", "Nmt", "Strip"}


def added_contents(tokenizer: Tokenizer) -> Iterator[str]:
    """The contents of the added tokens, and what is found in normalised texts.

    Normalisers make spaces out of other characters, a tab for instance, so that a token
    that was added with a tab is found where a text has a space. One of which they leave
    nothing is found between any two characters.
    """
    for token in tokenizer.get_added_tokens_decoder().values():
        yield token.content
        if token.normalized and tokenizer.normalizer is not None:
            yield tokenizer.normalizer.normalize_str(token.content)


def _is_one_chunk(content: str) -> bool:
    return bool(content) and not any(map(str.isspace, content))


def _only_adds_special_tokens(processor: dict[str, Any]) -> bool:
    if processor["type"] != "TemplateProcessing":
        return processor["type"] in _PLAIN_PROCESSORS
    sequences = [part["Sequence"] for part in processor["single"] if "Sequence" in part]
    return [sequence["id"] for sequence in sequences] == ["A"]


def _flat(component: Any, key: str) -> list[dict[str, Any]]:
    """The specifications of a tokenizer component, sequences opened."""
    if component is None:
        return []
    spec = specification(component)
    return spec[key] if spec["type"] == "Sequence" else [spec]
