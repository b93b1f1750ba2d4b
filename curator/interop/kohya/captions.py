"""kohya's caption files, where a scan reads them otherwise or not at all (reference: kohya.md 2.2).

Only files of the ending asked for count, and of these the first line; with wildcards all lines, of which one is drawn
for each sample. An image such as `p_100_120_50_60.png` without a file of its own has that of `p`; one with none has
the class tokens.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from curator.contract.files.regular_file import decoded, read_regular
from curator.interop.folders import entries, pictures_in
from curator.interop.matching.foreseen import SidecarReader
from curator.interop.plan import Dropped, Record, Row, Source
from curator.posts.words import lines_of, tags_of_line, text_of
from curator.scan.sidecars.sidecar import MAX_BYTES, annotations_in

FURTHER = "further lines, which kohya leaves out"
_FACE = 4  # parts of a name that tell where a face is: centre and size
_SCANNED = (".txt", ".caption")
Words = tuple[tuple[str, ...], str]  # tags and free caption


@dataclass(frozen=True)
class CaptionFiles:
    """Which files of a folder hold its captions.

    The first line is tags where there is a `separator`, else free text; with `lines`, several stay as they are. Where
    tags move, sentences too come `apart` at the separator, as kohya has it.
    """

    folder: Path
    ending: str
    separator: str = ","
    lines: bool = False
    apart: bool = False
    class_tokens: str = ""

    def source(self) -> Source:
        """A row for each image of which a scan reads other words."""
        return Source(self.folder, self._rows)

    def unasked(self) -> int:
        """How many images have words only in files that are not asked for."""
        names, beside = _names(self.folder), SidecarReader()
        pictures = (each for each in pictures_in(self.folder) if self._file(each, names) is None)
        return sum(beside.of(picture) != ((), "") for picture in pictures)

    def _rows(self) -> Iterator[Row]:
        names, beside = _names(self.folder), SidecarReader()
        for picture in pictures_in(self.folder):
            row = self._row(picture, self._file(picture, names), beside.of(picture))
            if row:
                yield row

    def _file(self, picture: Path, names: Container[str]) -> Path | None:
        own = picture.stem + self.ending
        return picture.with_name(own) if own in names else _of_face(picture, self.ending, names)

    def _row(self, picture: Path, file: Path | None, scanned: Words) -> Row | None:
        if file is None:
            if scanned == ((), ""):
                return None  # the class tokens are given to all without words
            return Record(str(picture), tags=tags_of_line(self.class_tokens), caption="", scanned=scanned)
        try:
            data = read_regular(file, limit_bytes=MAX_BYTES)
        except OSError:
            return Dropped("a caption file that cannot be read")
        text = decoded(data)[0]
        several = [line.strip() for line in text.splitlines() if line.strip()]
        tags, caption = self._words(data, text, several)
        if (tags, caption) == scanned:
            return None
        left_out = (FURTHER,) if len(several) > 1 and not self.lines else ()
        return Record(str(picture), tags=tags, caption=caption, scanned=scanned, warnings=left_out)

    def _words(self, data: bytes, text: str, several: list[str]) -> Words:
        first = several[0] if several else ""
        if self.lines and len(several) > 1:
            return (), lines_of(text)
        if self.ending == ".txt" and self.separator.strip() == "," and len(several) < 2 and not self.apart:
            return annotations_in(".txt", data)
        if self.separator:
            return tags_of_line(first, self.separator), ""
        return (), text_of(first)


def face_captions(folder: Path) -> Source:
    """Rows of images whose caption is in the file of the image that they were cut from."""

    def rows() -> Iterator[Row]:
        names, beside = _names(folder), SidecarReader()
        for picture in pictures_in(folder):
            if beside.of(picture) != ((), ""):
                continue
            files = (_of_face(picture, ending, names) for ending in _SCANNED)
            whole = next((file for file in files if file), None)
            if whole:
                tags, caption = beside.of(whole, _SCANNED)
                yield Record(str(picture), tags=tags or None, caption=caption or None)

    return Source(folder, rows)


def _names(folder: Path) -> set[str]:
    return {each.name for each in entries(folder)}


def _of_face(picture: Path, ending: str, names: Container[str]) -> Path | None:
    """The caption file of the image that a crop of a face comes from."""
    parts = picture.stem.split("_")
    name = "_".join(parts[:-_FACE]) + ending
    return picture.with_name(name) if len(parts) > _FACE and name in names else None
