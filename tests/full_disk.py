"""Saves where there is no room: a program that test_failed_fits runs.

It mounts a small file system on the folder that it is given, so it needs a mount
namespace of its own, and prints what each save raised and left.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import StaticPipeline

SIZE = 400_000
TEXTS, _ = toy_texts()


def main(disk: Path) -> None:
    """Print the outcomes as JSON."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk]
    subprocess.run(mount, check=True)
    old, large = (frozen_pipeline(toy_embedding(size)) for size in (8, 2000))
    old.save_pretrained(disk / "model")
    outcomes = [attempt(large, disk, "model"), attempt(large, disk, "new")]
    fill(disk / "other file")
    outcomes += [attempt(old, disk, "model"), attempt(old, disk, "new")]
    again = StaticPipeline.from_pretrained(disk / "model")
    assert np.array_equal(again.predict_proba(TEXTS), old.predict_proba(TEXTS))
    print(json.dumps(outcomes))


def attempt(model: StaticPipeline, disk: Path, name: str) -> str:
    before = contents(disk)
    try:
        model.save_pretrained(disk / name)
    except OSError as error:
        left = "all as it was" if contents(disk) == before else "something else"
        return f"{errno.errorcode[error.errno or 0]}, {left}"
    return "saved"


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
