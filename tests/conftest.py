"""Fixtures that several test files share."""

import os
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from tokenizers import (
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from toys import frozen_pipeline

from sklearn_static import StaticEmbedding

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("SKLEARN_STATIC_SHARED", ROOT.parent / "shared"))

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind.",
    "A static embedding is the mean of the vectors of the tokens of a text.",
    "Unaffable, uncharacteristic words are taken apart: un, aff, able.",
    "New York and São Paulo; naïve café-goers eat crème brûlée in Zürich.",
    "In 1999 the price was 12.50 dollars, in 2024 it was $1,024.00!",
    "Быстрая лиса прыгает через ленивую собаку.",
    "素早い茶色の狐が怠け者の犬を飛び越える。 敏捷的棕色狐狸",
    "Der schnelle Fuchs springt über den faulen Hund; die Straße ist naß.",
    "tokens token tokenize tokenizer tokenizing tokenized untokenized",
]


def _pieces(tokenizer):
    """The characters, the beginnings and the ends of the words of the corpus."""
    words = set()
    for text in CORPUS:
        text = tokenizer.normalizer.normalize_str(text)
        words.update(w for w, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
    characters = sorted(set("".join(words)))
    beginnings = sorted({word[:4] for word in words} - set(characters))
    ends = sorted({word[4:] for word in words} - {"", *characters})
    return characters, beginnings, ends


def _word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    characters, beginnings, ends = _pieces(tokenizer)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *beginnings]
    tokens += [f"##{end}" for end in (*characters, *ends)]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer.model = models.WordPiece(vocabulary, unk_token="[UNK]")
    tokenizer.add_special_tokens(tokens[:5])
    return tokenizer


def _byte_level_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def _bpe_of_words():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=["<unk>"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def _unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    characters, beginnings, ends = _pieces(tokenizer)
    scored = [("<unk>", 0.0), *((c, -9.0) for c in characters)]
    scored += [(piece, -len(piece) - 1.0) for piece in (*beginnings, *ends)]
    tokenizer.model = models.Unigram(list(dict(scored).items()), unk_id=0)
    return tokenizer


def _word_level():
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


# Not all of them are trained: the trainers of WordPiece and Unigram differ by process.
_TOKENIZERS = {
    "WordPiece": _word_piece,
    "BPE of bytes": _byte_level_bpe,
    "BPE of words": _bpe_of_words,
    "Unigram": _unigram,
    "WordLevel": _word_level,
}


@cache
def _as_json(name):
    return _TOKENIZERS[name]().to_str()


def _table(tokenizer, *, n_dimensions=8, seed=0, **parameters):
    n_tokens = tokenizer.get_vocab_size()
    vectors = np.random.default_rng(seed).normal(size=(n_tokens, n_dimensions))
    return StaticEmbedding(vectors.astype(np.float32), tokenizer, **parameters)


@pytest.fixture(params=_TOKENIZERS)
def tokenizer(request):
    """A small tokenizer of each kind."""
    return Tokenizer.from_str(_as_json(request.param))


@pytest.fixture
def word_piece():
    """A small tokenizer of the kind that BERT has."""
    return Tokenizer.from_str(_as_json("WordPiece"))


@pytest.fixture(scope="session")
def make_table():
    """A function from a tokenizer to a random float32 table of eight dimensions."""
    return _table


@pytest.fixture
def embedding(word_piece):
    """A small random table over BERT's kind of tokenizer."""
    return _table(word_piece)


@pytest.fixture(scope="session")
def make_frozen():
    """A function from an embedding to a pipeline with a random head."""
    return frozen_pipeline


@pytest.fixture
def pipeline(embedding):
    """A frozen pipeline of three classes, whose head is random."""
    return frozen_pipeline(embedding)


@pytest.fixture(scope="session")
def plain_texts():
    """Ordinary sentences."""
    return list(CORPUS)


@pytest.fixture(scope="session")
def odd_texts():
    """Texts that tokenizers are known to stumble over."""
    return [
        *("", " ", "   ", "\t", "\n\n", "\x00", "\x85", "\xa0", "\u2028", "\u200b"),
        "the  quick\tbrown\nfox\r\njumps",
        "  leading and trailing  ",
        "the\x85quick\xa0brown\u2028fox\u3000jumps\x0bover\x1cthe\x00dog",
        "[CLS] the [UNK] fox [SEP] [MASK][PAD] <unk> <|end|> ##ing ▁the",
        "\ufefffox e\u0301 o\u0308\u0323 \u0301 ´ fox",
        "ǅ İstanbul ΣΑΣ ς ﬁ ½ ① ﷺ",
        "😀 👩‍👩‍👧 fox🦊 🇩🇪",
        "qqqq жжж 日本語 中文 한국어 ไทย العربية हिन्दी",
        "敏捷的棕色狐狸fox敏捷的",
        "pneumono" * 40,
        "fox " * 700,
        "?" * 300,
        "the quick brown fox",
    ]


def _column(values):
    return np.array(values, dtype=object).reshape(-1, 1)


def _pandas_series(texts):
    pandas = import_module("pandas")
    return pandas.Series(texts, index=range(7, 7 + len(texts)))


def _made_by(library, kind, **options):
    # Imported when needed: the tests without torch run where there is no data frame.
    return lambda texts: getattr(import_module(library), kind)(texts, **options)


_CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": lambda texts: np.array(texts, dtype=object),
    "str array": lambda texts: np.array(texts, dtype=str),
    "array of one column": _column,
    "pandas Series": _pandas_series,
    "pandas string Series": _made_by("pandas", "Series", dtype="string"),
    "pandas categorical": _made_by("pandas", "Series", dtype="category"),
    "pandas Index": _made_by("pandas", "Index"),
    "pandas DataFrame": _made_by("pandas", "DataFrame", columns=["text"]),
    "polars Series": _made_by("polars", "Series"),
    "polars DataFrame": _made_by("polars", "DataFrame", schema=["text"]),
}


@pytest.fixture(params=_CONTAINERS)
def container(request):
    """A function from a list of str to each container that texts may come in."""
    return _CONTAINERS[request.param]


@pytest.fixture(scope="session")
def shared():
    """The folder of reference data and models beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"there is no {SHARED}; set SKLEARN_STATIC_SHARED to its place")
    return SHARED


def pytest_itemcollected(item):
    if "shared" in getattr(item, "fixturenames", ()):
        item.add_marker("shared")
