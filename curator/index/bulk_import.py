"""Import of millions of rows: each batch durable, memory bounded, derived data made once per chunk.

A batch is written as rows and marked LOADING, with how far its source is, in one transaction. When a chunk of 2^18
images is full its postings, columns and counts are written in one go and the images appear. After a kill the rows
are there: the next import, or idle folding, makes them appear, and the source goes on at `position`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain, repeat
from types import TracebackType
from typing import TYPE_CHECKING

from curator.arrays import np
from curator.contract.errors import UserError
from curator.index.editing.plan import check_caption
from curator.index.file.import_lock import ImportLock
from curator.index.file.paths import to_blob
from curator.index.images.arrivals import Ints, Keys, NewPostings, publish, recover
from curator.index.sets.bitmap_file import CHUNK_BITS
from curator.index.sets.bitmaps import Flag, of_array
from curator.index.tags.tag_blob import encode_many

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.editing.store import Store
    from curator.index.images.new_images import ImageBatch

_POSITION = "import position "
_IMAGE = """INSERT INTO image(id, root, path, sha256, file_bytes, width, height, mtime_ns, format)
    VALUES(?,?,?,?,?,?,?,?,?)"""


class BulkImport:
    """One running import; a collection has one at a time. Use as a context manager.

    `position` is how many rows of `source` were taken before; the reader of the source starts there. `skipped` are
    paths that the collection, or the source itself, had already.
    """

    def __init__(self, collection: Collection, source: str) -> None:
        self._collection = collection
        self._store: Store = collection._store
        self._setting = _POSITION + source
        self._lock = ImportLock(collection.folder)
        self._chunk = NewPostings()
        self.skipped: list[str] = []
        self.position = 0

    def __enter__(self) -> BulkImport:
        self._lock.take()
        try:
            recover(self._store)
            self.position = int(self._collection.settings.get(self._setting, 0))
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None or not isinstance(error, UserError):
                self.publish()
        finally:
            self._lock.release()

    def add(self, batch: ImageBatch) -> None:
        """Write one batch of the source's next rows; they are safe when this returns."""
        for caption in batch.captions:
            check_caption(caption)
        with self._collection.writing() as _:
            part = self._without_known(batch)
            at = 0
            while at < len(part.paths):
                at += self._write(part, at)
            self._remember(self.position + len(batch.paths))
        self.position += len(batch.paths)

    def publish(self) -> None:
        """Make what was written since the last full chunk appear."""
        if self._chunk.count:
            with self._collection.writing():
                publish(self._store, self._chunk)
            self._chunk = NewPostings()

    def forget_position(self) -> None:
        """The source was read to its end; another import of it starts anew."""
        with self._collection.writing():
            self._store.connection.execute("DELETE FROM setting WHERE key=?", (self._setting,))

    def _write(self, batch: ImageBatch, at: int) -> int:
        """Write the part of the batch that fits this chunk; gives how many images that were."""
        connection = self._store.connection
        first = int(connection.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]) + 1
        room = (((first >> CHUNK_BITS) + 1) << CHUNK_BITS) - first
        if self._chunk.count and first >> CHUNK_BITS != self._chunk.chunk:
            publish(self._store, self._chunk)
            self._chunk = NewPostings()
        part = batch.part(at, min(len(batch.paths), at + room))
        count = len(part.paths)
        ids = np.arange(first, first + count)
        tags, counts, keys = self._interned(part.tags)
        numbers = (part.file_bytes, part.widths, part.heights, part.mtimes_ns, part.formats)
        columns = [np.asarray(values).tolist() for values in numbers]
        paths = list(map(to_blob, part.paths))
        connection.executemany(
            _IMAGE, zip(ids.tolist(), repeat(part.root), paths, part.sha256, *columns, strict=False)
        )
        captions = part.captions or repeat("")
        connection.executemany(
            "INSERT INTO image_text(id, tags, caption) VALUES(?,?,?)",
            zip(ids.tolist(), encode_many(tags, counts), captions, strict=False),
        )
        self._store.bitmaps.add(Flag.LOADING, of_array(ids))
        self._chunk.add(ids, keys + np.uint64(first), counts, part)
        return count

    def _interned(self, lists: Sequence[Sequence[str]]) -> tuple[Ints, Ints, Keys]:
        """Tag ids row after row, how many each row has, and `tag << 32 | row` sorted."""
        counts = np.fromiter(map(len, lists), np.int64, len(lists))
        tags = self._store.tags.intern(list(chain.from_iterable(lists)))
        owners = np.repeat(np.arange(len(lists)), counts)
        keys = np.sort((tags << 32 | owners).astype(np.uint64))
        if (keys[1:] == keys[:-1]).any():  # a tag twice in one image counts where it came first
            _, kept = np.unique(owners << 32 | tags, return_index=True)
            kept.sort()
            tags, counts, keys = tags[kept], np.bincount(owners[kept], minlength=len(lists)), np.unique(keys)
        return tags, counts, keys

    def _without_known(self, batch: ImageBatch) -> ImageBatch:
        blobs = list(map(to_blob, batch.paths))
        if not blobs or (len(set(blobs)) == len(blobs) and not self._holds_between(batch.root, blobs)):
            return batch  # nearly always: one look instead of one for each
        query = "SELECT 1 FROM image WHERE root=? AND path=?"
        read = self._store.connection.execute
        seen = set[bytes]()
        double = list[int]()
        for row, blob in enumerate(blobs):
            if blob in seen or read(query, (batch.root, blob)).fetchone():
                double.append(row)
            seen.add(blob)
        self.skipped += [batch.paths[row] for row in double]
        return batch.without(double) if double else batch

    def _holds_between(self, root: int, blobs: Sequence[bytes]) -> bool:
        """Whether any image of the root lies between the first and the last of these paths."""
        query = "SELECT 1 FROM image WHERE root=? AND path BETWEEN ? AND ? LIMIT 1"
        return self._store.connection.execute(query, (root, min(blobs), max(blobs))).fetchone() is not None

    def _remember(self, position: int) -> None:
        row = (self._setting, json.dumps(position))
        self._store.connection.execute("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", row)
