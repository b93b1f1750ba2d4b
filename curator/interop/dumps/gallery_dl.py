"""The `.json` files that gallery-dl leaves beside its downloads, `picture.jpg.json`: tags, captions and facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.regular_file import decoded, read_regular
from curator.interop.dumps.post_rows import record_of
from curator.interop.folders import entries, is_picture, need_folder, tree
from curator.interop.plan import Dropped, ImportPlan, Row, Source
from curator.posts.post import read_post
from curator.scan.sidecars.sidecar import MAX_BYTES, annotations_in


def plan_gallery_dl(folder: Path) -> ImportPlan:
    """Tags, captions and facts for every image with such a file.

    Raises:
        UserError: there is none.
    """
    top = need_folder(folder)

    def rows() -> Iterator[Row]:
        return (_row(file) for file in _files(top))

    if next(_files(top), None) is None:
        raise UserError(
            f"no file such as picture.jpg.json lies in {top}",
            "gallery-dl writes them with --write-metadata; picture.json and picture.txt are read by 'frieze scan'",
        )
    return ImportPlan("gallery-dl", (top,), sources=(Source(top, rows),))


def _files(top: Path) -> Iterator[Path]:
    for folder in tree(top):
        for file in entries(folder):
            if file.suffix.lower() == ".json" and is_picture(file.stem):
                yield file


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
    return replace(
        record_of(read_post(value), str(file.with_suffix(""))), scanned=annotations_in(".json", data)
    )
