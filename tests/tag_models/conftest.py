"""Jobs of small models over images made for them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curator.contract.run.event_log import read_events
from curator.contract.run.events import Event
from curator.contract.tagging.job import ImageEntry, TaggingJob, part_files, write_job
from curator.contract.tagging.part import read_part
from curator.contract.tagging.zoo import ModelRow
from tests.tag_models.onnx_models import write_labels, write_model

MakeJob = Callable[..., Path]
WEIGHTS = (np.array([[0, 0, 0, 4], [0, 0, 0, 0], [0, 0, 4, 0]]) / 255).tolist()
BIAS = [-1.0, 1.0, -2.0, -2.0]


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    """A tagger of two ratings, red and blue."""
    folder = tmp_path / "tagger"
    write_model(folder / "model.onnx", WEIGHTS, BIAS)
    write_labels(folder / "selected_tags.csv", ("general", 9), ("sensitive", 9), ("red", 0), ("blue", 0))
    return folder


@pytest.fixture
def make_job(tmp_path: Path, tagger: Path) -> MakeJob:
    """A job over `count` images, the one numbered `bad` being none."""

    def made(count: int = 12, bad: int | None = None, **options: Any) -> Path:
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        entries: list[ImageEntry] = []
        for number in range(count):
            path = folder / f"{number}.png"
            Image.new("RGB", (20, 12), (number % 256, number // 256, 0)).save(path)
            if number == bad:
                path.write_bytes(b"no image")
            entries.append(ImageEntry(number, hashlib.sha256(path.read_bytes()).hexdigest(), str(path)))
        job = tmp_path / "job"
        about = {"processes": 1, "batch_size": 5, "device": "cpu", "row": ModelRow("onnx-tagger")} | options
        write_job(job, TaggingJob("tagger", str(tagger), images=count, **about), entries)
        return job

    return made


def work(job: Path, *, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m tag_models JOB`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tag_models", str(job)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def answered(job: Path) -> list[int]:
    """The numbers of the images in the parts, each as often as it is there."""
    return sorted(
        n for file in part_files(job) for n in memoryview(read_part(file).numbers).cast("I").tolist()
    )


def events_of(job: Path) -> list[Event]:
    return read_events(job / "events.jsonl").events
