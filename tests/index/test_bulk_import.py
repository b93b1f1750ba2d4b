"""Rows in bulk: seen when whole, safe per batch, gone on with after a kill, one path once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from curator.contract.errors import UserError
from curator.index import bulk_import
from curator.index.bulk_import import BulkImport
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.images.new_images import ImageBatch
from curator.index.sets import bitmap_file
from curator.index.sets.bitmaps import Flag
from tests.images import NewImage, add_images


def batch(root: int, first: int, count: int, paths: list[str] | None = None) -> ImageBatch:
    numbers = np.arange(first, first + count)
    return ImageBatch(
        root,
        paths or [f"{number:05}.png" for number in numbers.tolist()],
        [["all", f"t{number % 7}", f"u{number % 3}"] for number in numbers.tolist()],
        [hashlib.sha256(str(number).encode()).digest() for number in numbers.tolist()],
        numbers * 10,
        numbers + 1,
        numbers + 2,
        numbers * 1000,
        np.ones(count, np.int64),
        ["a cat" if number % 5 == 0 else "" for number in numbers.tolist()],
    )


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection.create(tmp_path)


def root_of(collection: Collection) -> int:
    with collection.writing():
        return collection.images.root("/p")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sets.bitmap_file", "images.derived", "images.arrivals", "bulk_import"):
        monkeypatch.setattr(f"curator.index.{module}.CHUNK_BITS", 8)


@pytest.mark.usefixtures("small_chunks")
def test_rows_appear_chunk_by_chunk_and_all_at_the_end(collection: Collection) -> None:
    root = root_of(collection)
    with BulkImport(collection, "a source") as load:
        for first in range(0, 1000, 100):
            load.add(batch(root, first, 100))
            assert load.position == first + 100
        seen = collection.images.count()
        assert 0 < seen < 1000
    assert collection.images.count() == 1000
    assert collection.check() == []
    assert collection.tag_names([8]) == [("all", "t0", "u1")]
    assert [row.caption for row in collection.rows([1, 2])] == ["a cat", ""]
    assert collection.tags.find("t3") is not None
    assert int(collection.columns.of("height")[1000]) == 1001
    found = collection.images.with_sha_prefix(hashlib.sha256(b"41").hexdigest()[:20])
    assert list(found) == [42]


def test_a_kill_loses_no_batch_and_the_source_goes_on(collection: Collection) -> None:
    """What `add` returned from is there, whoever opens the collection next."""
    root = root_of(collection)
    load = BulkImport(collection, "s").__enter__()
    load.add(batch(root, 0, 50))
    load._lock.release()  # as the system does when a process dies
    assert collection.images.count() == 0
    again = Collection.open(collection.folder)
    assert again.check() == []
    with BulkImport(again, "s") as more:
        assert more.position == 50
        assert again.images.count() == 50
        more.add(batch(root, 50, 10))
    assert again.images.count() == 60
    assert again.check() == []
    load.publish()  # the dead one was not dead: nothing is counted twice
    assert collection.check() == []
    assert again.tags.find("all") == collection.tags.find("all")


def test_idle_folding_lets_rows_of_a_dead_import_appear_but_not_of_a_living_one(
    collection: Collection,
) -> None:
    root = root_of(collection)
    load = BulkImport(collection, "s").__enter__()
    load.add(batch(root, 0, 20))
    other = Collection.open(collection.folder)
    other.fold()
    assert other.images.count() == 0
    load._lock.release()
    other.fold()
    assert other.images.count() == 20
    assert other.check() == []


def test_one_import_at_a_time(collection: Collection) -> None:
    with BulkImport(collection, "a"), pytest.raises(UserError, match="another import"):
        BulkImport(Collection.open(collection.folder), "b").__enter__()


def test_a_path_comes_in_once(collection: Collection) -> None:
    root = root_of(collection)
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    add_images(collection, [NewImage(root, "00001.png", facts, ("mine",))])
    with BulkImport(collection, "s") as load:
        load.add(batch(root, 0, 3))
        load.add(batch(root, 0, 4, ["x.png", "x.png", "y.png", "00002.png"]))
        assert load.skipped == ["00001.png", "x.png", "00002.png"]
        assert load.position == 7
    assert collection.images.count() == 5
    assert collection.tag_names([1]) == [("mine",)]
    assert collection.check() == []


def test_a_tag_twice_in_one_image_counts_where_it_came_first(collection: Collection) -> None:
    one = batch(root_of(collection), 0, 1)
    with BulkImport(collection, "s") as load:
        load.add(ImageBatch(**{**vars(one), "tags": [["b", "a", "b", "c", "a"]]}))
    assert collection.tag_names([1]) == [("b", "a", "c")]
    assert collection.check() == []


def test_images_without_any_tag_come_in(collection: Collection) -> None:
    three = batch(root_of(collection), 0, 3)
    with BulkImport(collection, "s") as load:
        load.add(ImageBatch(**{**vars(three), "tags": [[], [], []]}))
    assert collection.images.count() == 3
    assert collection.tag_names([1, 2, 3]) == [(), (), ()]
    assert collection.check() == []


def test_hostile_tags_leave_the_batch_out_whole(collection: Collection) -> None:
    one = batch(root_of(collection), 0, 2)
    with BulkImport(collection, "s") as load:
        for name in ("", "a,b", "a\nb", "\udcff"):
            with pytest.raises(UserError):
                load.add(ImageBatch(**{**vars(one), "tags": [["fine"], [name]]}))
        assert load.position == 0
        names = ["x" * 10_000, "\x1b[31mred\x1b[0m", "[bold]", "😀", "\u202eabc", "a'b\"c\\"]
        load.add(ImageBatch(**{**vars(one), "tags": [names, []]}))
    assert collection.tag_names([1, 2]) == [tuple(names), ()]
    assert collection.tags.find("fine") is None
    assert collection.check() == []


@pytest.mark.usefixtures("small_chunks")
def test_a_scan_and_an_edit_beside_a_running_import(collection: Collection) -> None:
    root = root_of(collection)
    other = Collection.open(collection.folder)
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    with BulkImport(collection, "s") as load:
        load.add(batch(root, 0, 150))
        add_images(other, [NewImage(root, "scanned.png", facts, ("all", "new"))])
        load.add(batch(root, 150, 300))
        other.apply(AddTags(("edited",)))
        assert other.check() == []
    assert other.images.count() == 451
    assert collection.check() == other.check() == []
    tag = other.tags.find("all")
    assert tag is not None
    assert tag.count == 451
    assert not other.bitmaps.file.whole(Flag.LOADING)
    assert bulk_import.CHUNK_BITS == bitmap_file.CHUNK_BITS == 8
