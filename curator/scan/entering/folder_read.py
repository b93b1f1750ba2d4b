"""Images of one folder as read: what was asked of them, the answer, and where they stand in the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pyroaring import BitMap

from curator.scan.readers.reading import NOTHING_READ, Answer, Wanted
from curator.scan.sidecars.sidecar import Sidecar

if TYPE_CHECKING:
    from curator.scan.places import Known, Place


class FolderRead(NamedTuple):
    """Some images of a folder, what the index knows of them by name, what was asked of each, and the answer.

    Until they are read the answer is empty. An image is named by its place among those asked for.
    """

    folder: str
    place: Place
    known: Mapping[str, Known]
    wanted: Sequence[Wanted]
    answer: Answer = NOTHING_READ

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

    def sidecars(self, at: int) -> tuple[Sidecar, ...]:
        """The sidecars read of the image at a place."""
        return tuple(map(Sidecar._make, self.answer.sidecars[at]))

    def rereads(self, at: int) -> bool:
        """Whether the sidecars of the image at a place were read, or are no more."""
        return at in self.answer.rereads or self.wanted[at][4] is None


ReadImage = tuple[FolderRead, int]  # and the place of the image in it
