"""Train and save the pipeline that the tests load where torch is not installed.

Run it where torch is installed, and only when the folders' format gets a new version:
the folders of the versions before stay, and have to stay readable.
"""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from sklearn_static import StaticClassifier, StaticEmbedding
from sklearn_static.persistence import FORMAT_VERSION

GOLDEN = Path(__file__).parent / "golden"
WORDS = ["a", "acting", "bad", "dull", "film", "fine", "good", "great", "poor", "##s"]
TEXTS = [
    "a good film",
    "great acting",
    "fine films",
    "a bad film",
    "poor acting",
    "dull",
]
LABELS = ["pos", "pos", "pos", "neg", "neg", "neg"]
UNSEEN = ["great films", "poor film, bad acting", "Dull, dull!", "zebra", ""]


def tiny_embedding():
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    vectors = np.random.default_rng(0).normal(size=(len(vocabulary), 4))
    return StaticEmbedding(vectors.astype(np.float32), tokenizer, normalize=True)


def main():
    classifier = StaticClassifier(
        tiny_embedding(),
        hidden_layer_sizes=(8,),
        lr=0.01,
        max_epochs=20,
        random_state=0,
    )
    classifier.fit(TEXTS * 10, LABELS * 10)
    folder = GOLDEN / f"version-{FORMAT_VERSION}"
    classifier.to_pipeline().save_pretrained(folder / "pipeline")
    expected = {
        "texts": UNSEEN,
        "labels": classifier.predict(UNSEEN).tolist(),
        "probabilities": classifier.predict_proba(UNSEEN).round(8).tolist(),
    }
    text = json.dumps(expected, indent=2) + "\n"
    (folder / "expected.json").write_text(text, "utf8")


if __name__ == "__main__":
    main()
