"""Decides how a folder tree becomes images of a collection: batches, each whole or not at all.

A rescan compares size and time; a file that moved is known again by its content, one that is gone keeps its words
until it comes back, and a sidecar changed outside never overwrites words edited here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.collection import Collection
from curator.index.images import KnownFile
from curator.scan.absorb import Absorber
from curator.scan.find import Found, count, walk
from curator.scan.places import Places
from curator.scan.reading import Outcome, Task, read, sidecars_agree
from curator.scan.report import ScanReport

BATCH = 1024
_AT_ONCE = 16  # files a thread reads before it reports; handing over each alone costs more than reading it
_THREADS = min(16, 4 * (os.cpu_count() or 1))  # waiting for the disk, mostly


@dataclass(frozen=True)
class ScanProgress:
    """How far a scan is; `path` is the file just read."""

    done: int
    total: int
    path: str


Progress = Callable[[ScanProgress], None]


def scan(
    collection: Collection, folder: Path, progress: Progress | None = None, full: bool = False
) -> ScanReport:
    """Bring the collection up to what lies in `folder`. `full` reads every file again, whatever its time says.

    `progress` is called in this thread and may raise to end the scan: what was read before stays, whole.
    """
    top = os.path.normpath(folder.absolute())
    if not Path(top).is_dir():
        raise UserError(f"there is no folder {visible(top)}", "give a folder of images")
    return _Scan(collection, top, progress, full).run()


class _Scan:
    """One scan; the walk and the index on this thread, reading files on others."""

    def __init__(self, collection: Collection, top: str, progress: Progress | None, full: bool) -> None:
        self._collection = collection
        self._top = top
        self._progress = progress
        self._full = full
        self._skip = {str(collection.folder / "runs")}
        self._report = ScanReport()
        self._done = 0
        self._total = 0
        with collection.writing():
            self._places = Places(collection, top)
        self._absorber = Absorber(collection, self._places, self._report)

    def run(self) -> ScanReport:
        self._total = count(self._top, self._skip) if self._progress else 0
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scan")
        try:
            found = walk(self._top, self._skip, lambda path, why: self._report.warnings.append((path, why)))
            while batch := list(islice(found, BATCH)):
                self._absorb(batch, pool)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        self._absorber.finish()
        return self._report

    def _absorb(self, batch: list[Found], pool: ThreadPoolExecutor) -> None:
        known, tasks = self._tasks(batch)
        outcomes: list[Outcome] = []
        for outcome in self._results(tasks, pool):
            outcomes.append(outcome)
            self._tell(outcome.task.found.path)
        self._absorber.absorb(outcomes, known)

    def _results(self, tasks: list[Task], pool: ThreadPoolExecutor) -> Iterator[Outcome]:
        wanted = [task for task in tasks if task.read_image or task.read_sidecars]
        pieces = [wanted[first : first + _AT_ONCE] for first in range(0, len(wanted), _AT_ONCE)]
        futures = [pool.submit(_read_all, piece) for piece in pieces]
        read_ones = (outcome for future in futures for outcome in future.result())
        for task in tasks:
            yield next(read_ones) if task.read_image or task.read_sidecars else Outcome(task)

    def _tasks(self, batch: list[Found]) -> tuple[dict[str, KnownFile], list[Task]]:
        with self._collection.reading():
            known = self._places.known(batch)
            states = self._collection.images.sidecars.of([file.id for file in known.values()])
        tasks: list[Task] = []
        for found in batch:
            file = known.get(found.path)
            same = file is not None and (file.file_bytes, file.mtime_ns) == (found.file_bytes, found.mtime_ns)
            before = [(s.suffix, s.file_bytes, s.mtime_ns) for s in states[file.id]] if file else []
            new_words = not sidecars_agree(found, before) or (self._full and bool(found.sidecars))
            tasks.append(Task(found, self._full or not same, file is None or new_words))
        return known, tasks

    def _tell(self, path: str) -> None:
        self._done += 1
        if self._progress:
            self._progress(ScanProgress(self._done, max(self._total, self._done), path))


def _read_all(tasks: list[Task]) -> list[Outcome]:
    return [read(task) for task in tasks]
