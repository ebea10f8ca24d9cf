"""Small made-up data and tables, on which a fit takes well under a second."""

from __future__ import annotations

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from sklearn_static import StaticEmbedding

TOPICS = {
    "cook": ("oven", "pan", "butter", "recipe", "salt", "dough", "roast", "onion"),
    "sail": ("mast", "harbour", "rope", "tide", "anchor", "deck", "hull", "rudder"),
    "code": ("loop", "compiler", "stack", "pointer", "thread", "cache", "byte", "heap"),
}
COMMON = ("the", "a", "of", "and", "to", "in", "with", "on", "it", "was", "is", "some")

WITHOUT_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "skorch"):
            raise ImportError(f"{name} is out of reach in this process")
sys.meta_path.insert(0, NoTorch())
"""
"""Code after which a process cannot import torch or skorch."""


def toy_embedding(n_dimensions: int = 48, seed: int = 0) -> StaticEmbedding:
    """A random table over the words of the toy texts, lower-cased WordPiece."""
    words = [*COMMON, *(word for topic in TOPICS.values() for word in topic)]
    tokens = ["[UNK]", *words, *"abcdefghijklmnopqrstuvwxyz0123456789.-"]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    vectors = np.random.default_rng(seed).normal(size=(len(vocabulary), n_dimensions))
    return StaticEmbedding(vectors.astype(np.float32), tokenizer, normalize=True)


def toy_texts(
    n_texts: int = 120, topics: tuple[str, ...] = ("cook", "sail"), seed: int = 0
) -> tuple[list[str], list[str]]:
    """Texts of a few words, and the topic of each."""
    rng = np.random.default_rng(seed)
    labels = [topics[i % len(topics)] for i in range(n_texts)]
    texts = []
    for label in labels:
        words = [*rng.choice(TOPICS[label], 3), *rng.choice(COMMON, 4)]
        texts.append(" ".join(rng.permutation(words)))
    return texts, labels
