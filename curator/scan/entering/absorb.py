"""A batch of read files entered into the index, in one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pyroaring import BitMap

from curator.contract.files.picture_file import has_picture
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tables.folders import RESCAN, FolderState
from curator.scan.copies.relook import clear_failed_fingerprints
from curator.scan.entering.new_images import NewImages, NewImageWriter
from curator.scan.entering.resync import KnownImageUpdate, Resync
from curator.scan.places import Known, Place, Places, parent_folders
from curator.scan.readers.reading import Answer, Wanted
from curator.scan.report import ScanReport


class FolderResult(NamedTuple):
    """Some images of a folder, what the index knows of them by name, what was asked of each, and the answer."""

    folder: str
    place: Place
    known: Mapping[str, Known]
    wanted: Sequence[Wanted]
    answer: Answer

    def path_of(self, at: int) -> str:
        """The absolute path of the image at a place of those asked for."""
        return f"{self.folder.rstrip('/')}/{self.wanted[at][0]}"

    def same(self) -> list[int]:
        """Images of which nothing had to be read."""
        known, wanted = self.known, self.wanted
        return [known[wanted[at][0]].id for at in self.answer.same]

    def changed(self) -> Iterator[tuple[int, int]]:
        """(place, image) of the known of which something was read, and that can be used."""
        answer = self.answer
        if len(self.known) == len(answer.same):
            return
        passed = {*answer.same, *answer.gone, *answer.reasons, *answer.unreached}
        for at, wanted in enumerate(self.wanted):
            known = self.known.get(wanted[0])
            if known is not None and at not in passed:
                yield at, known.id

    def unknown(self) -> Sequence[int]:
        """Places of the images that the index does not know, and that can be used."""
        known, bad = self.known, {*self.answer.reasons, *self.answer.unreached}
        if not known and not bad:  # all of a first scan
            return range(len(self.wanted))
        if len(known) == len(self.wanted):
            return ()
        return [at for at, each in enumerate(self.wanted) if each[0] not in known and at not in bad]

    def good_paths(self, returned: BitMap) -> Iterator[str]:
        """Of the images of which something was read, and of those that were missing until now."""
        yield from (self.path_of(at) for at, _ in self.changed())
        yield from map(self.path_of, self.unknown())
        yield from (
            self.path_of(at)
            for at, image in zip(self.answer.same, self.same(), strict=True)
            if image in returned
        )

    def unreached(self) -> dict[int, int]:
        """Images that the index knows and of which nothing can be said now, by place."""
        known, wanted = self.known, self.wanted
        return {at: known[wanted[at][0]].id for at in self.answer.unreached if wanted[at][0] in known}

    def unusable(self) -> Iterator[tuple[int, str]]:
        """(place, reason) of files that cannot be used. Of what the index knows, only its content can say so."""
        yield from self.answer.reasons.items()
        yield from (
            (at, why) for at, why in self.answer.unreached.items() if self.wanted[at][0] not in self.known
        )

    def update(self, at: int) -> KnownImageUpdate:
        """The image at a place."""
        rereads = at in self.answer.rereads or self.wanted[at][4] is None
        return KnownImageUpdate(self.path_of(at), self.wanted[at][2], rereads, self.answer.outcome(at))


_Same = Mapping[bytes, list[tuple[int, str, bool]]]  # of contents, the images that have them


class Absorber:
    """Writes batches; remembers which images the scan has seen, or could not reach."""

    def __init__(
        self, collection: Collection, places: Places, report: ScanReport, writer: NewImageWriter
    ) -> None:
        self._collection = collection
        self._writer = writer
        self._images = collection.images
        self._places = places
        self._report = report
        self._seen = BitMap()
        self._rescan_folders = set[str]()
        self._told = set[str]()  # folders of which some images could not be reached
        with collection.reading():
            self._quarantined = {
                each.path: parent_folders(each.path) for each in collection.quarantine.list()
            }

    def absorb(
        self, batch: Sequence[FolderResult], refused: Sequence[tuple[str, str]], listed: Sequence[FolderState]
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
        self._writer.publish_if_due()

    def finish(self, expected: BitMap, gone_folders: Iterable[str]) -> None:
        """After the last batch: of the images expected, those that were not seen are missing."""
        with self._collection.writing():
            self._report.missing = len(self._images.set_alive(expected - self._seen, False))
            update = {path for path, _ in self._report.quarantined}  # of a cut tar: none finds them in it
            held = (path for path in self._quarantined if self._places.contains(path) and path not in update)
            self._collection.quarantine.release([path for path in held if _is_gone(path)])
            self._collection.folders.forget(gone_folders)

    def _remember(
        self, refused: Sequence[tuple[str, str]], listed: Sequence[FolderState], news: ScanReport
    ) -> None:
        """Folders in which something has to be looked at again are not passed over by the next quick scan."""
        self._release({state.path for state in listed} - {path for path, _ in refused})
        self._rescan_folders.update(
            *(parent_folders(path) for path, _ in (*news.quarantined, *news.conflicts))
        )
        unsettled = self._rescan_folders.union(*self._quarantined.values())
        self._collection.folders.put(
            replace(state, mtime_ns=RESCAN) if state.path in unsettled else state for state in listed
        )

    def _release(self, paths: set[str]) -> set[str]:
        """These can be used now; gives those that could not."""
        freed = paths & self._quarantined.keys()
        self._collection.quarantine.release(freed)
        for path in freed:
            del self._quarantined[path]
        return freed

    def _write(self, batch: Sequence[FolderResult], news: ScanReport) -> None:
        for read in batch:
            news.warnings += read.answer.warnings
            if read.answer.unread:
                self._rescan_folders.add(read.folder)
            if read.answer.unreached:
                self._pass_by(read, news)
        self._quarantine_unusable(batch, news)
        returned = self._keep_same([image for read in batch for image in read.same()], news)
        freed = set[str]()
        if self._quarantined:
            freed = self._release({path for read in batch for path in read.good_paths(returned)})
        updates = self._known(batch, news)
        new = self._new(batch, updates, news)
        self._keep(updates, news)
        if freed:
            clear_failed_fingerprints(self._collection, freed)
        for root, some in new.items():
            self._seen |= self._writer.add(root, some)
            news.added += len(some.paths)

    def _pass_by(self, read: FolderResult, news: ScanReport) -> None:
        """Images of which nothing is known stay what they were; a folder of which all are so is told once."""
        images, why = read.unreached(), read.answer.unreached
        if images and len(images) < len(read.wanted):
            news.warnings += [(read.path_of(at), why[at]) for at in images]
        elif images and read.folder not in self._told:
            self._told.add(read.folder)
            news.warnings.append((read.folder, next(iter(why.values()))))
        self._rescan_folders.add(read.folder)
        self._seen |= BitMap(images.values())

    def _quarantine_unusable(self, batch: Sequence[FolderResult], news: ScanReport) -> None:
        """Files that cannot be used; images that they were are missing."""
        bad, gone = list[tuple[str, str]](), BitMap()
        for read in batch:
            for at, reason in read.unusable():
                bad.append((read.path_of(at), reason))
                known = read.known.get(read.wanted[at][0])
                if known is not None:
                    gone.add(known.id)
        self._quarantine(bad, news)
        self._images.set_alive(gone, False)

    def _quarantine(self, entries: Sequence[tuple[str, str]], news: ScanReport) -> None:
        if entries:
            self._collection.quarantine.put(entries)
            news.quarantined += entries

    def _keep_same(self, ids: Sequence[int], news: ScanReport) -> BitMap:
        """Images of which nothing had to be read; gives those that were missing."""
        images = BitMap(ids)
        self._seen |= images
        returned = self._images.set_alive(images, True)
        news.returned += len(returned)
        news.unchanged += len(images) - len(returned)
        return returned

    def _known(self, batch: Sequence[FolderResult], news: ScanReport) -> dict[int, KnownImageUpdate]:
        """The images that the index knows at their paths, where something was read."""
        updates = {image: read.update(at) for read in batch for at, image in read.changed()}
        alive = self._images.alive()
        for image, update in updates.items():
            facts = update.outcome.facts
            if image not in alive:
                news.returned += 1
            elif facts is None or self._images.content(image) == facts.sha256:
                news.unchanged += 1
            else:
                news.changed += 1
        self._seen |= BitMap(updates)
        return updates

    def _new(
        self, batch: Sequence[FolderResult], updates: dict[int, KnownImageUpdate], news: ScanReport
    ) -> dict[int, NewImages]:
        """The images that the index does not know, by root; those that moved are added to `updates`."""
        unknown = [read.unknown() for read in batch]
        contents = [
            facts[0]
            for read, places in zip(batch, unknown, strict=True)
            for at in places
            if (facts := read.answer.facts[at]) is not None
        ]
        same = self._images.with_contents(contents) if contents else {}
        new: dict[int, NewImages] = {}
        for read, places in zip(batch, unknown, strict=True):
            left = [at for at in places if not self._is_moved(read, at, same, updates)] if same else places
            news.moved += len(places) - len(left)
            if left:
                _gather(new.setdefault(read.place.root, NewImages([], [], [])), read, left)
        return new

    def _is_moved(
        self, read: FolderResult, at: int, same: _Same, updates: dict[int, KnownImageUpdate]
    ) -> bool:
        """Whether a file is an image known by another name: same content, and nothing at the old path."""
        facts = read.answer.facts[at]
        for image, path, alive in same.get(facts[0], ()) if facts else ():
            if image not in self._seen and (not alive or _is_gone(path)):
                self._images.move(image, read.place.root, read.place.before + read.wanted[at][0])
                self._seen.add(image)
                updates[image] = read.update(at)
                return True
        return False

    def _keep(self, updates: Mapping[int, KnownImageUpdate], news: ScanReport) -> None:
        """Images the index knows: they are there, with what was read of them."""
        if not updates:
            return
        self._images.set_alive(BitMap(updates), True)
        outcomes = [(image, update.outcome.facts) for image, update in updates.items()]
        files = [(image, FileFacts(*facts)) for image, facts in outcomes if facts is not None]
        if files:
            self._images.update_files(files)
        reread = {image: update for image, update in updates.items() if update.rereads}
        if reread:
            Resync(self._collection, news).sync(reread)


def _is_gone(path: str) -> bool:
    """Whether the system says so; of what cannot be reached it does not."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return not has_picture(path)  # which looks into tars
    except OSError:
        pass
    return False


def _gather(new: NewImages, read: FolderResult, places: Sequence[int]) -> None:
    before, wanted = read.place.before, read.wanted
    new.paths.extend([before + wanted[at][0] for at in places])
    new.facts.extend([facts for at in places if (facts := read.answer.facts[at]) is not None])
    new.sidecars.extend([read.answer.sidecars[at] for at in places])
