"""Decides how the `.json` files that gallery-dl leaves beside its downloads are read: `picture.jpg.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curator.contract.regular_file import read_regular
from curator.contract.text import decoded
from curator.interop.folders import entries, is_picture, need_folder, tree
from curator.interop.plan import ImportPlan
from curator.interop.posts import post_facts, post_tags, whole
from curator.interop.records import Dropped, Record, Row, Source
from curator.interop.words import tags_of_line, text_of
from curator.scan.sidecar import MAX_BYTES

_TEXTS = ("caption", "description")


def plan_gallery_dl(folder: Path) -> ImportPlan:
    """Tags, captions and facts for every picture with such a file."""
    top = need_folder(folder)

    def rows() -> Iterator[Row]:
        for each in tree(top):
            for file in entries(each):
                if file.suffix == ".json" and is_picture(file.stem):
                    yield _row(file)

    return ImportPlan("gallery-dl", (top,), sources=(Source(top, rows),))


def _row(file: Path) -> Row:
    try:
        data = read_regular(file, limit_bytes=MAX_BYTES)
    except OSError:
        return Dropped("a file that cannot be read")
    try:
        value: Any = json.loads(decoded(data)[0])
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Dropped("a file that is no JSON object")
    tags, classes = _tags(value)
    facts, warnings = post_facts(value, whole(value.get("id")))
    caption = next((value[key] for key in _TEXTS if isinstance(value.get(key), str)), None)
    return Record(
        path=str(file.with_suffix("")),
        tags=tags,
        caption=text_of(caption) if caption else None,
        classes=classes,
        facts=facts,
        warnings=warnings,
    )


def _tags(value: dict[str, Any]) -> tuple[tuple[str, ...] | None, tuple[tuple[str, str], ...]]:
    """Sites write one text with commas, one with spaces, or lists, by class or not."""
    tags = value.get("tags")
    if isinstance(tags, str) and "," in tags:
        return tags_of_line(tags), ()
    return post_tags(value)
