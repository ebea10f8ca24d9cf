"""Which files a model's folder has, in each of the formats that are read."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

__all__ = [
    "FILES",
    "LEGACY_HEAD",
    "MODULES",
    "NESTED",
    "NORMALIZE_CONFIG",
    "SETTINGS",
    "missing_files",
]

MODULES = "modules.json"
SETTINGS = "config_sentence_transformers.json"
NESTED = "0_StaticEmbedding"
NORMALIZE_CONFIG = "1_Normalize/config.json"
LEGACY_HEAD = "pipeline.skops"

# model2vec's, and then those of sentence-transformers from version 5 on and before.
_REQUIRED = (
    ("model.safetensors", "tokenizer.json", "config.json"),
    ("model.safetensors", "tokenizer.json", MODULES, SETTINGS),
    (f"{NESTED}/model.safetensors", f"{NESTED}/tokenizer.json", MODULES, SETTINGS),
)
_OPTIONAL = (NORMALIZE_CONFIG, "head.safetensors", LEGACY_HEAD, "README.md")

FILES = (*dict.fromkeys(chain(*_REQUIRED)), *_OPTIONAL)
"""Every file that may be read."""


def missing_files(folder: Path) -> list[str]:
    """What `folder` lacks of the format that it is nearest to; nothing if complete."""
    lacking = [
        [name for name in names if not (folder / name).is_file()] for names in _REQUIRED
    ]
    return min(lacking, key=len)
