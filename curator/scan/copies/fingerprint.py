"""Perceptual hashes of all images: by several processes, those without one, kept as it goes on.

What cannot be decoded is kept as having no number and goes into quarantine with the reason; a file that cannot be
opened, or whose decoder did not come to an end, is looked at again the next time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from curator.scan.copies.appearance import FINGERPRINTING, Fingerprint, Pictures
from curator.scan.places import parent_folders
from curator.scan.readers.readers import Readers

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.index.collection import Collection

_PIECE = 32  # images a question
_SEARCHED = 4096  # images at once of which it is found out whether they were looked at
_KEPT_EVERY_S = 2.0  # so a stop loses little


@dataclass
class Filled:
    """How many images were looked at; (path, reason) of those that cannot be decoded, of those to come back to."""

    fingerprinted: int = 0
    undecodable: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    unopened: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


class _Piece(NamedTuple):
    """New images, one of each content, and how many images they stand for, with those looked at before."""

    contents: list[bytes]
    paths: list[str]
    images: int


def fill(collection: Collection, ids: Sequence[int], progress: Progress | None = None) -> Filled:
    """Look at every image not looked at before. What was seen is kept when `progress` raises to stop."""
    filled, done = Filled(), 0
    keeper = _Keeper(collection, filled)
    with Readers(FINGERPRINTING) as readers:
        try:
            questions = ((piece, Pictures(piece.paths)) for piece in _new(collection, ids))
            for piece, answer in readers.read(questions):
                keeper.take(piece, answer.results)
                done += piece.images
                if progress:
                    progress(done, len(ids))
        finally:
            keeper.keep()
    return filled


def _new(collection: Collection, ids: Sequence[int]) -> Iterator[_Piece]:
    asked: dict[bytes, None] = {}  # lately, in order: what two files share is looked at once
    for at in range(0, len(ids), _SEARCHED):
        some = ids[at : at + _SEARCHED]
        with collection.reading():
            contents = dict(collection.images.contents(some))
            known = collection.fingerprints.of(list(contents.values()))
            new: dict[bytes, int] = {}
            for image, content in contents.items():
                if content not in known and content not in asked:
                    new.setdefault(content, image)
            paths = {row.id: row.full_path for row in collection.rows(list(new.values()))}
        asked = dict.fromkeys([*asked, *new][-8 * _SEARCHED :])
        left = len(some)
        for first in range(0, len(new), _PIECE):
            piece = list(new)[first : first + _PIECE]
            left -= len(piece)
            yield _Piece(piece, [paths[new[content]] for content in piece], len(piece))
        if left:
            yield _Piece([], [], left)


class _Keeper:
    """Writes what was seen, every few seconds."""

    def __init__(self, collection: Collection, filled: Filled) -> None:
        self._collection = collection
        self._filled = filled
        self._waiting: list[tuple[bytes, int | None]] = []
        self._bad: list[tuple[str, str]] = []
        self._kept = time.monotonic()

    def take(self, piece: _Piece, looks: Sequence[Fingerprint]) -> None:
        for content, path, (number, reason, is_known) in zip(piece.contents, piece.paths, looks, strict=True):
            if not is_known:
                self._filled.unopened.append((path, reason))
                continue
            self._waiting.append((content, number))
            if reason:
                self._bad.append((path, reason))
        if time.monotonic() - self._kept > _KEPT_EVERY_S:
            self.keep()

    def keep(self) -> None:
        """Safe when this returns."""
        waiting, bad, self._waiting, self._bad = self._waiting, self._bad, [], []
        self._kept = time.monotonic()
        if waiting:
            with self._collection.writing():
                self._collection.fingerprints.put(waiting)
                self._collection.quarantine.put(bad)
                self._collection.folders.force_rescan(
                    {home for path, _ in bad for home in parent_folders(path)}
                )
            self._filled.fingerprinted += len(waiting)
            self._filled.undecodable += bad
