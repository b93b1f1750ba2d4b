"""Answers of jobs brought into a collection: proposals into their files, scores into their columns.

A part that is brought in twice changes nothing. Parts are kept while their job may go on: it does so where they end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curator.contract.errors import UserError
from curator.contract.files.whole_files import replace_file
from curator.contract.run.event_log import read_events
from curator.contract.run.events import ImageQuarantined
from curator.contract.run.run_folder import RunFolder
from curator.contract.tagging.cluster import PARQUET
from curator.contract.tagging.job import (
    IMAGES,
    JOB,
    LoadedModel,
    TaggingJob,
    part_files,
    read_job,
    read_loaded,
)
from curator.contract.tagging.part import read_part
from curator.index.sets.bitmaps import Flag
from curator.proposals.answers import Answers, answers_of
from curator.proposals.kept_model import ABOUT, AboutModel, KeptModel
from curator.proposals.parquet_part import answers_of_parquet

if TYPE_CHECKING:
    from curator.index.collection import Collection

COLLECTED = "collected.txt"  # the names of the parts that were brought in
_HASH_DIGITS = 16  # of a model's folder


@dataclass(frozen=True)
class Collected:
    """How many images got answers they did not have, and what could not be used: a sentence each."""

    images: int = 0
    damaged: tuple[str, ...] = ()


def collect(collection: Collection, parent: Path) -> Collected:
    """Bring in what the jobs below `parent` have answered since the last time.

    Raises:
        UserError: a job is damaged, or nothing can be written.
    """
    images, damaged = 0, list[str]()
    for file in sorted(parent.glob(f"*/{JOB}")):
        before = _collected(file.parent)
        known = set(before)  # a slow model's job has tens of thousands of parts
        parts = [part for part in part_files(file.parent) if part.name not in known]
        loaded = read_loaded(file.parent) if parts else None
        if loaded:
            job = read_job(file.parent)
            for part in parts:
                try:
                    answers = _answers_in(part, loaded)
                except (OSError, ValueError) as error:
                    damaged.append(f"{part} is damaged: {error}")
                    continue
                images += _keep(collection, parent, job, loaded, answers)
                before.append(part.name)
            _say_collected(file.parent, before)
        _clear_finished(collection, file.parent)
    return Collected(images, tuple(damaged))


def kept_models(parent: Path) -> list[KeptModel]:
    """What models said of a collection's images, by name.

    Raises:
        UserError: a folder is damaged.
    """
    models = [KeptModel.open(file.parent) for file in sorted(parent.glob(f"*/{ABOUT}"))]
    return sorted(models, key=lambda model: model.about.name)


def score_name(model: str) -> str:
    """What the scores of a model are called in filters."""
    return re.sub(r"[^a-z0-9_.-]", "-", model.lower()).lstrip("_.-")[:64] or "score"


def _answers_in(part: Path, loaded: LoadedModel) -> Answers:
    if part.suffix == PARQUET:
        return answers_of_parquet(part, loaded.hash)
    return answers_of(read_part(part))


def _keep(
    collection: Collection, parent: Path, job: TaggingJob, loaded: LoadedModel, answers: Answers
) -> int:
    if loaded.kind == "score":
        return _keep_scores(collection, score_name(job.model), answers)
    names = (job.model,)
    about = AboutModel(loaded.hash, loaded.kind, names, loaded.names, loaded.classes, job.row.thresholds)
    folder = parent / loaded.hash[:_HASH_DIGITS]
    try:
        return KeptModel.create(folder, about).add(answers)
    except OSError as error:
        raise UserError(
            f"proposals cannot be written to {folder}: {error.strerror}",
            "free space, or check rights",
        ) from error


def _keep_scores(collection: Collection, name: str, answers: Answers) -> int:
    """A scorer's first label is the score itself."""
    firsts = answers.labels[answers.starts] == 0
    scores = dict(
        zip(answers.contents[firsts].tolist(), answers.values[answers.starts[firsts]].tolist(), strict=True)
    )
    contents = collection.columns.of("content")
    wanted = np.flatnonzero(np.isin(contents, np.array(list(scores), np.uint64)))
    alive = collection.bitmaps.of(Flag.ALIVE)
    pairs = [(image, scores[int(contents[image])]) for image in wanted.tolist() if image in alive]
    collection.scores.write(name, pairs)
    return len(pairs)


def _collected(job: Path) -> list[str]:
    try:
        return (job / COLLECTED).read_text("utf-8", "replace").split()
    except OSError:
        return []


def _say_collected(job: Path, parts: Sequence[str]) -> None:
    try:
        replace_file(job / COLLECTED, "\n".join(parts).encode())
    except OSError as error:
        raise UserError(
            f"{job} cannot be written to: {error.strerror}", "free space, or check rights"
        ) from error


def _clear_finished(collection: Collection, job: Path) -> None:
    """Of a job that is through with everything keep what it was; name what it could not use."""
    parts = part_files(job)
    if not (job / IMAGES).exists() or {part.name for part in parts} - set(_collected(job)):
        return
    if RunFolder(job).status() != "finished":
        return
    events = read_events(RunFolder(job).events_path).events
    bad = {event.path: event.reason for event in events if isinstance(event, ImageQuarantined)}
    with collection.writing():
        collection.quarantine.put(bad.items())
    for file in (*parts, job / IMAGES):
        file.unlink(missing_ok=True)
