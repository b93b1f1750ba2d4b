from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from curator.contract.buckets import BucketRule, bucket_list, place
from curator.contract.caption.captions import CaptionParts, CaptionRules
from curator.contract.epoch_plan import Span
from curator.contract.errors import UserError
from curator.contract.manifest.digest import verify_digest, verify_files
from curator.contract.manifest.header import ManifestSubset, Provenance
from curator.contract.manifest.manifest import Manifest, ManifestImage, open_manifest
from curator.contract.manifest.seal import seal, verify_seal
from curator.contract.manifest.writer import ManifestContent, write_manifest

RULE = BucketRule(512, 512)
SUBSETS = (
    ManifestSubset("cats", "cat", 2.0, rules=CaptionRules(shuffle=True, keep_tags=1, trigger="sls")),
    ManifestSubset("rest", "-cat", 0.5, loss_weight=0.5, flip=True),
)
NAMES = ("a.png", "sub/b [bold].png", "new\nline.jpg", os.fsdecode(b"caf\xe9.png"), "小.webp")


def image(root: Path, name: str, size: tuple[int, int], subset: int) -> ManifestImage:
    content = f"pixels of {name!r}".encode()
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    placed = place(size, RULE)
    return ManifestImage(
        name,
        0,
        hashlib.sha256(content).hexdigest(),
        len(content),
        size,
        bucket_list(RULE).index(placed.bucket),
        placed,
        subset,
        SUBSETS[subset].repeats,
        CaptionParts(("sls",), ("cat", "big", "blue eyes"), (), "free text\nover lines"),
    )


def content(root: Path) -> ManifestContent:
    sizes = [(512, 512), (700, 500), (500, 700), (1200, 400), (640, 640)]
    images = [image(root, name, size, i % 2) for i, (name, size) in enumerate(zip(NAMES, sizes, strict=True))]
    images.sort(key=lambda each: (each.bucket, each.repeats, each.subset, os.fsencode(each.path)))
    tags = {"sls": "trigger", "cat": "general", "blue eyes": "general", "big": "general"}
    provenance = Provenance("first", "2026-11-20T10:00:00+00:00", "frieze", 7, (("kept", 5),), (str(root),))
    return ManifestContent(RULE, bucket_list(RULE), SUBSETS, tags, images, provenance)


def reseal(path: Path) -> None:
    """What anybody can do who changed a manifest."""
    with sqlite3.connect(path) as connection:
        (pages,), (page_bytes,) = (
            connection.execute(f"PRAGMA page_{what}").fetchone() for what in ("count", "size")
        )
    connection.close()
    os.truncate(path, pages * page_bytes)
    seal(path)


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    path = tmp_path / "m.manifest"
    write_manifest(path, content(tmp_path / "pictures"))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    given = content(tmp_path / "pictures")
    digest = write_manifest(tmp_path / "m.manifest", given)
    with open_manifest(tmp_path / "m.manifest") as manifest:
        assert manifest.digest == digest
        assert list(manifest.images()) == list(given.images)
        assert [manifest.image(row) for row in range(len(manifest))] == list(given.images)
        assert manifest.header.subsets == SUBSETS
        assert manifest.header.rule == RULE
        assert manifest.header.provenance == given.provenance
        assert manifest.tag_classes() == given.tags
        verify_digest(manifest)
        assert [problem for problem in verify_files(manifest) if problem] == []


def test_spans_cover_the_rows_in_order(frozen: Path) -> None:
    with open_manifest(frozen) as manifest:
        rows = list(manifest.images())
        spans = manifest.spans
        assert sum(span.rows for span in spans) == len(manifest)
        for span in spans:
            own = rows[span.first_row : span.first_row + span.rows]
            assert {(each.bucket, each.repeats) for each in own} == {(span.bucket, span.repeats)}
        assert spans == tuple(sorted(spans, key=lambda span: span.first_row))
        assert isinstance(spans[0], Span)


def test_the_digest_depends_on_the_data_alone(tmp_path: Path) -> None:
    """Equal on every machine: not on where the images are, or when it was made."""
    first = write_manifest(tmp_path / "a.manifest", content(tmp_path / "here"))
    moved = content(tmp_path / "elsewhere")
    moved = replace(
        moved, provenance=replace(moved.provenance, name="second", created_at="2027", index_commit=9)
    )
    assert write_manifest(tmp_path / "b.manifest", moved) == first
    weighed = replace(moved, subsets=(SUBSETS[0], replace(SUBSETS[1], loss_weight=0.6)))
    assert write_manifest(tmp_path / "c.manifest", weighed) != first


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE block SET numbers = CAST(replace(CAST(numbers AS TEXT), char(32), char(33)) AS BLOB)",
        "UPDATE block SET texts = CAST(upper(CAST(texts AS TEXT)) AS BLOB)",
        "UPDATE block SET sha256 = zeroblob(160)",
        "UPDATE block SET paths = CAST(upper(paths) AS BLOB)",
        "UPDATE part SET subset = 1 - subset WHERE first_row = 0",
        "UPDATE tag SET name = 'catt' WHERE name = 'cat'",
        "UPDATE bucket SET width = 640 WHERE id = 0",
        "DELETE FROM block WHERE id = 0",
        "UPDATE meta SET value = replace(value, 'kept', 'left') WHERE name = 'provenance'",
        "UPDATE part SET rows = rows + 1 WHERE first_row = 0",
        "UPDATE part SET repeats = 9 WHERE first_row = 0",
    ],
)
def test_any_change_is_seen(frozen: Path, change: str) -> None:
    with sqlite3.connect(frozen) as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(UserError, match="was changed"):
        open_manifest(frozen)
    if "provenance" in change:  # which the seal alone covers
        return
    reseal(frozen)
    with pytest.raises(UserError, match=r"was changed|damaged"), open_manifest(frozen) as manifest:
        verify_digest(manifest)


@pytest.mark.parametrize(
    "verify", [verify_digest, lambda manifest: verify_seal(manifest.path)], ids=["digest", "seal"]
)
def test_any_changed_byte_is_refused(frozen: Path, verify: Callable[[Manifest], None]) -> None:
    """In used and unused space, in the seal itself, cut short and grown: a sentence each time."""
    whole = frozen.read_bytes()
    flipped = (
        whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :] for at in [*range(0, len(whole), 997), -1]
    )
    for changed in (*flipped, whole[:-1], whole[:-44], whole + b"x", whole[: len(whole) // 2]):
        frozen.write_bytes(changed)
        with pytest.raises(UserError), open_manifest(frozen) as manifest:
            verify(manifest)
    frozen.write_bytes(whole)
    with open_manifest(frozen) as manifest:
        verify(manifest)


def test_changed_and_lost_pictures_are_named(frozen: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures/a.png").unlink()
    other = tmp_path / "pictures" / NAMES[1]
    other.write_bytes(b"x" * other.stat().st_size)
    with open_manifest(frozen) as manifest:
        problems = {problem.path.name: problem.reason for problem in verify_files(manifest) if problem}
        assert problems == {"a.png": "it is gone", "b [bold].png": "its content changed since the freeze"}
        assert len([p for p in verify_files(manifest, read_all=False) if p]) == 1


@pytest.mark.parametrize("damage", [b"", b"not a database", b"SQLite format 3\x00" + b"\x00" * 200])
def test_a_file_that_is_no_manifest(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "m.manifest"
    path.write_bytes(damage)
    with pytest.raises(UserError, match=r"m\.manifest"):
        open_manifest(path)


def test_a_newer_version_is_refused(frozen: Path) -> None:
    with sqlite3.connect(frozen) as connection:
        connection.execute("UPDATE meta SET value = '2' WHERE name = 'version'")
    connection.close()
    reseal(frozen)
    with pytest.raises(UserError, match="version 2"):
        open_manifest(frozen)


def test_a_missing_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_manifest(tmp_path / "none.manifest")
    assert "frieze freeze" in caught.value.hint


def test_a_failed_write_leaves_the_old_manifest(frozen: Path, tmp_path: Path) -> None:
    before = frozen.read_bytes()
    given = content(tmp_path / "pictures")

    def broken():  # type: ignore[no-untyped-def]
        yield next(iter(given.images))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_manifest(frozen, replace(given, images=broken()))
    assert frozen.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["m.manifest"]


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        write_manifest(tmp_path / "file" / "m.manifest", content(tmp_path / "pictures"))
