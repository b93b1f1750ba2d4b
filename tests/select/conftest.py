"""Collections of posts without files: rows and facts are enough for every pick."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tables.metadata import PostFacts
from tests.images import NewImage, add_images

Posts = Sequence[tuple[PostFacts, tuple[str, ...]]]
Maker = Callable[..., Collection]


@pytest.fixture
def posts(tmp_path: Path) -> Iterator[Maker]:
    """Makes a collection of posts; tags that begin with `by ` are artists."""
    opened: list[Collection] = []

    def make(rows: Posts) -> Collection:
        collection = Collection.create(tmp_path / f"c{len(opened)}")
        opened.append(collection)
        with collection.writing():
            root = collection.images.root(str(tmp_path))
            ids = add_images(collection, [_image(root, place, tags) for place, (_, tags) in enumerate(rows)])
            collection.metadata.write([(ids[place], facts) for place, (facts, _) in enumerate(rows)])
        return collection

    yield make
    for collection in opened:
        collection.close()


def _image(root: int, place: int, tags: tuple[str, ...]) -> NewImage:
    sha = hashlib.sha256(str(place).encode()).digest()
    classes = tuple((tag, "artist") for tag in tags if tag.startswith("by "))
    return NewImage(root, f"{place}.png", FileFacts(sha, 1000, 1, 64, 64, "png"), tags, "", classes)
