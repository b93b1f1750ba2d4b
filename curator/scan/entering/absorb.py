"""A batch of read files entered into the index, in one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.contract.files.picture_file import has_picture
from curator.index.images.images import FileFacts
from curator.index.tables.folders import RESCAN, FolderState
from curator.scan.copies.relook import clear_failed_fingerprints
from curator.scan.entering.new_images import NewImages, NewImageWriter
from curator.scan.entering.resync import Resync
from curator.scan.places import Places, parent_folders
from curator.scan.report import ScanReport

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.scan.entering.folder_read import FolderRead, ReadImage

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
        self, batch: Sequence[FolderRead], refused: Sequence[tuple[str, str]], listed: Sequence[FolderState]
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
            state._replace(mtime_ns=RESCAN) if state.path in unsettled else state for state in listed
        )

    def _release(self, paths: set[str]) -> set[str]:
        """These can be used now; gives those that could not."""
        freed = paths & self._quarantined.keys()
        self._collection.quarantine.release(freed)
        for path in freed:
            del self._quarantined[path]
        return freed

    def _write(self, batch: Sequence[FolderRead], news: ScanReport) -> None:
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
        for some in new.values():
            self._seen |= self._writer.add(some)
            news.added += len(some)

    def _pass_by(self, read: FolderRead, news: ScanReport) -> None:
        """Images of which nothing is known stay what they were; a folder of which all are so is told once."""
        images, why = read.unreached(), read.answer.unreached
        if images and len(images) < len(read.wanted):
            news.warnings += [(read.path_of(at), why[at]) for at in images]
        elif images and read.folder not in self._told:
            self._told.add(read.folder)
            news.warnings.append((read.folder, next(iter(why.values()))))
        self._rescan_folders.add(read.folder)
        self._seen |= BitMap(images.values())

    def _quarantine_unusable(self, batch: Sequence[FolderRead], news: ScanReport) -> None:
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

    def _known(self, batch: Sequence[FolderRead], news: ScanReport) -> dict[int, ReadImage]:
        """The images that the index knows at their paths, where something was read."""
        updates = {image: (read, at) for read in batch for at, image in read.changed()}
        alive = self._images.alive()
        for image, (read, at) in updates.items():
            facts = read.answer.facts[at]
            if image not in alive:
                news.returned += 1
            elif facts is None or self._images.content(image) == facts[0]:
                news.unchanged += 1
            else:
                news.changed += 1
        self._seen |= BitMap(updates)
        return updates

    def _new(
        self, batch: Sequence[FolderRead], updates: dict[int, ReadImage], news: ScanReport
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
                new.setdefault(read.place.root, NewImages(read.place.root)).add(read, left)
        return new

    def _is_moved(self, read: FolderRead, at: int, same: _Same, updates: dict[int, ReadImage]) -> bool:
        """Whether a file is an image known by another name: same content, and nothing at the old path."""
        facts = read.answer.facts[at]
        for image, path, alive in same.get(facts[0], ()) if facts else ():
            if image not in self._seen and (not alive or _is_gone(path)):
                self._images.move(image, read.place.root, read.place.before + read.wanted[at][0])
                self._seen.add(image)
                updates[image] = (read, at)
                return True
        return False

    def _keep(self, updates: Mapping[int, ReadImage], news: ScanReport) -> None:
        """Images the index knows: they are there, with what was read of them."""
        if not updates:
            return
        self._images.set_alive(BitMap(updates), True)
        files = [
            (image, FileFacts(*facts))
            for image, (read, at) in updates.items()
            if (facts := read.answer.facts[at]) is not None
        ]
        if files:
            self._images.update_files(files)
        reread = {image: (read, at) for image, (read, at) in updates.items() if read.rereads(at)}
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
