"""New images made visible: postings, columns and counts of many at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.changes import Arrived, id_array
from curator.index.file.import_lock import ImportLock
from curator.index.sets.bitmap_file import CHUNK_BITS
from curator.index.sets.bitmaps import Flag, of_array
from curator.index.sets.columns import COUNTS
from curator.index.tags.tag_rows import TagRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.editing.store import Store
    from curator.index.images.new_images import ImageBatch

Ints: TypeAlias = "NDArray[np.int64]"
Keys: TypeAlias = "NDArray[np.uint64]"  # tag << 32 | image
_FIELDS = ("width", "height", "file_bytes", "mtime_ns", "format", "content", COUNTS)


class NewPostings:
    """What was written of one chunk and is not seen yet. 12 bytes a tag and some 50 an image, no more."""

    def __init__(self) -> None:
        self.count = 0
        self.chunk = 0
        self.keys: list[Keys] = []  # sorted in each
        self.ids: list[Ints] = []
        self.columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _FIELDS}
        self.captioned = BitMap()

    def add(self, ids: Ints, keys: Keys, counts: Ints, batch: ImageBatch) -> None:
        """Images of a batch, all of one chunk."""
        contents = np.frombuffer(b"".join(batch.sha256), ">u8").reshape(len(ids), -1)[:, 0]
        given = (batch.widths, batch.heights, batch.file_bytes, batch.mtimes_ns, batch.formats)
        self.put(ids, keys, counts, dict(zip(_FIELDS, (*map(np.asarray, given), contents), strict=False)))
        if batch.captions:
            self.captioned |= of_array(ids[np.fromiter(map(bool, batch.captions), bool, len(ids))])

    def put(self, ids: Ints, keys: Keys, counts: Ints, columns: dict[str, NDArray[Any]]) -> None:
        """The same from columns."""
        self.keys.append(keys)
        self.ids.append(ids)
        for name, values in {**columns, COUNTS: counts}.items():
            self.columns[name].append(values)
        self.chunk = int(ids[0]) >> CHUNK_BITS
        self.count += len(ids)

    def postings(self) -> Iterator[tuple[int, BitMap]]:
        """(tag, images), ascending by tag."""
        keys = np.concatenate(self.keys)
        keys.sort(kind="stable")  # merges the sorted pieces
        tags = (keys >> np.uint64(32)).astype(np.int64)
        images = memoryview(keys.astype(np.uint32))  # pyright: ignore[reportArgumentType] - numpy says less than it can
        firsts = np.flatnonzero(np.diff(tags, prepend=-1))
        beyond = [*firsts.tolist(), len(tags)][1:]  # none, where no image has a tag
        for tag, start, end in zip(tags[firsts].tolist(), firsts.tolist(), beyond, strict=True):
            yield tag, BitMap(images[start:end])


def publish(store: Store, new_postings: NewPostings) -> None:
    """Let images be seen, inside a write transaction; those that somebody else let be seen meanwhile are left out."""
    ids = np.concatenate(new_postings.ids)
    new = of_array(ids)
    if not new <= store.bitmaps.file.whole(Flag.LOADING):
        return  # another process recovered them: it took all of a dead import, and thought this one was
    counts: dict[int, int] = {}

    def counted() -> Iterator[tuple[int, BitMap]]:
        for tag, images in new_postings.postings():
            counts[tag] = len(images)
            yield tag, images

    store.bitmaps.file.store_new(new_postings.chunk, counted())
    store.bitmaps.reread(new)
    store.tags.count_more(counts)
    for name, values in new_postings.columns.items():
        store.columns.write(name, ids, np.concatenate(values))
    store.bitmaps.add(Flag.CAPTIONED, new_postings.captioned)
    store.bitmaps.add(Flag.ALIVE, new)
    store.bitmaps.remove(Flag.LOADING, new)
    store.journal.append("import", "import", "", [Arrived(new)])


def recover_abandoned(store: Store, folder: Path) -> None:
    """Let the rows that a broken-off import left be seen, unless an import is running, which will see to them."""
    with store.database.reading():
        left = bool(store.bitmaps.file.whole(Flag.LOADING))
    lock = ImportLock(folder)
    if left and lock.try_take():
        try:
            recover(store)
        finally:
            lock.release()


def recover(store: Store) -> int:
    """Let the rows that a broken-off import left be seen; gives how many. For whoever holds the import lock."""
    total = 0
    while True:
        with store.database.writing() as connection:
            loading = store.bitmaps.file.whole(Flag.LOADING)
            if not loading:
                return total
            chunk = loading.min() >> CHUNK_BITS
            ids = loading & BitMap(range(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS))
            publish(store, _from_rows(connection, ids))
            total += len(ids)


def _from_rows(connection: Any, images: BitMap) -> NewPostings:
    new = NewPostings()
    wanted = id_array(images).astype(np.int64)
    span = (int(wanted[0]), int(wanted[-1]))
    query = """SELECT i.id, i.width, i.height, i.file_bytes, i.mtime_ns, i.format, i.sha256, t.tags, t.caption <> ''
        FROM image i JOIN image_text t ON t.id = i.id WHERE i.id BETWEEN ? AND ? ORDER BY i.id"""
    rows = connection.execute(query, span)
    while piece := rows.fetchmany(1 << 14):
        piece = [row for row in piece if row[0] in images]
        if not piece:
            continue
        numbers = np.array([row[:6] for row in piece], np.int64)
        tags = TagRows(numbers[:, 0], [row[7] for row in piece])
        columns: dict[str, NDArray[Any]] = {name: numbers[:, k + 1] for k, name in enumerate(_FIELDS[:5])}
        columns["content"] = np.array([int.from_bytes(row[6][:8], "big") for row in piece], np.uint64)
        owners = np.repeat(numbers[:, 0], tags.counts)
        keys = np.sort((tags.values << 32 | owners).astype(np.uint64))
        new.put(numbers[:, 0], keys, tags.counts, columns)
        new.captioned |= BitMap(row[0] for row in piece if row[8])
    return new
