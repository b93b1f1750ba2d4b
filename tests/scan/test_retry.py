"""Files that could not be used are read once more: what was mended comes in, what is gone or still bad is told."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from curator.index.collection import Collection
from curator.scan.retry import retry
from curator.scan.scan import scan


def left(collection: Collection) -> list[str]:
    return [Path(each.path).name for each in collection.quarantine.list()]


def test_mended_gone_and_still_bad(tmp_path: Path) -> None:
    """Only folders that hold such a file are looked into again."""
    one, other, away = (tmp_path / name for name in ("one", "other", "away"))
    for folder in (one / "in", other, away):
        folder.mkdir(parents=True)
    for bad in ("one/in/mended.png", "one/gone.png", "one/in/bad.png", "away/bad.jpg"):
        (tmp_path / bad).write_bytes(b"no image")
    Image.new("RGB", (64, 64)).save(other / "good.png")
    with Collection.create(tmp_path / "home") as collection:
        for folder in (one, other, away):
            scan(collection, folder)
        assert left(collection) == ["bad.jpg", "gone.png", "bad.png", "mended.png"]
        assert collection.quarantine.count() == 4
        Image.new("RGB", (64, 64), "red").save(one / "in" / "mended.png")
        (one / "gone.png").unlink()
        Image.new("RGB", (64, 64), "blue").save(other / "new.png")
        shutil.move(away, tmp_path / "taken out")
        done = retry(collection)
        assert (done.usable, done.gone, done.left) == (1, 1, 2)
        assert done.scanned.added == 1  # the new one of the other root was not looked for
        assert left(collection) == ["bad.jpg", "bad.png"]
        assert collection.check() == []
        shutil.move(tmp_path / "taken out", away)
        Image.new("RGB", (64, 64), "green").save(away / "bad.jpg")
        assert (retry(collection).usable, left(collection)) == (1, ["bad.png"])


def test_nothing_set_aside_is_nothing_to_do(tmp_path: Path) -> None:
    with Collection.create(tmp_path) as collection:
        assert retry(collection)[:3] == (0, 0, 0)
