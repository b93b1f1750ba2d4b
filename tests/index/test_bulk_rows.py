"""Rows of very many images read at once say what is read one by one."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.contract.varint import pack
from curator.index import bulk_rows
from curator.index.bulk_rows import BulkRows, decode_joined
from curator.index.changes.edits import AddTags, RemoveTags
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images

COUNT = 300


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with Collection.create(tmp_path_factory.mktemp("many")) as collection:
        with collection.writing():
            roots = [collection.images.root(path) for path in ("/second", "/first")]
        add_images(collection, [new(roots[number % 2], number) for number in range(COUNT)])
        collection.apply(AddTags(("later",)), range(1, COUNT, 3))
        collection.apply(RemoveTags(("t1",)), range(1, COUNT, 2))
        yield collection


def new(root: int, number: int) -> NewImage:
    sha = hashlib.sha256(str(number).encode()).digest()
    facts = FileFacts(sha, 1000 + number, 1, 64, 64, "png")
    tags = tuple(f"t{each}" for each in (1, number % 7 + 2, 10 + number) if number % 5)
    return NewImage(root, f"{number * 7919 % COUNT}/caf\udce9 {number}.png", facts, tags)


@given(
    st.lists(
        st.lists(
            st.integers(16, (1 << 24) - 1) | st.sampled_from([127, 128, 16383, 16384, 2**21 - 1, 2**21])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_joined_blobs_are_taken_apart(rows: list[list[int]]) -> None:
    found = decode_joined(b"\0".join(pack(row) for row in rows))
    assert found.tolist() == [tag for row in rows for tag in (*row, 0)]


@pytest.mark.parametrize("piece", [64, 1 << 14])
@pytest.mark.parametrize("wanted", [range(1, COUNT + 1), range(1, COUNT + 1, 2), [7], [3, 250, 299]])
def test_what_is_read_at_once_is_read_one_by_one(
    many: Collection, wanted: list[int], piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All, every other, and a few: walked over or looked up; edits that wait are seen."""
    monkeypatch.setattr(bulk_rows, "_PIECE", piece)
    images = BitMap(wanted)
    with many.reading():
        bulk = BulkRows(many)
        order = bulk.in_path_order(images)
        rows = {row.id: row for row in many.rows(list(images))}
        roots = [path.decode() for _, path in bulk.roots()]
        assert roots == ["/first", "/second"]
        files: dict[int, tuple[bytes, str]] = {}
        for piece in bulk.files(images):
            shas = (sha.tobytes().hex() for sha in piece.contents)
            each = zip(piece.paths.split(b"\0")[:-1], shas, strict=True)
            files |= dict(zip(piece.ids.tolist(), each, strict=True))
        assert list(files) == list(images)
        assert [sha for _, sha in files.values()] == [rows[image].sha256 for image in images]
        meant = sorted(
            (row.root, row.path.encode("utf-8", "surrogateescape"), row.id) for row in rows.values()
        )
        found = zip(order.roots.tolist(), order.ids.tolist(), strict=True)
        assert [(roots[root], files[image][0], image) for root, image in found] == meant
        tags: list[int] = []
        ids: list[int] = []
        for piece in bulk.tag_pieces(images):
            ids += piece.ids.tolist()
            tags += piece.values.tolist()
        assert ids == list(images)
        assert tags == [tag for own in many.images.tag_lists(ids) for tag in (*own, 0)]


def test_ids_that_are_missing_shift_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are counted: where a range has fewer than ids, each says whose it is."""
    monkeypatch.setattr(bulk_rows, "_PIECE", 64)
    with Collection.create(tmp_path) as collection:
        with collection.writing():
            root = collection.images.root("/pictures")
        add_images(collection, [new(root, number) for number in range(COUNT)])
        with closing(sqlite3.connect(tmp_path / "frieze.db")) as connection, connection:
            for table in ("image", "image_text"):
                connection.execute(f"DELETE FROM {table} WHERE id % 7 = 3 OR id = {COUNT}")
        images = BitMap(n for n in range(1, COUNT) if n % 7 != 3)
        with collection.reading():
            bulk = BulkRows(collection)
            files = list(bulk.files(images))
            tags = list(bulk.tag_pieces(images))
            rows = {row.id: row for row in collection.rows(list(images))}
            assert [n for piece in files for n in piece.ids.tolist()] == list(images)
            assert [n for piece in tags for n in piece.ids.tolist()] == list(images)
            shas = [sha.tobytes().hex() for piece in files for sha in piece.contents]
            assert shas == [rows[n].sha256 for n in images]
            said = [tag for piece in tags for tag in piece.values.tolist()]
            assert said == [tag for own in collection.images.tag_lists(list(images)) for tag in (*own, 0)]


def test_nothing_is_read_of_nothing(many: Collection) -> None:
    with many.reading():
        bulk = BulkRows(many)
        assert len(bulk.in_path_order(BitMap()).ids) == 0
        assert list(bulk.files(BitMap())) == list(bulk.tag_pieces(BitMap())) == []


def test_a_thread_reads_beside_only_what_is_the_same(tmp_path: Path) -> None:
    """An index that moved on since the snapshot would give other rows."""
    from concurrent.futures import ThreadPoolExecutor

    def beside(bulk: BulkRows) -> bool:
        with bulk.on_own_connection() as own:
            return own is not None and np.array_equal(own.in_path_order(BitMap([1])).ids, [1])

    with Collection.create(tmp_path) as collection, ThreadPoolExecutor(1) as pool:
        with collection.writing():
            root = collection.images.root("/pictures")
        add_images(collection, [new(root, 1)])
        with collection.reading():
            bulk = BulkRows(collection)
            assert pool.submit(beside, bulk).result()
            with Collection.open(tmp_path) as other:
                other.apply(AddTags(("later",)), [1])
            assert not pool.submit(beside, bulk).result()
