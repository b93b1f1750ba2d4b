"""Paths and contents of a freeze's images, read in a thread while others read their tags.

SQLite joins thousands of rows in one step, and lets Python go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.freeze.packing.pieces import PieceJoiner, Pieces
from curator.index.bulk_rows import BulkRows, PathOrder


class Files(NamedTuple):
    """Images in the order of their paths; ascending by id their paths, and the sha256 of each as 32 bytes."""

    order: PathOrder
    paths: Pieces
    contents: NDArray[Any]


@contextmanager
def reading_files(bulk: BulkRows, images: BitMap) -> Generator[Callable[[], Files]]:
    """Begin to read; what is given waits for the end. Leaving early ends the reading."""
    cancelled = Event()

    def read_on_own_connection() -> Files | None:
        with bulk.on_own_connection() as own:
            return _read(own, images, cancelled) if own else None

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_on_own_connection)
        try:
            yield lambda: reading.result() or _read(bulk, images, cancelled)
        finally:
            cancelled.set()


def _read(bulk: BulkRows, images: BitMap, cancelled: Event) -> Files:
    order = bulk.in_path_order(images, cancelled.is_set)
    contents, paths = np.zeros((len(images), 32), np.uint8), PieceJoiner(len(images))
    done = 0
    for piece in bulk.files(images):
        if cancelled.is_set():
            break
        contents[done : done + len(piece.ids)] = piece.contents
        paths.add(piece.paths)
        done += len(piece.ids)
    return Files(order, paths.closed(), contents)
