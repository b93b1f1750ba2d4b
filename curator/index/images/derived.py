"""Derived data (postings, counts, columns), made from the rows, and checked against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.contract.errors import UserError
from curator.contract.text import counted
from curator.index.editing.journal_table import REBUILT
from curator.index.images.contents import content_key
from curator.index.schema.faults import WAY_BACK, page_and_row_faults
from curator.index.sets.bitmap_file import CHUNK_BITS, span_of
from curator.index.sets.bitmaps import FIRST_TAG, Flag, of_array
from curator.index.sets.columns import COUNTS, TYPES, Numbers
from curator.index.tags.tag_rows import TagRows

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.index.editing.store import Store

_NUMBERS = ("width", "height", "file_bytes", "mtime_ns", "format")


@dataclass
class _Chunk:
    """Everything derived of one chunk of images."""

    number: int
    ids: Numbers
    columns: dict[str, Numbers]
    stored_counts: Numbers  # of tags, without what waits in the journal
    bitmaps: dict[int, BitMap] = field(default_factory=dict[int, BitMap])


def check(store: Store, progress: Progress | None = None) -> list[str]:
    """Faults of pages and rows; where there are none, what of everything derived does not agree with the rows."""
    if found := page_and_row_faults(store.connection):
        return found
    counts: dict[int, int] = {}
    alive = store.alive()
    seen: set[tuple[int, int]] = set()
    for chunk in _chunks(store, progress):
        for tag, images in chunk.bitmaps.items():
            counts[tag] = counts.get(tag, 0) + len(images & alive)
            seen.add((chunk.number, tag))
        found += _compare_bitmaps(store, chunk)
        for name, values in chunk.columns.items():
            if not np.array_equal(store.columns.of(name)[chunk.ids].astype(values.dtype), values):
                found.append(f"the column {name} of images from {chunk.ids[0]} on differs from their rows")
    found += [f"images of tag {number} have no row that says so" for number in _stray(store, seen)]
    for tag, (name, count) in store.tags.stored_counts().items():
        if counts.get(tag, 0) != count:
            found.append(
                f"the tag {name!r} is counted {counted(count, 'time')} and is on {counted(counts.get(tag, 0))}"
            )
    stray = sum(
        1 for flag in (Flag.ALIVE, Flag.KEEP, Flag.REJECT) if not store.bitmaps.of(flag) <= _everyone(store)
    )
    if stray or store.bitmaps.of(Flag.KEEP) & store.bitmaps.of(Flag.REJECT):
        found.append("marks contradict each other or name images nobody knows")
    return found


def rebuild(store: Store, progress: Progress | None = None) -> None:
    """Replace everything derived; inside a write transaction.

    Raises:
        UserError: the rows themselves are damaged.
    """
    for fault in page_and_row_faults(store.connection):
        raise UserError(f"nothing can be made anew from rows that are damaged: {fault}", WAY_BACK)
    store.bitmaps.file.clear(_TRUTH)
    store.connection.execute("DELETE FROM column_part")
    store.connection.execute("UPDATE tag SET count=0")
    store.forget()
    alive = store.alive()
    for chunk in _chunks(store, progress):
        store.bitmaps.file.store_new(chunk.number, chunk.bitmaps.items())
        store.tags.count_more(
            {t: len(images & alive) for t, images in chunk.bitmaps.items() if t >= FIRST_TAG}
        )
        for name, values in chunk.columns.items():
            store.columns.write(name, chunk.ids, chunk.stored_counts if name == COUNTS else values)
    store.journal.append(REBUILT, "verify", "", [])
    store.forget()


_TRUTH = (int(Flag.ALIVE), int(Flag.KEEP), int(Flag.REJECT), int(Flag.LOADING))


def _chunks(store: Store, progress: Progress | None) -> Iterator[_Chunk]:
    last = int(store.connection.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0])
    for number in range((last >> CHUNK_BITS) + 1):
        chunk = _read_chunk(store, number)
        if len(chunk.ids):
            yield chunk
        if progress:
            progress(min(last, (number + 1) << CHUNK_BITS), last)


def _read_chunk(store: Store, number: int) -> _Chunk:
    span = (number << CHUNK_BITS, (number + 1) << CHUNK_BITS)
    query = f"SELECT sha256, id, {', '.join(_NUMBERS)} FROM image WHERE id>=? AND id<? ORDER BY id"
    loading = store.bitmaps.file.whole(Flag.LOADING)  # nothing is derived of rows that nobody sees yet
    raw = [row for row in store.connection.execute(query, span) if row[1] not in loading]
    numbers = np.array([row[1:] for row in raw], np.int64).reshape(-1, len(_NUMBERS) + 1)
    ids = numbers[:, 0]
    columns: dict[str, Numbers] = {name: numbers[:, k + 1] for k, name in enumerate(_NUMBERS)}
    columns["content"] = np.array([content_key(row[0]) for row in raw], np.uint64)
    query = "SELECT tags, caption <> '', id FROM image_text WHERE id>=? AND id<? ORDER BY id"
    texts = [row for row in store.connection.execute(query, span) if row[2] not in loading]
    rows = TagRows(ids, [row[0] for row in texts])
    stored_counts = rows.counts.copy()
    store.pending.apply(rows)
    tags, counts = rows.values, rows.counts
    columns[COUNTS] = counts
    chunk = _Chunk(number, ids, columns, stored_counts)
    captioned = of_array(ids[np.array([row[1] for row in texts], bool)])
    if captioned:
        chunk.bitmaps[int(Flag.CAPTIONED)] = captioned
    owners = np.repeat(ids, counts)
    order = np.argsort(tags, kind="stable")
    tags, owners = tags[order], owners[order]
    cuts = np.flatnonzero(np.diff(tags)) + 1
    for first, beyond in zip([0, *cuts.tolist()], [*cuts.tolist(), len(tags)], strict=True):
        if beyond > first:
            chunk.bitmaps[int(tags[first])] = of_array(owners[first:beyond])
    return chunk


def _compare_bitmaps(store: Store, chunk: _Chunk) -> list[str]:
    span = span_of(chunk.number)
    return [
        f"the images of tag {tag} from {chunk.ids[0]} on differ from their rows"
        for tag, images in chunk.bitmaps.items()
        if any(known & span != images for known in store.bitmaps.versions(chunk.number, tag))
    ]


def _stray(store: Store, seen: set[tuple[int, int]]) -> list[int]:
    """Numbers of bitmaps that hold images although no row says so."""
    others = ((chunk, number) for chunk, number in store.bitmaps.file.parts() - seen if number not in _TRUTH)
    return [number for chunk, number in others if store.bitmaps.file.part(chunk, number)]


def _everyone(store: Store) -> BitMap:
    return BitMap(row[0] for row in store.connection.execute("SELECT id FROM image"))


assert set(_NUMBERS) | {COUNTS, "content"} == set(TYPES)
