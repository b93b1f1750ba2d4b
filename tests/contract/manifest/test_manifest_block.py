"""Rows packed in blocks: each can be read alone, found by its path, and read from SQL (B07)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule, bucket_list, place
from curator.contract.caption.captions import CaptionParts
from curator.contract.errors import UserError
from curator.contract.manifest.block import ROWS, PackedRow, packed, unpacked
from curator.contract.manifest.digest import verify_digest
from curator.contract.manifest.header import ManifestSubset, Provenance
from curator.contract.manifest.manifest import Manifest, ManifestImage, open_manifest
from curator.contract.manifest.seal import seal
from curator.contract.manifest.signs import MOST
from curator.contract.manifest.writer import ManifestContent, write_manifest

RULE = BucketRule()
TAGS = {f"tag {number}": "general" for number in range(300)}
SUBSETS = (ManifestSubset("a", "", 1.0), ManifestSubset("b", "", 2.5))

words = st.lists(st.sampled_from(list(TAGS)), max_size=4).map(tuple)
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=9)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
drawn = st.tuples(names, st.integers(0, 1), sizes, st.integers(0, 1), words, words, words, texts)


def image(given: tuple) -> ManifestImage:  # type: ignore[type-arg]
    name, root, size, subset, head, middle, tail, text = given
    placed = place(size, RULE)
    bucket = bucket_list(RULE).index(placed.bucket)
    parts = CaptionParts(head, middle, tail, text)
    repeats = SUBSETS[subset].repeats
    return ManifestImage(name, root, "ab" * 32, 1 << 33, size, bucket, placed, subset, repeats, parts)


def order(image: ManifestImage) -> tuple[object, ...]:
    return image.bucket, image.repeats, image.subset, image.root, os.fsencode(image.path)


def written(path: Path, images: list[ManifestImage]) -> Manifest:
    provenance = Provenance("m", "", "tests", 0, (), ("/first", "/second"))
    write_manifest(path, ManifestContent(RULE, bucket_list(RULE), SUBSETS, TAGS, images, provenance))
    return open_manifest(path)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(drawn, min_size=1, max_size=80, unique_by=lambda each: each[:2]), st.data())
def test_any_row_is_read_alone_and_found_by_its_path(tmp_path: Path, rows: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    images = sorted(map(image, rows), key=order)
    with written(tmp_path / "m.manifest", images) as manifest:
        assert [manifest.image(row) for row in range(len(manifest))] == images
        first, count = data.draw(st.integers(0, len(images))), data.draw(st.integers(0, 90))
        assert list(manifest.images(first, count)) == images[first : first + count]
        for row, each in enumerate(images):
            assert manifest.rows_of(manifest.file_of(each)) == (row,)
        assert manifest.rows_of(Path("/first/no such file")) == ()
        assert manifest.rows_of(Path("/elsewhere/a.png")) == ()
        verify_digest(manifest)
        assert sum(span.rows for span in manifest.spans) == len(images) == len(manifest)
        for bad in (-1, len(images)):
            with pytest.raises(IndexError):
                manifest.image(bad)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(drawn, min_size=1, max_size=50, unique_by=lambda each: each[:2]))
def test_sql_reads_the_same_rows(tmp_path: Path, rows: list) -> None:  # type: ignore[type-arg]
    """What sqlite-utils and Datasette show of a manifest are plain columns."""
    images = sorted(map(image, rows), key=order)
    written(tmp_path / "m.manifest", images).close()
    connection = sqlite3.connect(tmp_path / "m.manifest")
    connection.row_factory = sqlite3.Row
    found = connection.execute("SELECT * FROM image ORDER BY row").fetchall()
    assert [each["row"] for each in found] == list(range(len(images)))
    for each, meant in zip(found, images, strict=True):
        assert (each["path"], each["root"], each["sha256"]) == (meant.path, meant.root, meant.sha256)
        assert (each["width"], each["height"]) == meant.size
        assert (each["bucket_width"], each["bucket_height"]) == meant.placement.bucket
        assert (each["resized_width"], each["resized_height"]) == meant.placement.resized
        assert (each["crop_left"], each["crop_top"]) == meant.placement.crop[:2]
        assert (each["file_bytes"], each["repeats"]) == (1 << 33, meant.repeats)
        assert each["subset"] == SUBSETS[meant.subset].name
        for part in ("head", "middle", "tail"):
            assert (each[part] or "") == ", ".join(getattr(meant.parts, part))
        assert each["text"] == meant.parts.text
    spans = connection.execute("SELECT sum(rows) FROM span").fetchone()
    assert spans[0] == len(images)
    connection.close()


def test_tags_are_counted_by_subset(tmp_path: Path) -> None:
    def one(name: str, subset: int, tags: tuple[str, ...]) -> ManifestImage:
        return image((name, 0, (512, 512), subset, tags[:1], tags[1:], (), ""))

    images = [
        one("a", 0, ("tag 5", "tag 1")),
        one("b", 0, ("tag 1",)),
        one("c", 1, ("tag 1", "tag 1", "tag 299")),
    ]
    with written(tmp_path / "m.manifest", images) as manifest:
        assert manifest.tag_counts(0) == [("tag 1", 2), ("tag 5", 1)]
        assert manifest.tag_counts(1, 1) == [("tag 1", 1)]


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    """Else an image could not be found by its path."""
    images = [image((name, 0, (512, 512), 0, (), (), (), "")) for name in ("b", "a")]
    with pytest.raises(ValueError, match="order"):
        written(tmp_path / "m.manifest", images)
    assert not list(tmp_path.iterdir())


def test_blocks_are_of_one_size() -> None:
    row = PackedRow(0, 0, 0, 1, 1, 1, 1, 0, 0, 5, b"x" * 32, b"a", "", "")
    blocks = list(packed([row] * (2 * ROWS + 3)))
    assert [len(block.sha256) // 32 for block in blocks] == [ROWS, ROWS, 3]
    last = blocks[-1]
    assert {unpacked(last, place) for place in range(3)} == {row}


NARROW_NUMBERS = st.one_of(st.sampled_from((0, 55263, 55264, 65535, MOST)), st.integers(0, MOST))
WIDE_NUMBERS = st.one_of(
    st.sampled_from((0, 32767, 32768, 55263, 55264, (1 << 20) - 1, 1 << 20, (1 << 40) - 1)), st.integers(0, 5000)
)  # fmt: skip


@given(st.lists(st.tuples(*[NARROW_NUMBERS] * 3, *[WIDE_NUMBERS] * 7), min_size=1, max_size=ROWS))
def test_numbers_of_any_size_are_read_as_they_were_written(numbers: list[tuple[int, ...]]) -> None:
    """Also those about the gap in the signs, and where one path is longer than most blocks."""
    rows = [
        PackedRow._make((*some, bytes([place]) * 32, b"p" * (place * 9999), "t" * place, "é" * place))
        for place, some in enumerate(numbers)
    ]
    (block,) = packed(rows)
    assert [unpacked(block, place) for place in range(len(rows))] == rows


def reseal(path: Path) -> None:
    """Seal the file anew: what a seal cannot tell is left to whoever reads a block."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        pages, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
    os.truncate(path, pages * size)
    seal(path)


PAGE = [("a", 0, (640, 480), 0, ("tag 1",), ("tag 7", "tag 299"), (), "words"), *(
    (f"{number:02d} café", number % 2, (512, 700), 1, (), (f"tag {number}",), ("tag 0",), "") for number in range(40)
)]  # fmt: skip
COLUMNS = ("numbers", "sha256", "paths", "tags", "texts")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(COLUMNS),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([None, 7, 0.5, "words", "", b""]),
        st.tuples(st.integers(0, 1200), st.binary(max_size=4)),
    ),
    st.integers(0, 1),
)
def test_a_garbled_block_is_a_sentence_or_some_picture(
    tmp_path: Path, column: str, damage: object, number: int
) -> None:
    """Rows of the sound block are as they were; damage that keeps every length is for the seal to see."""
    images = sorted(map(image, PAGE), key=order)
    manifest = written(tmp_path / "m.manifest", images)
    manifest.close()
    connection = sqlite3.connect(tmp_path / "m.manifest")
    if isinstance(damage, tuple):
        (sound,) = connection.execute(f"SELECT {column} FROM block WHERE id = ?", (number,)).fetchone()
        at = damage[0] % (len(sound) + 1)
        damage = sound[:at] + damage[1] + sound[at + 1 :]
    try:
        connection.execute(f"UPDATE block SET {column} = ? WHERE id = ?", (damage, number))
        connection.commit()
    except sqlite3.IntegrityError:
        return  # NULL is refused by the table itself
    finally:
        connection.close()
    reseal(tmp_path / "m.manifest")
    with open_manifest(tmp_path / "m.manifest") as manifest:
        for row, meant in enumerate(images):
            if row // ROWS != number:
                assert manifest.image(row) == meant
                continue
            with contextlib.suppress(UserError):
                assert isinstance(manifest.image(row), ManifestImage)
        with contextlib.suppress(UserError):
            assert len(list(manifest.images())) == len(images)
        with contextlib.suppress(UserError):
            assert set(manifest.rows_of(Path("/first/a"))) <= set(range(len(images)))


@pytest.mark.parametrize(
    ("column", "damage"),
    [
        ("numbers", b""),
        ("numbers", b"\xff\xfe garbled"),
        ("numbers", b"another format\n" * 32),
        ("sha256", b"short"),
        ("paths", b"a"),
        ("tags", b""),
        ("tags", b"\xff" * 200),
        ("texts", b""),
        ("tags", "􏿿".encode() * 80),
        ("numbers", 7),
    ],
)
def test_a_block_of_another_format_is_a_sentence(tmp_path: Path, column: str, damage: object) -> None:
    images = sorted(map(image, PAGE), key=order)
    written(tmp_path / "m.manifest", images).close()
    with sqlite3.connect(tmp_path / "m.manifest") as connection:
        connection.execute(f"UPDATE block SET {column} = ?", (damage,))
    connection.close()
    reseal(tmp_path / "m.manifest")
    (row,) = (row for row, each in enumerate(images) if each.path == "a")
    with open_manifest(tmp_path / "m.manifest") as manifest:
        with pytest.raises(UserError, match="damaged"):
            manifest.image(row)
        with pytest.raises(UserError, match="damaged"):
            list(manifest.images())


def test_a_missing_block_shifts_no_row(tmp_path: Path) -> None:
    images = sorted(map(image, PAGE), key=order)
    written(tmp_path / "m.manifest", images).close()
    with sqlite3.connect(tmp_path / "m.manifest") as connection:
        connection.execute("DELETE FROM block WHERE id = 0")
    connection.close()
    reseal(tmp_path / "m.manifest")
    with open_manifest(tmp_path / "m.manifest") as manifest:
        with pytest.raises(UserError, match="damaged"):
            next(manifest.images())
        assert list(manifest.images(ROWS)) == images[ROWS:]


def test_a_damaged_block_is_a_sentence(tmp_path: Path) -> None:
    written(tmp_path / "m.manifest", [image(("a", 0, (9, 9), 0, (), (), (), ""))]).close()
    with sqlite3.connect(tmp_path / "m.manifest") as connection:
        connection.execute("DELETE FROM block")
    connection.close()
    reseal(tmp_path / "m.manifest")
    with open_manifest(tmp_path / "m.manifest") as manifest, pytest.raises(UserError, match="damaged"):
        manifest.image(0)


def test_a_manifest_that_is_cut_short_while_a_run_reads_it_is_a_sentence(tmp_path: Path) -> None:
    """Of a mapped file the process would be killed without a word (decision 0008)."""
    rows = [image((f"{number:04d} {'long ' * 40}", *PAGE[1][1:])) for number in range(400)]
    with written(tmp_path / "m.manifest", sorted(rows, key=order)) as manifest:
        os.truncate(manifest.path, 4096)
        with pytest.raises(UserError, match="is damaged"):
            list(map(manifest.image, range(len(manifest))))
