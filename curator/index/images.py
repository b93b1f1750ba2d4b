"""Decides how images come in and what is known of their files: rows appended in batches, words kept apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pyroaring import BitMap

from curator.index import texts
from curator.index.bitmaps import Flag
from curator.index.paths import from_blob, last_part, to_blob
from curator.index.perform import add_postings, set_alive
from curator.index.plan import check_caption
from curator.index.sidecar_table import SidecarState, SidecarTable
from curator.index.store import Store
from curator.index.tag_blob import decode, encode

FORMATS = ("other", "jpeg", "png", "webp", "bmp", "gif", "avif")  # stored by position: append only


@dataclass(frozen=True)
class FileFacts:
    """What the file system and the header say of one file; `width` and `height` after the EXIF turn."""

    sha256: bytes
    file_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str


@dataclass(frozen=True)
class NewImage:
    """An image the index does not know yet. `path` is relative to the root."""

    root: int
    path: str
    facts: FileFacts
    tags: tuple[str, ...] = ()
    caption: str = ""
    classes: tuple[tuple[str, str], ...] = ()  # (tag, class) where the source says more than `general`
    sidecars: tuple[SidecarState, ...] = ()


@dataclass(frozen=True)
class ImageRow:
    """One image as the app shows it. `path` is relative to `root`; both may hold surrogate escapes."""

    id: int
    path: str
    root: str
    name: str
    sha256: str
    file_bytes: int
    width: int
    height: int
    mtime_ns: int
    format: str
    mark: int
    tags_count: int
    caption: str

    @property
    def full_path(self) -> str:
        return f"{self.root.rstrip('/')}/{self.path}"


@dataclass(frozen=True)
class KnownFile:
    """What the index knows of a path, for a scan to compare."""

    id: int
    path: str
    file_bytes: int
    mtime_ns: int
    alive: bool


_ROW = """SELECT i.id, i.path, r.path, i.sha256, i.file_bytes, i.width, i.height, i.mtime_ns, i.format,
    t.tags, t.caption
FROM image i JOIN root r ON r.id = i.root JOIN image_text t ON t.id = i.id WHERE i.id IN ({marks})"""


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
        return len(self._store.alive())

    def alive(self) -> BitMap:
        """Images whose file is there. Shared with the cache: copy before changing."""
        return self._store.alive()

    def rows(self, ids: Sequence[int]) -> list[ImageRow]:
        """Rows in the order asked; ids nobody knows are left out."""
        keep, reject = self._store.bitmaps.of(Flag.KEEP), self._store.bitmaps.of(Flag.REJECT)
        found: dict[int, ImageRow] = {}
        for piece in texts.batches(ids):
            for raw in self._connection.execute(_ROW.format(marks=",".join("?" * len(piece))), piece):
                mark = 1 if raw[0] in keep else -1 if raw[0] in reject else 0
                found[raw[0]] = _row(raw, mark)
        return [found[number] for number in ids if number in found]

    def tag_ids(self, image: int) -> list[int]:
        """The tags of one image in caption order."""
        row = self._connection.execute("SELECT tags FROM image_text WHERE id=?", (image,)).fetchone()
        return decode(row[0]) if row else []

    def caption(self, image: int) -> str:
        """The free caption of one image."""
        row = self._connection.execute("SELECT caption FROM image_text WHERE id=?", (image,)).fetchone()
        return row[0] if row else ""

    def content(self, image: int) -> bytes:
        """The sha256 of one image as last read."""
        return self._connection.execute("SELECT sha256 FROM image WHERE id=?", (image,)).fetchone()[0]

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
        return texts.captions(self._connection, images)

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

    def with_content(self, sha256: bytes) -> list[tuple[int, str, bool]]:
        """(id, absolute path, whether it was there at the last scan) of images with this content."""
        rows = self._connection.execute(
            "SELECT i.id, r.path, i.path, i.sha256 FROM image i JOIN root r ON r.id=i.root"
            " WHERE content_key=? ORDER BY i.id",
            (content_key(sha256),),
        )
        alive = self._store.alive()
        return [
            (row[0], from_blob(row[1]).rstrip("/") + "/" + from_blob(row[2]), row[0] in alive)
            for row in rows
            if row[3] == sha256
        ]

    def with_sha_prefix(self, digits: str) -> BitMap:
        """Images whose sha256 starts with these hexadecimal digits."""
        low, high = (
            content_key(bytes.fromhex(digits.ljust(64, "0"))),
            content_key(bytes.fromhex(digits.ljust(64, "f"))),
        )
        rows = self._connection.execute(
            "SELECT id, sha256 FROM image WHERE content_key BETWEEN ? AND ?", (low, high)
        )
        return BitMap(row[0] for row in rows if bytes(row[1]).hex().startswith(digits))

    def add(self, images: Sequence[NewImage]) -> list[int]:
        """Append images with their words; gives their ids. Whole or not at all, like the transaction around it."""
        if not images:
            return []
        last = self._connection.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]
        ids = list(range(last + 1, last + 1 + len(images)))
        for image in images:
            check_caption(image.caption)
        self._store.tags.learn_classes(pair for image in images for pair in image.classes)
        tags = self._tags_of_new(images)
        self._insert(ids, images, tags)
        new = BitMap(ids)
        self._store.bitmaps.add(Flag.ALIVE, new)
        self._store.bitmaps.add(
            Flag.CAPTIONED, BitMap(n for n, image in zip(ids, images, strict=True) if image.caption)
        )
        add_postings(self._store, _postings(ids, tags))
        self._write_columns(ids, [image.facts for image in images])
        self._store.columns.write("tags_count", np.array(ids), np.array([len(row) for row in tags]))
        for number, image in zip(ids, images, strict=True):
            self.sidecars.put(number, image.sidecars)
        return ids

    def update_files(self, changed: Sequence[tuple[int, FileFacts]]) -> None:
        """The files of known images have other content (or another time); their words stay."""
        rows = [(*_file_values(facts), number) for number, facts in changed]
        self._connection.executemany(
            "UPDATE image SET sha256=?, content_key=?, file_bytes=?, width=?, height=?, mtime_ns=?, format=?"
            " WHERE id=?",
            rows,
        )
        pairs = sorted(changed, key=lambda pair: pair[0])
        self._write_columns([number for number, _ in pairs], [facts for _, facts in pairs])

    def move(self, image: int, root: int, path: str) -> None:
        """The file is now called otherwise."""
        self._connection.execute("UPDATE image SET root=?, path=? WHERE id=?", (root, to_blob(path), image))

    def set_alive(self, images: BitMap, alive: bool) -> BitMap:
        """Say that files are there (or gone); gives those for which that is news."""
        return set_alive(self._store, images, alive)

    def _tags_of_new(self, images: Sequence[NewImage]) -> list[list[int]]:
        flat = self._store.tags.intern([tag for image in images for tag in image.tags])
        rows: list[list[int]] = []
        at = 0
        for image in images:
            rows.append(list(dict.fromkeys(flat[at : at + len(image.tags)])))
            at += len(image.tags)
        return rows

    def _insert(self, ids: Sequence[int], images: Sequence[NewImage], tags: Sequence[Sequence[int]]) -> None:
        self._connection.executemany(
            "INSERT INTO image(id, root, path, sha256, content_key, file_bytes, width, height, mtime_ns, format)"
            " VALUES(?,?,?,?,?,?,?,?,?,?)",
            (
                (number, image.root, to_blob(image.path), *_file_values(image.facts))
                for number, image in zip(ids, images, strict=True)
            ),
        )
        self._connection.executemany(
            "INSERT INTO image_text(id, tags, caption) VALUES(?,?,?)",
            (
                (number, encode(row), image.caption)
                for number, image, row in zip(ids, images, tags, strict=True)
            ),
        )

    def _write_columns(self, ids: Sequence[int], facts: Sequence[FileFacts]) -> None:
        where = np.array(ids, np.int64)
        for name in ("width", "height", "file_bytes", "mtime_ns"):
            self._store.columns.write(
                name, where, np.array([getattr(fact, name) for fact in facts], np.int64)
            )
        self._store.columns.write("format", where, np.array([_format_number(fact.format) for fact in facts]))


def content_key(sha256: bytes) -> int:
    """The first 8 bytes as a number that SQLite can index, in the order of the hexadecimal digits."""
    return int.from_bytes(sha256[:8], "big") - (1 << 63)


def _file_values(facts: FileFacts) -> tuple[object, ...]:
    return (
        facts.sha256, content_key(facts.sha256), facts.file_bytes, facts.width, facts.height, facts.mtime_ns,
        _format_number(facts.format),
    )  # fmt: skip


def _format_number(name: str) -> int:
    return FORMATS.index(name) if name in FORMATS else 0


def _postings(ids: Iterable[int], tags: Iterable[Iterable[int]]) -> dict[int, BitMap]:
    images: dict[int, list[int]] = {}
    for number, row in zip(ids, tags, strict=True):
        for tag in row:
            images.setdefault(tag, []).append(number)
    return {tag: BitMap(numbers) for tag, numbers in images.items()}


def _row(raw: tuple[int, bytes, bytes, bytes, int, int, int, int, int, bytes, str], mark: int) -> ImageRow:
    number, path, root, sha256, file_bytes, width, height, mtime_ns, kind, tags, caption = raw
    relative = from_blob(path)
    return ImageRow(
        number, relative, from_blob(root), last_part(relative), sha256.hex(), file_bytes, width, height, mtime_ns,
        FORMATS[kind], mark, sum(byte < 128 for byte in tags), caption,
    )  # fmt: skip
