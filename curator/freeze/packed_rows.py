"""Decides the rows of a manifest of millions of pictures: their order, and their blocks, packed by numpy.

Rows stand in order of bucket, repeats, subset, root and path. What is kept of a picture meanwhile is some 150 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.buckets import Placement, cropped_around, face_in
from curator.contract.errors import UserError
from curator.contract.manifest_block import NARROW, ROWS, SIGNS, WIDE, Block
from curator.contract.manifest_writer import TagCount
from curator.contract.signs import MOST, WIDE_BITS, signs
from curator.contract.span_rows import Part
from curator.freeze.files_read import reading_files
from curator.freeze.members import Members
from curator.freeze.packed_tags import PackedTags, TagPacking
from curator.freeze.placing import scaled
from curator.freeze.preview import BucketTable
from curator.freeze.spec import FreezeSpec
from curator.freeze.tag_codes import TagCodes, code_points
from curator.index.bitmaps import Flag
from curator.index.bulk_rows import BulkRows
from curator.index.changes import id_array
from curator.index.collection import Collection

Numbers = NDArray[Any]
FreezeProgress = Callable[[int, int], None]  # done and all, in pictures; may raise to cancel
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

    def __init__(self, freezing: Freezing, progress: FreezeProgress) -> None:
        self._freezing = freezing
        self._bulk = BulkRows(freezing.collection)
        images = freezing.members.frozen()
        self._images = images
        self._ids = id_array(images)
        self._progress = progress
        progress(0, len(images))
        with self._bulk.few_pages(), reading_files(self._bulk, images) as files:
            self._tags = self._read_tags()
            self._paths, self._contents = files()
        self._order, self._parts = self._in_order()
        self._place_of = np.zeros(int(self._ids[-1]) + 1, np.uint32)  # of an id among all, ascending
        self._place_of[self._ids] = np.arange(len(self._ids), dtype=np.uint32)

    def parts(self) -> Sequence[Part]:
        return self._parts

    def tag_counts(self) -> Iterable[TagCount]:
        for subset, uses in sorted(self._tags.used.items()):
            tags = np.flatnonzero(uses)
            yield from zip([subset] * len(tags), tags.tolist(), uses[tags].tolist(), strict=True)

    def blocks(self) -> Iterator[Block]:
        for first in range(0, len(self._order), _AT_ONCE):
            some = self._order[first : first + _AT_ONCE]
            yield from self._blocks(first, some)
            self._progress((len(self._ids) + first + len(some)) // 2, len(self._ids))

    def _in_order(self) -> tuple[Numbers, list[Part]]:
        """Places in the list of paths, in the order of rows; and where bucket, repeats and subset change."""
        shown = sorted(self._freezing.members.shown, key=lambda each: (each.repeats, each.subset))
        kind = np.zeros(int(self._ids[-1]) + 1, np.uint16)
        for number, each in enumerate(shown):
            kind[id_array(each.ids)] = number
        ids = self._paths.ids
        keys = self._freezing.table.of_image[ids] * np.int32(len(shown)) + kind[ids]
        order = np.argsort(keys, kind="stable").astype(np.uint32)
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        lengths = np.diff(firsts, append=len(keys)).tolist()
        parts: list[Part] = []
        for first, length in zip(firsts.tolist(), lengths, strict=True):
            bucket, number = divmod(int(keys[first]), len(shown))
            parts.append(Part(first, length, bucket, shown[number].repeats, shown[number].subset))
        return order, parts

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

    def _blocks(self, first: int, at: Numbers) -> Iterator[Block]:
        """Blocks of rows from `first` on; `at` are their places in the list of paths."""
        ids = self._paths.ids[at]
        place = self._place_of[ids]
        subset, bucket = self._of_rows(first, len(at))
        paths, path_lengths = _pieces(self._paths.joined, self._paths.bounds, at)
        texts = self._texts(ids)
        tags, tag_lengths, heads, tails = self._tags_of(place, subset)
        numbers = np.zeros((len(at), SIGNS), np.int64)
        narrow = {"root": self._paths.roots[at], "head": heads, "tail": tails}
        for column, name in enumerate(NARROW):
            numbers[:, column] = narrow[name]
        wide = self._sizes(ids, bucket, subset, paths)
        wide["path_end"] = _ends(path_lengths)
        wide["tags_end"] = _ends(tag_lengths)
        wide["text_end"] = _ends(np.array([len(text) for text in texts] if texts else [0] * len(at)))
        for column, name in enumerate(WIDE):
            numbers[:, len(NARROW) + 2 * column] = wide[name] >> WIDE_BITS
            numbers[:, len(NARROW) + 2 * column + 1] = wide[name] & ((1 << WIDE_BITS) - 1)
        if numbers.max() > MOST:
            raise UserError("a picture has more tags than a manifest can hold", "see 'frieze ls sort:-tags'")
        said = _lines(numbers)
        contents = self._contents[place].tobytes()
        for number, row in enumerate(range(0, len(at), ROWS)):
            beyond = row + ROWS
            yield Block(
                said[number],
                contents[row * 32 : beyond * 32],
                b"".join(paths[row:beyond]),
                b"".join(tags[row:beyond]),
                b"".join(texts[row:beyond]),
            )

    def _of_rows(self, first: int, count: int) -> tuple[Numbers, Numbers]:
        """Subset and bucket of rows."""
        firsts = [part.first_row for part in self._parts]
        own = np.searchsorted(firsts, np.arange(first, first + count), side="right") - 1
        subsets, buckets = ([part[field] for part in self._parts] for field in (4, 2))
        return np.array(subsets)[own], np.array(buckets)[own]

    def _tags_of(self, place: Numbers, subset: Numbers) -> tuple[list[Any], Numbers, Numbers, Numbers]:
        """Tags as signs, how many bytes those are, and how many tags lead and end a caption."""
        rules = [each.rules for each in self._freezing.spec.subsets]
        tags, lengths = _pieces(self._tags.joined, self._tags.bounds, place)
        heads = np.minimum(np.array([each.keep_tags for each in rules])[subset], self._tags.counts[place])
        tails = np.zeros(len(place), np.int64)
        if any(each.trigger for each in rules):
            numbers = self._freezing.codes.numbers
            leads = [signs([numbers[each.trigger]] if each.trigger else []).encode() for each in rules]
            tags = [leads[own] + piece for own, piece in zip(subset.tolist(), tags, strict=True)]
            lengths = lengths + np.array([len(lead) for lead in leads])[subset]
            heads = heads + np.array([bool(lead) for lead in leads])[subset]
        if self._tags.special:
            for row, at in enumerate(place.tolist()):
                if special := self._tags.special.get(at):
                    tags[row], heads[row], tails[row] = special
                    lengths[row] = len(special.tags)
        return tags, lengths, heads, tails

    def _texts(self, ids: Numbers) -> list[bytes]:
        """The free texts of pictures; none where none has any."""
        collection = self._freezing.collection
        captioned = BitMap(ids.tolist()) & collection.bitmaps.of(Flag.CAPTIONED)
        if not captioned:
            return []
        found = {image: text.encode() for image, text in collection.images.captions(captioned)}
        return [found.get(image, b"") for image in ids.tolist()]

    def _sizes(
        self, ids: Numbers, bucket: Numbers, subset: Numbers, paths: Sequence[bytes]
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


def _cut_faces(found: dict[str, Numbers], sizes: Numbers, rows: list[int], paths: Sequence[bytes]) -> None:
    """Crops around the faces that names tell of."""
    for row in rows:
        if middle := face_in(paths[row].decode("utf-8", "surrogateescape")):
            wide, high = sizes[row].tolist()
            resized = int(found["resized_width"][row]), int(found["resized_height"][row])
            size = int(found["width"][row]), int(found["height"][row])
            crop = cropped_around(Placement((wide, high), resized, (0, 0, wide, high)), size, middle).crop
            found["crop_left"][row], found["crop_top"][row] = crop[:2]


def _pieces(joined: bytes | bytearray, bounds: Numbers, at: Numbers) -> tuple[list[Any], Numbers]:
    """What stands between two bounds, and how long it is."""
    firsts, ends = bounds[at] + 1, bounds[at + 1]
    return [
        joined[first:end] for first, end in zip(firsts.tolist(), ends.tolist(), strict=True)
    ], ends - firsts


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
