"""Label files of taggers: what each output of a model is called, and of which class it is.

Read are CSV by its columns' names (`selected_tags.csv` of the WD models and its kin), a name a line (`tags.txt` of
DeepDanbooru), and JSON: a list of names, or an object from number to name or from name to number.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.regular_file import read_regular

GENERAL, CHARACTER, RATING = "general", "character", "rating"
# Danbooru's numbers, and 9 for what the WD models call a rating.
_CLASSES = {0: GENERAL, 1: "artist", 3: "copyright", 4: CHARACTER, 5: "meta", 9: RATING}
_CLASS_NAMES = {*_CLASSES.values()}
_NAME_COLUMNS = ("name", "tag", "tag_name", "label")
_CLASS_COLUMNS = ("category", "class", "type", "tag_category")
_MOST_LABELS = 200_000
_MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class Labels:
    """The outputs of a model in their order: `names` as the file has them, and a class for each.

    `unknown` are categories of the file that have no class here; their labels count as general.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    def of_class(self, name: str) -> list[int]:
        """The numbers of the labels of one class."""
        return [number for number, each in enumerate(self.classes) if each == name]


def read_labels(path: Path) -> Labels:
    """The labels in a file, by its ending: .csv, .json, or a name a line.

    Raises:
        UserError: it cannot be read, has no column of names, or names nothing.
    """
    try:
        text = read_regular(path, limit_bytes=_MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no UTF-8 text"
        raise UserError(
            f"the labels {path} cannot be read: {why}", "fetch the model's label file again"
        ) from error
    readers = {".csv": _of_csv, ".json": _of_json}
    try:
        labels = readers.get(path.suffix.lower(), _of_lines)(text)
        if not labels.names:
            raise ValueError("it names nothing")
        if len(labels.names) > _MOST_LABELS:
            raise ValueError(f"it names more than {_MOST_LABELS:,} labels")
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{path} is no label file: {error}",
            "it needs a column 'name', a name a line, or JSON from numbers to names",
        ) from error
    return labels


def _of_csv(text: str) -> Labels:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = [(column or "").strip().lower() for column in rows.fieldnames or ()]
    rows.fieldnames = columns
    name = next((column for column in _NAME_COLUMNS if column in columns), None)
    if name is None:
        raise ValueError("it has no column 'name'")
    kind = next((column for column in _CLASS_COLUMNS if column in columns), None)
    return _labels((row[name] or "", row.get(kind) if kind else None) for row in rows)


def _of_lines(text: str) -> Labels:
    """DeepDanbooru writes ratings as `rating:safe`."""
    return _labels(
        (line.strip(), RATING if line.startswith("rating:") else None)
        for line in text.splitlines()
        if line.strip()
    )


def _of_json(text: str) -> Labels:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if isinstance(value, dict):
        value = _unwrapped(value)
    if isinstance(value, list):
        return _labels(_entry(each) for each in value)
    names = _by_number(value)
    if sorted(names) != list(range(len(names))):
        raise ValueError("its numbers leave out some")
    return _labels(_entry(names[number]) for number in range(len(names)))


def _unwrapped(value: dict[str, Any]) -> Any:
    """The map itself, of files that hold more than it."""
    for key in ("labels", "tags", "names", "id2label", "idx_to_tag"):
        if isinstance(value.get(key), list | dict):
            return value[key]
    return value


def _by_number(value: Mapping[str, Any]) -> dict[int, Any]:
    if all(key.isdecimal() for key in value):
        return {int(key): name for key, name in value.items()}
    if all(isinstance(number, int) for number in value.values()):
        return {number: name for name, number in value.items()}
    raise ValueError("it is no map between numbers and names")


def _entry(value: Any) -> tuple[str, str | None]:
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict) and isinstance(name := value.get("name", value.get("tag")), str):
        kind = value.get("category", value.get("class"))
        return name, None if kind is None else str(kind)
    raise ValueError("it holds something that is no name")


def _labels(entries: Iterable[tuple[str, str | None]]) -> Labels:
    names: list[str] = []
    classes: list[str] = []
    unknown: dict[str, None] = {}
    for name, kind in entries:
        found = GENERAL if kind is None else _class(kind)
        if found is None:
            unknown.setdefault(str(kind))
        names.append(name)
        classes.append(found or GENERAL)
    return Labels(tuple(names), tuple(classes), tuple(unknown))


def _class(kind: str) -> str | None:
    kind = kind.strip().lower()
    return _CLASSES.get(int(kind)) if kind.isdecimal() else (kind if kind in _CLASS_NAMES else None)
