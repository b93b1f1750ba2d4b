"""Commits of new annotations for very many images: one change, or several of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from curator.contract.progress import Progress
from curator.index.changes.edits import Annotations, Commit, Rewrite
from curator.index.collection import Collection

IMAGES_A_COMMIT = 200_000  # the words of one commit are held in memory: about 150 MB
_READ = 2000
Change = Callable[[int, tuple[str, ...], str], Annotations | None]


def rewritten(
    collection: Collection, ids: Sequence[int], change: Change, progress: Progress | None = None
) -> Iterator[Annotations]:
    """What `change` makes of (image, tags, caption) of each image, where it makes anything."""
    for at in range(0, len(ids), _READ):
        some = [int(number) for number in ids[at : at + _READ]]
        with collection.reading():
            names = collection.tag_names(some)
            captions = collection.captions(some)
        for image, tags in zip(some, names, strict=True):
            words = change(image, tags, captions.get(image, ""))
            if words is not None:
                yield words
        if progress:
            progress(at + len(some), len(ids))


def commit(
    collection: Collection, annotations: Iterator[Annotations], summary: str, actor: str = "you"
) -> list[Commit]:
    """Write words; more than `IMAGES_A_COMMIT` become several commits."""
    done: list[Commit] = []
    while some := tuple(islice(annotations, IMAGES_A_COMMIT)):
        made = collection.apply(Rewrite(some, summary), [each.image for each in some], actor)
        if made.images_changed:
            done.append(made)
    return done
