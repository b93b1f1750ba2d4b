"""Columns: what memory keeps of them is bounded, and what was dropped is read again."""

from __future__ import annotations

from pathlib import Path

from bench.collection import Booru, fill
from curator.index.collection import Collection


def test_columns_longest_unused_are_dropped_and_read_again(tmp_path: Path) -> None:
    with Collection.create(tmp_path) as collection:
        fill(collection, Booru(500))
        names = ("width", "height", "tags_count", "file_bytes")
        with collection.reading():
            before = {name: collection.columns.of(name).copy() for name in names}
        collection.columns.most_bytes = before["width"].nbytes * 2
        with collection.reading():
            for _ in range(2):
                for name in names:
                    assert (collection.columns.of(name) == before[name]).all()
                    assert len(collection.columns._cache) <= 2
            assert list(collection.columns._cache) == ["file_bytes"]
