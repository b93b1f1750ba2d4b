"""What a journey starts from: a folder of images with tags."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

PICTURES = {
    "cat-1.png": ((128, 128), "cat, animal, indoors"),
    "cat-2.png": ((192, 96), "cat, animal, outdoors"),
    "dog-1.png": ((96, 192), "dog, animal, outdoors"),
    "dog-2.png": ((128, 128), "dog, animal, indoors"),
    "car-1.png": ((160, 96), "car, vehicle, [bold]not markup[/bold]"),
    "car-2.jpg": ((128, 128), "car, vehicle, outdoors"),
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at, (name, (size, tags)) in enumerate(PICTURES.items()):
        image = Image.new("RGB", size, (40 * at, 200 - 30 * at, 90))
        ImageDraw.Draw(image).ellipse((20, 20, 80, 80), fill=(250 - 40 * at, 40, 40 * at))
        image.save(folder / name)
        (folder / name).with_suffix(".txt").write_text(tags, "utf-8")
    return folder
