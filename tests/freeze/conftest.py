"""Collections of images without files: rows are enough for everything a freeze decides."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images


class Picture(NamedTuple):
    name: str
    size: tuple[int, int]
    tags: tuple[str, ...] = ()
    caption: str = ""


Maker = Callable[..., Collection]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Maker]:
    opened: list[Collection] = []

    def make(pictures: Iterable[Picture], folder: str = "set") -> Collection:
        home = tmp_path / folder
        (home / "pictures").mkdir(parents=True)
        collection = Collection.create(home)
        opened.append(collection)
        with collection.writing():
            root = collection.images.root(str(home / "pictures"))
        add_images(collection, [_row(root, picture) for picture in pictures])
        return collection

    yield make
    for collection in opened:
        collection.close()


def _row(root: int, picture: Picture) -> NewImage:
    sha = hashlib.sha256(picture.name.encode("utf-8", "surrogateescape")).digest()
    facts = FileFacts(sha, 1000, 1, *picture.size, "png")
    return NewImage(root, picture.name, facts, picture.tags, picture.caption)


PICTURES = (
    Picture("a.png", (512, 512), ("cat", "outdoors")),
    Picture("b.png", (512, 512), ("cat",), "a cat on a wall"),
    Picture("c.png", (768, 512), ("dog", "outdoors")),
    Picture("d.png", (512, 768), ("dog",)),
    Picture("e.png", (100, 100), ()),
    Picture("f.png", (700, 500), ("bird", "outdoors")),
)
