"""Jobs while other things happen: several at once, a collection that is edited, a disk that fills up."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from curator.proposals import kept_model
from tests.cli.conftest import Frieze
from tests.tag_models.colour_tagger import write_tagger
from tests.tag_models.onnx_models import write_labels, write_model

COUNT = 400


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    return write_tagger(tmp_path / "tagger")


@pytest.fixture
def many(tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images from black to red, all with a tag."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(COUNT):
        Image.new("RGB", (8, 8), (number % 256, number // 256, 0)).save(folder / f"{number:03}.png")
    monkeypatch.chdir(folder)
    assert frieze("scan", ".").code == 0
    assert frieze("tag", "add", "", "mine", "--yes").code == 0
    return folder


@pytest.mark.usefixtures("many")
def test_several_jobs_at_once(tagger: Path, tmp_path: Path, frieze: Frieze) -> None:
    other = tmp_path / "other"
    write_model(other / "model.onnx", [[0.0], [0.0], [4 / 255]], [-2.0])
    write_labels(other / "selected_tags.csv", ("reddish", 0))
    started = [frieze("propose", model, "--batch-size", 1, "--json").json["job"] for model in (tagger, other)]
    for job in started:
        assert frieze("jobs", "follow", job, "--json").json["done"] == COUNT
    assert {job["status"] for job in frieze("jobs", "list", "--json").json} == {"finished"}
    both = frieze("tag", "accept", "--model", "tagger", "--model", "other", "--dry-run", "--json").json
    assert both["answered"] == COUNT
    assert {"red", "reddish"} <= both["tags_added"].keys()


def test_the_collection_is_edited_while_a_job_looks_at_it(many: Path, tagger: Path, frieze: Frieze) -> None:
    """Edits and answers both count: tags, a file that moved, one that changed, one that is gone, one that is new."""
    job = frieze("propose", tagger, "--batch-size", 1, "--json").json["job"]
    assert frieze("tag", "add", "name:00", "early", "--yes").code == 0
    assert frieze("tag", "rename", "", "mine", "ours", "--yes").code == 0
    (many / "deep").mkdir()
    (many / "399.png").rename(many / "deep" / "399.png")
    Image.new("RGB", (8, 8), (9, 9, 200)).save(many / "398.png")
    (many / "397.png").unlink()
    Image.new("RGB", (8, 8), (1, 2, 250)).save(many / "new.png")
    assert frieze("scan", ".").code == 0
    assert frieze("jobs", "follow", job).code == 0
    again = frieze("propose", tagger, "--wait", "--json").json
    assert (again["images"], again["done"], again["failed"]) == (COUNT, COUNT, [])
    rows = {
        row["path"]: row for row in map(json.loads, frieze("proposals", "--model", "tagger", "--json").lines)
    }
    assert len(rows) == COUNT  # one is gone, one is new
    assert {"deep/399.png", "398.png", "new.png"} <= rows.keys()
    assert "399.png" not in rows
    blue = {name: value for name, _, value in rows["398.png"]["tags"]}["long_blue_hair"]
    assert blue > 0.7  # of what it shows now
    assert frieze("tag", "accept", "--model", "tagger", "--general", 0.6, "--yes").code == 0
    assert frieze("ls", "ours", "--count").out == f"{COUNT - 1}\n"
    assert frieze("ls", "early", "--count").out == "13\n"
    assert frieze("verify").code == 0


def test_labels_with_brackets_and_faces_become_the_tags_they_are(
    many: Path, tmp_path: Path, frieze: Frieze
) -> None:
    names = ("fox_(animal)", "long_hair", ">_<", "^_^", "x[y]_{z}", "a,_b")
    odd = tmp_path / "odd"
    write_model(odd / "model.onnx", [[0.0] * len(names)] * 3, [2.0] * len(names))
    write_labels(odd / "selected_tags.csv", *((f'"{name}"', 0) for name in names))
    assert frieze("propose", odd, "name:000.png", "--wait").code == 0
    (row,) = map(json.loads, frieze("proposals", "name:000.png", "--model", "odd", "--json").lines)
    assert [name for name, _, _ in row["tags"]] == [*names]  # as the model calls them
    told = frieze("tag", "accept", "name:000.png", "--model", "odd", "--yes", "--json").json
    assert told["no_tags"] == ["a,_b"]
    assert (
        frieze("ls", "name:000.png", "--columns", "tags").out
        == "mine, fox (animal), long hair, >_<, ^_^, x[y] {z}\n"
    )
    assert frieze("tag", "accept", "name:000.png", "--model", "odd", "--yes", "--json").json["changed"] == 0


@pytest.mark.usefixtures("many")
def test_each_image_has_its_own_threshold_with_mcut(tagger: Path, frieze: Frieze) -> None:
    assert frieze("propose", tagger, "name:255.png", "--wait").code == 0
    done = frieze("proposals", "name:255.png", "--model", "tagger", "--mcut", "--json")
    (row,) = map(json.loads, done.lines)
    general = [name for name, cls, _ in row["tags"] if cls == "general"]
    # 0.95, 0.88, then 0.27 and 0.12: the widest gap is above 0.27
    assert general == ["a,_b", "red"]


@pytest.mark.usefixtures("many")
def test_a_disk_that_is_full_when_answers_are_taken_in_loses_none(
    tagger: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = frieze("propose", tagger, "--json").json["job"]
    writing = kept_model.write_segment

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept_model, "write_segment", full)
    done = frieze("jobs", "follow", job)
    assert "Traceback" not in done.err
    done = frieze("proposals", "--model", "tagger", "--counts")
    assert (done.code, "proposals cannot be written: No space left on device" in done.err) == (2, True)
    monkeypatch.setattr(kept_model, "write_segment", writing)
    assert len(frieze("proposals", "--model", "tagger", "--json").lines) == COUNT
