"""Decides how paths, names and captions of all images are walked over in SQLite, for searching and sorting."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.index.paths import from_blob
from curator.index.texts import batches

Fits = Callable[[str], object]
_PATH = "rtrim(CAST(r.path AS TEXT), '/') || '/' || CAST(i.path AS TEXT)"
_NAME = "substr(CAST(i.path AS TEXT), length(rtrim(CAST(i.path AS TEXT), replace(CAST(i.path AS TEXT), '/', ''))) + 1)"
_TEXTS = {"path": _PATH, "name": _NAME, "caption": "t.caption"}
_IMAGES = "root r CROSS JOIN image i ON r.id = i.root"
_FROM = {"path": _IMAGES, "name": _IMAGES, "caption": "image_text t"}
_ID = {"path": "i.id", "name": "i.id", "caption": "t.id"}
_FEW = 50_000  # fewer images than this are looked up, more are walked over


class Interrupted(Exception):  # noqa: N818 - no error: the caller asked for it
    """The walk was ended by whoever asked for it."""


class RowText:
    """Walks of one connection. `cancel` is asked now and then, and ends a walk with `Interrupted`."""

    def __init__(self, connection: sqlite3.Connection, cancel: Callable[[], bool] | None) -> None:
        self._connection = connection
        self._cancel = cancel

    def holding(self, field: str, text: str, within: BitMap) -> BitMap:
        """Images whose text holds an ASCII text, ASCII letters without regard to case."""
        fold = "lower" if text.lower() != text.upper() else ""
        query = f"SELECT {_ID[field]} FROM {_FROM[field]} WHERE instr({fold}({_TEXTS[field]}), ?)"
        wanted = (text.lower(),)
        if len(within) > _FEW:
            return BitMap(row[0] for row in self._rows(query, wanted)) & within
        found = BitMap()
        for piece in _pieces(within):
            marks = ",".join("?" * len(piece))
            rows = self._rows(f"{query} AND {_ID[field]} IN ({marks})", (*wanted, *piece))
            found.update(row[0] for row in rows)
        return found

    def fitting(self, field: str, fits: Fits, within: BitMap) -> BitMap:
        """Images whose text a Python function accepts."""
        found = BitMap()
        query = f"SELECT {_ID[field]}, {self._raw(field)} FROM {_FROM[field]}"
        if len(within) > _FEW:
            found.update(n for n, *text in self._rows(query, ()) if n in within and fits(_text(field, text)))
            return found
        for piece in _pieces(within):
            marks = ",".join("?" * len(piece))
            rows = self._rows(f"{query} WHERE {_ID[field]} IN ({marks})", piece)
            found.update(number for number, *text in rows if fits(_text(field, text)))
        return found

    def folded(self, field: str, ids: Sequence[int]) -> list[bytes]:
        """The text of each image as bytes, ASCII letters small."""
        query = f"SELECT i.id, CAST(lower({_TEXTS[field]}) AS BLOB) FROM {_IMAGES} WHERE i.id IN"
        texts: dict[int, bytes] = {}
        for piece in _pieces(ids):
            texts.update(self._rows(f"{query} ({','.join('?' * len(piece))})", piece))
        return [texts[number] for number in ids]

    def ranks(self, field: str) -> NDArray[np.int64]:
        """A number per image id that sorts as its text does, ASCII letters without regard to case."""
        query = f"SELECT i.id, CAST(lower({_TEXTS[field]}) AS BLOB) AS text FROM {_IMAGES} ORDER BY text"
        ids: list[int] = []
        ranks: list[int] = []
        before, rank = None, -1
        for number, text in self._rows(query, ()):
            if text != before:  # equal texts have equal ranks, so that ties stay in id order
                before, rank = text, rank + 1
            ids.append(number)
            ranks.append(rank)
        found = np.zeros(max(ids, default=0) + 1, np.int64)
        found[ids] = ranks
        return found

    @staticmethod
    def _raw(field: str) -> str:
        return "t.caption" if field == "caption" else "r.path, i.path"

    def _rows(self, query: str, values: Sequence[object]) -> Iterable[tuple]:
        if self._cancel is not None:
            self._connection.set_progress_handler(self._cancel, 20_000)
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.OperationalError as error:
            if "interrupt" in str(error):
                raise Interrupted from error
            raise
        finally:
            self._connection.set_progress_handler(None, 0)


def _text(field: str, parts: Sequence[object]) -> str:
    match parts:
        case [str() as caption]:
            return caption
        case [bytes() as root, bytes() as path]:
            relative = from_blob(path)
            return (
                relative.rpartition("/")[2]
                if field == "name"
                else f"{from_blob(root).rstrip('/')}/{relative}"
            )
        case _:
            raise AssertionError(parts)


def _pieces(ids: Iterable[int]) -> Iterable[list[int]]:
    return batches(ids)
