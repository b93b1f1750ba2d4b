"""The packed forms: varints, the journal's changes, images across chunk and part borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.varint import pack as encode
from curator.contract.varint import unpack as decode
from curator.index.changes.changes import (
    Arrived,
    CaptionsReplaced,
    FilesSeen,
    FlagChange,
    Renamed,
    TagChange,
    TagMoved,
    TagsReplaced,
)
from curator.index.changes.edits import AddTags, RemoveTags
from curator.index.changes.packing import pack, unpack
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.sets import bitmap_file
from curator.index.tables.rows import Subset
from curator.index.tags.tag_blob import decode_many
from tests.images import NewImage, add_images

numbers = st.lists(st.integers(0, 2**24))


@given(st.lists(numbers, min_size=1))
def test_varints_come_back(rows: list[list[int]]) -> None:
    blobs = [encode(row) for row in rows]
    assert [decode(blob) for blob in blobs] == rows
    flat, counts = decode_many(blobs)
    assert flat.tolist() == [number for row in rows for number in row]
    assert counts.tolist() == [len(row) for row in rows]


def test_changes_come_back() -> None:
    some = BitMap([1, 5, 2**18 + 3])
    changes = [
        TagChange(17, some, True, None),
        TagChange(18, some, True, np.array([0, 3, 200], "<u4").tobytes()),
        TagMoved(19, 20, some, BitMap()),
        TagsReplaced(BitMap([4]), (b"\x01\xff",), (b"",)),
        CaptionsReplaced(BitMap([4]), ("",), ("a 'cat'\n\u202e",)),
        FlagChange(2, some, BitMap()),
        Renamed(17, "a", "b", some),
    ]
    scans = [Arrived(some), FilesSeen(some, BitMap(), BitMap([9]))]
    assert unpack(pack([*changes, *scans])) == [*changes, *scans]


def test_images_of_a_number_are_counted_without_putting_them_together(tmp_path: Path) -> None:
    """Late changes may name images that the chunks have, and lack, already."""
    collection = Collection.create(tmp_path)
    size = 1 << bitmap_file.CHUNK_BITS
    with collection.writing():
        file = collection.bitmaps.file
        file.store_new(0, [(17, BitMap([1, 2, 3, 4]))])
        file.store_new(1, [(17, BitMap([size, size + 1]))])
        for within in ([1, 2, 5, 6, size, size + 1], [3, 7], []):
            assert file.count_within(17, BitMap(within)) == len(file.whole(17) & BitMap(within))
            file.change({17: (BitMap([2, 5, size + 9]), BitMap([1, 6, size]))})


def test_split_at_chunk_borders() -> None:
    size = 1 << bitmap_file.CHUNK_BITS
    assert list(bitmap_file.split(BitMap([1, size - 1, size, 3 * size]))) == [
        (0, BitMap([1, size - 1])),
        (1, BitMap([size])),
        (3, BitMap([3 * size])),
    ]


def test_images_across_column_parts_and_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sets.bitmap_file", "images.arrivals", "images.derived", "bulk_import"):
        monkeypatch.setattr(f"curator.index.{module}.CHUNK_BITS", 10)
    collection = Collection.create(tmp_path)
    with collection.writing():
        root = collection.images.root("/p")
    for batch in range(20):
        add_images(
            collection,
            [
                NewImage(
                    root,
                    f"{batch}/{k}",
                    FileFacts(b"s" * 32, k, k, batch + 1, k + 1, "jpeg"),
                    ("a", f"b{k % 3}"),
                )
                for k in range(1000)
            ],
        )
    height = collection.columns.of("height")
    assert len(height) == 20001
    assert np.array_equal(height[1:], np.tile(np.arange(1, 1001), 20))
    collection.apply(RemoveTags(("a",)), range(900, 17000, 7))
    collection.apply(AddTags(("c", "b1"), "start"))
    assert collection.check() == []
    collection.undo()
    collection.undo()
    assert collection.tag_names([907]) == [("a", "b0")]
    assert collection.check() == []


def test_settings_and_subsets_keep_order_and_values(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path)
    collection.settings.put("bucket_rule", {"step": 32})
    collection.subsets.save(Subset("z", "1girl", 2.5, rules=CaptionRules(shuffle=True, keep_tags=1)))
    collection.subsets.save(Subset("a", "solo"))
    collection.subsets.save(Subset("z", "2girls", 3, 0.5, True))
    again = Collection.open(tmp_path)
    assert again.settings.get("bucket_rule") == {"step": 32}
    assert again.settings.get("nothing", 4) == 4
    assert again.subsets.list() == [Subset("z", "2girls", 3, 0.5, True), Subset("a", "solo")]
    assert again.subsets.remove("z")
    assert not again.subsets.remove("z")
    with pytest.raises(UserError):
        again.subsets.save(Subset("", "x"))
