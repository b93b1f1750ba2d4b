"""Decides what a batch of read files does to the index, in one transaction."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pyroaring import BitMap

from curator.index.collection import Collection
from curator.index.images import FileFacts, KnownFile, NewImage
from curator.scan.places import Places
from curator.scan.reading import Outcome
from curator.scan.report import ScanReport
from curator.scan.resync import Resync, state_of
from curator.scan.sidecar import together


class Absorber:
    """Writes batches; remembers which images the scan has seen."""

    def __init__(self, collection: Collection, places: Places, report: ScanReport) -> None:
        self._collection = collection
        self._images = collection.images
        self._places = places
        self._report = report
        self._seen = BitMap()
        self._same: dict[
            bytes, list[tuple[int, str, bool]]
        ] = {}  # who has the contents of this batch's new files
        with collection.reading():
            self._quarantined = {entry.path for entry in collection.quarantine.list()}

    def absorb(self, outcomes: Sequence[Outcome], known: Mapping[str, KnownFile]) -> None:
        """One batch, whole or not at all."""
        before, news = self._seen.copy(), ScanReport()
        try:
            with self._collection.writing():
                self._write(outcomes, known, news)
        except BaseException:
            self._seen = before
            raise
        self._report.include(news)

    def finish(self) -> None:
        """After the last batch: what was not seen is missing."""
        with self._collection.writing():
            gone = self._places.all_images() - self._seen
            self._report.missing = len(self._images.set_alive(gone, False))
            left = [p for p in self._quarantined if self._places.holds(p) and not os.path.lexists(p)]
            self._collection.quarantine.release(left)

    def _write(self, outcomes: Sequence[Outcome], known: Mapping[str, KnownFile], news: ScanReport) -> None:
        for outcome in outcomes:
            news.warnings += outcome.warnings
        self._quarantine([outcome for outcome in outcomes if outcome.reason is not None], known, news)
        good = [outcome for outcome in outcomes if outcome.reason is None]
        self._collection.quarantine.release({o.task.found.path for o in good} & self._quarantined)
        unknown = [o.facts.sha256 for o in good if o.facts and o.task.found.path not in known]
        self._same = self._images.with_contents(unknown)
        old: dict[int, Outcome] = {}
        new: list[tuple[Outcome, FileFacts]] = []
        for outcome in good:
            file = known.get(outcome.task.found.path)
            if file is not None:
                self._update(file, outcome, news)
                old[file.id] = outcome
            elif outcome.facts is not None:
                moved = self._moved(outcome, outcome.facts, news)
                if moved is None:
                    new.append((outcome, outcome.facts))
                else:
                    old[moved] = outcome
        self._add(new, news)
        Resync(self._collection, news).sync(old)

    def _quarantine(self, bad: Sequence[Outcome], known: Mapping[str, KnownFile], news: ScanReport) -> None:
        entries = [(outcome.task.found.path, outcome.reason or "") for outcome in bad]
        self._collection.quarantine.put(entries)
        self._images.set_alive(BitMap(known[path].id for path, _ in entries if path in known), False)
        news.quarantined += entries

    def _update(self, file: KnownFile, outcome: Outcome, news: ScanReport) -> None:
        self._seen.add(file.id)
        if not file.alive:
            self._images.set_alive(BitMap([file.id]), True)
            news.returned += 1
        elif outcome.facts is None:
            news.unchanged += 1
        if outcome.facts is not None:
            other = self._images.content(file.id) != outcome.facts.sha256
            self._images.update_files([(file.id, outcome.facts)])
            if file.alive:
                news.changed += other
                news.unchanged += not other

    def _moved(self, outcome: Outcome, facts: FileFacts, news: ScanReport) -> int | None:
        """The image whose file this is under another name: same content, and nothing at the old path."""
        for image, path, alive in self._same.get(facts.sha256, ()):
            if image not in self._seen and (not alive or not os.path.lexists(path)):
                self._images.move(image, *self._places.split(outcome.task.found))
                self._images.update_files([(image, facts)])
                self._images.set_alive(BitMap([image]), True)
                self._seen.add(image)
                news.moved += 1
                return image
        return None

    def _add(self, new: Sequence[tuple[Outcome, FileFacts]], news: ScanReport) -> None:
        images = [self._new_image(outcome, facts) for outcome, facts in new]
        self._seen |= BitMap(self._images.add(images))
        news.added += len(images)

    def _new_image(self, outcome: Outcome, facts: FileFacts) -> NewImage:
        root, path = self._places.split(outcome.task.found)
        words = together(outcome.sidecars)
        tags, caption = words.tags or (), words.caption or ""
        states = tuple(state_of(sidecar, tags, caption) for sidecar in outcome.sidecars)
        return NewImage(root, path, facts, tags, caption, words.classes, states)
