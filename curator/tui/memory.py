"""Memory of an app that stays open for days beside a training on the same machine."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.session.session import Session

_PAGES_MIB = 8  # of the index's file, for each of the two sessions; the system has the file cached anyway
_SETS_MIB = 28  # of tags' bitmaps, ninety of the most common of 3.6 million images; of columns, two
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # names of glibc's malloc.h
_LARGE = 1 << 20
_WHOLE_SEARCH_EVERY = 40  # searches of what is young; Python's own 10 is every 20 s of scrolling pictures


def keep_little(session: Session) -> None:
    """A session that shows and edits: it needs no large cache of its own."""
    session.upkeep.limit_caches(_PAGES_MIB, _SETS_MIB)


def give_back() -> None:
    """Columns and orders of millions of images go back to the system when they are dropped.

    glibc otherwise keeps what was freed, in a pool for each of the threads that work in the background.
    """
    _glibc("mallopt", _MMAP_THRESHOLD, _LARGE)
    _glibc("mallopt", _ARENA_MAX, 2)


def begin() -> None:
    """Until `settle`, nothing is searched for garbage: of what an app makes at its start hardly any is."""
    gc.disable()


def settle() -> None:
    """What the app made at its start stays: the search for garbage leaves it out from now on.

    A search of all that is there holds up keys for 20 to 50 ms, so it waits for `trim`, unless nobody ever rests.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _WHOLE_SEARCH_EVERY)
    gc.enable()


def trim() -> None:
    """Search all that is there for garbage, and give back the small pieces too: for moments when nobody types."""
    gc.collect()
    _glibc("malloc_trim", 0)


def _glibc(name: str, *numbers: int) -> None:
    """Call a function of glibc; another C library has rules of its own."""
    if sys.platform == "linux":
        function = getattr(ctypes.CDLL(None), name, None)
        if function:
            function(*numbers)
