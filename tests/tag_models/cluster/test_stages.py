"""What the machines of a cluster do with images, without a cluster: decode, ask, keep."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

from curator.contract.tagging.identity import identity_of  # noqa: E402
from curator.contract.tagging.job import ImageEntry, part_files, read_images, read_job  # noqa: E402
from curator.contract.tagging.part import read_part  # noqa: E402
from tag_models.cluster import stages  # noqa: E402
from tag_models.cluster.stages import Asking, Task, decoded, first_look, kept  # noqa: E402
from tag_models.model import Answers, Batch, OutOfMemoryError  # noqa: E402
from tests.tag_models.conftest import WEIGHTS, MakeJob, events_of, work  # noqa: E402
from tests.tag_models.onnx_models import write_model  # noqa: E402


def task_of(job: Path) -> Task:
    about = read_job(job)
    return Task.of(about, job, identity_of(about))


def table(images: list[ImageEntry]) -> Any:
    return pa.table(
        {
            "number": pa.array([each.number for each in images], pa.uint32()),
            "sha256": [each.sha256 for each in images],
            "path": [os.fsencode(each.path) for each in images],
        }
    )


def through(task: Task, images: list[ImageEntry], batch_size: int = 5) -> dict[str, Any]:
    """All stages over `images`; what the last one tells."""
    first = first_look(task)
    assert first.frame is not None
    pixels = decoded(table(images), first.frame, first.side, task.job.paths)
    (told,) = kept(Asking(task, batch_size)(pixels), task)["told"].to_pylist()
    return json.loads(told)


def rows(job: Path) -> dict[int, tuple[bytes, list[int], list[float]]]:
    """What the Parquet parts of a job hold, by the number of the image; none is there twice."""
    found: dict[int, tuple[bytes, list[int], list[float]]] = {}
    for file in part_files(job):
        for row in parquet.read_table(file).to_pylist():
            assert row["number"] not in found
            found[row["number"]] = (row["sha256"], row["labels"], row["values"])
    return found


def test_parts_of_a_cluster_hold_what_this_machine_would_answer(make_job: MakeJob) -> None:
    job = make_job(12, bad=4)
    told = through(task_of(job), list(read_images(job)))
    assert told["done"] == 11
    assert [(Path(path).name, problem) for path, problem in told["bad"]] == [
        ("4.png", "not an image, or a broken one")
    ]
    shared = rows(job)
    for file in part_files(job):
        file.unlink()
    assert work(job).returncode == 0
    part = read_part(part_files(job)[0])
    numbers, labels = memoryview(part.numbers).cast("I").tolist(), memoryview(part.labels).cast("I").tolist()
    values = memoryview(part.values).cast("f").tolist()
    at = 0
    for number, count in zip(numbers, memoryview(part.counts).cast("I").tolist(), strict=True):
        assert shared[number][1:] == (labels[at : at + count], values[at : at + count])
        at += count
    assert sorted(numbers) == sorted(shared) == [number for number in range(12) if number != 4]
    for image in read_images(job):
        assert image.number == 4 or shared[image.number][0].hex() == image.sha256


def test_a_stage_that_ray_does_again_doubles_nothing(make_job: MakeJob) -> None:
    job = make_job(6)
    images = list(read_images(job))
    for _ in range(2):
        assert through(task_of(job), images)["done"] == 6
    assert len(part_files(job)) == 1
    assert sorted(rows(job)) == list(range(6))


def test_a_worker_of_this_machine_goes_on_where_a_cluster_was(make_job: MakeJob) -> None:
    """A damaged part is set aside there, as its own would be."""
    job = make_job(12)
    images = list(read_images(job))
    through(task_of(job), images[:5])
    through(task_of(job), images[5:8])
    harmed = next(file for file in part_files(job) if parquet.read_table(file)["number"].to_pylist()[0] == 5)
    harmed.write_bytes(harmed.read_bytes()[:-30])
    assert work(job).returncode == 0
    (own,) = (file for file in part_files(job) if file.suffix == ".part")
    assert memoryview(read_part(own).numbers).cast("I").tolist() == list(range(5, 12))
    assert sorted(rows_of_parquet(job)) == list(range(5))


def rows_of_parquet(job: Path) -> list[int]:
    files = [file for file in part_files(job) if file.suffix == ".parquet"]
    return [number for file in files for number in parquet.read_table(file)["number"].to_pylist()]


def test_folders_are_where_the_cluster_sees_them(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(3)
    images = list(read_images(job))
    there = tmp_path / "there"
    for name in ("images", "tagger", "job"):
        there.mkdir(exist_ok=True)
        (tmp_path / name).rename(there / name)
    about = replace(read_job(there / "job"), paths={str(tmp_path): str(there)})
    task = Task.of(about, job, identity_of(replace(about, folder=str(there / "tagger"))))
    assert through(task, images)["done"] == 3
    assert sorted(rows(there / "job")) == [0, 1, 2]


def test_a_changed_file_is_not_taken_for_what_was_indexed(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(2)
    images = list(read_images(job))
    Image.new("RGB", (5, 5), "red").save(tmp_path / "images" / "1.png")
    told = through(task_of(job), images)
    assert told["done"] == 1
    assert told["bad"] == [[str(tmp_path / "images" / "1.png"), "the file has changed: scan it again"]]


def test_names_that_are_no_utf_8_reach_the_cluster(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(1)
    (image,) = read_images(job)
    name = tmp_path / os.fsdecode(b"\xff.png")
    Path(image.path).rename(name)
    assert through(task_of(job), [replace(image, path=str(name))])["done"] == 1


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            lambda job, tagger: write_model(tagger / "model.onnx", WEIGHTS, [0.0] * 4),
            "has other files of tagger",
        ),
        (lambda job, tagger: tagger.rename(tagger.with_name("away")), "does not see"),
        (lambda job, tagger: (job / "job.json").unlink(), "does not see"),
    ],
    ids=["other weights", "no model", "no job"],
)
def test_a_machine_that_lacks_something_says_so(
    make_job: MakeJob, tagger: Path, harm: Any, said: str
) -> None:
    job = make_job(2)
    task, images = task_of(job), list(read_images(job))
    first = first_look(task)
    assert first.frame is not None
    pixels = decoded(table(images), first.frame, first.side, {})
    harm(job, tagger)
    looked = first_look(task)
    assert looked.mistake is not None
    assert said in looked.mistake[0]
    (told,) = kept(Asking(task, 5)(pixels), task)["told"].to_pylist()
    assert said in json.loads(told)["failure"][0]
    assert not part_files(job)


def test_another_device_than_the_others_have_is_said(make_job: MakeJob) -> None:
    job = make_job(1)
    told = through_on(replace(task_of(job), device="cuda"), list(read_images(job)))
    assert "runs tagger on cpu, others on cuda" in told["failure"][0]


def through_on(task: Task, images: list[ImageEntry]) -> dict[str, Any]:
    first = first_look(replace(task, device=""))
    assert first.frame is not None
    (told,) = kept(Asking(task, 5)(decoded(table(images), first.frame, first.side, {})), task)[
        "told"
    ].to_pylist()
    return json.loads(told)


def test_a_batch_that_does_not_fit_is_halved_and_that_is_told(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(6)
    load = stages.load

    def small(about: Any) -> Any:
        model = load(about)
        answer = model.answer

        def limited(batch: Batch) -> Answers:
            if len(batch.sizes) > 2:
                raise OutOfMemoryError
            return answer(batch)

        monkeypatch.setattr(model, "answer", limited)
        return model

    monkeypatch.setattr(stages, "load", small)
    told = through(task_of(job), list(read_images(job)), batch_size=6)
    assert told["warnings"] == [
        ["the device has no room for a batch of 6", "going on with batches of 3"],
        ["the device has no room for a batch of 3", "going on with batches of 1"],
    ]
    assert told["done"] == 6


def test_a_full_disk_is_a_sentence(make_job: MakeJob) -> None:
    job = make_job(2)
    task, images = task_of(job), list(read_images(job))
    (job / "parts").rmdir()
    (job / "parts").write_bytes(b"")
    told = through(task, images)
    assert told["failure"][0].startswith("answers cannot be written: ")
    assert not events_of(job)
