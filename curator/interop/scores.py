"""Tables of scores: one column names the image, every other column of numbers is a score.

`.csv`, `.jsonl` and `.json` (a list of objects, or an object by image, whose values may be plain numbers). What
names an image: a path (beside the file, or below `--images`), the sha256 of its file, or the md5 or post number in its
name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.interop.dumps.row_files import csv_rows, json_lines, whole_items
from curator.interop.folders import absolute, named_in
from curator.interop.plan import Dropped, ImportPlan, Record, Row, Source
from curator.posts.post import whole

_PATHS = ("path", "file_name", "filename", "file", "image_path", "image")
_NAMED_BY = (*_PATHS, "sha256", "md5", "post")
_NOT_NAME = re.compile(r"[^a-z0-9_.-]+")


def plan_scores(file: Path, images: Path | None = None) -> ImportPlan:
    """Scores for images the collection already knows.

    Raises:
        UserError: the first row names no image.
    """
    folder = absolute(images or file.parent)
    source = Source(file, lambda: _rows(file, folder))
    first = next(_values(file), None)
    if isinstance(first, dict) and not any(key in first for key in _NAMED_BY):
        raise UserError(f"{file} names no image", f"one column must be: {', '.join(_NAMED_BY)}")
    return ImportPlan("scores", notes=("images must be scanned first",), sources=(source,))


def _rows(file: Path, folder: Path) -> Iterator[Row]:
    for value in _values(file):
        yield _row(value, folder)


def _values(file: Path) -> Iterator[Any]:
    match file.suffix.lower():
        case ".csv":
            yield from csv_rows(file)
        case ".jsonl" | ".ndjson":
            yield from (value for _, value in json_lines(file))
        case ".json":
            for item in whole_items(file):
                yield None if item is None else _keyed(*item, file.stem) if item[0] else item[1]
        case _:
            raise UserError(f"{file.name} is no table of scores", "give .csv, .jsonl or .json")


def _keyed(key: str, value: Any, stem: str) -> Any:
    if isinstance(value, dict):
        return {"path": key, **value}
    return {"path": key, stem: value}


def _row(value: Any, folder: Path) -> Row:
    if not isinstance(value, dict):
        return Dropped("a line that is no JSON object")
    scores: dict[str, float] = {}
    warnings: list[str] = []
    for key, given in value.items():
        if key in _NAMED_BY or not isinstance(key, str) or given in (None, ""):
            continue
        number = _number(given)
        if number is None:
            warnings.append(f"no number in '{visible(key[:40])}'")
        else:
            scores[_name(key)] = number
    if not scores:
        return Dropped("a row without a number")
    name = next((value[key] for key in _PATHS if isinstance(value.get(key), str) and value[key]), "")
    path, wrong = named_in(folder, name) if name else ("", ())
    record = Record(
        path=path,
        post=whole(value.get("post")) or 0,
        md5=str(value.get("md5") or "").lower(),
        sha256=str(value.get("sha256") or "").lower(),
        scores=tuple(scores.items()),
        warnings=(*wrong, *warnings),
    )
    return record if record.is_named else Dropped("a row that names no image")


def _number(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        number = float(given)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _name(key: str) -> str:
    return _NOT_NAME.sub("_", key.strip().lower()).strip("_.-")[:64] or "score"
