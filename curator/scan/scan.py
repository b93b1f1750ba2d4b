"""A folder tree made into images of a collection: batches, each whole or not at all.

A rescan compares size and time; a file that moved is known again by its content, one that is gone keeps its words
until it comes back, and a sidecar changed outside never overwrites words edited here. A quick rescan believes the
times of folders: it sees what came, went and was renamed, and nothing else.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.contract.files.tar_members import is_tar
from curator.contract.locations import runs_folder
from curator.index.tables.folders import RESCAN, FolderState
from curator.scan.entering.absorb import Absorber
from curator.scan.entering.folder_read import FolderRead
from curator.scan.entering.look import questions_for
from curator.scan.entering.new_images import NewImageWriter
from curator.scan.find import Folder, Unchanged, count, walk
from curator.scan.places import Places
from curator.scan.readers.readers import Readers
from curator.scan.readers.reading import READING, Answer, Question
from curator.scan.report import ScanReport
from curator.scan.sidecars.folder_notes import notes_on

if TYPE_CHECKING:
    from curator.index.collection import Collection

BATCH = 8192  # images a transaction
PIECE = 128  # images a question to a reading process
_BATCH_S = 2.0  # where the disk is slow, what was read does not wait longer
_SETTLES_NS = 3_000_000_000  # a file system may tell times in steps of two seconds


@dataclass(frozen=True)
class ScanProgress:
    """How far a scan is; `path` is the file just read, or the folder being listed; empty where
    images set aside are looked at.

    Images are counted first: while `total` grows nothing is `done`. A quick scan does not count: its `total` is 0.
    """

    done: int
    total: int
    path: str


Progress = Callable[[ScanProgress], None]


def scan(
    collection: Collection,
    folder: Path,
    progress: Progress | None = None,
    full: bool = False,
    quick: bool = False,
) -> ScanReport:
    """Bring the collection up to what lies in `folder` (or in a tar).

    `full` reads every file again, whatever its time says; `quick` passes over folders whose own time is as it was.
    `progress` is called in this thread and may raise to end the scan: what was read before stays, whole.
    """
    top = os.path.normpath(folder.absolute())
    if not Path(top).is_dir() and not is_tar(top):
        raise UserError(f"there is no folder {top}", "give a folder of images, or a .tar of them")
    if full and quick:
        raise UserError("a scan is either full or quick", "leave one of the two out")
    return _Scan(collection, top, progress, full, quick).run()


_Piece = tuple[FolderRead, Folder | None]  # with the last of a folder's images, the folder itself


class _Scan:
    """One scan; the walk and the index on this thread, reading files elsewhere."""

    def __init__(
        self, collection: Collection, top: str, progress: Progress | None, full: bool, quick: bool
    ) -> None:
        self._collection = collection
        self._top = top
        self._progress = progress
        self._full, self._quick = full, quick
        self._skip = {str(runs_folder(collection.folder))}
        self._report = ScanReport()
        self._done = 0
        self._total = 0
        with collection.writing():
            self._places = Places(collection, top)
        self._writer = NewImageWriter(collection)
        self._absorber = Absorber(collection, self._places, self._report, self._writer)
        self._remembered = collection.folders.under(top)
        self._listed: dict[str, list[str]] = {}  # and the folders and tars in each
        self._passed = set[str]()
        self._unreached: list[str] = []  # folders that are there, as far as anyone can say
        self._batch: list[FolderRead] = []
        self._waiting = 0  # images of the batch
        self._folders: list[Folder] = []
        self._flushed = time.monotonic()

    def run(self) -> ScanReport:
        if self._progress and not self._quick:
            self._total = count(self._top, self._skip, self._counted)
        with Readers(READING) as readers, self._writer, gc_paused():
            for piece, answer in readers.read(self._pieces()):
                self._take(piece, answer)
            self._flush()
        gone = set(self._remembered) - self._passed - set(self._listed)
        self._absorber.finish(self._expected(gone), gone)
        return self._report

    def _pieces(self) -> Iterator[tuple[_Piece, Question]]:
        def problem(path: str, why: OSError) -> None:
            self._report.warnings.append((path, why.strerror or "cannot be read"))
            if not isinstance(why, FileNotFoundError | NotADirectoryError):
                self._unreached.append(path)

        remembered = self._remembered if self._quick else {}
        for folder in walk(self._top, self._skip, problem, remembered, lambda path, _: self._tell(0, path)):
            if isinstance(folder, Unchanged):
                self._passed.add(folder.state.path)
                self._report.unchanged += folder.state.images
                self._tell(folder.state.images, folder.state.path)
            else:
                self._listed[folder.path] = [*folder.inside, *folder.linked]
                self._report.passed_over.update(folder.passed_over)
                self._report.warnings += [(folder.path, note) for note in notes_on(folder)]
                yield from self._pieces_of(folder)

    def _pieces_of(self, folder: Folder) -> Iterator[tuple[_Piece, Question]]:
        place = self._places.of(folder.path)
        for at in range(0, max(1, len(folder.images)), PIECE):
            names = folder.images[at : at + PIECE]
            known = self._places.known(place, names)
            wanted = questions_for(folder, names, known, self._full)
            is_last = at + PIECE >= len(folder.images)
            unread = FolderRead(folder.path, place, known, wanted)
            yield (unread, folder if is_last else None), Question(folder.path, wanted)

    def _take(self, piece: _Piece, answer: Answer) -> None:
        unread, folder = piece
        if count := len(unread.wanted):
            self._batch.append(unread._replace(answer=answer))
            self._waiting += count
            self._tell(count, unread.path_of(count - 1))
        if folder:
            self._folders.append(folder)
        if self._waiting >= BATCH or time.monotonic() - self._flushed > _BATCH_S:
            self._flush()

    def _flush(self) -> None:
        self._absorb()
        gc.collect(1)  # what else became garbage meanwhile
        self._flushed = time.monotonic()

    def _absorb(self) -> None:
        batch, folders = self._batch, self._folders
        self._batch, self._folders, self._waiting = [], [], 0
        if batch or folders:
            refused = [each for folder in folders for each in folder.refused]
            self._absorber.absorb(batch, refused, list(map(_state_of, folders)))

    def _expected(self, gone: set[str]) -> BitMap:
        """Images that had to be met: in a quick scan those of the folders that were listed or are no more."""
        if not self._passed:
            expected = self._places.all_images(self._top)
        else:
            expected = BitMap()
            for folder, inside in self._listed.items():
                expected |= self._places.images_of(folder, inside)
            for folder in gone:
                expected |= self._places.images_of(folder)
        for folder in self._unreached:
            expected -= self._places.all_images(folder)
        return expected

    def _counted(self, found: int, path: str) -> None:
        if self._progress:
            self._progress(ScanProgress(0, found, path))

    def _tell(self, more: int, path: str) -> None:
        self._done += more
        if self._progress:
            total = max(self._total, self._done) if self._total else 0
            self._progress(ScanProgress(self._done, total, path))


@contextmanager
def gc_paused() -> Generator[None]:
    """A batch is a hundred thousand tuples, none of them garbage: going through them took a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _state_of(folder: Folder) -> FolderState:
    """What to remember of a listed folder; its time counts for nothing where it may change without being seen."""
    is_settled = folder.mtime_ns < folder.looked_ns - _SETTLES_NS
    mtime_ns = folder.mtime_ns if is_settled else RESCAN
    return FolderState(folder.path, mtime_ns, len(folder.images), tuple(folder.inside), tuple(folder.linked))
