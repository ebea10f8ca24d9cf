"""What `distill` asks the Hub for."""

import pytest

from sklearn_static import distill


def test_the_teacher_is_asked_for_as_told(monkeypatch):
    room = pytest.importorskip("sklearn_static._distill.teacher", reason="needs torch")
    asked = {}

    class Asked(Exception):
        pass

    def teacher(name, device, **options):
        asked.update(options, name=name)
        raise Asked

    monkeypatch.setattr(room, "Teacher", teacher)
    with pytest.raises(Asked):
        distill("org/teacher", revision="v2", token="hf_x", local_files_only=True)
    assert asked == {
        "name": "org/teacher",
        "revision": "v2",
        "token": "hf_x",
        "local_files_only": True,
    }
