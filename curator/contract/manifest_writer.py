"""Decides how a manifest file is made: whole or not at all, rows in training order, sealed last."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curator.contract.buckets import BucketRule, Size
from curator.contract.errors import UserError
from curator.contract.manifest import (
    FORMAT,
    INSERT_IMAGE,
    VERSION,
    ManifestImage,
    ManifestSubset,
    Provenance,
    stored_subset,
)
from curator.contract.manifest_digest import Digest, provenance_json
from curator.contract.manifest_seal import seal
from curator.contract.span_rows import SpanGatherer
from curator.contract.varint import pack

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE bucket (id INTEGER PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL);
CREATE TABLE subset (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, about TEXT NOT NULL);
CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, class TEXT NOT NULL);
CREATE TABLE span (
    first_row INTEGER PRIMARY KEY, bucket INTEGER NOT NULL REFERENCES bucket(id),
    repeats REAL NOT NULL, rows INTEGER NOT NULL);
CREATE TABLE image (
    row INTEGER PRIMARY KEY, path NOT NULL, root INTEGER NOT NULL, sha256 BLOB NOT NULL,
    file_bytes INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    bucket INTEGER NOT NULL REFERENCES bucket(id), resized_width INTEGER NOT NULL, resized_height INTEGER NOT NULL,
    crop_left INTEGER NOT NULL, crop_top INTEGER NOT NULL, subset INTEGER NOT NULL REFERENCES subset(id),
    repeats REAL NOT NULL, head BLOB NOT NULL, middle BLOB NOT NULL, tail BLOB NOT NULL, text TEXT NOT NULL);
"""


@dataclass(frozen=True)
class ManifestContent:
    """What goes into a manifest. `images` come in order of (bucket, repeats) and are read once.

    `tags` maps every tag used by any image to its class.
    """

    rule: BucketRule
    buckets: Sequence[Size]
    subsets: Sequence[ManifestSubset]
    tags: Mapping[str, str]
    images: Iterable[ManifestImage]
    provenance: Provenance


def write_manifest(path: Path, content: ManifestContent) -> str:
    """Write a manifest and return its digest. An existing file at `path` is replaced only by a whole new one.

    Raises:
        UserError: no space, no right to write there, or images out of order.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.unlink(missing_ok=True)
        digest = _write(scratch, content)
        os.replace(scratch, path)
    except (OSError, sqlite3.OperationalError) as error:
        raise UserError(
            f"the manifest {path} cannot be written: {error}", "free space or choose another place"
        ) from error
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
    return digest


def _write(scratch: Path, content: ManifestContent) -> str:
    connection = sqlite3.connect(scratch, isolation_level=None)
    try:
        connection.executescript(
            "PRAGMA page_size=4096; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;" + _SCHEMA
        )
        connection.execute("BEGIN")
        digest = _write_rows(connection, content)
        connection.execute("COMMIT")
    finally:
        connection.close()
    seal(scratch)
    return digest


def _write_rows(connection: sqlite3.Connection, content: ManifestContent) -> str:
    # Tags in order of their names: the ids, and so the digest, do not depend on who was indexed first.
    tags = sorted(content.tags.items())
    ids = {name: i for i, (name, _) in enumerate(tags)}
    connection.executemany(
        "INSERT INTO bucket VALUES (?, ?, ?)", ((i, w, h) for i, (w, h) in enumerate(content.buckets))
    )
    connection.executemany("INSERT INTO tag VALUES (?, ?, ?)", ((ids[name], name, cls) for name, cls in tags))
    connection.executemany(
        "INSERT INTO subset VALUES (?, ?, ?)",
        ((i, subset.name, json.dumps(stored_subset(subset))) for i, subset in enumerate(content.subsets)),
    )
    digest = Digest(content.rule, content.buckets, content.subsets, tags)
    spans = SpanGatherer()
    connection.executemany(INSERT_IMAGE, _rows(content.images, ids, digest, spans))
    connection.executemany(
        "INSERT INTO span(bucket, repeats, first_row, rows) VALUES (?, ?, ?, ?)",
        (tuple(span) for span in spans.closed()),
    )
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "rule": asdict(content.rule),
        "provenance": provenance_json(content.provenance),
        "digest": digest.hex(),
    }
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)", ((name, json.dumps(value)) for name, value in meta.items())
    )
    return digest.hex()


def _rows(
    images: Iterable[ManifestImage], ids: Mapping[str, int], digest: Digest, spans: SpanGatherer
) -> Iterator[tuple[Any, ...]]:
    for number, image in enumerate(images):
        row = _stored(image, ids)
        digest.add(row)
        spans.add(image.bucket, float(image.repeats))
        yield (number, *row)


def _stored(image: ManifestImage, ids: Mapping[str, int]) -> tuple[Any, ...]:
    parts, placement = image.parts, image.placement
    blobs = (pack(ids[tag] for tag in tags) for tags in (parts.head, parts.middle, parts.tail))
    return (
        _path(image.path),
        image.root,
        bytes.fromhex(image.sha256),
        image.file_bytes,
        *image.size,
        image.bucket,
        *placement.resized,
        *placement.crop[:2],
        image.subset,
        float(image.repeats),
        *blobs,
        parts.text,
    )


def _path(path: str) -> str | bytes:
    """Text where the name is UTF-8, as nearly always; else the raw bytes."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path
