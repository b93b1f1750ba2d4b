"""New annotations for very many images: worked out while others write, committed as one change or several.

An image that another program edits meanwhile is worked out again inside the transaction: nothing of the edit is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.index.changes.edits import Annotations, Commit, Rewrite

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.index.collection import Collection

IMAGES_A_COMMIT = 200_000  # the annotations of one commit are held in memory: about 150 MB
_READ = 2000
Change = Callable[[int, tuple[str, ...], str], Annotations | None]


class Rewriting:
    """What `change` makes of (image, tags, caption) of each image, where it makes anything; worked out by iterating."""

    def __init__(
        self, collection: Collection, ids: Sequence[int], change: Change, progress: Progress | None = None
    ) -> None:
        self._collection = collection
        self._ids = ids
        self._change = change
        self._progress = progress

    def __iter__(self) -> Iterator[Annotations]:
        for at in range(0, len(self._ids), _READ):
            some = [int(number) for number in self._ids[at : at + _READ]]
            yield from self.of(some)
            if self._progress:
                self._progress(at + len(some), len(self._ids))

    def of(self, images: Sequence[int]) -> Iterator[Annotations]:
        """The same of a few images, as they are now."""
        with self._collection.reading():
            names = self._collection.tag_names(images)
            captions = self._collection.captions(images)
        for image, tags in zip(images, names, strict=True):
            annotations = self._change(image, tags, captions.get(image, ""))
            if annotations is not None:
                yield annotations


def commit(collection: Collection, rewriting: Rewriting, summary: str, actor: str = "you") -> list[Commit]:
    """Write new annotations; those of more than `IMAGES_A_COMMIT` images become several commits."""
    with collection.reading():
        start = collection.journal.last_id()
    done: list[Commit] = []
    every = iter(rewriting)
    while some := tuple(islice(every, IMAGES_A_COMMIT)):
        with collection.writing(durable=True):
            edited = collection.journal.images_changed_since(start, but={each.id for each in done})
            stale = edited & BitMap(each.image for each in some)
            if stale:
                some = (*(each for each in some if each.image not in stale), *rewriting.of(list(stale)))
            made = collection.apply(Rewrite(some, summary), [each.image for each in some], actor)
        if made.images_changed:
            done.append(made)
    return done
