"""The rows of a manifest of millions of images: their order, and their blocks, packed by numpy.

Rows stand in order of bucket, repeats, subset, root and path. What is kept of an image meanwhile is some 150 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.buckets import Placement, cropped_around, face_in
from curator.contract.errors import UserError
from curator.contract.manifest.block import NARROW, ROWS, SIGNS, WIDE, Block
from curator.contract.manifest.signs import MOST, WIDE_BITS, encode_numbers
from curator.contract.manifest.span_rows import Part
from curator.contract.manifest.writer import TagCount
from curator.contract.progress import Progress
from curator.freeze.bucket_table import BucketTable
from curator.freeze.members import Members
from curator.freeze.packing.files_read import reading_files
from curator.freeze.packing.pieces import PackedBytes
from curator.freeze.packing.tag_codes import TagCodes, code_points
from curator.freeze.packing.tags import PackedTags, TagPacking
from curator.freeze.spec import FreezeSpec
from curator.index.bulk_rows import BulkRows, PathOrder
from curator.index.changes.changes import id_array
from curator.index.collection import Collection
from curator.index.sets.bitmaps import Flag
from curator.placement.crops import scaled

Numbers = NDArray[Any]
_AT_ONCE = 256 * ROWS


@dataclass(frozen=True)
class Freezing:
    """What is frozen, and how."""

    collection: Collection
    spec: FreezeSpec
    members: Members
    table: BucketTable
    codes: TagCodes


class FrozenRows:
    """The rows as `manifest_writer.PackedRows`. Everything but the free texts is read when it is made."""

    def __init__(self, freezing: Freezing, progress: Progress) -> None:
        self._freezing = freezing
        self._bulk = BulkRows(freezing.collection)
        images = freezing.members.frozen()
        self._images = images
        self._ids = id_array(images)
        self._progress = progress
        progress(0, len(images))
        with self._bulk.small_page_cache(), reading_files(self._bulk, images) as files:
            self._tags = self._read_tags()
            order, self._paths, self._contents = files()
        self._rows, self._roots, self._parts = self._in_order(order)
        self._place_of = np.zeros(int(self._ids[-1]) + 1, np.uint32)  # of an id among all, ascending
        self._place_of[self._ids] = np.arange(len(self._ids), dtype=np.uint32)
        self._captioned = images & freezing.collection.bitmaps.of(Flag.CAPTIONED)

    def parts(self) -> Sequence[Part]:
        return self._parts

    def tag_counts(self) -> Iterable[TagCount]:
        for subset, uses in sorted(self._tags.used.items()):
            tags = np.flatnonzero(uses)
            yield from zip([subset] * len(tags), tags.tolist(), uses[tags].tolist(), strict=True)

    def blocks(self) -> Iterator[Block]:
        for first in range(0, len(self._rows), _AT_ONCE):
            some = slice(first, min(first + _AT_ONCE, len(self._rows)))
            yield from self._blocks(some)
            self._progress((len(self._rows) + some.stop) // 2, len(self._rows))

    def _in_order(self, paths: PathOrder) -> tuple[Numbers, Numbers, list[Part]]:
        """Ids and roots of all rows in order; and where bucket, repeats and subset change."""
        shown = sorted(self._freezing.members.shown, key=lambda each: (each.repeats, each.subset))
        kind = np.zeros(int(self._ids[-1]) + 1, np.uint16)
        for number, each in enumerate(shown):
            kind[id_array(each.ids)] = number
        keys = self._freezing.table.of_image[paths.ids] * np.int32(len(shown)) + kind[paths.ids]
        keys = keys.astype(np.min_scalar_type(keys.max()))  # short ones are sorted by radix
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        lengths = np.diff(firsts, append=len(keys)).tolist()
        parts: list[Part] = []
        for first, length in zip(firsts.tolist(), lengths, strict=True):
            bucket, number = divmod(int(keys[first]), len(shown))
            parts.append(Part(first, length, bucket, shown[number].repeats, shown[number].subset))
        return paths.ids[order], paths.roots[order], parts

    def _read_tags(self) -> PackedTags:
        subset_of = np.zeros(int(self._ids[-1]) + 1, np.uint16)
        for each in self._freezing.members.shown:
            subset_of[id_array(each.ids)] = each.subset
        freezing = self._freezing
        packing = TagPacking(freezing.spec, freezing.codes, subset_of, len(self._ids))
        done = 0
        for piece in self._bulk.tag_pieces(self._images):
            packing.add(piece)
            done += len(piece.ids)
            self._progress(done // 2, len(self._ids))  # the other half of the time is writing
        return packing.closed()

    def _blocks(self, rows: slice) -> Iterator[Block]:
        ids = self._rows[rows]
        place = self._place_of[ids]
        subset, bucket = self._of_rows(rows)
        paths = self._paths.take(place)
        texts = self._texts(ids)
        tags, heads, tails = self._tags_of(place, subset)
        numbers = np.zeros((len(ids), SIGNS), np.uint32)
        narrow = {"root": self._roots[rows], "head": heads, "tail": tails}
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
        contents = self._contents[place].tobytes()
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
        firsts = [part.first_row for part in self._parts]
        own = np.searchsorted(firsts, np.arange(rows.start, rows.stop), side="right") - 1
        subsets, buckets = ([part[field] for part in self._parts] for field in (4, 2))
        return np.array(subsets)[own], np.array(buckets)[own]

    def _tags_of(self, place: Numbers, subset: Numbers) -> tuple[PackedBytes, Numbers, Numbers]:
        """Tags as signs, and how many lead and end a caption."""
        numbers = self._freezing.codes.numbers
        triggers = [each.rules.trigger for each in self._freezing.spec.subsets]
        leads = [encode_numbers([numbers[each]]).encode() if each else b"" for each in triggers]
        heads = self._tags.heads[place] + np.array([len(lead) > 0 for lead in leads])[subset]
        return self._tags.pieces.with_prefixes(place, subset, leads), heads, self._tags.tails[place]

    def _texts(self, ids: Numbers) -> list[bytes]:
        """The free texts of images; none where none has any."""
        captioned = BitMap(ids.tolist()) & self._captioned if self._captioned else None
        if not captioned:
            return []
        texts = self._freezing.collection.images.captions(captioned)
        found = {image: text.encode() for image, text in texts}
        return [found.get(image, b"") for image in ids.tolist()]

    def _sizes(
        self, ids: Numbers, bucket: Numbers, subset: Numbers, paths: PackedBytes
    ) -> dict[str, Numbers]:
        columns, spec = self._freezing.collection.columns, self._freezing.spec
        width, height = (columns.of(name)[ids].astype(np.int64) for name in ("width", "height"))
        sizes = np.array(self._freezing.table.sizes)[bucket]
        placed = scaled(width, height, sizes[:, 0], sizes[:, 1], spec.rule)
        found = {
            "width": width,
            "height": height,
            "resized_width": placed.width,
            "resized_height": placed.height,
            "crop_left": placed.left,
            "crop_top": placed.top,
            "file_bytes": columns.of("file_bytes")[ids],
        }
        for number, each in enumerate(spec.subsets):
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
