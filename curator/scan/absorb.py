"""Decides what a batch of read files does to the index, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pyroaring import BitMap

from curator.contract.picture_file import has_picture, tar_of
from curator.index.collection import Collection
from curator.index.folders import UNSETTLED, FolderState
from curator.index.images import FileFacts
from curator.scan.arrive import Arrivals, Arriving
from curator.scan.places import Known, Place, Places
from curator.scan.reading import Facts, Outcome
from curator.scan.report import ScanReport
from curator.scan.resync import Resync


class Met(NamedTuple):
    """An image file that the scan met, and what was read of it.

    `sidecars` are the suffixes of those beside it; `rereads` whether they were read.
    """

    folder: str
    place: Place
    name: str
    known: Known | None
    sidecars: Sequence[str]
    rereads: bool
    outcome: Outcome

    @property
    def path(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.name}"


class Absorber:
    """Writes batches; remembers which images the scan has seen."""

    def __init__(
        self, collection: Collection, places: Places, report: ScanReport, arrivals: Arrivals
    ) -> None:
        self._collection = collection
        self._arrivals = arrivals
        self._images = collection.images
        self._places = places
        self._report = report
        self._seen = BitMap()
        self._same: dict[
            bytes, list[tuple[int, str, bool]]
        ] = {}  # who has the contents of this batch's new files
        self._unsettled = set[str]()
        with collection.reading():
            self._quarantined = {entry.path for entry in collection.quarantine.list()}

    def absorb(
        self, batch: Sequence[Met], refused: Sequence[tuple[str, str]], listed: Sequence[FolderState]
    ) -> None:
        """One batch, whole or not at all: images, what cannot be read, and the folders all of whose images came."""
        before, news = self._seen.copy(), ScanReport()
        try:
            with self._collection.writing():
                self._quarantine(refused, news)
                self._write(batch, news)
                self._remember(refused, listed, news)
        except BaseException:
            self._seen = before
            raise
        self._report.include(news)
        self._arrivals.show()

    def finish(self, expected: BitMap, gone_folders: Iterable[str]) -> None:
        """After the last batch: of the images expected, those that were not seen are missing."""
        with self._collection.writing():
            self._report.missing = len(self._images.set_alive(expected - self._seen, False))
            left = [p for p in self._quarantined if self._places.holds(p) and not has_picture(p)]
            self._collection.quarantine.release(left)
            self._collection.folders.forget(gone_folders)

    def _remember(
        self, refused: Sequence[tuple[str, str]], listed: Sequence[FolderState], news: ScanReport
    ) -> None:
        """Folders in which something has to be looked at again are not passed over by the next quick scan."""
        self._unsettled.update(*(_homes(path) for path, _ in (*news.quarantined, *news.conflicts)))
        self._collection.folders.put(
            replace(state, mtime_ns=UNSETTLED) if state.path in self._unsettled else state for state in listed
        )
        readable = {state.path for state in listed} - {path for path, _ in refused}
        self._collection.quarantine.release(readable & self._quarantined)

    def _write(self, batch: Sequence[Met], news: ScanReport) -> None:
        good = [met for met in batch if met.outcome.reason is None]
        self._set_aside([met for met in batch if met.outcome.reason is not None], news)
        for met in batch:
            news.warnings += met.outcome.warnings
        if self._quarantined:
            self._collection.quarantine.release({met.path for met in good} & self._quarantined)
        unknown = [met.outcome.facts.sha256 for met in good if met.outcome.facts and met.known is None]
        self._same = self._images.with_contents(unknown) if unknown else {}
        old: dict[int, Met] = {}
        new: list[tuple[Met, Facts]] = []
        for met in good:
            image = self._image_of(met, news)
            if image is not None:
                old[image] = met
            elif met.outcome.facts is not None:
                new.append((met, met.outcome.facts))
        self._keep(old, news)
        self._add(new, news)

    def _keep(self, old: Mapping[int, Met], news: ScanReport) -> None:
        """Images the index knows: they are there, with what was read of them."""
        images = BitMap(old)
        self._seen |= images
        self._images.set_alive(images, True)
        read = [
            (image, FileFacts(*met.outcome.facts))
            for image, met in old.items()
            if met.outcome.facts is not None
        ]
        if read:
            self._images.update_files(read)
        reread = {image: met for image, met in old.items() if met.rereads}
        if reread:
            Resync(self._collection, news).sync(reread)

    def _set_aside(self, bad: Sequence[Met], news: ScanReport) -> None:
        """Files that cannot be used; images that they were are missing."""
        self._quarantine([(met.path, met.outcome.reason or "") for met in bad], news)
        self._images.set_alive(BitMap(met.known.file.id for met in bad if met.known), False)

    def _quarantine(self, entries: Sequence[tuple[str, str]], news: ScanReport) -> None:
        if entries:
            self._collection.quarantine.put(entries)
            news.quarantined += entries

    def _image_of(self, met: Met, news: ScanReport) -> int | None:
        """The image that a file is: the one at its path, or one that moved there."""
        facts = met.outcome.facts
        if met.known is None:
            return self._moved(met, facts, news) if facts and self._same else None
        file = met.known.file
        if not file.alive:
            news.returned += 1
        elif facts is None or self._images.content(file.id) == facts.sha256:
            news.unchanged += 1
        else:
            news.changed += 1
        return file.id

    def _moved(self, met: Met, facts: Facts, news: ScanReport) -> int | None:
        """The image whose file this is under another name: same content, and nothing at the old path."""
        for image, path, alive in self._same.get(facts.sha256, ()):
            if image not in self._seen and (not alive or not has_picture(path)):
                self._images.move(image, met.place.root, met.place.before + met.name)
                self._seen.add(image)
                news.moved += 1
                return image
        return None

    def _add(self, new: Sequence[tuple[Met, Facts]], news: ScanReport) -> None:
        by_root: dict[int, list[Arriving]] = {}
        for met, facts in new:
            arriving = Arriving(met.place.before + met.name, facts, met.outcome.sidecars)
            by_root.setdefault(met.place.root, []).append(arriving)
        for root, images in by_root.items():
            self._seen |= self._arrivals.add(root, images)
        news.added += len(new)


def _homes(path: str) -> tuple[str, str]:
    """The folder or tar that something lies in, and itself, which may be a tar."""
    inside = tar_of(path)
    return inside[0] if inside else path.rpartition("/")[0], path
