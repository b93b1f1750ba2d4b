"""Bitmaps kept in memory: what many are read for once does not drive out."""

from __future__ import annotations

import subprocess
import sys
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


_GROWTH = r"""
import re, sys
from pathlib import Path
import numpy as np
from pyroaring import BitMap
from curator.index.sets.bitmaps import _weight

images = int(sys.argv[1])
one = BitMap(np.random.default_rng(1).choice(3_600_000, images, replace=False).astype(np.uint32)).serialize()
many = 40_000_000 // _weight(BitMap.deserialize(one))
kept = [None] * many
rss = lambda: int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
before = rss()
for at in range(many):
    kept[at] = BitMap.deserialize(one)
print((rss() - before) / (many * _weight(kept[0])))
"""


@pytest.mark.parametrize("images", [1, 30, 100, 1000, 30_000])
def test_the_memory_of_a_bitmap_is_told_about_right(images: int) -> None:
    """Of 3.6 million images; a tag that a hundred have takes 3.6 kB, not 400 bytes."""
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH, str(images)], check=True, capture_output=True, text=True
    )
    assert 0.6 < float(done.stdout) < 1.5
