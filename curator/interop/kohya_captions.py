"""Decides what kohya's caption files give where a scan reads them otherwise, or not at all (reference: kohya.md 2.2).

kohya takes the first line; with wildcards it takes all of them, and draws one for each sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curator.contract.regular_file import read_regular
from curator.contract.text import decoded
from curator.interop.folders import pictures_in
from curator.interop.records import Dropped, Record, Row, Source
from curator.interop.words import lines_of, tags_of_line, text_of
from curator.scan.sidecar import MAX_BYTES, split_tags


def caption_files(folder: Path, ending: str, separator: str, *, lines: bool) -> Source:
    """A row for each caption file of `ending` that a scan does not read so.

    The first line is tags where there is a `separator`, else free text; with `lines`, several stay as they are.
    """

    def rows() -> Iterator[Row]:
        for picture in pictures_in(folder):
            file = picture.with_suffix(ending)
            try:
                text = decoded(read_regular(file, limit_bytes=MAX_BYTES))[0]
            except FileNotFoundError:
                continue
            except OSError:
                yield Dropped("a caption file that cannot be read")
                continue
            row = _row(picture, text, ending, separator, lines)
            if row:
                yield row

    return Source(folder, rows)


def _row(picture: Path, text: str, ending: str, separator: str, lines: bool) -> Record | None:
    several = [line.strip() for line in text.splitlines() if line.strip()]
    first = several[0] if several else ""
    scanned = _scanned(several, ending)
    if lines and len(several) > 1:
        return Record(path=str(picture), tags=(), caption=lines_of(text), scanned=scanned)
    if ending == ".txt" and separator.strip() == ",":
        return None
    if separator:
        return Record(path=str(picture), tags=tags_of_line(first, separator), caption="", scanned=scanned)
    caption = text_of(first)
    if ending == ".caption" and scanned == ((), caption):
        return None
    return Record(path=str(picture), caption=caption, scanned=scanned)


def _scanned(several: list[str], ending: str) -> tuple[tuple[str, ...], str] | None:
    """The tags and the caption that a scan makes of the same lines."""
    if ending == ".txt":
        return (split_tags(several[0]) if several else ()), ""
    return ((), " ".join(several)) if ending == ".caption" else None
