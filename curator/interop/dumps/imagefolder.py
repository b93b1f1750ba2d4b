"""A Hugging Face imagefolder: `metadata.csv`, `.jsonl` or `.parquet` beside its images, with captions and tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.interop.dumps.row_files import csv_rows, json_lines, parquet_rows
from curator.interop.folders import entries, named_in, need_folder, tree
from curator.interop.plan import Dropped, ImportPlan, Record, Row, Source
from curator.posts.post import WORD_KEYS, read_words

_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_NAME = "file_name"


def plan_imagefolder(folder: Path) -> ImportPlan:
    """Words for the images of every metadata file below `folder`.

    Raises:
        UserError: there is no such file.
    """
    top = need_folder(folder)
    files = [file for each in tree(top) for file in entries(each) if file.is_file()]
    found = [file for file in files if file.name.lower() in _FILES]
    if not found:
        raise UserError(f"there is no metadata.csv, .jsonl or .parquet in {top}", _hint(top, files))
    return ImportPlan("imagefolder", (top,), sources=tuple(_source(file) for file in found))


def _hint(top: Path, files: list[Path]) -> str:
    """The folder above that has one, or files whose names are nearly right."""
    if any((top.parent / name).is_file() for name in _FILES):
        return f"did you mean {top.parent}?"
    near = [str(file.relative_to(top)) for file in files if file.name.lower().startswith("metadata")]
    if not near:
        return "give the folder that holds it"
    return f"rename {' or '.join(near[:3])} to metadata.csv, metadata.jsonl or metadata.parquet"


def _source(file: Path) -> Source:
    def rows() -> Iterator[Row]:
        return (_row(value, file.parent) for value in _values(file))

    return Source(file, rows)


def _values(file: Path) -> Iterator[Any]:
    match file.suffix.lower():
        case ".csv":
            return csv_rows(file)
        case ".parquet":
            return parquet_rows(file, (_NAME, *WORD_KEYS))
        case _:
            return (value for _, value in json_lines(file))


def _row(value: Any, folder: Path) -> Row:
    if not isinstance(value, dict):
        return Dropped("a line that is no JSON object")
    name = value.get(_NAME)
    if not isinstance(name, str) or not name:
        return Dropped("a line without file_name")
    post = read_words(value)
    path, warnings = named_in(folder, name)
    return Record(
        path, tags=post.tags, caption=post.caption, classes=post.classes, warnings=warnings + post.warnings
    )
