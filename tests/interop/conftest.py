"""Folders of small images, and an empty collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from curator.index.collection import Collection

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Writes images of different content; `text` is the caption beside each."""
    count = 0

    def make(folder: str, *names: str, text: str | None = None) -> Path:
        nonlocal count
        home = tmp_path / folder
        home.mkdir(parents=True, exist_ok=True)
        for name in names:
            count += 1
            Image.new("RGB", (64 + count, 64), (count % 256, 0, 0)).save(home / name)
            if text is not None:
                (home / name).with_suffix(".txt").write_text(text, "utf-8")
        return home

    return make


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "home") as made:
        yield made
