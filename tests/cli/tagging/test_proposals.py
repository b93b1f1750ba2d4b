"""Tag models from the command line: asked, killed, collected, looked at by any threshold, accepted, taken back."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curator.contract.run.run_folder import RunFolder
from curator.contract.tagging.job import part_files
from curator.runs import tagging
from tests.cli.conftest import Frieze
from tests.tag_models.colour_tagger import BLUE, RED, write_tagger
from tests.tag_models.onnx_models import write_labels, write_model

LIMIT_S = 300


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.float32(value))))


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    return write_tagger(tmp_path / "tagger")


@pytest.fixture
def shades(tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images from blue (0.png) to red (11.png), and the red one once more."""
    folder = tmp_path / "shades"
    folder.mkdir()
    for number in range(12):
        red = number * 255 // 11
        Image.new("RGB", (24, 24), (red, 0, 255 - red)).save(folder / f"{number:02}.png")
    (folder / "copy.png").write_bytes((folder / "11.png").read_bytes())
    monkeypatch.chdir(folder)
    assert frieze("scan", ".").code == 0
    return folder


def rows_of(done: Any) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in map(json.loads, done.lines)}


def test_propose_then_any_threshold_without_asking_again(shades: Path, tagger: Path, frieze: Frieze) -> None:
    """B04, S029: thresholds are questions to what was kept; a value must be strictly greater."""
    told = frieze("propose", tagger, "--wait", "--json").json
    assert (told["model"], told["provider"], told["images"], told["done"]) == ("tagger", "cpu", 13, 13)
    assert [*told] == ["schema", "model", "provider", "images", "done", "failed", "images_per_s"]
    assert told["failed"] == []
    assert told["images_per_s"] > 0
    rows = rows_of(frieze("proposals", "--model", tagger, "--json"))
    assert [*rows] == sorted(rows)  # in the filter's order
    assert len(rows) == 13
    assert all([*row] == ["id", "path", "tags", "rating"] for row in rows.values())
    assert rows["copy.png"]["tags"] == rows["11.png"]["tags"]
    red = {name: (cls, value) for name, cls, value in rows["11.png"]["tags"]}
    assert red["red"] == ("general", pytest.approx(sigmoid(2), abs=1e-6))
    assert red["miku"] == ("character", pytest.approx(sigmoid(2), abs=1e-6))
    (line,) = frieze("proposals", "name:11.png", "--model", "tagger", "--general", 0.8).lines
    assert line.split("\t") == [
        str(rows["11.png"]["id"]),
        "11.png",
        "sensitive 0.73",
        "a,_b 0.95, red 0.88, miku 0.88",
    ]
    assert rows["11.png"]["rating"] == ["sensitive", pytest.approx(sigmoid(1), abs=1e-6)]
    (exact,) = (value for name, _, value in rows["05.png"]["tags"] if name == "red")
    assert "red" not in _names(frieze, "name:05.png", "--general", repr(exact))
    assert "red" in _names(
        frieze, "name:05.png", "--general", repr(np.nextafter(np.float32(exact), 0).item())
    )
    assert "miku" not in _names(frieze, "name:11.png", "--character", 0.9)
    (tagger / "model.onnx").unlink()  # nobody needs it any more
    counts = _counts(frieze, 0.5)
    assert counts["red"] == sum(1 for n in [*range(12), 11] if sigmoid(4 * (n * 255 // 11) / 255 - 2) > 0.5)


def _counts(frieze: Frieze, general: float) -> dict[str, int]:
    told = frieze("proposals", "--model", "tagger", "--general", general, "--counts", "--json").json
    return {each["name"]: each["images"] for each in told}


def _names(frieze: Frieze, filter: str, *options: object) -> set[str]:
    (row,) = map(json.loads, frieze("proposals", filter, "--model", "tagger", *options, "--json").lines)
    return {name for name, _, _ in row["tags"]}


def test_what_was_seen_is_not_looked_at_again(shades: Path, tagger: Path, frieze: Frieze) -> None:
    assert frieze("propose", tagger, "name:0", "--wait", "--json").json["done"] == 11
    Image.new("RGB", (9, 9), (0, 255, 0)).save(shades / "green.png")
    assert frieze("scan", ".").code == 0
    job = frieze("propose", tagger, "--json").json
    assert job["answered"] == 11
    assert frieze("jobs", "follow", job["job"]).code == 0
    again = frieze("propose", tagger, "--wait", "--json").json
    assert (again["images"], again["done"]) == (14, 14)
    assert len(frieze("jobs", "list", "--json").json) == 2
    assert len(rows_of(frieze("proposals", "--model", "tagger", "--json"))) == 14


def test_accepting_is_an_edit_that_can_be_undone(shades: Path, tagger: Path, frieze: Frieze) -> None:
    frieze("propose", tagger, "--wait")
    frieze("tag", "add", "name:11.png", "Red", "mine", "--yes")
    options = ("--model", "tagger", "--general", 0.6, "--character", 0.6)
    looked = frieze("tag", "accept", "name:1", *options, "--dry-run", "--json").json
    assert looked["commit"] is None
    shown = frieze("tag", "accept", "name:1", *options, "--dry-run").lines
    assert shown[0] == "+ miku\t2"
    made = frieze("tag", "accept", "name:1", *options, "--yes", "--json").json
    assert {**made, "commit": None, "dry_run": True} == looked
    assert made["matched"] == made["answered"] == 3  # 01, 10, 11
    assert made["no_tags"] == ["a,_b"]  # a comma parts tags
    assert made["tags_added"] == {"red": 1, "long blue hair": 1, "hair": 1, "miku": 2}  # one has Red
    assert frieze("ls", "name:11.png", "--columns", "tags").out == "Red, mine, miku\n"
    classes = {tag["name"]: tag["class"] for tag in frieze("tag", "list", "--json").json}
    assert classes["miku"] == "character"
    assert frieze("tag", "accept", "name:1", *options, "--yes", "--json").json["changed"] == 0
    assert frieze("undo").code == 0
    assert frieze("ls", "name:10.png", "--columns", "tags").out == "\n"


def test_modes_classes_overlaps_and_ratings(shades: Path, tagger: Path, frieze: Frieze) -> None:
    frieze("propose", tagger, "--wait")
    frieze("tag", "add", "name:00.png", "old", "--yes")
    options = ("--model", "tagger", "--general", 0.6, "--character", 0.6, "--yes")
    assert (
        frieze("tag", "accept", "name:00.png", *options, "--mode", "missing", "--class", "general").code == 0
    )
    assert frieze("ls", "name:00.png", "--columns", "tags").out == "old\n"
    frieze("tag", "accept", "name:00.png", *options, "--mode", "replace", "--drop-overlaps", "--rating")
    assert frieze("ls", "name:00.png", "--columns", "tags").out == "long blue hair, rating:sensitive\n"
    frieze("undo")
    assert frieze("ls", "name:00.png", "--columns", "tags").out == "old\n"
    frieze("tag", "accept", "name:01.png", *options, "--mode", "missing", "--class", "general")
    assert frieze("ls", "name:01.png", "--columns", "tags").out == "long blue hair, hair\n"
    frieze("tag", "accept", "name:02.png", *options, "--without", "Long Blue Hair, no_such")
    assert frieze("ls", "name:02.png", "--columns", "tags").out == "hair\n"
    wrong = frieze("tag", "accept", *options, "--class", "artist")
    assert (wrong.code, "no label of the model is of the class 'artist'" in wrong.err) == (2, True)


def test_several_models_together(shades: Path, tagger: Path, tmp_path: Path, frieze: Frieze) -> None:
    other = tmp_path / "other"
    write_model(other / "model.onnx", np.stack([RED, BLUE], axis=1).tolist(), [-2.0, -9.0])
    write_labels(other / "selected_tags.csv", ("RED", 0), ("hair", 0))
    frieze("propose", tagger, "--wait")
    frieze("propose", other, "--wait")
    both = ("--model", "tagger", "--model", "other", "--general", 0.6, "--dry-run", "--json")
    one = frieze("tag", "accept", "--model", "tagger", "--general", 0.6, "--dry-run", "--json").json[
        "tags_added"
    ]
    assert frieze("tag", "accept", *both).json["tags_added"] == one
    agreed = frieze("tag", "accept", *both, "--agree", 2).json["tags_added"]
    assert agreed == {"red": one["red"]}


def test_a_score_is_a_column_that_is_cut_without_asking_again(
    tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S007: 730 images are scored once, and a cut leaves 430; a histogram says what each would, without the model."""
    monkeypatch.setenv("FRIEZE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "frieze").mkdir(parents=True)
    (tmp_path / "config" / "frieze" / "models.toml").write_text('[Redness]\nfamily = "onnx-scorer"\n')
    weights = tmp_path / "models" / "Redness" / "model.onnx"
    write_model(weights, RED[:, None].tolist(), [-2.0])
    folder = tmp_path / "many"
    folder.mkdir()
    reds = [number % 100 + (150 if number >= 300 else 0) for number in range(730)]
    for number, red in enumerate(reds):
        Image.new("RGB", (8, 8), (red, number // 100, 0)).save(folder / f"{number:03}.png")
    monkeypatch.chdir(folder)
    assert frieze("scan", ".").code == 0
    assert frieze("propose", "Redness", "--wait", "--json").json["done"] == 730
    weights.unlink()
    for cut in (0.5, 0.7, 0.2, 0.5):
        left = [f"{n:03}.png" for n, red in enumerate(reds) if sigmoid(4 * red / 255 - 2) > cut]
        assert sorted(frieze("ls", f"score(redness)>{cut}", "--columns", "name", "--limit", 0).lines) == left
    assert frieze("ls", "score(redness)>0.5", "--count").out == "430\n"
    bars = frieze("facets", "--by", "score(redness)", "--json").json
    assert [*bars[0]] == ["at_least", "below", "images", "remain"]
    assert sum(bar["images"] for bar in bars) == bars[0]["remain"] == 730
    assert next(bar["remain"] for bar in bars if bar["at_least"] == 0.5) == 430
    for bar in bars:
        of_bar = f"score(redness)>={bar['at_least']!r} score(redness)<{bar['below']!r}"
        assert frieze("ls", of_bar, "--count").out == f"{bar['images']}\n"
    shown = frieze("facets", "score(redness)>0.5", "--by", "score(redness)").out.splitlines()
    assert shown[0].split() == ["at", "least", "below", "images", "a", "cut", "leaves"]
    assert shown[1].split()[:4] == ["0.58", "0.6", "20", "430"]  # reds of 150 to 153
    best = frieze("pick", "--by", "score(redness)", "--top", 430, "--ids").lines
    assert sorted(best) == sorted(frieze("ls", "score(redness)>0.5", "--ids", "--limit", 0).lines)
    assert len(frieze("jobs", "list", "--json").json) == 1


@pytest.mark.parametrize(("by", "why"), [("weight", "no number"), ("score(other)", "no score")])
def test_what_is_no_number_has_no_histogram(shades: Path, frieze: Frieze, by: str, why: str) -> None:
    done = frieze("facets", "--by", by)
    assert (done.code, why in done.err) == (2, True)


def test_an_image_that_does_not_decode_is_named_and_the_rest_goes_on(
    shades: Path, tagger: Path, frieze: Frieze
) -> None:
    (shades / "03.png").write_bytes(b"no image")
    told = frieze("propose", tagger, "--wait", "--json").json
    assert (told["done"], [Path(each["path"]).name for each in told["failed"]]) == (12, ["03.png"])
    assert any("03.png" in line for line in frieze("quarantine").lines)


@pytest.mark.parametrize("seed", range(3))
def test_a_job_killed_at_any_moment_goes_on_and_does_nothing_twice(
    shades: Path, tagger: Path, frieze: Frieze, seed: int
) -> None:
    draw = random.Random(seed)
    for number in range(300):
        Image.new("RGB", (8, 8), (number % 256, 1 + number // 256, 3)).save(shades / f"many{number}.png")
    assert frieze("scan", ".").code == 0
    job = frieze("propose", tagger, "--batch-size", 1, "--json").json
    folder = RunFolder(shades / "proposals" / job["job"])
    for _ in range(4):
        _wait_for(lambda: folder.worker_pid() is not None)
        time.sleep(draw.uniform(0, 0.4))
        pid = folder.worker_pid()
        if folder.status() != "running" or pid is None:
            break
        os.killpg(os.getpgid(pid), signal.SIGKILL)
        _wait_for(lambda: folder.status() != "running")
        frieze("proposals", "--model", "tagger", "--counts")  # collects what there is
        if folder.status() == "crashed":
            assert frieze("jobs", "resume", job["job"]).code == 0
    assert frieze("jobs", "follow", job["job"]).code == 0
    assert len(rows_of(frieze("proposals", "--model", "tagger", "--json"))) == 313
    assert not part_files(folder.path)  # all collected, once
    assert _counts(frieze, 0.05)["hair"] == 313


def test_stop_and_resume(shades: Path, tagger: Path, frieze: Frieze) -> None:
    for number in range(400):
        Image.new("RGB", (8, 8), (number % 256, 1 + number // 256, 3)).save(shades / f"many{number}.png")
    assert frieze("scan", ".").code == 0
    job = frieze("propose", tagger, "--batch-size", 1, "--json").json["job"]
    stopped = frieze("jobs", "stop", job)
    if stopped.code == 0:  # else it was through already
        assert frieze("jobs", "follow", job).code in (0, 4)
    if frieze("jobs", "list", "--json").json[0]["status"] == "stopped":
        assert frieze("jobs", "resume", job).code == 0
    assert frieze("jobs", "follow", job).code == 0
    again = frieze("jobs", "resume", job)
    assert (again.code, "is finished" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("propose", "nothere"), "there is no model 'nothere'"),
        (("propose", "wd-swinv2-v3"), "is not here: model.onnx, selected_tags.csv missing"),
        (("proposals", "--model", "x"), "there are no proposals of a model 'x'"),
        (("tag", "accept", "--model", "x", "--yes"), "there are no proposals of a model 'x'"),
        (("proposals", "--model", "x", "--general", "0.01"), "a threshold of 0.01"),
        (("jobs", "follow", "x"), "there is no job 'x'"),
        (("propose", ".", "--max-length", "3"), "holds no model.onnx"),
    ],
)
def test_mistakes_are_sentences(
    shades: Path,
    tmp_path: Path,
    frieze: Frieze,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.setenv("FRIEZE_MODELS", str(tmp_path / "models"))
    done = frieze(*words)
    assert (done.code, sentence in done.err, "Traceback" in done.err) == (2, True, False), done.err


def test_several_processes_are_one_job(shades: Path, tagger: Path, frieze: Frieze) -> None:
    told = frieze("propose", tagger, "--processes", 2, "--wait", "--json").json
    assert (told["images"], told["done"]) == (13, 13)
    assert len(rows_of(frieze("proposals", "--model", "tagger", "--json"))) == 13


def test_several_processes_need_torchrun(
    shades: Path, tagger: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "find_spec", lambda _: None)
    done = frieze("propose", tagger, "--processes", 2)
    assert (done.code, "torchrun, which is not installed" in done.err) == (2, True)
    assert frieze("propose", tagger, "--wait").code == 0


def test_a_model_that_cannot_run_fails_with_its_reason(shades: Path, tagger: Path, frieze: Frieze) -> None:
    done = frieze("propose", tagger, "--device", "cuda", "--wait")
    assert done.code == 3
    assert "CUDA cannot be used" in done.err
    (tagger / "model.onnx").write_bytes(b"no model")
    done = frieze("propose", tagger, "--wait")
    assert done.code == 3
    assert "model.onnx" in done.err


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
