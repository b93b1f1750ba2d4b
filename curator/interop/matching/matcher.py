"""Rows of metadata matched to images: by path, content, or number or md5 in the name."""

from __future__ import annotations

import array
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.index.file.paths import last_part
from curator.index.sets.bitmaps import Flag
from curator.interop.matching.names import spellings

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.interop.plan import Record

_MD5 = re.compile(r"(?:^|[_-])([0-9a-f]{32})(?:[_.-]|$)")
_SHA = re.compile(r"[0-9a-f]{64}")
_SUM = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"(?:^|[_ -])(\d{1,18})$")


class Matcher:
    """Looks images up, many rows at once. Names are read once, into arrays: 12 bytes an image."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._numbers: NDArray[Any] | None = None  # rows of (post number, image)
        self._sums: NDArray[Any] | None = None

    def images(self, records: Sequence[Record]) -> list[int]:
        """The image of each record; 0 where there is none."""
        by_path = self._by_path([each.path for each in records if each.path])
        found = [by_path.get(each.path, 0) if each.path else 0 for each in records]
        by_content = self._by_content([each.sha256 for each in records if each.sha256])
        found = [image or by_content.get(each.sha256, 0) for image, each in zip(found, records, strict=True)]
        posts = [place for place, each in enumerate(records) if not each.path and not found[place]]
        if posts:
            for place, image in zip(posts, self._by_name([records[place] for place in posts]), strict=True):
                found[place] = image
        return found

    def _by_path(self, paths: Sequence[str]) -> dict[str, int]:
        """By the very path, and what is not there by another spelling of it below a root."""
        if not paths:
            return {}
        with self._collection.reading():
            found = self._exactly(paths)
            roots = sorted(f"{root.rstrip('/')}/" for root in self._collection.images.roots())
            others = {
                path: [f"{start}{each}" for each in spellings(path[len(start) :])]
                for path in paths
                if path not in found
                for start in reversed(roots)  # of roots in each other the outermost is last, and stays
                if path.startswith(start)
            }
            there = self._exactly([each for spelled in others.values() for each in spelled])
        for path, spelled in others.items():
            image = next((there[each] for each in spelled if each in there), 0)
            if image:
                found[path] = image
        return found

    def _exactly(self, paths: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        alive = self._collection.images.alive()
        for root, number in self._collection.images.roots().items():
            start = root.rstrip("/") + "/"
            below = {path[len(start) :]: path for path in paths if path.startswith(start) and _can_be(path)}
            for relative, file in self._collection.images.known(number, list(below)).items():
                if file.id in alive:
                    found[below[relative]] = file.id
        return found

    def annotations_of(self, images: Sequence[int]) -> tuple[dict[int, tuple[str, ...]], dict[int, str]]:
        """Tags and captions of those images that have any; most have none when a dump comes in."""
        known = BitMap(image for image in images if image > 0)
        with self._collection.reading():
            captioned = known & self._collection.bitmaps.of(Flag.CAPTIONED)
            ids = np.array(known.to_array(), np.int64)
            tagged = ids[self._collection.columns.of("tags_count")[ids] > 0].tolist()
            tags = dict(zip(tagged, self._collection.tag_names(tagged), strict=True))
            return tags, dict(self._collection.images.captions(captioned))

    def _by_content(self, sums: Sequence[str]) -> dict[str, int]:
        """The first image there of each content."""
        wanted = [bytes.fromhex(each) for each in sums if _SHA.fullmatch(each)]
        if not wanted:
            return {}
        with self._collection.reading():
            found = self._collection.images.with_contents(wanted)
        return {
            sha.hex(): next((image for image, _, alive in copies if alive), 0)
            for sha, copies in found.items()
        }

    def _by_name(self, posts: Sequence[Record]) -> list[int]:
        if self._numbers is None or self._sums is None:
            self._numbers, self._sums = self._read_names()
        sums = _looked_up(self._sums, [_sum_key(post.md5) for post in posts])
        numbers = _looked_up(self._numbers, [post.post if post.post < 1 << 63 else _NONE for post in posts])
        return [by_sum or by_number for by_sum, by_number in zip(sums, numbers, strict=True)]

    def _read_names(self) -> tuple[NDArray[Any], NDArray[Any]]:
        numbers, sums = (array.array("Q"), array.array("I")), (array.array("Q"), array.array("I"))
        with self._collection.reading():
            alive = self._collection.images.alive()
            for image, path in self._collection.images.paths():
                stem = last_part(path).rpartition(".")[0].lower()
                if image not in alive:
                    continue
                if md5 := _MD5.search(stem):
                    sums[0].append(int(md5[1][:16], 16))
                    sums[1].append(image)
                elif number := _NUMBER.search(stem):
                    numbers[0].append(int(number[1]))
                    numbers[1].append(image)
        return _sorted(*numbers), _sorted(*sums)


_PAIR = np.dtype([("key", "<u8"), ("image", "<u4")])
_NONE = -1


def _sum_key(md5: str) -> int:
    """The first 8 bytes: two files of a collection that share them are one in 10^12."""
    return int(md5[:16], 16) if _SUM.fullmatch(md5) else _NONE


def _sorted(keys: array.array[int], images: array.array[int]) -> NDArray[Any]:
    made = np.zeros(len(keys), _PAIR)
    made["key"], made["image"] = keys, images
    return made[np.lexsort((made["image"], made["key"]))]


def _looked_up(table: NDArray[Any], keys: Sequence[int]) -> list[int]:
    """The first image of each key; 0 where there is none."""
    if not len(table):
        return [0] * len(keys)
    wanted = np.array([max(0, key) for key in keys], np.uint64)
    places = np.minimum(np.searchsorted(table["key"], wanted), len(table) - 1)
    hits = (table["key"][places] == wanted) & np.array([0 <= key < 1 << 64 for key in keys])
    return np.where(hits, table["image"][places], 0).tolist()


def _can_be(path: str) -> bool:
    """Whether a file can have this name: text cut within a sign of two halves cannot be one."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True
