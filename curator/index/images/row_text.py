"""Paths, names and captions of all images, walked over in SQLite for searching and sorting."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.index.editing.texts import batches
from curator.index.file.paths import from_blob
from curator.index.sets.bitmaps import of_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fits = Callable[[str], object]
_PATH = "rtrim(CAST(r.path AS TEXT), '/') || '/' || CAST(i.path AS TEXT)"
_NAME = "substr(CAST(i.path AS TEXT), length(rtrim(CAST(i.path AS TEXT), replace(CAST(i.path AS TEXT), '/', ''))) + 1)"
_TEXTS = {"path": _PATH, "name": _NAME, "caption": "t.caption"}
_IMAGES = "root r CROSS JOIN image i ON r.id = i.root"
_FROM = {"path": _IMAGES, "name": _IMAGES, "caption": "image_text t"}
_ID = {"path": "i.id", "name": "i.id", "caption": "t.id"}
_LIKE = r"LIKE ? ESCAPE '\'"  # of ASCII, without regard to case; twice as fast as looking into lower()
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
        if "\0" in text:
            return BitMap()  # no text holds it, and it would end the pattern
        anywhere = f"%{_escaped(text)}%"
        if len(within) > _FEW:
            walk = self._paths_holding(text) if field == "path" else self._walk(field, anywhere)
            return walk & within
        found = BitMap()
        query = f"SELECT {_ID[field]} FROM {_FROM[field]} WHERE {_TEXTS[field]} {_LIKE} AND {_ID[field]} IN"
        for piece in _pieces(within):
            rows = self._rows(f"{query} ({','.join('?' * len(piece))})", (anywhere, *piece))
            found.update(row[0] for row in rows)
        return found

    def _paths_holding(self, text: str) -> BitMap:
        """Of all images, root by root: no path is put together, for the text is in the root, across, or behind it."""
        wanted = text.encode("ascii").lower()
        found = BitMap()
        for number, path in self._connection.execute("SELECT id, path FROM root").fetchall():
            root = path.rstrip(b"/").lower() + b"/"
            if wanted in root:
                found |= self._ids("image i WHERE i.root = ?", (number,))
                continue
            across = [text[size:] for size in range(1, len(text)) if root.endswith(wanted[:size])]
            patterns = [f"%{_escaped(text)}%", *(f"{_escaped(rest)}%" for rest in across)]
            fits = " OR ".join([f"CAST(i.path AS TEXT) {_LIKE}"] * len(patterns))
            found |= self._ids(f"image i WHERE i.root = ? AND ({fits})", (number, *patterns))
        return found

    def _walk(self, field: str, anywhere: str) -> BitMap:
        fits, values = f"{_TEXTS[field]} {_LIKE}", [anywhere]
        if field == "name":  # cutting names out of all paths takes longer than looking through these
            fits, values = f"CAST(i.path AS TEXT) {_LIKE} AND {fits}", [anywhere, anywhere]
        return self._ids(f"{_FROM[field]} WHERE {fits}", values, _ID[field])

    def _ids(self, source: str, values: Sequence[object], number: str = "i.id") -> BitMap:
        """The images of a query; SQLite joins their numbers, as millions of rows take Python seconds."""
        ((joined,),) = self._rows(f"SELECT group_concat({number}) FROM {source}", values)
        return of_array(np.fromstring(joined or "", np.int64, sep=","))

    def fitting(self, field: str, fits: Fits, within: BitMap) -> BitMap:
        """Images whose text a Python function accepts."""
        found = BitMap()
        query = f"SELECT {_ID[field]}, {self._raw(field)} FROM {_FROM[field]}"
        if len(within) > _FEW:
            with closing(self._rows(query, ())) as rows:  # now, and not when the connection is closed
                found.update(n for n, *text in rows if n in within and fits(_text(field, text)))
            return found
        for piece in _pieces(within):
            marks = ",".join("?" * len(piece))
            with closing(self._rows(f"{query} WHERE {_ID[field]} IN ({marks})", piece)) as rows:
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

    def _rows(self, query: str, values: Sequence[object]) -> Generator[tuple]:
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


def _escaped(text: str) -> str:
    """A text as a part of a pattern: every character stands for itself."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def _pieces(ids: Iterable[int]) -> Iterable[list[int]]:
    return batches(ids)
