"""The rows of a manifest of millions of images: their order, and their blocks, packed by numpy.

Rows stand in order of bucket, repeats, subset, root and path. What is kept of an image meanwhile is some 150 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curator.contract.buckets import Placement, Size, cropped_around, face_in
from curator.contract.errors import UserError
from curator.contract.manifest.block import NARROW, ROWS, SIGNS, WIDE, Block
from curator.contract.manifest.signs import MOST, WIDE_BITS, encode_numbers
from curator.contract.manifest.span_rows import Part
from curator.freeze.packing.tag_codes import TagCodes, code_points
from curator.placement.crops import scaled

if TYPE_CHECKING:
    from curator.freeze.bucket_table import BucketTable
    from curator.freeze.members import FreezeSpec, Shown
    from curator.freeze.packing.pieces import PackedBytes, Pieces
    from curator.freeze.packing.tags import PackedTags

Numbers = NDArray[Any]


@dataclass(frozen=True)
class RowOrder:
    """Ids of all rows in order with the roots of their paths, and the parts: rows alike in bucket, repeats, subset."""

    ids: Numbers
    roots: Numbers
    parts: list[Part]


def row_order(shown: Sequence[Shown], table: BucketTable, by_path: Numbers, roots: Numbers) -> RowOrder:
    """The order of rows, given all images (and their roots) in the order of their paths."""
    shown = sorted(shown, key=lambda each: (each.repeats, each.subset))
    kind = np.zeros(len(table.of_image), np.uint16)
    for number, each in enumerate(shown):
        kind[each.ids.to_array()] = number
    keys = table.of_image[by_path] * np.int32(len(shown)) + kind[by_path]
    keys = keys.astype(np.min_scalar_type(keys.max()))  # short ones are sorted by radix
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    lengths = np.diff(firsts, append=len(keys)).tolist()
    parts: list[Part] = []
    for first, length in zip(firsts.tolist(), lengths, strict=True):
        bucket, number = divmod(int(keys[first]), len(shown))
        parts.append(Part(first, length, bucket, shown[number].repeats, shown[number].subset))
    return RowOrder(by_path[order], roots[order], parts)


@dataclass(frozen=True)
class FrozenImages:
    """What is frozen of images: `paths`, `contents` and `tags` ascending by id, numbers of their files by id."""

    ids: Numbers
    paths: Pieces
    contents: Numbers
    tags: PackedTags
    width: Numbers
    height: Numbers
    file_bytes: Numbers


class RowPacking:
    """Packs rows, slice by slice."""

    def __init__(
        self, spec: FreezeSpec, sizes: Sequence[Size], codes: TagCodes, order: RowOrder, images: FrozenImages
    ) -> None:
        self._spec, self._images, self._order = spec, images, order
        self._buckets = np.array(sizes)
        triggers = [each.rules.trigger for each in spec.subsets]
        self._triggers = [
            encode_numbers([codes.numbers[each]]).encode() if each else b"" for each in triggers
        ]
        self._place_of = np.zeros(int(images.ids[-1]) + 1, np.uint32)  # of an id among all, ascending
        self._place_of[images.ids] = np.arange(len(images.ids), dtype=np.uint32)

    def blocks(self, rows: slice, texts: Sequence[bytes]) -> Iterator[Block]:
        """The blocks of some rows, whole ones but the last of all; `texts` are their free texts, or none at all.

        Raises:
            UserError: an image with more tags than a manifest can hold.
        """
        ids = self._order.ids[rows]
        place = self._place_of[ids]
        subset, bucket = self._of_rows(rows)
        paths = self._images.paths.take(place)
        tags, heads, tails = self._tags_of(place, subset)
        numbers = np.zeros((len(ids), SIGNS), np.uint32)
        narrow = {"root": self._order.roots[rows], "head": heads, "tail": tails}
        for column, name in enumerate(NARROW):
            numbers[:, column] = narrow[name]
        wide = self._sizes(ids, bucket, subset, paths)
        wide["path_end"] = _ends(paths.lengths)
        wide["tags_end"] = _ends(tags.lengths)
        wide["text_end"] = (
            _ends(np.array([len(text) for text in texts])) if texts else np.zeros(len(ids), int)
        )
        for column, name in enumerate(WIDE):
            numbers[:, len(NARROW) + 2 * column] = wide[name] >> WIDE_BITS
            numbers[:, len(NARROW) + 2 * column + 1] = wide[name] & ((1 << WIDE_BITS) - 1)
        if numbers.max() > MOST:
            raise UserError("an image has more tags than a manifest can hold", "see 'frieze ls sort:-tags'")
        contents = self._images.contents[place].tobytes()
        firsts = range(0, len(ids), ROWS)
        return map(
            Block,
            _lines(numbers),
            [contents[32 * first : 32 * (first + ROWS)] for first in firsts],
            paths.split_every(ROWS),
            tags.split_every(ROWS),
            [b"".join(texts[first : first + ROWS]) for first in firsts],
        )

    def _of_rows(self, rows: slice) -> tuple[Numbers, Numbers]:
        """Subset and bucket of rows."""
        parts = self._order.parts
        firsts = [part.first_row for part in parts]
        own = np.searchsorted(firsts, np.arange(rows.start, rows.stop), side="right") - 1
        return np.array([part.subset for part in parts])[own], np.array([part.bucket for part in parts])[own]

    def _tags_of(self, place: Numbers, subset: Numbers) -> tuple[PackedBytes, Numbers, Numbers]:
        """Tags as signs, and how many lead and end a caption."""
        tags = self._images.tags
        heads = tags.heads[place] + np.array([len(each) > 0 for each in self._triggers])[subset]
        return tags.pieces.with_prefixes(place, subset, self._triggers), heads, tags.tails[place]

    def _sizes(
        self, ids: Numbers, bucket: Numbers, subset: Numbers, paths: PackedBytes
    ) -> dict[str, Numbers]:
        images, sizes = self._images, self._buckets[bucket]
        width, height = images.width[ids].astype(np.int64), images.height[ids].astype(np.int64)
        placed = scaled(width, height, sizes[:, 0], sizes[:, 1], self._spec.rule)
        found = {
            "width": width,
            "height": height,
            "resized_width": placed.width,
            "resized_height": placed.height,
            "crop_left": placed.left,
            "crop_top": placed.top,
            "file_bytes": images.file_bytes[ids],
        }
        for number, each in enumerate(self._spec.subsets):
            if each.crop == "face":
                _cut_faces(found, sizes, np.flatnonzero(subset == number).tolist(), paths)
        return found


def _cut_faces(found: dict[str, Numbers], sizes: Numbers, rows: list[int], paths: PackedBytes) -> None:
    """Crops around the faces that names tell of."""
    for row in rows:
        if middle := face_in(paths.one(row).decode("utf-8", "surrogateescape")):
            wide, high = sizes[row].tolist()
            resized = int(found["resized_width"][row]), int(found["resized_height"][row])
            size = int(found["width"][row]), int(found["height"][row])
            crop = cropped_around(Placement((wide, high), resized, (0, 0, wide, high)), size, middle).crop
            found["crop_left"][row], found["crop_top"][row] = crop[:2]


def _lines(numbers: Numbers) -> list[bytes]:
    """Rows of numbers as lines of signs, a text a block."""
    codes = np.full((len(numbers), SIGNS + 1), ord("\n"), np.uint32)
    codes[:, :-1] = code_points(numbers)
    codes[ROWS - 1 :: ROWS, -1] = 0  # where blocks are cut
    codes[-1, -1] = 0
    return codes.tobytes().decode("utf-32-le").encode().split(b"\0")[:-1]


def _ends(lengths: Numbers) -> Numbers:
    """Where each row's piece ends within its block."""
    padded = np.zeros(-(-len(lengths) // ROWS) * ROWS, np.int64)
    padded[: len(lengths)] = lengths
    return np.cumsum(padded.reshape(-1, ROWS), axis=1).ravel()[: len(lengths)]
