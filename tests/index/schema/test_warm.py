"""What is read of a cold index before anybody asks: everything, nothing more than a look where the file is cached."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.index.images.image_facts import FileFacts
from curator.index.sets import read_ahead as warm
from tests.images import NewImage, add_images

TABLES = 4


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path) as collection:
        with collection.writing():
            root = collection.images.root("/p")
            facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
            add_images(collection, [NewImage(root, f"{k}.png", facts, ("a", "b")) for k in range(3)])
        collection.apply(AddTags(("new",)))
        collection.compact()
        yield collection


def test_a_cold_file_is_read_whole(edited: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    read = count(0, 5 << 20)
    monkeypatch.setattr(warm, "_bytes_from_disk", lambda: next(read))
    assert edited.warm(lambda: False) == TABLES  # so few images are one span of each
    with monkeypatch.context() as patch:
        patch.setattr(warm, "_TABLES", tuple((highest, query, 1) for highest, query, _ in warm._TABLES[2:]))
        last = edited.images.last_id()
        assert edited.warm(lambda: False) == 2 * (last + 1)


def test_a_cached_file_is_only_looked_at(edited: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "_bytes_from_disk", lambda: 7)
    monkeypatch.setattr(warm, "_TABLES", tuple((highest, query, 1) for highest, query, _ in warm._TABLES))
    assert edited.warm(lambda: False) == TABLES


def test_a_system_that_does_not_say_has_all_read(edited: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "_bytes_from_disk", lambda: None)
    assert edited.warm(lambda: False) == TABLES
    assert edited.warm(lambda: True) == 0
