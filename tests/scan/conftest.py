"""A folder of images to scan, and what a scan made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from curator.index.collection import Collection
from curator.scan.report import ScanReport


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection.create(tmp_path)


def picture(path: Path, colour: int, tags: str | None = None, size: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (colour, 0, 0)).save(path, "PNG", compress_level=0)
    if tags is not None:
        path.with_suffix(".txt").write_text(tags)
    return path


def counts(report: ScanReport) -> dict[str, int]:
    names = ("added", "changed", "moved", "returned", "missing", "unchanged", "reread")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def by_path(collection: Collection) -> dict[str, tuple[str, ...]]:
    ids = list(collection.images.alive())
    return {row.path: tags for row, tags in zip(collection.rows(ids), collection.tag_names(ids), strict=True)}
