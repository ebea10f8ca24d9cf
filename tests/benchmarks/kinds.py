"""Tables with other tokenizers than BERT's: trained ones, with random vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from reference import POTION, read
from tokenizers import (
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

WORD_PIECE, UNIGRAM, BPE = "WordPiece", "Unigram", "byte-level BPE"
N_PIECES, N_DIMENSIONS = 16_000, 256


def table_of(kind: str, folder: Path) -> Path:
    """The folder of a table whose tokenizer is of that kind."""
    return POTION if kind == WORD_PIECE else folder / kind


def make_table(kind: str, folder: Path) -> None:
    """Train a tokenizer of 16,000 pieces, and save it with a table."""
    from sklearn_static import StaticEmbedding

    texts = [
        text
        for dataset in ("subj", "massive_scenario", "bbc")
        for text in read(dataset, "train")[0]
    ]
    tokenizer = {UNIGRAM: unigram, BPE: byte_level_bpe}[kind](texts)
    shape = (tokenizer.get_vocab_size(), N_DIMENSIONS)
    vectors = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    table = StaticEmbedding(vectors, tokenizer, normalize=True)
    table.save_pretrained(table_of(kind, folder))


def unigram(texts: list[str]) -> Tokenizer:
    """In the manner of SentencePiece, as of XLM-RoBERTa."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=N_PIECES,
        unk_token="<unk>",
        special_tokens=["<unk>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def byte_level_bpe(texts: list[str]) -> Tokenizer:
    """In the manner of GPT-2, as of ModernBERT."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=N_PIECES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
