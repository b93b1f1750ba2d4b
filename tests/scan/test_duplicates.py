"""Near-duplicates (B16): exact by content, near by looks, the best of each group kept; never all against all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from curator.contract.errors import UserError
from curator.index.changes.edits import SetMark
from curator.index.collection import Collection
from curator.index.tables.metadata import PostFacts
from curator.scan.copies import appearance, near
from curator.scan.copies import fingerprint as filling
from curator.scan.copies.appearance import FINGERPRINTING, fingerprint
from curator.scan.copies.duplicates import find_groups
from curator.scan.copies.fingerprint import fill
from curator.scan.copies.near import MAX_DISTANCE, near_pairs
from curator.scan.readers import readers
from curator.scan.retry import retry
from curator.scan.scan import scan


def picture(seed: int, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Shapes unlike those of any other seed."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(generator.integers(0, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = generator.integers(0, size[0]), generator.integers(0, size[1])
        w, h = generator.integers(20, size[0] // 2), generator.integers(20, size[1] // 2)
        draw.ellipse((int(x), int(y), int(x + w), int(y + h)), tuple(generator.integers(0, 255, 3).tolist()))
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "pictures"
    home.mkdir()
    for seed in range(6):
        picture(seed).save(home / f"p{seed}.png")
    picture(0).resize((200, 150)).save(home / "p0-small.jpg", quality=60)
    picture(0).filter(ImageFilter.GaussianBlur(1)).save(home / "p0-blur.webp", quality=80)
    (home / "p1-copy.png").write_bytes((home / "p1.png").read_bytes())
    Image.new("RGB", (100, 100), "red").save(home / "flat-red.png")
    Image.new("RGB", (100, 100), "blue").save(home / "flat-blue.png")
    return home


@pytest.fixture
def collection(folder: Path, tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "home") as made:
        scan(made, folder)
        yield made


def everything(collection: Collection) -> list[int]:
    return list(collection.images.alive())


def named(collection: Collection, groups: Any) -> list[list[str]]:
    names = {row.id: row.name for row in collection.rows(everything(collection))}
    return [[names[group.best], *(names[copy.image] for copy in group.copies)] for group in groups]


def test_looks_survive_size_quality_and_format(folder: Path) -> None:
    values = {path.name: fingerprint(str(path))[0] for path in folder.iterdir()}
    distances = {
        name: (values["p0.png"] ^ value).bit_count() for name, value in values.items() if value is not None
    }
    assert distances["p0-small.jpg"] <= 6
    assert distances["p0-blur.webp"] <= 6
    assert min(distance for name, distance in distances.items() if not name.startswith("p0")) > MAX_DISTANCE
    assert values["flat-red.png"] is None
    assert fingerprint(str(folder / "gone.png")) == (None, "No such file or directory", False)


def test_exact_copies_by_content(collection: Collection) -> None:
    assert named(collection, find_groups(collection, everything(collection))) == [
        ["p1.png", "p1-copy.png"]
    ] or named(collection, find_groups(collection, everything(collection))) == [["p1-copy.png", "p1.png"]]


def test_near_copies_and_the_best_of_them(collection: Collection) -> None:
    """B16"""
    ids = everything(collection)
    assert fill(collection, ids).fingerprinted == 10  # eleven files, two of the same content
    groups = find_groups(collection, ids, 6)
    found = {frozenset(group) for group in named(collection, groups)}
    assert found == {
        frozenset({"p0.png", "p0-small.jpg", "p0-blur.webp"}),
        frozenset({"p1.png", "p1-copy.png"}),
    }
    best = next(group for group in named(collection, groups) if "p0.png" in group)[0]
    assert best in ("p0.png", "p0-blur.webp")
    small = next(row.id for row in collection.rows(ids) if row.name == "p0-small.jpg")
    collection.metadata.write([(small, PostFacts(score=5))])
    assert "p0-small.jpg" in [
        group[0] for group in named(collection, find_groups(collection, ids, 6, "score"))
    ]
    collection.apply(SetMark(1), [small])
    assert "p0-small.jpg" in [
        group[0] for group in named(collection, find_groups(collection, ids, 6, "size"))
    ]


def test_looking_can_be_stopped_and_goes_on(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "_PIECE", 3)
    ids = everything(collection)

    def stop(done: int, _total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(collection, ids, stop)
    assert 0 < fill(collection, ids).fingerprinted < 10
    assert fill(collection, ids).fingerprinted == 0


def test_what_cannot_be_looked_at_is_named_and_the_rest_goes_on(collection: Collection, folder: Path) -> None:
    """An image whose header is sound and whose pixels are not; and a file that is away for a while."""
    (folder / "p2.png").rename(folder / "away")
    data = bytearray((folder / "p3.png").read_bytes())
    at = data.index(b"IDAT") + 40
    data[at : at + 40] = bytes(40)
    (folder / "broken.png").write_bytes(data)
    report = scan(collection, folder)
    assert (report.added, report.missing, report.quarantined) == (1, 1, [])
    (folder / "p4.png").rename(folder / "away too")
    ids = everything(collection)
    filled = fill(collection, ids)
    assert [path for path, _ in filled.undecodable] == [str(folder / "broken.png")]
    assert filled.unopened == [(str(folder / "p4.png"), "No such file or directory")]
    assert filled.fingerprinted == 9
    (folder / "away too").rename(folder / "p4.png")
    assert fill(collection, ids).fingerprinted == 1
    assert scan(collection, folder).quarantined == []
    assert [entry.path for entry in collection.quarantine.list()] == [str(folder / "broken.png")]
    picture(9).save(folder / "broken.png")
    scan(collection, folder)
    assert collection.quarantine.list() == []
    assert fill(collection, ids) == filling.Filled(1)


def test_a_picture_that_was_mended_is_seen_by_a_quick_scan(folder: Path, tmp_path: Path) -> None:
    """Written over in place, which the time of its folder does not tell."""
    long_ago = (10**18, 10**18)
    broken = bytearray((folder / "p3.png").read_bytes())
    at = broken.index(b"IDAT") + 40
    broken[at : at + 40] = bytes(40)
    (folder / "broken.png").write_bytes(broken)
    os.utime(folder, ns=long_ago)
    with Collection.create(tmp_path / "home") as collection:
        scan(collection, folder)
        assert len(fill(collection, everything(collection)).undecodable) == 1
        for _ in range(2):  # it is looked at as long as it is bad
            assert scan(collection, folder, quick=True).changed == 0
            assert collection.quarantine.count() == 1
        picture(9).save(folder / "broken.png")
        os.utime(folder, ns=long_ago)
        assert scan(collection, folder, quick=True).changed == 1
        assert collection.quarantine.count() == 0


def test_a_picture_that_kills_its_process(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killer = tmp_path / "killer.py"
    killer.write_text(
        "import os\nfrom dataclasses import replace\nfrom curator.scan.copies import appearance\n"
        "from curator.scan.readers import reader_process\n"
        "def dies(asked):\n"
        "    return os._exit(1) if 'p5.png' in str(asked) else appearance.fingerprint_all(asked)\n"
        "reader_process.job_named = lambda name: replace(appearance.FINGERPRINTING, work=dies)\n"
        "reader_process.main()\n"
    )
    monkeypatch.setattr(readers, "_COMMAND", [str(killer)])
    monkeypatch.setattr(filling, "FINGERPRINTING", replace(FINGERPRINTING, inline_limit=0))
    for looked in (9, 0):
        filled = fill(collection, everything(collection))
        assert filled == filling.Filled(looked, [], [(str(folder / "p5.png"), "its decoder crashed")])
    monkeypatch.undo()  # it was the process that was at fault, not the image
    assert fill(collection, everything(collection)) == filling.Filled(1)


@pytest.mark.parametrize("trouble", [MemoryError(), OSError(5, "Input/output error")])
def test_a_picture_whose_decoder_failed_once_is_looked_at_again(
    collection: Collection, folder: Path, trouble: Exception
) -> None:
    """Nothing was learnt of the image."""

    def fails(_file: object) -> Image.Image:
        raise trouble

    ids = everything(collection)
    with patch.object(appearance, "_small", fails):
        filled = fill(collection, ids)
    assert (filled.fingerprinted, len(filled.unopened), filled.undecodable) == (0, 10, [])
    assert collection.quarantine.count() == 0
    assert fill(collection, ids).fingerprinted == 10


@pytest.mark.parametrize("again", ["retry", "full"])
def test_pictures_set_aside_get_another_look(collection: Collection, folder: Path, again: str) -> None:
    """Where a decoder failed on what it can decode, and on a file that is truly broken."""
    data = bytearray((folder / "p3.png").read_bytes())
    at = data.index(b"IDAT") + 40
    data[at : at + 40] = bytes(40)
    (folder / "broken.png").write_bytes(data)
    scan(collection, folder)
    ids = everything(collection)
    with patch.object(appearance, "perceptual_hash", side_effect=ValueError("once")):
        assert len(fill(collection, ids).undecodable) == 11
    assert fill(collection, ids).fingerprinted == 0
    if again == "retry":
        done = retry(collection)
        assert (done.usable, done.gone, done.left) == (10, 0, 1)
    else:
        scan(collection, folder, full=True)
        assert [path for path, _ in fill(collection, ids).undecodable] == [str(folder / "broken.png")]
    assert [entry.path for entry in collection.quarantine.list()] == [str(folder / "broken.png")]
    assert fill(collection, ids).fingerprinted == 0
    assert len(find_groups(collection, ids, 6)) == 2


@given(
    st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=12),
    st.lists(
        st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), min_size=1, max_size=12)), max_size=12
    ),
    st.integers(0, MAX_DISTANCE),
    st.integers(4, 8),
    st.integers(1, 9),
)
def test_every_near_pair_is_found(
    numbers: list[int], turned: list[tuple[int, set[int]]], distance: int, parts: int, at_once: int
) -> None:
    """The lookup by parts finds what comparing all with all finds, each pair once, into however many parts it cuts."""
    values = set(numbers)
    for which, bits in turned:
        if which < len(numbers):
            values.add(numbers[which] ^ sum(1 << bit for bit in bits))
    array = np.array(sorted(values), np.uint64)
    expected = {
        (i, j)
        for i in range(len(array))
        for j in range(i + 1, len(array))
        if (int(array[i]) ^ int(array[j])).bit_count() <= distance
    }
    with patch.multiple(near, _PARTS=[parts], _PAIRS_AT_ONCE=at_once):
        one, other, bits = near_pairs(array, distance)
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == sorted(expected)
    assert all(0 < count <= distance for count in bits.tolist())


@pytest.mark.parametrize("distance", [3, 8, 11])
def test_near_pairs_of_many(distance: int) -> None:
    """So many that three parts are cheapest; some share a whole part."""
    rng = np.random.default_rng(distance)
    numbers = rng.integers(0, 2**63, 3000, dtype=np.uint64) * np.uint64(2)
    numbers[:300] = numbers[0] ^ rng.integers(0, 2**12, 300, dtype=np.uint64)
    numbers = np.unique(numbers)
    distances = np.bitwise_count(numbers[:, None] ^ numbers[None, :])
    expected = np.argwhere(np.triu(distances <= distance, 1))
    with patch.multiple(near, _PARTS=[3]):
        one, other, bits = near_pairs(numbers, distance)
    assert np.array_equal(np.stack([one, other], axis=1), expected)
    assert np.array_equal(bits, distances[one, other])


def test_more_near_pairs_than_memory_holds_are_refused() -> None:
    """Frames of one scene, all alike."""
    numbers = np.arange(64, dtype=np.uint64)
    with patch.multiple(near, _MOST_PAIRS=64 * 63 // 2):
        assert len(near_pairs(numbers, 6)[0]) == 64 * 63 // 2
    with (
        patch.multiple(near, _MOST_PAIRS=64 * 63 // 2 - 1),
        pytest.raises(UserError, match="smaller distance"),
    ):
        near_pairs(numbers, 6)


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_those_of_comparing_all_with_all(collection: Collection, seed: int) -> None:
    """The best image left takes all that are near it, whatever the lookup leaves out beforehand."""
    rng = np.random.default_rng(seed)
    rows = collection.rows(everything(collection))
    looks = {row.sha256: int(rng.integers(0, 2**9)) for row in rows}
    looks[rows[int(rng.integers(0, len(rows)))].sha256] = None
    collection.fingerprints.put((bytes.fromhex(sha), look) for sha, look in looks.items())
    left = sorted(rows, key=lambda row: (-row.width * row.height, -row.file_bytes, row.id))
    expected: list[tuple[int, set[int]]] = []

    def alike(one: str, other: str) -> bool:
        both = looks[one], looks[other]
        return one == other or (None not in both and (both[0] ^ both[1]).bit_count() <= 2)

    while left:
        best, *others = left
        copies = {row.id for row in others if alike(best.sha256, row.sha256)}
        left = [row for row in others if row.id not in copies]
        expected += [(best.id, copies)] if copies else []
    groups = find_groups(collection, [row.id for row in rows], 2)
    assert [(group.best, {copy.image for copy in group.copies}) for group in groups] == expected


def test_no_chains(collection: Collection) -> None:
    """A and C are both near B and not near each other: where A is the best, C is no copy of it."""
    rows = collection.rows(everything(collection))[:3]
    contents = [bytes.fromhex(row.sha256) for row in rows]
    collection.fingerprints.put(zip(contents, (0, 0b1111, 0b11111111), strict=True))
    ranked = sorted(rows, key=lambda row: (-row.width * row.height, -row.file_bytes, row.id))
    by_content = dict(zip(contents, (0, 0b1111, 0b11111111), strict=True))
    groups = find_groups(collection, [row.id for row in rows], 4)
    looks = {row.id: by_content[bytes.fromhex(row.sha256)] for row in rows}
    near = {row.id for row in ranked[1:] if (looks[row.id] ^ looks[ranked[0].id]).bit_count() <= 4}
    assert {copy.image for copy in groups[0].copies} == near


def test_a_distance_at_which_all_look_alike(collection: Collection) -> None:
    with pytest.raises(UserError):
        find_groups(collection, everything(collection), 40)
