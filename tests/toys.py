"""Small made-up data and tables, on which a fit takes well under a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from sklearn_static import StaticEmbedding, StaticEmbeddingTransformer, StaticPipeline
from sklearn_static._layers.layers import Linear, mlp
from sklearn_static.head import StaticHeadClassifier

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


def frozen_pipeline(
    embedding: StaticEmbedding,
    classes: tuple = ("neg", "pos", "so so"),
    hidden: tuple[int, ...] = (6,),
    **settings: object,
) -> StaticPipeline:
    """A frozen pipeline around `embedding`, whose head is random."""
    rng = np.random.default_rng(1)
    widths = [embedding.n_dimensions, *hidden, len(classes)]
    layers = [
        Linear(
            rng.normal(size=(n_outputs, n_inputs)).astype(np.float32),
            rng.normal(scale=0.1, size=n_outputs).astype(np.float32),
        )
        for n_inputs, n_outputs in pairwise(widths)
    ]
    head = StaticHeadClassifier(mlp(layers), np.asarray(classes))
    transformer = StaticEmbeddingTransformer(embedding, **settings)
    return StaticPipeline([("embedding", transformer), ("head", head)])


def run_program(
    name: str, *arguments: object, before: tuple[str, ...] = (), **environment: str
) -> Any:
    """What a program beside this file prints as JSON, run in a new process.

    It finds its modules where this process does. `before` are words in front of its
    command.
    """
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), *filter(None, sys.path)])
    done = subprocess.run(
        [*before, sys.executable, here / name, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
