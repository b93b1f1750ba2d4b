"""A tagging job that is over: what it answered for the images of a collection, and what it could not use."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.contract.tagging.job import PARTS, ImageEntry, LoadedModel, TaggingJob, write_job, write_loaded
from curator.contract.tagging.part import Part, write_part
from curator.contract.tagging.zoo import ModelRow
from curator.session.session import Session

Label = tuple[str, str, float]  # its name, its class, and its value for every image


def answered_job(session: Session, model: str, labels: Sequence[Label], bad: str) -> RunFolder:
    """A job that was stopped: it answered for all images but the last, and could not use the one called `bad`."""
    rows = session.images.rows(session.images.select("").ids.tolist())
    folder = session.folder / "proposals" / f"2026-01-01-{model}"
    entries = [ImageEntry(n, row.sha256, row.full_path) for n, row in enumerate(rows)]
    names, classes, values = zip(*labels, strict=True)
    write_job(folder, TaggingJob(model, "/nowhere", ModelRow("onnx-tagger"), len(entries)), entries)
    write_loaded(folder, LoadedModel("ab" * 32, "tags", "cpu", names, classes))
    count = len(entries) - 1
    part = Part(
        count,
        np.arange(count, dtype="<u4").tobytes(),
        b"".join(bytes.fromhex(each.sha256) for each in entries[:count]),
        np.full(count, len(labels), "<u4").tobytes(),
        np.tile(np.arange(len(labels), dtype="<u4"), count).tobytes(),
        np.tile(np.array(values, "<f4"), count).tobytes(),
    )
    write_part(folder / PARTS / "0-000001.part", part)
    run = RunFolder(folder)
    with run.hold():
        log, now = EventLog(run.events_path), time.time()
        log.write(ev.RunStarted(now, 0, len(entries), 0, False, 1, "cpu", 1))
        log.write(ev.ImageQuarantined(now, f"/pictures/{bad}", "[red]no image"))
        log.write(ev.Progress(now + 1, "tagging", count, len(entries)))
        run.finish("stopped", count)
    return run
