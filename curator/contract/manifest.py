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
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from curator.contract.buckets import BucketRule, Placement, Size
from curator.contract.captions import CaptionParts, CaptionRules, stored_rules
from curator.contract.epoch_plan import Span
from curator.contract.errors import UserError
from curator.contract.varint import unpack

FORMAT = "frieze-manifest"
VERSION = 1  # a reader refuses a higher one; additions that older readers may ignore do not raise it
SUFFIX = ".manifest"


@dataclass(frozen=True)
class ManifestSubset:
    """One concept of the training: where it came from and how its pictures are shown."""

    name: str
    filter: str
    repeats: float
    loss_weight: float = 1.0
    flip: bool = False
    rules: CaptionRules = field(default_factory=CaptionRules)


@dataclass(frozen=True)
class ManifestImage:
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


_IMAGE_COLUMNS = (
    "path, root, sha256, file_bytes, width, height, bucket, resized_width, resized_height, crop_left, crop_top,"
    " subset, repeats, head, middle, tail, text"
)
SELECT_IMAGES = f"SELECT {_IMAGE_COLUMNS} FROM image"
INSERT_IMAGE = f"INSERT INTO image(row, {_IMAGE_COLUMNS}) VALUES ({', '.join('?' * 18)})"


class Manifest:
    """A manifest opened for reading. Close it, or use it in `with`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, header: ManifestHeader) -> None:
        self.path = path
        self.header = header
        self._connection = connection
        self._tags: list[str] | None = None

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def digest(self) -> str:
        return self.header.digest

    @property
    def tags(self) -> list[str]:
        """Tag names by manifest tag id."""
        if self._tags is None:
            self._tags = [name for (name,) in self._read("SELECT name FROM tag ORDER BY id")]
        return self._tags

    def tag_classes(self) -> dict[str, str]:
        """The class of every tag."""
        return dict(self._read("SELECT name, class FROM tag ORDER BY id"))

    @property
    def spans(self) -> tuple[Span, ...]:
        query = "SELECT bucket, repeats, first_row, rows FROM span ORDER BY first_row"
        return tuple(Span(*row) for row in self._read(query))

    def __len__(self) -> int:
        return next(iter(self._read("SELECT coalesce(max(row) + 1, 0) FROM image")))[0]

    def image(self, row: int) -> ManifestImage:
        """The picture of manifest row `row` (from 0).

        Raises:
            IndexError: no such row.
        """
        for found in self._read(f"{SELECT_IMAGES} WHERE row = ?", (row,)):
            return self._image(found)
        raise IndexError(row)

    def images(self, first: int = 0, count: int | None = None) -> Iterator[ManifestImage]:
        """The pictures of rows `first` .. `first + count - 1`, streamed."""
        query = f"{SELECT_IMAGES} WHERE row >= ? ORDER BY row LIMIT ?"
        return (self._image(row) for row in self._read(query, (first, -1 if count is None else count)))

    def file_of(self, image: ManifestImage) -> Path:
        """Where the file of `image` is expected."""
        return Path(self.header.provenance.roots[image.root], image.path)

    def raw_images(self) -> Iterator[tuple[Any, ...]]:
        """Image rows as stored, in order: what the digest is made of."""
        return self._read(f"{SELECT_IMAGES} ORDER BY row")

    def _image(self, row: tuple[Any, ...]) -> ManifestImage:
        path, root, sha, file_bytes, width, height, bucket, *placed = row
        resized_width, resized_height, left, top, subset, repeats, head, middle, tail, text = placed
        wide, high = self.header.buckets[bucket]
        placement = Placement(
            (wide, high), (resized_width, resized_height), (left, top, left + wide, top + high)
        )
        parts = CaptionParts(self._names(head), self._names(middle), self._names(tail), text)
        return ManifestImage(
            os.fsdecode(path),
            root,
            sha.hex(),
            file_bytes,
            (width, height),
            bucket,
            placement,
            subset,
            repeats,
            parts,
        )

    def _names(self, blob: bytes) -> tuple[str, ...]:
        names = self.tags
        return tuple(names[i] for i in unpack(blob))

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
