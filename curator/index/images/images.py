"""The image table: rows appended in batches, facts of files, annotations kept apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from curator.arrays import np
from curator.contract import varint
from curator.index.changes.changes import FilesSeen
from curator.index.editing import texts
from curator.index.file.paths import from_blob, last_part, to_blob
from curator.index.images.contents import candidates, content_key, with_prefix
from curator.index.images.image_facts import FORMATS, FileFacts, ImageRow, KnownFile, format_number
from curator.index.images.sidecar_table import SidecarTable
from curator.index.sets.bitmaps import Flag

if TYPE_CHECKING:
    from curator.index.editing.store import Store
    from curator.index.tags.tag_blob import Numbers
    from curator.index.tags.tag_rows import TagRows

_ROW = """SELECT i.id, i.path, r.path, i.sha256, i.file_bytes, i.width, i.height, i.mtime_ns, i.format,
    t.caption, t.tags
FROM image i JOIN root r ON r.id = i.root JOIN image_text t ON t.id = i.id WHERE i.id IN ({marks}) ORDER BY i.id"""


class ImageTable:
    """The images of a collection. Methods that write belong inside a write transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sidecars = SidecarTable(store.connection)

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._store.connection

    def count(self) -> int:
        """Images whose file is there."""
        with self._store.database.reading():
            return len(self._store.alive())

    def alive(self) -> BitMap:
        """Images whose file is there. Shared with the cache: copy before changing."""
        return self._store.alive()

    def rows(self, ids: Sequence[int]) -> list[ImageRow]:
        """Rows in the order asked; ids nobody knows are left out."""
        keep, reject = self._store.bitmaps.of(Flag.KEEP), self._store.bitmaps.of(Flag.REJECT)
        found: dict[int, ImageRow] = {}
        for piece in texts.batches(ids):
            query = _ROW.format(marks=",".join("?" * len(piece)))
            raws = self._connection.execute(query, piece).fetchall()
            # not from the column of counts: reading it whole would be most of the time to the first page
            counts = {raw[0]: varint.count(raw[10]) for raw in raws}
            if stale := self._store.pending.of(BitMap(counts)):
                rows = texts.tag_rows(self._store, list(stale))
                counts.update(zip(rows.ids.tolist(), rows.counts.tolist(), strict=True))
            for raw in raws:
                mark = 1 if raw[0] in keep else -1 if raw[0] in reject else 0
                found[raw[0]] = _row(raw, mark, counts[raw[0]])
        return [found[number] for number in ids if number in found]

    def tag_ids(self, image: int) -> list[int]:
        """The tags of one image in caption order."""
        return next((tags for _, tags in texts.tag_ids(self._store, BitMap([image]))), [])

    def tag_lists(self, ids: Sequence[int]) -> list[list[int]]:
        """The tags of images in caption order, as asked; none for ids nobody knows."""
        found: dict[int, list[int]] = {}
        for piece in texts.batches(sorted(set(ids)), texts.ROWS_AT_ONCE):
            rows = texts.tag_rows(self._store, piece)
            found.update(zip(rows.ids.tolist(), rows.lists(), strict=True))
        return [found.get(number, []) for number in ids]

    def tag_rows(self, images: BitMap) -> TagRows:
        """The tags of some images as one flat array; for thousands, not for millions."""
        return texts.tag_rows(self._store, list(images))

    def tag_counts(self, ids: Sequence[int]) -> Numbers:
        """How many of some images (ascending ids) have each tag, by tag id; for thousands, not for millions."""
        return texts.tag_counts(self._store, ids)

    def caption(self, image: int) -> str:
        """The free caption of one image."""
        row = self._connection.execute("SELECT caption FROM image_text WHERE id=?", (image,)).fetchone()
        return row[0] if row else ""

    def content(self, image: int) -> bytes:
        """The sha256 of one image as last read."""
        return self._connection.execute("SELECT sha256 FROM image WHERE id=?", (image,)).fetchone()[0]

    def contents(self, images: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """(id, sha256 as last read), by ascending ids within a few hundred; ids nobody knows are left out."""
        for piece in texts.batches(images):
            query = f"SELECT id, sha256 FROM image WHERE id IN ({','.join('?' * len(piece))}) ORDER BY id"
            yield from self._connection.execute(query, piece)

    def path_order(self, images: Sequence[int]) -> Numbers:
        """The place of each of some images (ascending ids) among them by path; for copies, not for the whole index."""
        roots = {number: to_blob(path) for path, number in self.roots().items()}
        found: list[tuple[bytes, bytes]] = []
        for piece in texts.batches(images):
            query = f"SELECT root, path FROM image WHERE id IN ({','.join('?' * len(piece))}) ORDER BY id"
            found += [(roots[root], path) for root, path in self._connection.execute(query, piece)]
        places = np.empty(len(found), np.int64)
        places[sorted(range(len(found)), key=found.__getitem__)] = np.arange(len(found))
        return places

    def last_id(self) -> int:
        """The largest number an image has; 0 where there is none."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0])

    def root(self, path: str) -> int:
        """The number of a root folder (absolute path), made when new."""
        self._connection.execute("INSERT OR IGNORE INTO root(path) VALUES(?)", (to_blob(path),))
        return int(
            self._connection.execute("SELECT id FROM root WHERE path=?", (to_blob(path),)).fetchone()[0]
        )

    def roots(self) -> dict[str, int]:
        """Root folders and their numbers."""
        return {
            from_blob(path): number for number, path in self._connection.execute("SELECT id, path FROM root")
        }

    def under(self, root: int, folder: str = "") -> BitMap:
        """Images (there or missing) of a root, or of a folder in it."""
        if not folder:
            rows = self._connection.execute("SELECT id FROM image WHERE root=?", (root,))
        else:
            first, beyond = to_blob(folder + "/"), to_blob(folder) + b"0"  # "0" follows "/"
            rows = self._connection.execute(
                "SELECT id FROM image WHERE root=? AND path>=? AND path<?", (root, first, beyond)
            )
        return BitMap(row[0] for row in rows)

    def paths(self) -> Iterator[tuple[int, str]]:
        """(id, absolute path) of every image, there or missing: a walk over the whole table."""
        roots = {number: path.rstrip("/") + "/" for path, number in self.roots().items()}
        for number, root, path in self._connection.execute("SELECT id, root, path FROM image"):
            yield number, roots[root] + from_blob(path)

    def captions(self, images: BitMap) -> Iterator[tuple[int, str]]:
        """(id, free caption), ascending."""
        return texts.captions(self._store, images)

    def known(self, root: int, paths: Sequence[str]) -> dict[str, KnownFile]:
        """What is known of these paths."""
        alive = self._store.alive()
        found: dict[str, KnownFile] = {}
        query = "SELECT id, path, file_bytes, mtime_ns FROM image WHERE root=? AND path IN ({})"
        for first in range(0, len(paths), 500):
            some = [to_blob(path) for path in paths[first : first + 500]]
            for row in self._connection.execute(query.format(",".join("?" * len(some))), (root, *some)):
                path = from_blob(row[1])
                found[path] = KnownFile(row[0], path, row[2], row[3], row[0] in alive)
        return found

    def seen(self, root: int, paths: Sequence[bytes]) -> list[tuple[Any, ...]]:
        """What is remembered of the files at these paths, for a scan to compare.

        A row per sidecar, or one: (path, id, bytes and time of the image, suffix, bytes and time of the sidecar).
        """
        query = """SELECT i.path, i.id, i.file_bytes, i.mtime_ns, s.suffix, s.file_bytes, s.mtime_ns
            FROM image i LEFT JOIN sidecar s ON s.image=i.id WHERE i.root=? AND i.path IN ({})"""
        rows: list[tuple[Any, ...]] = []
        for first in range(0, len(paths), 500):
            some = paths[first : first + 500]
            rows += self._connection.execute(
                query.format(",".join("?" * len(some))), (root, *some)
            ).fetchall()
        return rows

    def with_contents(self, contents: Sequence[bytes]) -> dict[bytes, list[tuple[int, str, bool]]]:
        """For each content that images have: (id, absolute path, whether it was there at the last scan) by id."""
        wanted = set(contents)
        alive = self._store.alive()
        found: dict[bytes, list[tuple[int, str, bool]]] = {}
        query = """SELECT i.id, r.path, i.path, i.sha256 FROM image i JOIN root r ON r.id=i.root
            WHERE i.id IN ({}) ORDER BY i.id"""
        for piece in texts.batches(candidates(self._store.columns.of("content"), list(wanted))):
            for number, root, path, sha in self._connection.execute(
                query.format(",".join("?" * len(piece))), piece
            ):
                if sha in wanted:
                    full = from_blob(root).rstrip("/") + "/" + from_blob(path)
                    found.setdefault(sha, []).append((number, full, number in alive))
        return found

    def with_sha_prefix(self, digits: str) -> BitMap:
        """Images whose sha256 starts with these hexadecimal digits."""
        found = with_prefix(self._store.columns.of("content"), digits)
        return BitMap(found) if len(digits) <= 16 else BitMap(n for n in found if self._starts(n, digits))

    def _starts(self, image: int, digits: str) -> bool:
        return self.content(image).hex().startswith(digits)

    def update_files(self, changed: Sequence[tuple[int, FileFacts]]) -> None:
        """The files of known images have other content (or another time); their annotations stay."""
        rows = [(*_file_values(facts), number) for number, facts in changed]
        self._connection.executemany(
            "UPDATE image SET sha256=?, file_bytes=?, width=?, height=?, mtime_ns=?, format=? WHERE id=?",
            rows,
        )
        pairs = sorted(changed, key=lambda pair: pair[0])
        self._write_columns([number for number, _ in pairs], [facts for _, facts in pairs])
        none = BitMap()
        self._record_files(FilesSeen(none, none, BitMap(n for n, _ in pairs)))

    def move(self, image: int, root: int, path: str) -> None:
        """The file is now called otherwise."""
        self._connection.execute("UPDATE image SET root=?, path=? WHERE id=?", (root, to_blob(path), image))
        none = BitMap()
        self._record_files(FilesSeen(none, none, BitMap([image])))

    def set_alive(self, images: BitMap, alive: bool) -> BitMap:
        """Say that files are there (or gone); their annotations stay. Gives the images for which that is news."""
        store = self._store
        news = images - store.alive() if alive else images & store.alive()
        if not news:
            return news
        none = BitMap()
        store.bitmaps.change(Flag.ALIVE, *((news, none) if alive else (none, news)))
        sign = 1 if alive else -1
        for piece in texts.batches(news, texts.ROWS_AT_ONCE):
            tags, counts = np.unique(texts.tag_rows(store, piece).values, return_counts=True)
            store.tags.count_more(dict(zip(tags.tolist(), (sign * counts).tolist(), strict=True)))
        self._record_files(FilesSeen(news, none, none) if alive else FilesSeen(none, news, none))
        return news

    def _record_files(self, seen: FilesSeen) -> None:
        self._store.journal.append("files", "scan", "", [seen])

    def _write_columns(self, ids: Sequence[int], facts: Sequence[FileFacts]) -> None:
        where = np.array(ids, np.int64)
        for name in ("width", "height", "file_bytes", "mtime_ns"):
            self._store.columns.write(
                name, where, np.array([getattr(fact, name) for fact in facts], np.int64)
            )
        self._store.columns.write("format", where, np.array([format_number(fact.format) for fact in facts]))
        keys = np.array([content_key(fact.sha256) for fact in facts], np.uint64)
        self._store.columns.write("content", where, keys)


def _file_values(facts: FileFacts) -> tuple[object, ...]:
    return (
        facts.sha256, facts.file_bytes, facts.width, facts.height, facts.mtime_ns, format_number(facts.format),
    )  # fmt: skip


def _row(raw: Sequence[Any], mark: int, count: int) -> ImageRow:
    number, path, root, sha256, file_bytes, width, height, mtime_ns, kind, caption, _ = raw
    relative = from_blob(path)
    return ImageRow(
        number, relative, from_blob(root), last_part(relative), sha256.hex(), file_bytes, width, height, mtime_ns,
        FORMATS[kind], mark, count, caption,
    )  # fmt: skip
