"""kohya's metadata files: `{image: {caption, tags}}` in one JSON object, or a JSON line each.

A key is a path, absolute or relative to the folder of the images (reference: kohya.md 2.4).
`image_size` and `train_resolution` are not needed: a scan reads the images' own headers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curator.interop.dumps.row_files import json_lines, whole_items
from curator.interop.folders import absolute, is_picture, named_in, pictures_in
from curator.interop.matching.names import composed
from curator.interop.plan import Dropped, ImportPlan, Record, Row, Source
from curator.posts.post import read_words
from curator.posts.words import lines_of, tags_of_line, text_of

_NAMES = ("image_path", "file_name")
CUT_SHORT = "an entry where the file is cut short"


def plan_kohya_json(file: Path, images: Path | None = None) -> ImportPlan:
    """Captions and tags for the images below `images` (default: where the file lies)."""
    folder = absolute(images or file.parent)
    note = "kohya puts the caption before the tags: give the subset of these images the rule text_first"
    return ImportPlan("kohya-json", (folder,), notes=(note,), sources=(kohya_json_source(file, folder),))


def kohya_json_source(file: Path, folder: Path, separator: str = ",", *, lines: bool = False) -> Source:
    """The rows of one metadata file; `lines` keeps a caption's lines, of which one is drawn for each sample."""

    def rows() -> Iterator[Row]:
        reader = _Reader(folder, separator, lines)
        if file.suffix.lower() == ".jsonl":
            return (reader.line(value) for _, value in json_lines(file))
        return (reader.row(*item) if item else Dropped(CUT_SHORT) for item in whole_items(file))

    return Source(file, rows)


class _Reader:
    """Reads the entries of one file."""

    def __init__(self, folder: Path, separator: str, lines: bool) -> None:
        self._folder = folder
        self._separator = separator
        self._text = lines_of if lines else text_of
        self._stems: dict[str, dict[str, str]] = {}

    def line(self, value: Any) -> Row:
        """An entry that names its image inside."""
        if not isinstance(value, dict):
            return Dropped("a line that is no JSON object")
        key = next((value[name] for name in _NAMES if isinstance(value.get(name), str) and value[name]), "")
        return self.row(key, value) if key else Dropped("a line without image_path")

    def row(self, key: str, value: Any) -> Row:
        """The entry of the image `key`."""
        if not isinstance(value, dict) or not key:
            return Dropped("an entry that is no JSON object")
        tags, caption = value.get("tags"), value.get("caption")
        path, warnings = self._named(key)
        if not isinstance(tags, str | None) or not isinstance(caption, str | None):
            said = read_words({"tags": tags, "caption": caption})
            return Record(path, tags=said.tags, caption=said.caption, warnings=warnings + said.warnings)
        return Record(
            path=path,
            tags=None if tags is None else tags_of_line(tags, self._separator),
            caption=None if caption is None else self._text(caption),
            warnings=warnings,
        )

    def _named(self, key: str) -> tuple[str, tuple[str, ...]]:
        """The image's path; earlier kohya scripts wrote keys without its ending."""
        path, warnings = named_in(self._folder, key)
        if is_picture(path):
            return path, warnings
        folder, stem = os.path.split(path.replace("\\", "/") if "\\" in key else path)
        if folder not in self._stems:
            found = pictures_in(Path(folder)) if Path(folder).is_dir() else []
            self._stems[folder] = {composed(each.stem): str(each) for each in reversed(found)}
        return self._stems[folder].get(composed(stem), path), warnings
