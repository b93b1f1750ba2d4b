"""The manifest: one sealed SQLite file with everything a training needs to know of its data.

This file holds the reader. `header.py` has what is said of all images, `writer.py` makes a manifest, `digest.py`
says whether two are equal, `seal.py` whether one is untouched. The layout is described in
`docs/manifest.md`. Opened read-only and immutable, so any number of loader workers can read it, also from a
read-only disk. Whatever it says is checked: a seal that fits does not say who made it.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import starmap
from operator import itemgetter
from pathlib import Path
from struct import unpack
from typing import TYPE_CHECKING, NamedTuple, cast

from curator.contract.buckets import Placement, Size
from curator.contract.caption.captions import CaptionParts
from curator.contract.manifest.block import (
    DAMAGE,
    LEAST_ROW_BYTES,
    ROWS,
    Block,
    PackedRow,
    new_tuple,
    unpacked,
)
from curator.contract.manifest.file import ManifestFile, damaged, open_file
from curator.contract.manifest.header import ManifestHeader, read_header
from curator.contract.manifest.signs import FIRST, GAP, MOST, SURROGATES
from curator.contract.manifest.span_rows import Part, Rows, checked_parts, spans_of

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Span


class ManifestImage(NamedTuple):
    """One image in one subset. `path` is relative to root number `root`; sizes in pixels, EXIF turn applied."""

    path: str
    root: int
    sha256: str
    file_bytes: int
    size: Size
    bucket: int
    placement: Placement
    subset: int
    repeats: float
    parts: CaptionParts

    @property
    def is_held_out(self) -> bool:
        """Whether it is never trained, and kept for validation."""
        return self.repeats == 0


_MOST_PIXELS = 1 << 31  # of one side of an image
_Stored = tuple[bytes, bytes, bytes, bytes, bytes]  # a `Block` as SQLite gives it
_BLOCK = "SELECT numbers, sha256, paths, tags, texts FROM block"
_ONE_BLOCK = f"{_BLOCK} WHERE id = ?"
_SOME_BLOCKS = (
    "SELECT id, numbers, sha256, paths, tags, texts FROM block WHERE id BETWEEN ? AND ? ORDER BY id"
)


class Manifest:
    """A manifest opened for reading. Close it, or use it in `with`."""

    def __init__(self, file: ManifestFile, header: ManifestHeader) -> None:
        self.path = file.path
        self.header = header
        self._file = file

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def digest(self) -> str:
        return self.header.digest

    @cached_property
    def tags(self) -> list[str]:
        """Tag names by manifest tag id."""
        names = [name for (name,) in self._file.rows("SELECT name FROM tag ORDER BY id", kinds=(str,))]
        if len(names) > MOST + 1:
            raise damaged(self.path)
        return names

    def tag_classes(self) -> dict[str, str]:
        """The class of every tag."""
        return dict(self._file.rows("SELECT name, class FROM tag ORDER BY id", kinds=(str, str)))

    def tag_counts(self, subset: int, most: int | None = None) -> list[tuple[str, int]]:
        """How many trained images of a subset have each tag in their captions, the most common first."""
        query = """SELECT name, images FROM subset_tag JOIN tag ON tag.id = tag
            WHERE subset = ? ORDER BY images DESC, tag LIMIT ?"""
        return list(self._file.rows(query, (subset, -1 if most is None else most), (str, int)))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Rows that share bucket, repeats and subset."""
        query = "SELECT first_row, rows, bucket, repeats, subset FROM part ORDER BY first_row"
        most_rows = self._file.file_bytes // LEAST_ROW_BYTES
        try:
            return checked_parts(
                self._file.rows(query), len(self.header.buckets), len(self.header.subsets), most_rows
            )
        except ValueError as error:
            raise damaged(self.path) from error

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Trained rows that share bucket and repeats: what an epoch is planned by."""
        return spans_of(self.parts)

    @cached_property
    def held_out(self) -> Rows:
        """The rows that are held out for validation."""
        return Rows(part for part in self.parts if part.is_held_out)

    @cached_property
    def trained(self) -> Rows:
        """The rows that are trained."""
        return Rows(part for part in self.parts if not part.is_held_out)

    def __len__(self) -> int:
        """All rows, also those held out."""
        return self._row_count

    def image(self, row: int) -> ManifestImage:
        """The image of manifest row `row` (from 0).

        Raises:
            IndexError: no such row.
            UserError: its block is damaged.
        """
        if not 0 <= row < self._row_count:
            raise IndexError(row)
        return self._image(self._block(row // ROWS), row)

    def images(self, first: int = 0, count: int | None = None) -> Iterator[ManifestImage]:
        """The images of rows `first` .. `first + count - 1`, streamed.

        Raises:
            UserError: a block is damaged, or missing.
        """
        beyond = len(self) if count is None else min(len(self), first + count)
        row = first
        for number, *stored in self._file.rows(_SOME_BLOCKS, (first // ROWS, (beyond - 1) // ROWS)):
            behind = (row // ROWS + 1) * ROWS
            if number != row // ROWS:
                raise damaged(self.path)
            block = Block(*stored)
            for each in range(row, min(behind, beyond)):
                yield self._image(block, each)
            row = behind
        if row < beyond:
            raise damaged(self.path)

    def blocks(self) -> Iterator[Block]:
        """All rows as they are stored, in order: what the digest is made of."""
        return starmap(Block, self._file.rows(f"{_BLOCK} ORDER BY id"))

    def rows_of(self, file: Path) -> tuple[int, ...]:
        """The rows of an image's file, found without reading the others: by its place among the paths of each part.

        Raises:
            UserError: a block on the way is damaged.
        """
        found: list[int] = []
        for root, folder in enumerate(self.header.provenance.roots):
            if file.is_relative_to(folder):
                wanted = root, os.fsencode(file.relative_to(folder))
                for part in self.parts:
                    rows = range(part.first_row, part.first_row + part.rows)
                    at = bisect_left(rows, wanted, key=self._place_of)
                    if at < part.rows and self._place_of(rows[at]) == wanted:
                        found.append(rows[at])
        return tuple(found)

    def file_of(self, image: ManifestImage) -> Path:
        """Where the file of `image` is expected."""
        return Path(self.header.provenance.roots[image.root], image.path)

    @cached_property
    def _row_count(self) -> int:
        return self.parts[-1].first_row + self.parts[-1].rows if self.parts else 0

    @cached_property
    def _names(self) -> list[str]:
        """Tag names by the code points of their signs."""
        before, behind = self.tags[: SURROGATES - FIRST], self.tags[SURROGATES - FIRST :]
        return [*[""] * FIRST, *before, *([""] * GAP if behind else ()), *behind]

    def _block(self, number: int) -> _Stored:
        return cast("_Stored", self._file.row(_ONE_BLOCK, number))

    def _place_of(self, row: int) -> tuple[int, bytes]:
        """Root and path alone: what the rows of a part are sorted by."""
        try:
            packed = unpacked(self._block(row // ROWS), row % ROWS)
        except DAMAGE as error:
            raise damaged(self.path) from error
        return packed.root, packed.path

    @cached_property
    def _known(self) -> tuple[list[int], tuple[Part, ...], tuple[Size, ...], int, list[str]]:
        """What every row is made with, together: looked up once a row."""
        return (
            [part.first_row for part in self.parts],
            self.parts,
            self.header.buckets,
            len(self.header.provenance.roots),
            self._names,
        )

    def _image(self, block: _Stored, row: int) -> ManifestImage:
        try:
            return self._shown(unpacked(block, row % ROWS), row)
        except DAMAGE as error:
            raise damaged(self.path) from error

    def _shown(self, packed: PackedRow, row: int) -> ManifestImage:
        (
            root, head, tail, width, height, resized_width, resized_height, left, top,
            file_bytes, sha256, path, tags, text,
        ) = packed  # fmt: skip
        first_rows, parts, buckets, roots, every_name = self._known
        part = parts[bisect_right(first_rows, row) - 1]
        count = len(tags)
        behind = count - tail
        if not (0 <= head <= behind <= count and 0 <= root < roots):
            raise ValueError("more tags never move than there are, or there is no such root")
        bucket = wide, high = buckets[part.bucket]
        if not (
            0 < width < _MOST_PIXELS
            and 0 < height < _MOST_PIXELS
            and 0 <= left <= resized_width - wide
            and 0 <= top <= resized_height - high
            and _is_inside(path)
        ):
            raise ValueError(
                "an image of no size, one that does not fill its bucket, or a path out of its root"
            )
        # most of the time of a row that is read at random is spent on the names of its tags
        codes = unpack(f"<{count}I", tags.encode("utf-32-le"))
        names = itemgetter(*codes)(every_name) if count > 1 else tuple(every_name[code] for code in codes)
        crop = left, top, left + wide, top + high
        caption = names[:head], names[head:behind], names[behind:], text
        return new_tuple(
            ManifestImage,
            (
                path.decode("utf-8", "surrogateescape"), root, sha256.hex(), file_bytes, (width, height), part.bucket,
                new_tuple(Placement, (bucket, (resized_width, resized_height), crop)), part.subset, part.repeats,
                new_tuple(CaptionParts, caption),
            ),
        )  # fmt: skip


def _is_inside(path: bytes) -> bool:
    """Whether a path stays in its root. In a tar ".." is a name like any other."""
    return bool(path) and path[0] != 47 and b"\0" not in path and (b".." not in path or _is_tame(path))


def _is_tame(path: bytes) -> bool:
    plain = path.lower().partition(b".tar/")[0]
    return b".." not in plain.split(b"/")


def open_manifest(path: Path, *, checks_seal: bool = True) -> Manifest:
    """Open the manifest at `path` for reading; its seal is compared first, unless only a line about it is wanted.

    Raises:
        UserError: no file, no manifest, one that was changed or is damaged, or one of a newer version.
    """
    file = open_file(Path(path), checks_seal=checks_seal)
    try:
        return Manifest(file, read_header(file))
    except (KeyError, ValueError) as error:
        file.close()
        raise damaged(file.path) from error
    except BaseException:
        file.close()
        raise
