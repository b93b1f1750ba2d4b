"""Writing of a manifest: whole or not at all, rows in training order, sealed last."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count, islice
from os import fsencode
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_file
from curator.contract.manifest.block import Block, PackedRow, image_view, packed
from curator.contract.manifest.digest import Digest, provenance_json
from curator.contract.manifest.header import FORMAT, VERSION, ManifestSubset, Provenance, stored_subset
from curator.contract.manifest.seal import seal
from curator.contract.manifest.signs import decode_numbers, encode_number
from curator.contract.manifest.span_rows import Part, PartGatherer

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule, Size
    from curator.contract.manifest.manifest import ManifestImage

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE bucket (id INTEGER PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL);
CREATE TABLE subset (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, about TEXT NOT NULL);
CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, class TEXT NOT NULL);
CREATE TABLE part (
    first_row INTEGER PRIMARY KEY, rows INTEGER NOT NULL, bucket INTEGER NOT NULL REFERENCES bucket(id),
    repeats REAL NOT NULL, subset INTEGER NOT NULL REFERENCES subset(id));
CREATE TABLE subset_tag (
    subset INTEGER NOT NULL REFERENCES subset(id), tag INTEGER NOT NULL REFERENCES tag(id),
    images INTEGER NOT NULL, PRIMARY KEY (subset, tag)) WITHOUT ROWID;
CREATE TABLE block (
    id INTEGER PRIMARY KEY, numbers BLOB NOT NULL, sha256 BLOB NOT NULL, paths BLOB NOT NULL, tags BLOB NOT NULL,
    texts BLOB NOT NULL);
CREATE VIEW span AS SELECT min(first_row) AS first_row, bucket, repeats, sum(rows) AS rows
    FROM part GROUP BY bucket, repeats;
"""
_PRAGMAS = (
    "PRAGMA page_size=32768; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;"  # seven blocks a page
)
_AT_ONCE = 128  # blocks in one statement, which older SQLite lets have 999 values
_AHEAD = 4  # statements that wait to be carried out
TagCount = tuple[int, int, int]  # subset, tag id, images


class PackedRows(Protocol):
    """All rows in blocks. `parts` and `tag_counts` are asked for after the last block."""

    def blocks(self) -> Iterator[Block]: ...

    def parts(self) -> Sequence[Part]: ...

    def tag_counts(self) -> Iterable[TagCount]: ...


@dataclass(frozen=True)
class ManifestContent:
    """What goes into a manifest. Images come in order of (bucket, repeats, subset, root, path) and are read once.

    `tags` gives the class of every tag that any image has; their order is that of their ids, and part of the digest.
    `images` may be packed already, with these ids.
    """

    rule: BucketRule
    buckets: Sequence[Size]
    subsets: Sequence[ManifestSubset]
    tags: Mapping[str, str]
    images: Iterable[ManifestImage] | PackedRows
    provenance: Provenance


def write_manifest(path: Path, content: ManifestContent, *, replace: bool = True) -> str:
    """Write a manifest and return its digest. An existing file at `path` is replaced only by a whole new one.

    Raises:
        UserError: no space, no right to write there, numbers beyond what a manifest can hold; or, without `replace`,
            there is one by the time this one is whole.
        ValueError: rows out of order.
    """
    try:
        with drafted_file(path, replace=replace) as draft:
            return _write(draft, content)
    except TakenError:
        raise UserError(
            f"there is a manifest at {path} by now",
            "choose another name, or replace it with --replace",
        ) from None
    except (OSError, sqlite3.OperationalError) as error:
        raise UserError(
            f"the manifest {path} cannot be written: {_reason(error)}",
            "free space or choose another place",
        ) from error


def digest_of_content(content: ManifestContent) -> str:
    """The digest that a manifest of this content would have; nothing is written.

    Raises:
        ValueError: rows out of order.
    """
    digest = Digest(content.rule, content.buckets, content.subsets, content.tags.items())
    rows = _rows(content)
    for block in rows.blocks():
        digest.add(block)
    return digest.closed(rows.parts())


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _write(draft: Path, content: ManifestContent) -> str:
    # nolock: the draft's own lock keeps others away, and another freeze that looks at it would drop SQLite's
    uri = f"file:{quote(fsencode(draft.absolute()))}?nolock=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.executescript(_PRAGMAS + _SCHEMA + image_view("part"))
        connection.execute("BEGIN")
        digest = _write_tables(connection, content)
        connection.execute("COMMIT")
    finally:
        connection.close()
    seal(draft)
    return digest


def _write_tables(connection: sqlite3.Connection, content: ManifestContent) -> str:
    tags = list(content.tags.items())
    many = connection.executemany
    many("INSERT INTO bucket VALUES (?, ?, ?)", ((i, w, h) for i, (w, h) in enumerate(content.buckets)))
    many("INSERT INTO tag VALUES (?, ?, ?)", ((i, name, cls) for i, (name, cls) in enumerate(tags)))
    many(
        "INSERT INTO subset VALUES (?, ?, ?)",
        ((i, subset.name, json.dumps(stored_subset(subset))) for i, subset in enumerate(content.subsets)),
    )
    rows = _rows(content)
    digest = Digest(content.rule, content.buckets, content.subsets, tags)
    _insert(connection, iter(rows.blocks()), digest)
    many("INSERT INTO part VALUES (?, ?, ?, ?, ?)", rows.parts())
    many("INSERT INTO subset_tag VALUES (?, ?, ?)", rows.tag_counts())
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "rule": asdict(content.rule),
        "provenance": provenance_json(content.provenance),
        "digest": digest.closed(rows.parts()),
    }
    many("INSERT INTO meta VALUES (?, ?)", ((name, json.dumps(value)) for name, value in meta.items()))
    return str(meta["digest"])


def _rows(content: ManifestContent) -> PackedRows:
    return _Packing(content.images, content.tags) if isinstance(content.images, Iterable) else content.images


def _insert(connection: sqlite3.Connection, blocks: Iterator[Block], digest: Digest) -> None:
    """Write and digest blocks in a thread while the next are made: SQLite and hashing let Python go on meanwhile."""
    numbers = count()
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as pool:
        while some := list(islice(blocks, _AT_ONCE)):
            if len(waiting) == _AHEAD:
                waiting.popleft().result()
            waiting.append(pool.submit(_insert_some, connection, numbers, some, digest))
        for each in waiting:
            each.result()


def _insert_some(
    connection: sqlite3.Connection, numbers: Iterator[int], blocks: Sequence[Block], digest: Digest
) -> None:
    places = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(blocks))
    values = [value for block in blocks for value in (next(numbers), *block)]
    connection.execute(f"INSERT INTO block VALUES {places}", values)
    digest.add(*blocks)


class _Packing:
    """Images packed one by one."""

    def __init__(self, images: Iterable[ManifestImage], tags: Iterable[str]) -> None:
        self._images = images
        self._signs = {name: encode_number(number) for number, name in enumerate(tags)}
        self._gatherer = PartGatherer()
        self._parts: tuple[Part, ...] | None = None
        self._counts: dict[int, Counter[str]] = {}

    def blocks(self) -> Iterator[Block]:
        return packed(map(self._row, self._images))

    def parts(self) -> Sequence[Part]:
        if self._parts is None:
            self._parts = self._gatherer.closed()
        return self._parts

    def tag_counts(self) -> Iterable[TagCount]:
        return [
            (subset, tag, images)
            for subset, counter in sorted(self._counts.items())
            for tag, images in sorted((decode_numbers(each)[0], count) for each, count in counter.items())
        ]

    def _row(self, image: ManifestImage) -> PackedRow:
        parts, placement, path = image.parts, image.placement, fsencode(image.path)
        self._gatherer.add(image.bucket, float(image.repeats), image.subset, (image.root, path))
        tags = "".join(self._signs[tag] for tag in (*parts.head, *parts.middle, *parts.tail))
        self._counts.setdefault(image.subset, Counter()).update(set(tags))
        return PackedRow(
            image.root,
            len(parts.head),
            len(parts.tail),
            *image.size,
            *placement.resized,
            *placement.crop[:2],
            image.file_bytes,
            bytes.fromhex(image.sha256),
            path,
            tags,
            parts.text,
        )
