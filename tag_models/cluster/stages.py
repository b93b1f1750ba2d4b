"""What the machines of a cluster do with images, batch by batch: decode, ask the model, keep the answers.

Plain functions over tables, which Ray Data calls wherever it likes and again where a machine died. A mistake of the
user is told in the rows instead of raised, for it would be the same at every retry.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curator.contract.errors import UserError
from curator.contract.tagging.cluster import path_there
from curator.contract.tagging.identity import identity_of
from curator.contract.tagging.job import JOB, PARTS, ImageEntry, LoadedModel
from tag_models.answers import kept_values
from tag_models.batches import ShrinkingBatches
from tag_models.cluster.parquet_part import rows_of, write_answers
from tag_models.decoding import DecodePool, Frame
from tag_models.families.registry import load
from tag_models.model import Answers, Batch, Model

if TYPE_CHECKING:
    from curator.contract.tagging.job import TaggingJob
    from tag_models.pixels import Pixels

_AHEAD_SLOTS = 4


@dataclass(frozen=True)
class Task:
    """A job as the machines of a cluster need it: `folder` and the model's folder are where these find them."""

    job: TaggingJob
    folder: str
    identity: str
    device: str = ""

    @classmethod
    def of(cls, job: TaggingJob, folder: Path, identity: str) -> Task:
        """`job` with its folders as the cluster sees them."""
        there = replace(job, folder=path_there(job.folder, job.paths))
        return cls(there, path_there(str(folder), job.paths), identity)

    def loaded(self) -> Model:
        """The model, once it is certain that it is the one asked for.

        Raises:
            UserError: its files or the job's folder are not here or are others, or it runs elsewhere than it should.
        """
        where = socket.gethostname()
        for path in (Path(self.folder, JOB), Path(self.job.folder)):
            if not path.exists():
                raise UserError(
                    f"{where} of the cluster does not see {path}",
                    "put it into a folder that all machines share; --cluster-path HERE=THERE tells where that is",
                )
        if identity_of(self.job) != self.identity:
            raise UserError(
                f"{where} of the cluster has other files of {self.job.model}", "put the same model everywhere"
            )
        model = load(self.job)
        if self.device and model.device != self.device:
            raise UserError(
                f"{where} of the cluster runs {self.job.model} on {model.device}, others on {self.device}",
                "mend its drivers, or ask with --device cpu",
            )
        return model


@dataclass(frozen=True)
class FirstLook:
    """What the first machine that loaded the model found, or the mistake that kept it from it."""

    loaded: LoadedModel | None = None
    frame: Frame | None = None
    side: int = 0
    batch_size: int | None = None
    mistake: tuple[str, str] | None = None


def first_look(task: Task) -> FirstLook:
    """Load the model to know what all others have to know of it."""
    try:
        model = task.loaded()
    except UserError as error:
        return FirstLook(mistake=(error.what, error.hint))
    labels = model.labels
    loaded = LoadedModel(task.identity, model.kind, model.device, labels.names, labels.classes)
    return FirstLook(loaded, model.frame, model.side, model.batch_size)


def decoded(images: Any, frame: Frame, side: int, paths: dict[str, str]) -> Any:
    """Images (`number`, `sha256` in hex, `path`) with their `pixels` as bytes, or a `problem`; content is checked."""
    pool = _pool(frame, side)
    entries = [
        ImageEntry(number, sha256, path_there(os.fsdecode(path), paths))
        for number, sha256, path in zip(
            *(images[name].to_pylist() for name in images.column_names), strict=True
        )
    ]
    pixels: dict[int, bytes] = {}
    sizes: dict[int, tuple[int, int]] = {}
    problems: dict[int, str] = {}
    for each in pool.decoded(entries):
        if each.problem is None:
            pixels[each.image.number], sizes[each.image.number] = pool.pixels[each.slot].tobytes(), each.size
        else:
            problems[each.image.number] = each.problem
        pool.release([each.slot])
    numbers = [entry.number for entry in entries]
    return (
        images.append_column("pixels", pa.array(map(pixels.get, numbers), pa.large_binary()))
        .append_column("size", pa.array(map(sizes.get, numbers), pa.list_(pa.int32())))
        .append_column("problem", pa.array(map(problems.get, numbers), pa.string()))
    )


@lru_cache(maxsize=1)
def _pool(frame: Frame, side: int) -> DecodePool:
    """One decoder for as long as this process of the cluster lives: a file that crashes it costs that file."""
    return DecodePool(frame, side, 1, _AHEAD_SLOTS)


@dataclass
class Asking:
    """A model on a machine of the cluster, loaded at the first batch, asked batch by batch."""

    task: Task
    batch_size: int
    _model: Model | None = None
    _batches: ShrinkingBatches | None = None
    _warnings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __call__(self, images: Any) -> Any:
        """Decoded images with answers instead of pixels: a table of `parquet_part.ROWS`."""
        columns: dict[str, Any] = {
            "number": images["number"],
            "sha256": [bytes.fromhex(each) for each in images["sha256"].to_pylist()],
            "path": images["path"],
            "problem": images["problem"],
        }
        good = np.flatnonzero(images["problem"].is_null().to_numpy(zero_copy_only=False))
        try:
            columns |= self._answers(images.take(good), good, len(images))
        except UserError as error:
            columns["failure"] = [json.dumps([error.what, error.hint])] * len(images)
        if self._warnings:
            columns["warning"] = [json.dumps(self._warnings), *[None] * (len(images) - 1)]
            self._warnings.clear()
        return rows_of(columns, len(images))

    def _answers(self, images: Any, places: Any, count: int) -> dict[str, list[Any]]:
        if self._model is None or self._batches is None:
            self._model = self.task.loaded()
            self._batches = ShrinkingBatches(
                self._model, self.batch_size, lambda *told: self._warnings.append(told)
            )
        labels: list[Any] = [None] * count
        values: list[Any] = [None] * count
        texts: list[Any] = [None] * count
        if not len(images):
            return {}
        side = self._model.side
        flat = np.frombuffer(b"".join(images["pixels"].to_pylist()), np.uint8)
        pixels: Pixels = flat.reshape(-1, side, side, 3)
        sizes = [(width, height) for width, height in images["size"].to_pylist()]
        answers: Answers = self._batches.answers(Batch(pixels, sizes))
        for place, text in zip(places, answers.texts or (), strict=False):
            texts[place] = text
        if answers.values is not None:
            kept = kept_values(answers.values, self._model.labels, self._model.kind, self.task.job.floor)
            for place, (numbers, some) in zip(places, kept, strict=True):
                labels[place], values[place] = numbers, some
        return {"labels": labels, "values": values, "text": texts}


def kept(rows: Any, task: Task) -> Any:
    """Write the answers of `rows` as a part; one row that tells of them, as JSON for `Told`."""
    failures = rows["failure"].drop_null().unique().to_pylist()
    warnings = [pair for each in rows["warning"].drop_null().to_pylist() for pair in json.loads(each)]
    bad = [
        (os.fsdecode(path), problem)
        for path, problem in zip(rows["path"].to_pylist(), rows["problem"].to_pylist(), strict=True)
        if problem is not None
    ]
    told: dict[str, Any] = {"done": len(rows) - len(bad), "bad": bad, "warnings": warnings}
    if failures:
        told |= {"done": 0, "failure": json.loads(failures[0])}
    else:
        try:
            write_answers(Path(task.folder) / PARTS, rows, task.identity)
        except OSError as error:
            what = f"answers cannot be written: {error.strerror or error}"
            told |= {"done": 0, "failure": (what, "free space, then start the same job again")}
    return pa.table({"told": [json.dumps(told)]})
