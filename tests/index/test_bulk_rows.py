"""Rows of very many images read at once say what is read one by one (S003)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.contract.varint import pack
from curator.index.bulk_rows import BulkRows, decode_joined
from curator.index.collection import Collection
from curator.index.edits import AddTags, RemoveTags
from curator.index.images import FileFacts, NewImage

COUNT = 300


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with Collection.create(tmp_path_factory.mktemp("many")) as collection:
        with collection.writing():
            roots = [collection.images.root(path) for path in ("/second", "/first")]
        collection.add_images([new(roots[number % 2], number) for number in range(COUNT)])
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


@pytest.mark.parametrize("wanted", [range(1, COUNT + 1), range(1, COUNT + 1, 2), [7], [3, 250, 299]])
def test_what_is_read_at_once_is_read_one_by_one(many: Collection, wanted: list[int]) -> None:
    """All, every other, and a few: walked over or looked up; edits that wait are seen."""
    images = BitMap(wanted)
    with many.reading():
        bulk = BulkRows(many)
        paths = bulk.paths(images)
        rows = {row.id: row for row in many.rows(list(images))}
        roots = [path.decode() for _, path in bulk.roots()]
        assert roots == ["/first", "/second"]
        names = [bytes(paths.joined[a + 1 : b]) for a, b in zip(paths.bounds, paths.bounds[1:], strict=False)]
        meant = sorted(
            (row.root, row.path.encode("utf-8", "surrogateescape"), row.id) for row in rows.values()
        )
        found = zip((roots[root] for root in paths.roots), names, paths.ids.tolist(), strict=True)
        assert list(found) == meant
        contents = {
            n: sha.tobytes().hex()
            for ids, some in bulk.contents(images)
            for n, sha in zip(ids, some, strict=True)
        }
        assert contents == {row.id: row.sha256 for row in rows.values()}
        tags: list[int] = []
        ids: list[int] = []
        for piece in bulk.tag_pieces(images):
            ids += piece.ids.tolist()
            tags += piece.values.tolist()
        assert ids == list(images)
        assert tags == [tag for own in many.images.tag_lists(ids) for tag in (*own, 0)]


def test_nothing_is_read_of_nothing(many: Collection) -> None:
    with many.reading():
        bulk = BulkRows(many)
        assert len(bulk.paths(BitMap()).ids) == 0
        assert list(bulk.contents(BitMap())) == list(bulk.tag_pieces(BitMap())) == []


def test_a_thread_reads_beside_only_what_is_the_same(tmp_path: Path) -> None:
    """An index that moved on since the snapshot would give other rows."""
    from concurrent.futures import ThreadPoolExecutor

    def beside(bulk: BulkRows) -> bool:
        with bulk.beside() as own:
            return own is not None and np.array_equal(own.paths(BitMap([1])).ids, [1])

    with Collection.create(tmp_path) as collection, ThreadPoolExecutor(1) as pool:
        with collection.writing():
            root = collection.images.root("/pictures")
        collection.add_images([new(root, 1)])
        with collection.reading():
            bulk = BulkRows(collection)
            assert pool.submit(beside, bulk).result()
            with Collection.open(tmp_path) as other:
                other.apply(AddTags(("later",)), [1])
            assert not pool.submit(beside, bulk).result()
