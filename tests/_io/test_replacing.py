"""A save that is killed at any moment leaves the old model or the new one, whole."""

import os

import pytest
from toys import run_program

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="a process has to be forked to be killed"
)


def test_a_save_killed_at_any_step_leaves_the_old_model_or_the_new(tmp_path):
    outcomes = run_program("killed_saves.py", tmp_path)
    for kind in (
        "pipeline over pipeline",
        "table over pipeline",
        "pipeline over table",
    ):
        assert outcomes[kind]["old"] > 10
        assert outcomes[kind]["new"] > 5
    assert outcomes["new folder"].keys() == {"none", "new"}
    assert outcomes["after a killed save"].keys() == {"old", "new"}
