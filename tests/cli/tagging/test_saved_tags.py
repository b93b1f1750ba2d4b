"""Tag files that other taggers saved beside images are read as tags, without asking a model."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.cli.conftest import Frieze


def test_files_of_deepdanbooru_are_read_at_the_scan(frieze: Frieze, tmp_path: Path) -> None:
    """S031: `deepdanbooru evaluate --save-txt` leaves one line an image, the rating among its tags."""
    for name, tags in (("a", "1girl, long_hair, >_<, rating:safe"), ("b", "solo, rating:questionable")):
        Image.new("RGB", (8, 8), (len(tags), 0, 0)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(tags)
    assert frieze("scan", tmp_path).code == 0
    listed = frieze("ls", "--columns", "name,tags", "--collection", tmp_path).lines
    assert [line.split("\t") for line in listed] == [
        ["a.png", "1girl, long_hair, >_<, rating:safe"],
        ["b.png", "solo, rating:questionable"],
    ]
    assert frieze("ls", "tag:rating:safe", "--columns", "name", "--collection", tmp_path).out == "a.png\n"
