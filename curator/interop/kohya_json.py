"""Decides how kohya's metadata files are read: `{image: {caption, tags}}` in one JSON object, or a JSON line each.

A key is a path with its ending, absolute or relative to the folder of the pictures (reference: kohya.md 2.4).
`image_size` and `train_resolution` are not needed: a scan reads the pictures' own headers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curator.interop.folders import absolute
from curator.interop.json_stream import json_items, json_lines
from curator.interop.plan import ImportPlan
from curator.interop.records import Dropped, Record, Row, Source
from curator.interop.words import tags_of_line, text_of


def plan_kohya_json(file: Path, images: Path | None = None) -> ImportPlan:
    """Captions and tags for the pictures below `images` (default: where the file lies)."""
    folder = absolute(images or file.parent)
    note = "kohya puts the caption before the tags; here free text follows them"
    return ImportPlan("kohya-json", (folder,), notes=(note,), sources=(kohya_json_source(file, folder),))


def kohya_json_source(file: Path, folder: Path, separator: str = ",") -> Source:
    """The rows of one metadata file."""

    def rows() -> Iterator[Row]:
        if file.suffix.lower() == ".jsonl":
            return (_line(value, folder, separator) for _, value in json_lines(file))
        return (_row(key, value, folder, separator) for key, value in json_items(file))

    return Source(file, rows)


def _line(value: Any, folder: Path, separator: str) -> Row:
    if not isinstance(value, dict):
        return Dropped("a line that is no JSON object")
    key = value.get("image_path", value.get("file_name"))
    return (
        _row(key, value, folder, separator) if isinstance(key, str) else Dropped("a line without image_path")
    )


def _row(key: str, value: Any, folder: Path, separator: str) -> Row:
    if not isinstance(value, dict) or not key:
        return Dropped("an entry that is no JSON object")
    tags, caption = value.get("tags"), value.get("caption")
    if isinstance(tags, list):
        tags = ",".join(tag for tag in tags if isinstance(tag, str))
        separator = ","
    return Record(
        path=os.path.normpath(folder / key),
        tags=tags_of_line(tags, separator) if isinstance(tags, str) else None,
        caption=text_of(caption) if isinstance(caption, str) else None,
    )
