"""Saves that are killed at every step: a program that test_replacing runs.

A forked child saves a model and kills itself before its n-th operation on files, which
Python announces to audit hooks; the parent then looks at what is left. It forks from a
process that has neither threads nor torch.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from itertools import count
from pathlib import Path

from toys import frozen_pipeline, toy_embedding

from sklearn_static import ModelFormatError, StaticEmbedding, StaticPipeline

TEXTS = ["the oven and the pan", "a tide in the harbour", ""]
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}


def main(parent: Path) -> None:
    """Print what became of the saves of each kind, as JSON."""
    os.fsync = lambda file: None  # what is written outlives a process without it
    table, other_table = toy_embedding(8, seed=1), toy_embedding(4, seed=2)
    pipeline, other = frozen_pipeline(table), frozen_pipeline(other_table)
    outcomes = {
        "pipeline over pipeline": kill_each_step(parent / "a", pipeline, other),
        "table over pipeline": kill_each_step(parent / "b", pipeline, other_table),
        "pipeline over table": kill_each_step(parent / "c", other_table, pipeline),
        "new folder": kill_each_step(parent / "d", None, pipeline),
        "pipeline over files without digests": kill_each_step(
            parent / "f", other, pipeline, write_plainly
        ),
        "after a killed save": kill_again(parent / "e", pipeline, other),
    }
    print(json.dumps(outcomes))


def answers_of(model) -> list:
    answer = getattr(model, "predict_proba", None) or model.encode
    return answer(TEXTS).tolist()


def save(model, folder: Path) -> None:
    model.save_pretrained(folder)


def write_plainly(model, folder: Path) -> None:
    """Write the files as version 0.1 and other libraries do, without digests."""
    folder.mkdir()
    for name, content in model.to_files().items():
        (folder / name).write_bytes(content)


def kill_each_step(folder: Path, old, new, write=save) -> Counter:
    """Save `new` over `old`, killed before each step in turn; count what is left."""
    outcomes: Counter = Counter()
    killed, steps = True, count()
    while killed:
        set_up(folder, old, write)
        killed = save_killed(new, folder, next(steps))
        outcomes[judge(folder, old, new)] += 1
        new.save_pretrained(folder)
        assert judge(folder, old, new) == "new"
        assert not list(folder.glob(".*")), "traces are left"
        assert not list(folder.parent.glob(".*")), "traces are left beside the folder"
    return outcomes


def kill_again(folder: Path, old, new) -> Counter:
    """As above after a save that was killed, so that its traces are taken away."""
    outcomes: Counter = Counter()
    for n_steps_before in (3, 33, 36, 40):
        killed, steps = True, count()
        while killed:
            set_up(folder, old)
            save_killed(new, folder, n_steps_before)
            left = judge(folder, old, new)
            killed = save_killed(old, folder, next(steps))
            after = judge(folder, old, new)
            assert after in (left, "old"), (left, after)
            outcomes[after] += 1
    return outcomes


def set_up(folder: Path, model, write=save) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if model is not None:
        write(model, folder)


def save_killed(model, folder: Path, n_steps: int) -> bool:
    """Save in a child that is killed before its step `n_steps`; whether it was."""
    child = os.fork()
    if child == 0:
        kill_before_step(n_steps)
        model.save_pretrained(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status != 0


def kill_before_step(n_steps: int) -> None:
    steps = count()

    def hook(event: str, arguments: tuple) -> None:
        if event in EVENTS and next(steps) == n_steps:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def judge(folder: Path, old, new) -> str:
    """Which model is in `folder`, for this package and for any other reader."""
    if not (folder / "config.json").exists():
        assert old is None, "a model has gone"
        return "none"
    opened = open_any(folder)
    found = [
        name
        for name, model in (("old", old), ("new", new))
        if model is not None and answers_of(opened) == answers_of(model)
    ]
    assert len(found) == 1, found
    if (folder / "model.safetensors").exists():
        assert any(is_whole(folder, model) for model in (old, new) if model is not None)
    return found[0]


def open_any(folder: Path):
    try:
        return StaticPipeline.from_pretrained(folder)
    except ModelFormatError:
        return StaticEmbedding.from_pretrained(folder)


def is_whole(folder: Path, model) -> bool:
    """Whether a reader that does not know of replacements finds each file."""
    files = model.to_files()
    config = json.loads((folder / "config.json").read_bytes())
    config["sklearn_static"].pop("files", None)
    return config == json.loads(files["config.json"]) and all(
        (folder / name).read_bytes() == content
        for name, content in files.items()
        if name not in ("config.json", "README.md")
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
