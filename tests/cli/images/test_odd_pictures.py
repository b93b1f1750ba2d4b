"""Odd images and captions, from an import to a freeze: what can be used is, what cannot is named, and all goes on."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Frieze = Any


def png_of(path: Path, width: int, height: int) -> None:
    """A whole PNG whose header says another size."""
    Image.new("RGB", (4, 4)).save(path, "PNG")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """kohya's folder with one image of each kind; the names say what must become of them."""
    home = tmp_path / "train" / "2_odd thing"
    home.mkdir(parents=True)
    red = Image.new("RGB", (96, 64), (200, 10, 10))
    red.convert("CMYK").save(home / "good cmyk.jpg")
    Image.new("I;16", (96, 65), 40_000).save(home / "good 16 bit.png")
    palette = Image.new("P", (96, 66), 1)
    palette.putpalette([0, 0, 0, 9, 99, 9])
    palette.save(home / "good palette.png", transparency=0)
    Image.new("RGBA", (96, 67), (1, 2, 3, 0)).save(home / "good alpha.webp", lossless=True)
    frames = [Image.new("RGB", (96, 68), (k, 0, 0)) for k in (0, 90, 200)]
    for kind in ("gif", "png", "webp"):
        frames[0].save(home / f"good moving.{kind}", save_all=True, append_images=frames[1:])
    Image.new("RGB", (1, 20_000), (7, 7, 7)).save(home / "good thin.png")
    red.save(home / "good name.png", "JPEG")
    png_of(home / "bad bomb.png", 30_000, 30_000)
    png_of(home / "bad nothing.png", 0, 0)
    red.resize((400, 300)).save(home / "bad cut.jpg")
    (home / "bad cut.jpg").write_bytes((home / "bad cut.jpg").read_bytes()[:300])
    (home / "bad empty.png").touch()
    (home / "bad text.png").write_text("no image")
    return tmp_path / "train"


def test_odd_pictures_from_import_to_freeze(
    odd: Path, tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S043: each file that cannot be used is quarantined with a reason and counted; the others are trained."""
    monkeypatch.chdir(tmp_path)
    done = frieze("import", "--yes", odd, "--layout", "kohya-folders", "--json")
    assert done.code == 0
    good = sorted(path.name for path in odd.rglob("good*"))
    rows = frieze("ls", "--json", "--columns", "name,size").json
    named = {each["name"]: each["size"] for each in rows}
    bad = sorted(Path(each["path"]).name for each in done.json["quarantined"])
    assert sorted([*named, *bad]) == sorted(path.name for path in odd.rglob("*.*"))
    assert bad == sorted(path.name for path in odd.rglob("bad*"))
    assert sorted(named) == good
    assert all(each["reason"] for each in done.json["quarantined"])
    assert (named["good thin.png"], named["good cmyk.jpg"]) == ("1x20000", "96x64")
    assert sum(each["images"] for each in frieze("buckets", "--json").json["images"]) == len(good)
    assert frieze("freeze", "set", "--resolution", 256, "--min", 64).code == 0
    assert frieze("manifest", "verify", "set").code == 0


def test_odd_captions_are_told_and_used(
    tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S024: a byte order mark, foreign line ends, Windows-1252, empty, several lines: by its stated rule."""
    home = tmp_path / "train" / "1_thing"
    home.mkdir(parents=True)
    texts = {
        "bom": b"\xef\xbb\xbfa, b\r\n", "latin": b"caf\xe9, b", "empty": b"", "blank": b" \n\n", "lines": b"a\nb\n",
        "wide": "a, b".encode("utf-16"),
    }  # fmt: skip
    for number, (name, data) in enumerate(texts.items()):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(home / f"{name}.png")
        (home / f"{name}.txt").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    done = frieze("import", "--yes", "train", "--layout", "kohya-folders", "--json").json
    tags = {row["name"]: row["tags"] for row in frieze("ls", "--json", "--columns", "name,tags").json}
    assert tags == {
        "bom.png": ["a", "b"], "latin.png": ["café", "b"], "empty.png": ["thing"], "blank.png": ["thing"],
        "lines.png": ["a", "b"], "wide.png": ["a", "b"],
    }  # fmt: skip
    assert done["class_tokens_given"] == 2
    assert [Path(each["path"]).name for each in done["scan_warnings"]] == ["latin.txt"]


def test_an_import_shows_its_warnings(
    tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "1_thing"
    home.mkdir()
    for number in range(25):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(home / f"{number}.png")
        (home / f"{number}.txt").write_bytes(b"caf\xe9")
    monkeypatch.chdir(tmp_path)
    out = frieze("import", "--yes", tmp_path, "--layout", "kohya-folders").out
    assert out.count("read as Windows-1252") == 20
    assert "and 5 more warnings: see --json" in out


def test_what_was_set_aside_is_listed_and_read_again(collection: Path, frieze: Frieze) -> None:
    assert "every file could be used" in frieze("quarantine").out
    assert frieze("quarantine", "--json").json == []
    bad = collection / "pictures" / "bad.png"
    bad.write_bytes(b"no image")
    assert frieze("scan").code == 0
    (told,) = frieze("quarantine", "--json").json
    assert told["path"] == str(bad)
    assert told["reason"]
    assert told["at"] > 0
    assert str(bad) in frieze("quarantine").out
    again = frieze("quarantine", "--retry")
    assert "0 files can be used now, 1 cannot" in again.err
    assert str(bad) in again.out
    Image.new("RGB", (64, 64)).save(bad)
    again = frieze("quarantine", "--retry", "--json")
    assert "1 file can be used now, 0 cannot" in again.err
    assert again.json == []
    assert frieze("ls", "name:bad.png", "--count").out == "1\n"


def test_scores_filter_and_pick(collection: Path, tmp_path: Path, frieze: Frieze) -> None:
    """S004, S007: the plan writes nothing; another threshold is another filter."""
    table = tmp_path / "scores.csv"
    table.write_text("path,Nice\npictures/fox.png,0.9\npictures/owl.png,0.1\npictures/gone.png,1\n")
    words = ("import", table, "--yes", "--layout", "scores", "--images", collection)
    planned = frieze(*words, "--plan", "--json").json
    assert planned["scores"] == {"nice": 2}
    assert planned["funnel"] == [{"reason": "kept", "count": 2}, {"reason": "no such image here", "count": 1}]
    assert frieze("ls", "score(nice)>0").code == 2
    assert "score(nice): 2 values" in frieze(*words).out
    assert frieze("ls", "score(nice)>=0.5", "--count").out == "1\n"
    assert frieze("ls", "sort:-score(nice)", "--ids").lines[0] == frieze("ls", "fox", "--ids").out.strip()
    assert frieze("pick", "--by", "score(nice)", "--top", 1, "--ids").out == frieze("ls", "fox", "--ids").out
    assert frieze("explain", "fox.png", "--json").json["facts"]["score(nice)"] == 0.9
    assert frieze("pick", "--by", "score(other)", "--top", 1).code == 2
    assert frieze("pick", "--by", "nicest").code == 2


def test_scores_are_columns_tables_and_say_which_copy_is_best(
    collection: Path, tmp_path: Path, frieze: Frieze
) -> None:
    """B16: an image without a score has an empty cell, and is never the best of its copies."""
    pictures = collection / "pictures"
    (pictures / "owl-2.png").write_bytes((pictures / "owl.png").read_bytes())
    assert frieze("scan").code == 0
    table = tmp_path / "nice.json"
    table.write_text('{"pictures/fox.png": 0.25, "pictures/owl-2.png": -3}')
    assert frieze("import", "--yes", table, "--layout", "scores", "--images", collection).code == 0
    lines = frieze("ls", "name:fox OR name:owl sort:path", "--columns", "name,Score(Nice)").lines
    assert lines == ["fox.png\t0.25", "owl-2.png\t-3.0", "owl.png\t"]
    told = frieze("ls", "name:owl sort:path", "--columns", "name,score(nice)", "--json").json
    assert told == [{"name": "owl-2.png", "score(nice)": -3.0}, {"name": "owl.png", "score(nice)": None}]
    for columns in ("score(nicer)", "score()", "scores"):
        assert frieze("ls", "--columns", columns).code == 2
    best = frieze("dupes", "--best", "score(nice)", "--json").json
    assert [group["best"] for group in best] == [frieze("ls", "name:owl-2.png", "--json").json[0]["id"]]
    assert frieze("dupes", "--best", "score(nicer)").code == 2
    assert "did you mean" in frieze("dupes", "--best", "nice").err
    assert frieze("export", "sqlite", tmp_path / "out.db").code == 0
    query = "SELECT i.name, s.name, s.value FROM score s JOIN image i ON i.id = s.image ORDER BY 1"
    with closing(sqlite3.connect(tmp_path / "out.db")) as out:
        assert out.execute(query).fetchall() == [("fox.png", "nice", 0.25), ("owl-2.png", "nice", -3.0)]


def test_identifiers(
    collection: Path, frieze: Frieze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S023"""
    assert "sks: it can be used" in frieze("tag", "check-identifier", "sks").out
    done = frieze("tag", "check-identifier", "fox", "shs", "--json", "--suggest", 3)
    assert done.code == 1
    assert [bool(each["against"]) for each in done.json["words"]] == [True, False]
    assert len(done.json["free"]) == 3
    (tmp_path / "tags.csv").write_text("sks,0,9,\n")
    assert frieze("tag", "check-identifier", "sks", "--tags", tmp_path / "tags.csv").code == 1
    (tmp_path / "long.csv").write_text("a" * 200_000 + ",0\n")
    assert "field larger" in frieze("tag", "check-identifier", "sks", "--tags", tmp_path / "long.csv").err
    monkeypatch.chdir("/")
    assert frieze("tag", "check-identifier", "fox").code == 0
