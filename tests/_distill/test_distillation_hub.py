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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"revision": "../../../x"}, "but a branch, tag or commit"),
        ({"token": "hf_abc def"}, "token is empty, or has"),
    ],
)
def test_what_could_lead_astray_is_refused_before_the_hub_is_asked(
    monkeypatch, options, message
):
    pytest.importorskip("sklearn_static._distill.teacher", reason="needs torch")
    hub = pytest.importorskip("huggingface_hub")

    def ask(*args, **kwargs):
        pytest.fail("the Hub was asked")

    monkeypatch.setattr(hub, "snapshot_download", ask)
    with pytest.raises(ValueError, match=message) as caught:
        distill("org/teacher", **options)
    assert "hf_abc" not in str(caught.value)


def test_a_file_is_no_teacher(tmp_path):
    pytest.importorskip("sklearn_static._distill.teacher", reason="needs torch")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(NotADirectoryError, match=r"config\.json' is a file"):
        distill(tmp_path / "config.json")
