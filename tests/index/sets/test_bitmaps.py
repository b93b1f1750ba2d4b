"""Bitmaps kept in memory: what many are read for once does not drive out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyroaring import BitMap

from curator.index.collection import Collection
from curator.index.sets import bitmaps
from curator.index.sets.bitmaps import FIRST_TAG


def test_more_than_fit_do_not_drive_each_other_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = range(FIRST_TAG, FIRST_TAG + 8)
    with Collection.create(tmp_path) as collection:
        with collection.writing():
            for number in numbers:
                collection.bitmaps.add(number, BitMap([number, 70_000]))
        weight = bitmaps._weight(BitMap([FIRST_TAG, 70_000]))
        collection.bitmaps.most_bytes = 8 * weight
        with collection.reading():
            first = list(collection.bitmaps.keep(numbers))
            assert first == list(numbers[:4])
            read: list[int] = []
            whole = collection.bitmaps.file.whole
            monkeypatch.setattr(
                collection.bitmaps.file, "whole", lambda number: read.append(number) or whole(number)
            )
            assert sorted(collection.bitmaps.keep([*reversed(numbers)])) == first
            assert not read
            assert [collection.bitmaps.count_within(number, BitMap([70_000])) for number in numbers] == [
                1
            ] * 8
