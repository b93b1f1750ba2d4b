"""Which sidecars belong to which image, by names: full names, cases, normal forms, shared stems."""

from __future__ import annotations

from unicodedata import normalize

import pytest

from curator.index.images.sidecar_names import kind_of, sidecar_name
from curator.scan.sidecars.beside import SidecarNames, shared_stems, stem_of

CAFE_C, CAFE_D = normalize("NFC", "café"), normalize("NFD", "café")


@pytest.mark.parametrize(
    ("picture", "files", "expected"),
    [
        ("1.png", ["1.json", "1.txt", "2.txt", "1.caption"], ["1.txt", "1.caption", "1.json"]),
        ("1.png", ["1.txt", "1.png.json", "1.png.txt"], ["1.png.txt", "1.png.json", "1.txt"]),
        ("IMG_1.JPG", ["IMG_1.TXT", "IMG_1.JPG.Json", "img_1.txt"], ["IMG_1.JPG.Json", "IMG_1.TXT"]),
        ("1.png", ["1.TXT", "1.txt"], ["1.txt", "1.TXT"]),
        ("1.png", ["1.jpg.txt", "1.png.bak.txt"], []),
        (f"{CAFE_D}.png", [f"{CAFE_C}.txt"], [f"{CAFE_C}.txt"]),
        (f"{CAFE_C}.png", [f"{CAFE_D}.png.txt", f"{CAFE_C}.TXT"], [f"{CAFE_D}.png.txt", f"{CAFE_C}.TXT"]),
        ("\udcff.png", ["\udcff.txt"], ["\udcff.txt"]),
        (f"in/{CAFE_D}.png", [f"in/{CAFE_C}.txt"], [f"in/{CAFE_C}.txt"]),
    ],
)
def test_sidecars(picture: str, files: list[str], expected: list[str]) -> None:
    beside = SidecarNames()
    for file in files:
        stem, _, ending = file.rpartition(".")
        beside.add(stem, f".{ending}")
    suffixes = beside.of(picture)
    assert [sidecar_name(picture, suffix) for suffix in suffixes] == expected
    assert suffixes == beside.with_full_name(picture) + beside.with_stem(picture)
    assert [sidecar_name(f"/home/{picture}", suffix) for suffix in suffixes] == [
        f"/home/{each}" for each in expected
    ]
    assert all(kind_of(suffix) in (".txt", ".caption", ".json") for suffix in suffixes)


def test_shared_stems() -> None:
    pictures = ["a.jpg", "a.png", "b.jpg", "b.jpg.png", "c.png", f"{CAFE_C}.jpg", f"{CAFE_D}.png"]
    assert shared_stems(pictures) == {"a", "b.jpg", CAFE_C}
    assert [stem_of(picture) in shared_stems(pictures) for picture in pictures] == [
        True, True, False, True, False, True, True,
    ]  # fmt: skip
    assert shared_stems(["a.png", "b.png"]) == frozenset()
