"""Small valid model folders, as the contents of their files, to be spoiled."""

from __future__ import annotations

import numpy as np
from tokenizers import (
    AddedToken,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from sklearn_static import StaticEmbedding, StaticEmbeddingTransformer, StaticPipeline
from sklearn_static._io.files import json_bytes, tensor_bytes
from sklearn_static._layers.layers import (
    ACTIVATIONS,
    Activation,
    Head,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
    mlp,
)
from sklearn_static._lexical.vocabulary import fit_vocabulary
from sklearn_static._lexical.weights import WordWeights, idf_of
from sklearn_static.head import StaticHeadClassifier, StaticHeadRegressor

N_DIMENSIONS = 4
PIECES = ["a", "b", "c", "ab", "bc", "é", "中", "1", "-", "fox"]


def _word_piece() -> Tokenizer:
    tokens = ["[UNK]", "[MASK]", *PIECES, *(f"##{piece}" for piece in PIECES)]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    tokenizer.add_tokens([AddedToken("Abc", single_word=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[MASK] $A", special_tokens=[("[MASK]", 1)]
    )
    return tokenizer


def _unigram() -> Tokenizer:
    scored = [("<unk>", 0.0), ("▁", -2.0), *((p, -len(p) - 1.0) for p in PIECES)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=0))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace("b", "c"), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.enable_padding(length=7)
    return tokenizer


def _byte_level() -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*alphabet, "ab", "fo", "fox"])}
    merges = [("a", "b"), ("f", "o"), ("fo", "x")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.enable_truncation(5, stride=2)
    return tokenizer


def _merged_words() -> Tokenizer:
    vocabulary = {token: i for i, token in enumerate(["<unk>", *PIECES])}
    merges = [("a", "b"), ("b", "c")]
    model = models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _words() -> Tokenizer:
    vocabulary = {token: 2 * i for i, token in enumerate(["[UNK]", *PIECES])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    return tokenizer


def _table(tokenizer: Tokenizer, *, kind: str, **settings: object) -> StaticEmbedding:
    rng = np.random.default_rng(0)
    n_tokens = 1 + max(tokenizer.get_vocab().values())
    n_rows = 5 if kind == "mapping" else n_tokens
    vectors = rng.normal(size=(n_rows, N_DIMENSIONS)).astype(np.float32)
    if kind == "int8":
        vectors = (30 * vectors).astype(np.int8)
    if kind == "float16":
        vectors = vectors.astype(np.float16)
    if kind == "mapping":
        settings["mapping"] = rng.integers(0, n_rows, n_tokens)
        settings["weights"] = rng.uniform(size=n_tokens)
    return StaticEmbedding(vectors, tokenizer, **settings)


TABLES = {
    "WordPiece": _table(_word_piece(), kind="float32"),
    "Unigram": _table(_unigram(), kind="mapping", normalize=True, max_length=9),
    "BPE of bytes": _table(_byte_level(), kind="float16", max_length=None),
    "BPE of words": _table(_merged_words(), kind="int8", metadata={"name": "a/b"}),
    "WordLevel": _table(_words(), kind="float32", normalize=True),
}


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _every_layer(n_outputs: int) -> Head:
    wide, norm = np.ones(6, np.float32), LayerNorm(_random(6), _random(6), eps=1e-5)
    inner: list[Layer] = [norm, Linear(_random(6, 6), _random(6)), LeakyReLU(0.1)]
    return Head(
        (
            Linear(_random(6, N_DIMENSIONS), _random(6)),
            *(Activation(name) for name in ACTIVATIONS),
            Residual((*inner, Residual((norm,)))),
            Scale(wide, _random(6)),
            Linear(_random(n_outputs, 6), _random(n_outputs)),
        )
    )


def _perceptron(n_outputs: int) -> Head:
    first = Linear(_random(3, N_DIMENSIONS), _random(3))
    return mlp([first, Linear(_random(n_outputs, 3), _random(n_outputs))])


HEADS = {
    "classes": StaticHeadClassifier(_perceptron(3), np.array(["no", "so so", "yes"])),
    "numbers": StaticHeadClassifier(_every_layer(2), np.array([3, 70], np.uint8)),
    "labels": StaticHeadClassifier(
        _perceptron(3), np.arange(3), multilabel=True, threshold=0.3
    ),
    "values": StaticHeadRegressor(_every_layer(2)),
    "votes": StaticHeadClassifier(
        mlp([Linear(_random(3, N_DIMENSIONS + 3), _random(3))]), np.arange(3)
    ),
}


def _votes(embedding: StaticEmbedding) -> WordWeights:
    texts = ["fox ab cc", "ab cc fox", "fox ab", "bc"]
    vocabulary, df = fit_vocabulary(embedding.words(embedding.tokenize(texts)), 100)
    return WordWeights(vocabulary, idf_of(df, len(texts)), _random(len(vocabulary), 3))


def _files(table: str, head: str) -> dict[str, bytes]:
    embedding = TABLES[table]
    word_weights = _votes(embedding) if head == "votes" else None
    transformer = StaticEmbeddingTransformer(embedding, word_weights=word_weights)
    steps = [("embedding", transformer), ("head", HEADS[head])]
    return StaticPipeline(steps).to_files()


FOLDERS = {
    f"{table}, {head}": _files(table, head)
    for table, head in [
        ("WordPiece", "classes"),
        ("Unigram", "labels"),
        ("BPE of bytes", "numbers"),
        ("BPE of words", "values"),
        ("WordLevel", "classes"),
        ("WordPiece", "votes"),
    ]
}
"""The files of saved pipelines, by name, of every kind of tokenizer and of head."""


def _modules(folder: str, normalize: bool) -> dict[str, bytes]:
    home = "sentence_transformers.models"
    modules = [{"idx": 0, "name": "0", "path": folder, "type": home}]
    modules[0]["type"] += ".StaticEmbedding"
    if normalize:
        modules.append({**modules[0], "path": "1_Normalize", "type": home})
        modules[1]["type"] += ".Normalize"
    settings = {"prompts": {"query": ""}, "default_prompt_name": "query"}
    settings["truncate_dim"] = None if normalize else 3
    tokenizer = TABLES["BPE of words"].tokenizer
    tokenizer.enable_truncation(8)
    vectors = TABLES["BPE of words"].vectors.astype(np.float32)
    prefix = f"{folder}/" if folder else ""
    return {
        "modules.json": json_bytes(modules),
        "config_sentence_transformers.json": json_bytes(settings),
        "1_Normalize/config.json": json_bytes({"module": "sentence_embedding"}),
        f"{prefix}tokenizer.json": tokenizer.to_str().encode(),
        f"{prefix}model.safetensors": tensor_bytes({"embedding.weight": vectors}),
    }


MODULES = [_modules("", False), _modules("0_StaticEmbedding", True)]
"""The files of tables as sentence-transformers saves them."""
