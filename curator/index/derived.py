"""Decides how what is derived (postings, counts, columns) is made from the rows, and how it is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from pyroaring import BitMap

from curator.index.bitmaps import CHUNK_BITS, FIRST_TAG, TAG_BITS, Flag, of_array
from curator.index.columns import TYPES, Numbers
from curator.index.store import Store
from curator.index.tag_blob import decode_many

_NUMBERS = ("width", "height", "file_bytes", "mtime_ns", "format")


@dataclass
class _Chunk:
    """Everything derived of one chunk of images."""

    number: int
    ids: Numbers
    columns: dict[str, Numbers]
    bitmaps: dict[int, BitMap] = field(default_factory=dict[int, BitMap])


def check(store: Store) -> list[str]:
    """Compare everything derived with the rows."""
    found: list[str] = []
    counts: dict[int, int] = {}
    alive = store.alive()
    seen: set[int] = set()
    for chunk in _chunks(store):
        for tag, images in chunk.bitmaps.items():
            counts[tag] = counts.get(tag, 0) + len(images & alive)
            seen.add(chunk.number << TAG_BITS | tag)
        found += _compare_bitmaps(store, chunk)
        for name, values in chunk.columns.items():
            if not np.array_equal(store.columns.of(name)[chunk.ids].astype(np.int64), values):
                found.append(f"the column {name} of images from {chunk.ids[0]} on differs from their rows")
    found += [f"bitmap {key} belongs to no image" for key in _stored_keys(store) if key not in seen]
    for tag, name, count in store.connection.execute("SELECT id, name, count FROM tag"):
        if counts.get(tag, 0) != count:
            found.append(f"the tag {name!r} is counted {count} times and is on {counts.get(tag, 0)} images")
    stray = sum(
        1 for flag in (Flag.ALIVE, Flag.KEEP, Flag.REJECT) if not store.bitmaps.of(flag) <= _everyone(store)
    )
    if stray or store.bitmaps.of(Flag.KEEP) & store.bitmaps.of(Flag.REJECT):
        found.append("marks contradict each other or name images nobody knows")
    return found


def rebuild(store: Store) -> None:
    """Replace everything derived; inside a write transaction."""
    store.connection.execute("DELETE FROM bitmap WHERE key & ? NOT IN (?,?,?)", (_TAG_MASK, *_TRUTH))
    store.connection.execute("DELETE FROM column_part")
    store.connection.execute("UPDATE tag SET count=0")
    store.forget()
    alive = store.alive()
    for chunk in _chunks(store):
        for tag, images in chunk.bitmaps.items():
            store.bitmaps.add(tag, images)
        store.tags.count_more(
            {t: len(images & alive) for t, images in chunk.bitmaps.items() if t >= FIRST_TAG}
        )
        for name, values in chunk.columns.items():
            store.columns.write(name, chunk.ids, values)
    store.forget()


_TAG_MASK = (1 << TAG_BITS) - 1
_TRUTH = (int(Flag.ALIVE), int(Flag.KEEP), int(Flag.REJECT))


def _chunks(store: Store) -> Iterator[_Chunk]:
    last = store.connection.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]
    for number in range((int(last) >> CHUNK_BITS) + 1):
        chunk = _read_chunk(store, number)
        if len(chunk.ids):
            yield chunk


def _read_chunk(store: Store, number: int) -> _Chunk:
    span = (number << CHUNK_BITS, (number + 1) << CHUNK_BITS)
    query = f"SELECT id, {', '.join(_NUMBERS)} FROM image WHERE id>=? AND id<? ORDER BY id"
    numbers = np.array(store.connection.execute(query, span).fetchall(), np.int64).reshape(
        -1, len(_NUMBERS) + 1
    )
    ids = numbers[:, 0]
    columns: dict[str, Numbers] = {name: numbers[:, k + 1] for k, name in enumerate(_NUMBERS)}
    query = "SELECT tags, caption <> '' FROM image_text WHERE id>=? AND id<? ORDER BY id"
    words = store.connection.execute(query, span).fetchall()
    tags, counts = decode_many([row[0] for row in words])
    columns["tags_count"] = counts
    chunk = _Chunk(number, ids, columns)
    captioned = of_array(ids[np.array([row[1] for row in words], bool)])
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
    span = BitMap(range(chunk.number << CHUNK_BITS, (chunk.number + 1) << CHUNK_BITS))
    return [
        f"the images of tag {tag} from {chunk.ids[0]} on differ from their rows"
        for tag, images in chunk.bitmaps.items()
        if store.bitmaps.of(tag) & span != images
    ]


def _stored_keys(store: Store) -> list[int]:
    query = "SELECT key FROM bitmap WHERE key & ? NOT IN (?,?,?)"
    return [row[0] for row in store.connection.execute(query, (_TAG_MASK, *_TRUTH))]


def _everyone(store: Store) -> BitMap:
    return BitMap(row[0] for row in store.connection.execute("SELECT id FROM image"))


assert set(_NUMBERS) | {"tags_count"} == set(TYPES)
