"""Other processes' commits applied to cached bitmaps, columns and counts: patched, not read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.index.changes.changes import Arrived, Change, FilesSeen, id_array
from curator.index.editing.effects import effects_of
from curator.index.editing.store import Store
from curator.index.sets.bitmaps import Flag
from curator.index.sets.columns import COUNTS

if TYPE_CHECKING:
    from curator.index.file.database import Database


def open_store(database: Database) -> Store:
    """The parts of an index, which follow what other processes commit from now on."""
    store = Store(database)
    database.on_foreign_change = lambda: _follow(store)
    return store


def _follow(store: Store) -> None:
    """Bring what is cached up to date with what another process committed."""
    changes = store.catch_up()
    fresh = BitMap().union(*(change.images for change in changes if isinstance(change, Arrived)))
    if fresh:  # first, so that what was then edited of them finds its place
        store.columns.forget()
        store.bitmaps.reread(fresh)
        store.tags.forget_counts()
    for change in changes:
        if isinstance(change, FilesSeen):
            _patch_files(store, change)
        else:
            _patch(store, change)


def _patch_files(store: Store, change: FilesSeen) -> None:
    store.bitmaps.patch(Flag.ALIVE, change.returned, change.missing)
    store.columns.reread(change.changed)
    if change.returned or change.missing:
        store.tags.forget_counts()


def _patch(store: Store, change: Change) -> None:
    """What an edit changed. Names are known by their own token; records are read each time they are asked for."""
    effects = effects_of(change, store.alive())
    for number, (gained, lost) in effects.bitmaps.items():
        store.bitmaps.patch(number, gained, lost)
    for tag, more in effects.tag_counts.items():
        store.tags.patch_count(tag, more)
    store.columns.shift(COUNTS, id_array(effects.images), effects.more)
