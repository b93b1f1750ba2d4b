"""Collections of rows without files, with tags, classes, captions and facts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tables.metadata import PostFacts
from tests.images import NewImage, add_images


@dataclass(frozen=True)
class Post:
    """One row."""

    tags: tuple[str, ...] = ()
    caption: str = ""
    facts: PostFacts = field(default_factory=PostFacts)


Maker = Callable[..., Collection]


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Maker]:
    opened: list[Collection] = []

    def make(posts: list[Post], classes: dict[str, str] | None = None) -> Collection:
        collection = Collection.create(tmp_path / f"c{len(opened)}")
        opened.append(collection)
        pairs = tuple((classes or {}).items())
        with collection.writing():
            root = collection.images.root(str(tmp_path))
            images = [_image(root, place, post, pairs) for place, post in enumerate(posts)]
            ids = add_images(collection, images)
            collection.metadata.write([(ids[place], post.facts) for place, post in enumerate(posts)])
        return collection

    yield make
    for collection in opened:
        collection.close()


def _image(root: int, place: int, post: Post, classes: tuple[tuple[str, str], ...]) -> NewImage:
    sha = hashlib.sha256(str(place).encode()).digest()
    own = tuple(pair for pair in classes if pair[0] in post.tags)
    return NewImage(
        root, f"{place}.png", FileFacts(sha, 1000, 1, 64, 64, "png"), post.tags, post.caption, own
    )
