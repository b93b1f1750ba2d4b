"""The pipeline: batches that shrink where the device has no room, models of one image at a time, a full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curator.contract.errors import UserError
from curator.contract.run.events import RunFailed
from curator.contract.run.run_folder import RunFolder
from curator.contract.tagging.job import read_images
from curator.contract.tagging.zoo import ModelRow
from tag_models.families.onnx_tagger import OnnxTagger
from tag_models.model import Answers, Batch, OutOfMemoryError
from tag_models.pipeline import Pipeline
from tests.tag_models.conftest import BIAS, WEIGHTS, MakeJob, answered, events_of, work
from tests.tag_models.onnx_models import write_model

SIZES: list[int] = []


@pytest.fixture
def model(tagger: Path, monkeypatch: pytest.MonkeyPatch) -> OnnxTagger:
    """A tagger that keeps account of how many images it is asked about at once."""
    return counting(tagger, monkeypatch, room=1000)


def counting(tagger: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> OnnxTagger:
    made = OnnxTagger(tagger, ModelRow("onnx-tagger"), "cpu")
    answer = made.answer
    SIZES.clear()

    def limited(batch: Batch) -> Answers:
        if len(batch.sizes) > room:
            raise OutOfMemoryError
        SIZES.append(len(batch.sizes))
        return answer(batch)

    monkeypatch.setattr(made, "answer", limited)
    return made


def looked(model: OnnxTagger, job: Path, batch_size: int) -> tuple[dict[int, np.ndarray], list[str]]:
    """What it says of each image, and what was told meanwhile."""
    told: list[str] = []
    pipeline = Pipeline(model, model.side, batch_size, 1, lambda what, hint: told.append(f"{what}: {hint}"))
    found: dict[int, np.ndarray] = {}
    for some in pipeline.looked(read_images(job)):
        assert some.answers is not None
        assert some.answers.values is not None
        found.update(zip((image.number for image in some.images), some.answers.values, strict=True))
    return found, told


def test_batches_shrink_until_they_fit_and_every_image_is_answered_once(
    make_job: MakeJob, tagger: Path, model: OnnxTagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(10)
    whole, _ = looked(model, job, 10)
    assert sum(SIZES) == 10
    parts, told = looked(counting(tagger, monkeypatch, room=2), job, 8)
    assert told == [
        "the device has no room for a batch of 8: going on with batches of 4",
        "the device has no room for a batch of 4: going on with batches of 2",
    ]
    assert sum(SIZES) == 10
    assert max(SIZES) == 2
    assert parts.keys() == whole.keys() == {*range(10)}
    assert all((parts[number] == whole[number]).all() for number in whole)


def test_a_device_without_room_for_one_image_is_a_sentence(
    make_job: MakeJob, tagger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="no room for a single image"):
        looked(counting(tagger, monkeypatch, room=0), make_job(3), 2)


def test_a_model_of_one_image_at_a_time_is_asked_so(
    make_job: MakeJob, tagger: Path, model: OnnxTagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S030: its batch axis is fixed, whatever batch was asked for."""
    job = make_job(6)
    together, _ = looked(model, job, 4)
    write_model(tagger / "model.onnx", WEIGHTS, BIAS, batch=1)
    alone, told = looked(counting(tagger, monkeypatch, room=1), job, 4)
    assert (SIZES, told) == ([1] * 6, [])
    assert all((alone[number] == together[number]).all() for number in together)


@pytest.mark.parametrize(
    ("message", "is_memory"),
    [
        (
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : ... Failed to allocate memory for requested buffer",
            True,
        ),
        ("CUDA failure 2: out of memory ; GPU=0", True),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", True),
        ("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions", False),
    ],
)
def test_what_onnxruntime_says_of_memory_is_known(
    tagger: Path, monkeypatch: pytest.MonkeyPatch, message: str, is_memory: bool
) -> None:
    model = OnnxTagger(tagger, ModelRow("onnx-tagger"), "cpu")

    class Failing:
        def io_binding(self) -> Any:
            raise RuntimeError(message)

    monkeypatch.setattr(model._model._session, "_session", Failing())
    batch = Batch(np.zeros((1, 16, 16, 3), np.uint8), [(16, 16)])
    with pytest.raises(OutOfMemoryError if is_memory else RuntimeError):
        model.answer(batch)


def test_a_full_disk_is_a_sentence_and_the_job_goes_on_when_there_is_room(make_job: MakeJob) -> None:
    job = make_job(300)
    limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "", sys.executable, "-m", "tag_models", str(job)]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    (failed,) = [event for event in events_of(job) if isinstance(event, RunFailed)]
    assert failed.what.startswith("answers cannot be written: ")
    assert failed.hint == "free space, then start the same job again"
    assert RunFolder(job).status() == "failed"
    assert work(job).returncode == 0
    assert answered(job) == list(range(300))
