"""Decides how a Hugging Face imagefolder is read: `metadata.csv`, `.jsonl` or `.parquet` beside its pictures."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.regular_file import TEXT_BYTES, open_regular
from curator.contract.text import decoded, visible
from curator.interop.folders import need_folder, tree
from curator.interop.json_stream import json_lines
from curator.interop.parquet import parquet_rows
from curator.interop.plan import ImportPlan
from curator.interop.records import Dropped, Record, Row, Source
from curator.interop.words import clean, tags_of_line, text_of

_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_TEXTS = ("caption", "text", "prompt")


def plan_imagefolder(folder: Path) -> ImportPlan:
    """Words for the pictures of every metadata file below `folder`.

    Raises:
        UserError: there is no such file.
    """
    top = need_folder(folder)
    found = [each / name for each in tree(top) for name in _FILES if (each / name).is_file()]
    if not found:
        raise UserError(
            f"there is no metadata.csv, .jsonl or .parquet in {visible(str(top))}",
            "give the folder that holds it",
        )
    return ImportPlan("imagefolder", (top,), sources=tuple(_source(file) for file in found))


def _source(file: Path) -> Source:
    def rows() -> Iterator[Row]:
        return (_row(value, file.parent) for value in _values(file))

    return Source(file, rows)


def _values(file: Path) -> Iterator[Any]:
    match file.suffix:
        case ".csv":
            return _csv(file)
        case ".parquet":
            return parquet_rows(file, ("file_name", "tags", *_TEXTS))
        case _:
            return (value for _, value in json_lines(file))


def _csv(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with open_regular(file) as opened:
            lines = (decoded(line)[0] for line in iter(lambda: opened.readline(TEXT_BYTES), b""))
            yield from csv.DictReader(lines)
    except (OSError, csv.Error) as error:
        raise UserError(f"{visible(str(file))} cannot be read: {visible(str(error))}", "mend it") from error


def _row(value: Any, folder: Path) -> Row:
    if not isinstance(value, dict):
        return Dropped("a line that is no JSON object")
    name = value.get("file_name")
    if not isinstance(name, str) or not name:
        return Dropped("a line without file_name")
    tags = value.get("tags")
    caption = next((value[key] for key in _TEXTS if isinstance(value.get(key), str)), None)
    return Record(
        path=os.path.normpath(folder / name),
        tags=_tags(tags),
        caption=text_of(caption) if caption is not None else None,
    )


def _tags(tags: Any) -> tuple[str, ...] | None:
    if isinstance(tags, list):
        return clean(tag for tag in tags if isinstance(tag, str))
    return tags_of_line(tags) if isinstance(tags, str) else None
