"""Decides what kohya's caption files give where a scan reads them otherwise, or not at all (reference: kohya.md 2.2).

kohya takes the first line; with wildcards it takes all of them, and draws one for each sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curator.contract.text import decoded
from curator.interop.folders import pictures_in
from curator.interop.records import Dropped, Record, Row, Source
from curator.interop.words import lines_of, tags_of_line, text_of
from curator.scan.caption_text import read_caption_text
from curator.scan.sidecar import words_in


def caption_files(folder: Path, ending: str, separator: str, *, lines: bool, apart: bool) -> Source:
    """A row for each caption file of `ending` that a scan does not read so.

    The first line is tags where there is a `separator`, else free text; with `lines`, several stay as they are. With
    `apart` sentences too are taken apart at it, as kohya does where tags are shuffled or dropped.
    """

    def rows() -> Iterator[Row]:
        for picture in pictures_in(folder):
            file = picture.with_suffix(ending)
            try:
                text = decoded(file.read_bytes())[0]
            except FileNotFoundError:
                continue
            except OSError:
                yield Dropped("a caption file that cannot be read")
                continue
            row = _row(picture, text, ending, separator, lines=lines, apart=apart)
            if row:
                yield row

    return Source(folder, rows)


def _row(picture: Path, text: str, ending: str, separator: str, *, lines: bool, apart: bool) -> Record | None:
    several = [line.strip() for line in text.splitlines() if line.strip()]
    first = several[0] if several else ""
    scanned = _scanned(several, ending)
    if lines and len(several) > 1:
        return Record(path=str(picture), tags=(), caption=lines_of(text), scanned=scanned)
    form = read_caption_text("\n".join(several)).form if ending == ".txt" and separator.strip() == "," else ""
    if form == "tags" or (form == "free" and not apart):
        return None
    if separator:
        left_out = ("further lines, which kohya leaves out",) if form == "lines" else ()
        tags = tags_of_line(first, separator)
        return Record(path=str(picture), tags=tags, caption="", scanned=scanned, warnings=left_out)
    caption = text_of(first)
    if ending == ".caption" and scanned == ((), caption):
        return None
    return Record(path=str(picture), caption=caption, scanned=scanned)


def _scanned(several: list[str], ending: str) -> tuple[tuple[str, ...], str] | None:
    """The tags and the caption that a scan makes of the same lines."""
    return words_in(ending, "\n".join(several).encode()) if ending in (".txt", ".caption") else None
