"""Save the pipelines that every later version has to open, and what they predict.

Run it only when the folders' format gets a new version: the folders of the versions
before stay as they are, and have to stay readable.
"""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from sklearn_static import (
    StaticEmbedding,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticPipeline,
)
from sklearn_static._io.files import FORMAT_VERSION
from sklearn_static._layers.layers import (
    Activation,
    Head,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
    mlp,
)
from sklearn_static.head import StaticHeadClassifier, StaticHeadRegressor

GOLDEN = Path(__file__).parent / "golden"
WORDS = ["a", "acting", "bad", "dull", "film", "fine", "good", "great", "poor", "##s"]
TEXTS = ["great films", "poor film, bad acting", "Dull, dull!", "zebra", ""]
rng = np.random.default_rng(0)


def tiny_embedding():
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return StaticEmbedding(normal(len(vocabulary), 4), tokenizer, normalize=True)


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


def linear(n_inputs, n_outputs):
    return Linear(normal(n_outputs, n_inputs), normal(n_outputs))


def perceptron(n_outputs):
    return mlp([linear(4, 8), linear(8, n_outputs)])


def head_of_every_layer(n_outputs):
    return Head(
        (
            LayerNorm(normal(4), normal(4), eps=1e-5),
            Residual((linear(4, 8), Activation("gelu"), linear(8, 4))),
            LeakyReLU(0.1),
            linear(4, n_outputs),
            Scale(normal(n_outputs), normal(n_outputs)),
        )
    )


def pipelines():
    """One pipeline for each kind of table, head and task."""
    table = tiny_embedding()
    small = table.compress(["a good film", "poor acting"], dtype="int8")
    half = table.compress(dtype="float16", dimensions=4)
    heads = {
        "classes": (table, StaticHeadClassifier(perceptron(2), ["neg", "pos"])),
        "numbered_classes": (small, StaticHeadClassifier(perceptron(3), [1, 2, 5])),
        "many_labels": (
            half,
            StaticHeadClassifier(
                perceptron(3), ["x", "y", "z"], multilabel=True, threshold=0.3
            ),
        ),
        "numbers": (table, StaticHeadRegressor(perceptron(2))),
        "own_head": (table, StaticHeadClassifier(head_of_every_layer(2), ["n", "p"])),
    }
    made = {name: _pipeline(*parts) for name, parts in heads.items()}
    return {**made, "votes": _solved(table)}


def _solved(table):
    texts = ["great acting", "good films", "fine film", "poor films", "bad acting"] * 4
    labels = ["pos", "pos", "pos", "neg", "neg"] * 4
    classifier = StaticLinearClassifier(table, handle_missing="empty", random_state=0)
    return classifier.fit(texts, labels).to_pipeline()


def _pipeline(table, head):
    transformer = StaticEmbeddingTransformer(table, handle_missing="empty")
    return StaticPipeline([("embedding", transformer), ("head", head)])


def expectations(pipeline):
    answer = {"texts": TEXTS, "predictions": pipeline.predict(TEXTS).tolist()}
    if hasattr(pipeline, "predict_proba"):
        answer["probabilities"] = pipeline.predict_proba(TEXTS).round(8).tolist()
    return answer


def main():
    for name, pipeline in pipelines().items():
        folder = GOLDEN / f"version-{FORMAT_VERSION}" / name
        pipeline.save_pretrained(folder / "pipeline")
        text = json.dumps(expectations(pipeline), indent=2) + "\n"
        (folder / "expected.json").write_text(text, "utf8")


if __name__ == "__main__":
    main()
