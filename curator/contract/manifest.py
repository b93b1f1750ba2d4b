"""Decides what a manifest says: one sealed SQLite file with everything a training needs to know of its data.

This file holds the words (what a manifest contains) and the reader. `manifest_writer` makes one,
`manifest_digest` says whether two are equal, `manifest_seal` whether one is untouched. The layout is described in
`docs/manifest.md`. Opened read-only and immutable, so any number of loader workers can read it, also from a
read-only disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import starmap
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import quote

from curator.contract.buckets import BucketRule, CropMode, Placement, Size
from curator.contract.captions import CaptionParts, CaptionRules, stored_rules
from curator.contract.epoch_plan import Span
from curator.contract.errors import UserError
from curator.contract.manifest_block import DAMAGE, ROWS, Block, PackedRow, unpacked
from curator.contract.signs import FIRST, GAP, SURROGATES
from curator.contract.span_rows import Part, spans_of

FORMAT = "frieze-manifest"
VERSION = 1  # a reader refuses a higher one; additions that older readers may ignore do not raise it
SUFFIX = ".manifest"

# Where the loss of a subset's pictures counts: everywhere, by their alpha, or by a picture `NAME-mask.png` beside them.
MaskMode = Literal["none", "alpha", "file"]
MASK_MODES: tuple[MaskMode, ...] = get_args(MaskMode)


@dataclass(frozen=True)
class ManifestSubset:
    """One concept of the training: where it came from and how its pictures are shown.

    `is_reg` marks regularisation pictures (class pictures that keep the base's idea of a class); how often they
    come was decided at the freeze and stands in the rows. `crop` says how the part beyond the bucket is cut.
    """

    name: str
    filter: str
    repeats: float
    loss_weight: float = 1.0
    flip: bool = False
    rules: CaptionRules = field(default_factory=CaptionRules)
    is_reg: bool = False
    crop: CropMode = "center"
    mask: MaskMode = "none"


class ManifestImage(NamedTuple):
    """One picture in one subset. `path` is relative to root number `root`; sizes in pixels, EXIF turn applied."""

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


@dataclass(frozen=True)
class Provenance:
    """Where a manifest came from. Sealed, but no part of the data digest, so equal data has an equal digest.

    `derived` is JSON: the words that rules gave to pictures, and the numbers they were cut at.
    """

    name: str
    created_at: str
    made_by: str
    index_commit: int
    funnel: tuple[tuple[str, int], ...]
    roots: tuple[str, ...]
    derived: str = ""


@dataclass(frozen=True)
class ManifestHeader:
    """Everything in a manifest but its rows."""

    rule: BucketRule
    buckets: tuple[Size, ...]
    subsets: tuple[ManifestSubset, ...]
    provenance: Provenance
    digest: str


_Stored = tuple[bytes, bytes, bytes, bytes, bytes]  # a `Block` as SQLite gives it
_BLOCK = "SELECT numbers, sha256, paths, tags, texts FROM block"
_ONE_BLOCK = f"{_BLOCK} WHERE id = ?"
_SOME_BLOCKS = (
    "SELECT id, numbers, sha256, paths, tags, texts FROM block WHERE id BETWEEN ? AND ? ORDER BY id"
)


class Manifest:
    """A manifest opened for reading. Close it, or use it in `with`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, header: ManifestHeader) -> None:
        self.path = path
        self.header = header
        self._connection = connection

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def digest(self) -> str:
        return self.header.digest

    @cached_property
    def tags(self) -> list[str]:
        """Tag names by manifest tag id."""
        return [name for (name,) in self._read("SELECT name FROM tag ORDER BY id")]

    def tag_classes(self) -> dict[str, str]:
        """The class of every tag."""
        return dict(self._read("SELECT name, class FROM tag ORDER BY id"))

    def tag_counts(self, subset: int, most: int | None = None) -> list[tuple[str, int]]:
        """How many pictures of a subset have each tag in their captions, the most common first."""
        query = """SELECT name, images FROM subset_tag JOIN tag ON tag.id = tag
            WHERE subset = ? ORDER BY images DESC, tag LIMIT ?"""
        return list(self._read(query, (subset, -1 if most is None else most)))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Rows that share bucket, repeats and subset."""
        query = "SELECT first_row, rows, bucket, repeats, subset FROM part ORDER BY first_row"
        return tuple(Part(*row) for row in self._read(query))

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Rows that share bucket and repeats: what an epoch is planned by."""
        return spans_of(self.parts)

    def __len__(self) -> int:
        return self._row_count

    def image(self, row: int) -> ManifestImage:
        """The picture of manifest row `row` (from 0).

        Raises:
            IndexError: no such row.
            UserError: its block is damaged.
        """
        if not 0 <= row < self._row_count:
            raise IndexError(row)
        return self._image(self._block(row // ROWS), row)

    def images(self, first: int = 0, count: int | None = None) -> Iterator[ManifestImage]:
        """The pictures of rows `first` .. `first + count - 1`, streamed.

        Raises:
            UserError: a block is damaged, or missing.
        """
        beyond = len(self) if count is None else min(len(self), first + count)
        row = first
        for number, *stored in self._read(_SOME_BLOCKS, (first // ROWS, (beyond - 1) // ROWS)):
            behind = (row // ROWS + 1) * ROWS
            if number != row // ROWS:
                raise _damaged(self.path)
            block = Block(*stored)
            for each in range(row, min(behind, beyond)):
                yield self._image(block, each)
            row = behind
        if row < beyond:
            raise _damaged(self.path)

    def blocks(self) -> Iterator[Block]:
        """All rows as they are stored, in order: what the digest is made of."""
        return starmap(Block, self._read(f"{_BLOCK} ORDER BY id"))

    def rows_of(self, file: Path) -> tuple[int, ...]:
        """The rows of a picture's file, found without reading the others: by its place among the paths of each part.

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
    def _first_rows(self) -> list[int]:
        return [part.first_row for part in self.parts]

    @cached_property
    def _names(self) -> list[str]:
        """Tag names by the code points of their signs."""
        before, behind = self.tags[: SURROGATES - FIRST], self.tags[SURROGATES - FIRST :]
        return [*[""] * FIRST, *before, *([""] * GAP if behind else ()), *behind]

    def _block(self, number: int) -> _Stored:
        try:
            stored = self._connection.execute(_ONE_BLOCK, (number,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path) from error
        if stored is None:
            raise _damaged(self.path)
        return stored

    def _place_of(self, row: int) -> tuple[int, bytes]:
        """Root and path alone: what the rows of a part are sorted by."""
        try:
            packed = unpacked(self._block(row // ROWS), row % ROWS)
        except DAMAGE as error:
            raise _damaged(self.path) from error
        return packed.root, packed.path

    def _image(self, block: _Stored, row: int) -> ManifestImage:
        part = self.parts[bisect_right(self._first_rows, row) - 1]
        try:
            return self._shown(unpacked(block, row % ROWS), part)
        except DAMAGE as error:
            raise _damaged(self.path) from error

    def _shown(self, packed: PackedRow, part: Part) -> ManifestImage:
        (
            root, head, tail, width, height, resized_width, resized_height, left, top,
            file_bytes, sha256, path, tags, text,
        ) = packed  # fmt: skip
        names = tuple(map(self._names.__getitem__, map(ord, tags)))
        behind = len(names) - tail
        if not (0 <= head <= behind <= len(names) and 0 <= root < len(self.header.provenance.roots)):
            raise ValueError("more tags never move than there are, or there is no such root")
        bucket = wide, high = self.header.buckets[part.bucket]
        return ManifestImage(
            path.decode("utf-8", "surrogateescape"),
            root,
            sha256.hex(),
            file_bytes,
            (width, height),
            part.bucket,
            Placement(bucket, (resized_width, resized_height), (left, top, left + wide, top + high)),
            part.subset,
            part.repeats,
            CaptionParts(names[:head], names[head:behind], names[behind:], text),
        )

    def _read(self, query: str, values: Iterable[object] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(query, tuple(values))
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path) from error


def open_manifest(path: Path) -> Manifest:
    """Open the manifest at `path` for reading. Does not check that it is untouched: see `manifest_seal`.

    Raises:
        UserError: no file, no manifest, a damaged one, or one of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no manifest at {path}", "make one with 'frieze freeze NAME'")
    uri = f"file:{quote(os.fspath(path.absolute()))}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        meta = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM meta")}
    except (sqlite3.DatabaseError, ValueError) as error:
        raise UserError(f"{path} is no manifest, or is damaged", "freeze again, or restore a copy") from error
    _check_version(path, meta)
    try:
        header = _header(connection, meta)
    except (sqlite3.DatabaseError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    return Manifest(path, connection, header)


def _check_version(path: Path, meta: dict[str, Any]) -> None:
    if meta.get("format") != FORMAT:
        raise UserError(f"{path} is no manifest", "make one with 'frieze freeze NAME'")
    version = meta.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise UserError(
            f"{path} has manifest version {version}; this Frieze reads up to {VERSION}", "update Frieze"
        )


def _header(connection: sqlite3.Connection, meta: dict[str, Any]) -> ManifestHeader:
    buckets = tuple((w, h) for w, h in connection.execute("SELECT width, height FROM bucket ORDER BY id"))
    subsets = tuple(
        subset_of(json.loads(row[0])) for row in connection.execute("SELECT about FROM subset ORDER BY id")
    )
    provenance = provenance_of(meta["provenance"])
    return ManifestHeader(BucketRule(**meta["rule"]), buckets, subsets, provenance, meta["digest"])


def provenance_of(about: dict[str, Any]) -> Provenance:
    """A provenance from its stored form."""
    return Provenance(
        about["name"],
        about["created_at"],
        about["made_by"],
        about["index_commit"],
        tuple((reason, count) for reason, count in about["funnel"]),
        tuple(os.fsdecode(bytes.fromhex(root)) for root in about["roots"]),
        about.get("derived", ""),
    )


def stored_subset(subset: ManifestSubset) -> dict[str, Any]:
    """A subset as it is stored and digested."""
    return {**asdict(subset), "rules": stored_rules(subset.rules)}


def subset_of(about: dict[str, Any]) -> ManifestSubset:
    """A subset from its stored form."""
    rules = CaptionRules(**about.pop("rules"))
    return ManifestSubset(**about, rules=rules)


def _damaged(path: Path) -> UserError:
    return UserError(f"the manifest {path} is damaged", "restore a copy of it, or freeze again")
