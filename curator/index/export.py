"""A collection as one SQLite file of plain, normalised tables for other programs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from curator.arrays import np
from curator.contract.errors import ReplaceableError, UserError
from curator.contract.files.whole_files import TakenError, drafted_file
from curator.contract.locations import INDEX
from curator.index.changes.changes import id_array
from curator.index.editing.texts import batches
from curator.index.file.database import sqlite_errors

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.images.images import ImageRow

_TABLES = """
CREATE TABLE image(id INTEGER PRIMARY KEY, path TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,
    file_bytes INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, mtime REAL NOT NULL,
    format TEXT NOT NULL, mark TEXT NOT NULL, caption TEXT NOT NULL);
CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, class TEXT NOT NULL, images INTEGER NOT NULL);
CREATE TABLE image_tag(image INTEGER NOT NULL REFERENCES image(id), tag INTEGER NOT NULL REFERENCES tag(id),
    place INTEGER NOT NULL, PRIMARY KEY(image, tag)) WITHOUT ROWID;
CREATE TABLE score(image INTEGER NOT NULL REFERENCES image(id), name TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY(image, name)) WITHOUT ROWID;
"""
_LAST = """
CREATE INDEX image_tag_tag ON image_tag(tag, image);
CREATE VIEW image_caption AS SELECT image AS id, group_concat(name, ', ') AS tags FROM
    (SELECT it.image, t.name FROM image_tag it JOIN tag t ON t.id = it.tag ORDER BY it.image, it.place)
    GROUP BY image;
"""
_MARKS = {1: "keep", -1: "reject", 0: ""}
_PIECE = 5000


def export_sqlite(
    collection: Collection,
    path: Path,
    images: BitMap | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    replace: bool = False,
) -> int:
    """Write images (None: all whose file is there), tags and scores to a file; gives how many images.

    One snapshot, a few thousand rows at a time. `progress` gets (done, all) and may raise: then nothing is written.

    Raises:
        UserError: there is a file already, and it is no export or `replace` is not given; or it cannot be written.
    """
    if replace and path.resolve().name == INDEX:
        raise UserError(f"{path} is the index of a collection", "give another name")
    try:
        if replace and not _may_be_replaced(path):
            raise UserError(f"{path} is no export", "give another name, or move it away")
        with (
            drafted_file(path, replace=replace) as draft,
            sqlite_errors(path),
            closing(sqlite3.connect(draft, isolation_level=None)) as target,
        ):
            return _write(collection, target, images, progress)
    except TakenError:
        if not _may_be_replaced(path):
            raise UserError(f"{path} is there, and no export", "give another name") from None
        raise ReplaceableError(
            f"there is already a file {path}", "give another name, or replace it with --replace"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", "free space, or choose another place"
        ) from error


def _may_be_replaced(path: Path) -> bool:
    """Whether no file there holds anything else than an export does."""
    if not path.is_file():
        return not path.exists()
    if not path.stat().st_size:
        return True
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as there:
            names = {name for (name,) in there.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        return False
    return {"image", "tag", "image_tag", "score"} <= names


def _write(
    collection: Collection,
    target: sqlite3.Connection,
    images: BitMap | None,
    progress: Callable[[int, int], None] | None,
) -> int:
    target.execute("PRAGMA journal_mode=OFF")
    target.execute("PRAGMA synchronous=OFF")
    target.executescript(_TABLES)
    target.execute("BEGIN")
    with collection.reading():
        alive = collection.images.alive()
        chosen = alive if images is None else images & alive
        used = set[int]()
        done = 0
        for piece in batches(chosen, _PIECE):
            rows = collection.rows(piece)
            target.executemany("INSERT INTO image VALUES(?,?,?,?,?,?,?,?,?,?,?)", map(_image, rows))
            tags = collection.images.tag_rows(BitMap(piece))
            owners = np.repeat(tags.ids, tags.counts).tolist()
            places = np.arange(len(owners)) - np.repeat(np.cumsum(tags.counts) - tags.counts, tags.counts)
            numbers = tags.values.tolist()
            target.executemany(
                "INSERT INTO image_tag VALUES(?,?,?)", zip(owners, numbers, places.tolist(), strict=True)
            )
            used.update(numbers)
            done += len(piece)
            if progress:
                progress(done, len(chosen))
        target.executemany("INSERT INTO tag VALUES(?,?,?,?)", _tags(collection, used, chosen))
        target.executemany("INSERT INTO score VALUES(?,?,?)", _scores(collection, chosen))
    target.execute("COMMIT")
    target.executescript(_LAST)
    return done


def _image(row: ImageRow) -> tuple[Any, ...]:
    path, name = (
        text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for text in (row.full_path, row.name)
    )
    return (
        row.id, path, name, row.sha256, row.file_bytes, row.width, row.height, row.mtime_ns / 1e9, row.format,
        _MARKS[row.mark], row.caption,
    )  # fmt: skip


def _tags(collection: Collection, used: set[int], chosen: BitMap) -> Iterator[tuple[int, str, str, int]]:
    for tag in collection.tags.get(sorted(used)):
        yield tag.id, tag.name, tag.cls, len(chosen & collection.bitmaps.of(tag.id))


def _scores(collection: Collection, chosen: BitMap) -> Iterator[tuple[int, str, float]]:
    """(image, name, value), of one name after the other."""
    ids = id_array(chosen).astype(np.int64)
    for name in collection.scores.names() if len(ids) else ():
        values = collection.scores.of(name, int(ids[-1]) + 1)[ids]
        known = ~np.isnan(values)
        yield from zip(ids[known].tolist(), repeat(name), values[known].tolist())
