"""Thumbnails: small, upright, kept by content, bounded in bytes, and never in the way of the image itself (B14)."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from curator.contract.locations import DRAFT_PREFIX
from curator.scan.thumbnails import SIDE_PX, Content, Thumbnails


def noise(path: Path, size: tuple[int, int] = (600, 300)) -> Path:
    Image.effect_noise(size, 80).convert("RGB").save(path)
    return path


def content_of(path: Path) -> Content:
    stat = path.stat()
    return Content(hashlib.sha256(path.read_bytes()).hexdigest(), stat.st_size, stat.st_mtime_ns)


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_an_image_is_decoded_once_and_found_again_by_its_content(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.new("RGB", (800, 400), "teal").save(path, exif=exif)
    content, folder = content_of(path), tmp_path / "kept"
    made = Thumbnails(folder).of_image(path, content)
    assert made.size == (SIDE_PX // 2, SIDE_PX)
    path.unlink()
    again = Thumbnails(folder).of_image(path, content)  # another program, another day
    assert again.size == made.size
    assert again.mode == "RGB"
    (file,) = kept(folder)
    file.write_bytes(file.read_bytes()[:200])  # a power cut
    with pytest.raises(FileNotFoundError):
        Thumbnails(folder).of_image(path, content)
    small = noise(tmp_path / "small.png", (3, 2))
    assert Thumbnails(folder).of_image(small, content_of(small)).size == (3, 2)


def test_what_is_another_image_by_now_is_shown_and_not_kept(tmp_path):
    path, folder = noise(tmp_path / "p.png"), tmp_path / "kept"
    content = content_of(path)
    noise(path, (300, 600))
    assert Thumbnails(folder).of_image(path, content).size == (SIDE_PX // 2, SIDE_PX)
    assert not kept(folder)
    sample = noise(tmp_path / "sample.png")
    thumbnails = Thumbnails(folder)
    assert thumbnails.of_file(sample).size == thumbnails.of_file(sample).size == (SIDE_PX, SIDE_PX // 2)
    noise(sample, (300, 600))
    assert thumbnails.of_file(sample).size == (SIDE_PX // 2, SIDE_PX)


def test_what_cannot_be_kept_or_read_ends_nothing(tmp_path):
    path = noise(tmp_path / "p.png")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    assert Thumbnails(in_the_way).of_image(path, content_of(path)).size == (SIDE_PX, SIDE_PX // 2)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(UnidentifiedImageError):
        Thumbnails(tmp_path / "kept").of_image(broken, content_of(broken))
    assert not kept(tmp_path / "kept")


def test_the_longest_unseen_go_where_there_are_too_many(tmp_path):
    """By itself, and with what another program left; drafts that nobody finishes go too."""
    folder, paths = tmp_path / "kept", [noise(tmp_path / f"{at}.png") for at in range(8)]
    contents = [content_of(path) for path in paths]
    others = Thumbnails(folder)
    for path, content in zip(paths[:6], contents, strict=False):
        others.of_image(path, content)
    size = max(file.stat().st_size for file in kept(folder))
    long_ago = time.time() - 10 * 86400
    for file in kept(folder):
        os.utime(file, (long_ago, long_ago))
    others.of_image(paths[0], contents[0])  # seen again
    draft = folder / f"{DRAFT_PREFIX}killed"
    draft.write_bytes(b"half")
    os.utime(draft, (long_ago, long_ago))
    mine = Thumbnails(folder, most_bytes=4 * size)
    mine.of_image(paths[6], contents[6])
    assert sum(file.stat().st_size for file in kept(folder)) <= 4 * size
    assert not draft.exists()
    for path in paths:
        path.unlink()
    assert mine.of_image(paths[0], contents[0])
    assert mine.of_image(paths[6], contents[6])
    assert mine.prune() == 0
