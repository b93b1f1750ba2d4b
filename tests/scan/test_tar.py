"""Tars scanned, frozen, checked, exported and trained in place equal the same files in a folder (S009)."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.files import tar_members
from curator.contract.manifest.digest import verify_files
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.members import spec_of
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.interop.manifests.kohya import write_kohya_folders, write_kohya_json
from curator.interop.manifests.tables import write_imagefolder
from curator.interop.sidecar_write import write_sidecars
from curator.scan.copies.fingerprint import fill
from curator.scan.scan import scan
from tests.freezing import check, freeze, members_of


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four images, three with words."""
    folder = tmp_path / "unpacked"
    (folder / "deep").mkdir(parents=True)
    for number, kind in enumerate(("png", "webp", "jpeg", "bmp")):
        path = folder / ("deep" if number % 2 else "") / f"{number}.{kind}"
        Image.radial_gradient("L").resize((300 + number, 280)).save(path)
        if number < 3:
            path.with_suffix(".txt").write_text(f"fox, t{number}")
    (folder / "2.caption").write_text("a fox")
    return folder


def pack(folder: Path, tar: Path) -> Path:
    with tarfile.open(tar, "w") as packed:
        packed.add(folder, ".")
    return tar


@pytest.mark.parametrize("name", ["pax", "long name", "pax after pax"])
def test_a_header_that_claims_to_be_huge_ends_its_tar_alone(tmp_path: Path, name: str) -> None:
    """What lies before it is kept; the scan goes on with the next."""
    shards = tmp_path / "shards"
    shards.mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    with tarfile.open(shards / "bad.tar", "w") as tar:
        tar.add(tmp_path / "a.png", "a.png")
    whole = (shards / "bad.tar").read_bytes()
    end = whole.rstrip(b"\0")
    member = whole[: -(-len(end) // 512) * 512]
    info = tarfile.TarInfo("x")
    info.type = tarfile.GNUTYPE_LONGNAME if name == "long name" else tarfile.XHDTYPE
    info.size = (1 << 62) if name != "pax after pax" else 0
    (shards / "bad.tar").write_bytes(member + info.tobuf(tarfile.GNU_FORMAT) * (1 if info.size else 5000))
    (shards / "good.tar").write_bytes(whole)
    collection = Collection.create(tmp_path)
    report = scan(collection, shards)
    assert report.added == 2
    ((path, why),) = report.quarantined
    assert path == str(shards / "bad.tar")
    assert "cannot be read to its end" in why


def collection_of(folder: Path, home: Path) -> Collection:
    collection = Collection.create(home)
    report = scan(collection, folder)
    assert (report.added, report.quarantined, report.warnings) == (4, [], [])
    assert scan(collection, folder).unchanged == 4
    assert collection.check() == []
    return collection


def frozen(collection: Collection) -> Path:
    spec = spec_of(collection)
    path = collection.folder / "m.manifest"
    freeze(collection, spec, members_of(collection, spec), path)
    return path


def test_a_tar_as_a_root_is_the_folder_it_was_made_of(pictures: Path, tmp_path: Path) -> None:
    """Equal digest of the frozen data; every file verifies; equal looks."""
    plain = collection_of(pictures, tmp_path / "one")
    packed = collection_of(pack(pictures, tmp_path / "shard.tar"), tmp_path / "two")
    with open_manifest(frozen(plain)) as one, open_manifest(frozen(packed)) as two:
        assert one.digest == two.digest
        assert [each for each in verify_files(two) if each] == []
        assert [image.parts for image in one.images()] == [image.parts for image in two.images()]
    for collection in (plain, packed):
        assert fill(collection, list(collection.images.alive())).fingerprinted == 4
    contents = [bytes.fromhex(row.sha256) for row in plain.rows(list(plain.images.alive()))]
    assert plain.fingerprints.of(contents) == packed.fingerprints.of(contents)


def test_tars_and_files_in_one_folder(pictures: Path, tmp_path: Path) -> None:
    for number in range(2):
        pack(pictures, pictures.parent / f"shard{number}.tar")
    collection = Collection.create(tmp_path)
    assert scan(collection, tmp_path).added == 12
    paths = {row.path for row in collection.rows(list(collection.images.alive()))}
    assert {"shard0.tar/0.png", "shard1.tar/deep/3.bmp", "unpacked/deep/1.webp"} < paths
    spec = spec_of(collection)
    report = check(collection, spec, BatchSize())
    assert not report.stops


def test_a_picture_moved_into_a_tar_keeps_its_words(pictures: Path, tmp_path: Path) -> None:
    collection = Collection.create(tmp_path)
    scan(collection, tmp_path)
    collection.apply(AddTags(("mine",)))
    packed = pack(pictures, tmp_path / "a.tar")
    for path in [each for each in pictures.rglob("*") if each.is_file()]:
        path.unlink()
    assert scan(collection, tmp_path).moved == 4
    assert {row.path.partition("/")[0] for row in collection.rows([1, 2, 3, 4])} == {"a.tar"}
    assert all("mine" in tags for tags in collection.tag_names([1, 2, 3, 4]))
    packed.unlink()
    assert scan(collection, tmp_path).missing == 4


def test_a_broken_tar_gives_what_it_can(pictures: Path, tmp_path: Path) -> None:
    """The cut member and the tar are named, the rest goes on; whole again, nothing is left of it."""
    tar = pack(pictures, tmp_path / "a.tar")
    whole = tar.read_bytes()
    with tarfile.open(tar) as opened:
        last = max((each for each in opened if each.isfile()), key=lambda each: each.offset)
    (tmp_path / "b.tar.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "c.tar").write_bytes(b"no tar at all" * 100)
    tar.write_bytes(whole[: last.offset_data + 5])
    collection = Collection.create(tmp_path / "home")
    report = scan(collection, tmp_path)
    told = {os.path.relpath(path, tmp_path): why for path, why in report.quarantined}
    assert "compressed" in told["b.tar.gz"]
    assert "not an uncompressed tar" in told["c.tar"]
    assert "cannot be read to its end" in told["a.tar"]
    assert report.added == 4 + 4 - last.name.endswith((".png", ".webp", ".jpeg", ".bmp"))
    tar.write_bytes(whole)
    (tmp_path / "b.tar.gz").unlink()
    assert [Path(path).name for path, _ in scan(collection, tmp_path).quarantined] == ["c.tar"]
    assert len(collection.quarantine.list()) == 1
    assert collection.images.count() == 8


def test_names_in_a_tar_lead_nowhere(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), 1).save(tmp_path / "in.png")
    (tmp_path / "inner").mkdir()
    with tarfile.open(tmp_path / "inner" / "a.tar", "w") as tar:
        for name in ("../../in.png", "/etc/abs.png", ".hidden.png", "\x1b[31m.png"):
            about = tar.gettarinfo(tmp_path / "in.png")
            about.name = name
            with open(tmp_path / "in.png", "rb") as file:
                tar.addfile(about, file)
    collection = Collection.create(tmp_path / "home")
    scan(collection, tmp_path / "inner")
    rows = collection.rows(list(collection.images.alive()))
    assert {row.path for row in rows} == {"a.tar/../../in.png", "a.tar/etc/abs.png", "a.tar/\x1b[31m.png"}
    with open_manifest(frozen(collection)) as manifest:
        write_imagefolder(manifest, tmp_path / "out", copy=False)
        assert [each for each in verify_files(manifest) if each] == []
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", "in.png", "inner", "out"]


def test_exports_write_members_out(pictures: Path, tmp_path: Path) -> None:
    collection = collection_of(pack(pictures, tmp_path / "a.tar"), tmp_path / "home")
    with open_manifest(frozen(collection)) as manifest:
        write_kohya_folders(manifest, tmp_path / "kohya", copy=False)
        with pytest.raises(UserError, match="inside one"):
            write_kohya_json(manifest, tmp_path / "json")
    written = {path.read_bytes() for path in (tmp_path / "kohya").glob("*/*") if path.suffix != ".txt"}
    assert written == {path.read_bytes() for path in pictures.rglob("[0-9].*") if path.suffix[1] in "pwjb"}
    assert not (tmp_path / "json").exists()


def test_sidecars_are_not_written_into_a_tar(pictures: Path, tmp_path: Path) -> None:
    tar = pack(pictures, tmp_path / "a.tar")
    before = tar.read_bytes()
    collection = collection_of(tar, tmp_path / "home")
    assert write_sidecars(collection, [1, 2, 3, 4]).unchanged == 4
    collection.apply(AddTags(("new",)))
    report = write_sidecars(collection, [1, 2, 3, 4])
    assert (report.written, len(report.failed)) == (0, 4)
    assert "lies in a tar" in report.failed[0][1]
    assert tar.read_bytes() == before


def test_a_compressed_tar_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").touch()
    with pytest.raises(UserError, match="no folder"):
        scan(Collection.create(tmp_path), tmp_path / "a.tar.gz")


def test_a_shard_with_its_json(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON of shards on Hugging Face tells the places: the headers of the tar are not walked."""
    (tmp_path / "shards").mkdir()
    tar = pack(pictures, tmp_path / "shards" / "a.tar")
    files = {
        f"./{each.name}": {"offset": each.offset, "size": each.size}
        for each in tar_members.members_of(str(tar))
    }
    (tar.with_suffix(".json")).write_text(json.dumps({"filesize": tar.stat().st_size, "files": files}))
    os.utime(tar, ns=(1, 1))
    monkeypatch.setattr(tarfile, "open", None)
    collection = collection_of(tar.parent, tmp_path / "home")
    assert {row.path for row in collection.rows([1, 2, 3, 4])} > {"a.tar/0.png", "a.tar/deep/1.webp"}


def test_what_a_cut_tar_lost_stays_in_quarantine(pictures: Path, tmp_path: Path) -> None:
    """At every scan, since when it was first met."""
    packed = pack(pictures, tmp_path / "cut.tar")
    data = packed.read_bytes()
    packed.write_bytes(data[: len(data) // 2])
    collection = Collection.create(tmp_path / "home")
    first = scan(collection, packed).quarantined
    kept = collection.quarantine.list()
    assert [entry.path for entry in kept] == sorted(path for path, _ in first) != [str(packed)]
    for quick in (False, True, False):
        assert sorted(scan(collection, packed, quick=quick).quarantined) == sorted(first)
        assert collection.quarantine.list() == kept
