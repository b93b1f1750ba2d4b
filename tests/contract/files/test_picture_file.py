"""Images reached by their paths, also inside tars, which are read in place and never unpacked (S009)."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.files.picture_file import has_picture, open_picture, picture_bytes, read_picture, tar_of
from curator.contract.files.tar_members import Member, TarMembers, is_tar, members_of, plain_name


def tarred(path: Path, files: dict[str, bytes], **options: Any) -> Path:
    with tarfile.open(path, "w", **options) as tar:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    return path


def described(tar: Path, **changes: Any) -> dict[str, Any]:
    """The JSON that tools write beside a shard."""
    files = {each.name: {"offset": each.offset, "size": each.size} for each in members_of(str(tar))}
    return {"filesize": tar.stat().st_size, "hash": "00", "files": files, **changes}


def test_a_plain_file_and_one_in_a_tar_read_the_same(tmp_path: Path) -> None:
    data = bytes(range(256)) * 100
    (tmp_path / "a.png").write_bytes(data)
    inside = tarred(tmp_path / "Shard.TAR", {"x/a.png": data, "b.png": b""}) / "x" / "a.png"
    for path in (tmp_path / "a.png", inside, str(inside)):
        assert read_picture(path) == data
        assert picture_bytes(path) == len(data)
        assert has_picture(path)
        with open_picture(path) as file:
            assert (file.seek(-3, io.SEEK_END), file.read()) == (len(data) - 3, data[-3:])
            assert (file.seek(10), file.read(5)) == (10, data[10:15])
    assert read_picture(tmp_path / "Shard.TAR" / "b.png") == b""


def test_what_is_not_there(tmp_path: Path) -> None:
    tar = tarred(tmp_path / "a.tar", {"a.png": b"1"})
    (tmp_path / "plain.png").touch()
    (tmp_path / "folder.tar").mkdir()
    for path in (
        tmp_path / "no.png",
        tar / "no.png",
        tmp_path / "no.tar" / "a.png",
        tmp_path / "folder.tar" / "a",
    ):
        assert not has_picture(path)
        with pytest.raises(FileNotFoundError):
            read_picture(path)
    with pytest.raises(NotADirectoryError):
        read_picture(tmp_path / "plain.png" / "a.png")
    assert tar_of(tmp_path / "folder.tar" / "a") is None
    assert tar_of(tar / "x" / "a.png") == (str(tar), "x/a.png")
    assert not is_tar(str(tmp_path / "folder.tar"))


def test_names_are_text(tmp_path: Path) -> None:
    """A name that would lead out of the tar leads nowhere: the bytes are always the member's."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    names = ["../secret.png", "/abs.png", "./b//c.png", "caf\udce9.png", "new\nline.png", "x" * 300 + ".png"]
    tar = tarred(tmp_path / "a.tar", {name: name[:9].encode("utf-8", "surrogateescape") for name in names})
    found = [each.name for each in members_of(str(tar))]
    assert sorted(found) == sorted(map(plain_name, names))
    assert read_picture(f"{tar}/../secret.png") == b"../secret"
    assert read_picture(tar / "caf\udce9.png") == b"caf\xe9.png"
    assert read_picture(tar / "b" / "c.png") == b"./b//c.pn"
    assert read_picture(f"{tar}/abs.png") == b"/abs.png"


def test_the_later_of_two_members_counts_and_links_are_refused(tmp_path: Path) -> None:
    tar = tarred(tmp_path / "a.tar", {"a.png": b"old"})
    with tarfile.open(tar, "a") as more:
        about = tarfile.TarInfo("./a.png")
        about.size = 3
        more.addfile(about, io.BytesIO(b"new"))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        more.addfile(link)
    assert read_picture(tar / "a.png") == b"new"  # also after the tar was looked into and changed
    assert members_of(str(tar)).refused == (("link.png", "a link or a sparse file in a tar"),)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar(tmp_path: Path, format: int) -> None:
    files = {"é" * 40 + ".png": b"1", "d/" * 20 + "a.png": b"22"}
    tar = tarred(tmp_path / "a.tar", files, format=format)
    assert {name: read_picture(tar / name) for name in files} == files


@pytest.mark.parametrize("left", [100, 512, 700, 1100, 1536, 2000, 2600, 3072])
def test_a_tar_cut_short_keeps_its_whole_members(tmp_path: Path, left: int) -> None:
    whole = tarred(tmp_path / "a.tar", {"a.png": b"a" * 600, "b.png": b"b" * 600})
    whole.write_bytes(whole.read_bytes()[:left])
    members = members_of(str(whole))
    held = [name for name, end in (("a.png", 1112), ("b.png", 2648)) if end <= left]
    assert [each.name for each in members] == held
    assert members.problem or members.refused
    for each in held:
        assert read_picture(whole / each) == each[:1].encode() * 600


@pytest.mark.parametrize(
    "headers",
    [
        {"size": "-1536"},
        {"size": "-5"},
        {"size": "9" * 30},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
    ],
)
def test_a_damaged_or_hostile_header_ends_the_walk_and_not_the_program(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name, own in (("a.png", {}), ("b.png", headers), ("c.png", {})):
            about = tarfile.TarInfo(name)
            about.size, about.pax_headers = 600, own
            tar.addfile(about, io.BytesIO(b"a" * 600))
    members = members_of(str(tmp_path / "a.tar"))
    assert members.find("a.png")
    assert members.problem or members.refused


def test_a_name_with_a_zero_byte_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        about = tarfile.TarInfo("a.png")
        about.pax_headers = {"path": "a\0b.png"}
        tar.addfile(about)
    members = members_of(str(tmp_path / "a.tar"))
    assert len(members) == 0
    assert members.refused


def test_a_folder_whose_letters_grow_when_lowered(tmp_path: Path) -> None:
    folder = tmp_path / "\u0130stanbul"
    folder.mkdir()
    whole = tarred(folder / "s.TAR", {"a.png": b"abc"})
    assert tar_of(whole / "a.png") == (str(whole), "a.png")
    assert read_picture(whole / "a.png") == b"abc"


def test_a_compressed_tar_under_a_plain_name(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.png"))
    members = members_of(str(tmp_path / "a.tar"))
    assert (len(members), members.problem) == (0, "not an uncompressed tar, or a damaged one")


def test_the_json_beside_a_tar_is_used_where_it_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar = tarred(tmp_path / "a.tar", {f"{k}.png": b"x" * k for k in range(1, 40)})
    about = described(tar)
    (tmp_path / "a.json").write_text(json.dumps(about))
    touched(tar)
    with monkeypatch.context() as patched:
        patched.setattr(tarfile, "open", None)  # the headers are not walked
        assert [each.size for each in members_of(str(tar))] == [
            int(each.name[:-4]) for each in members_of(str(tar))
        ]
    first = about["files"]["1.png"]
    wrong = [
        {**about, "filesize": 1},
        {**about, "files": {**about["files"], "1.png": {"offset": first["offset"] + 1, "size": 1}}},
        {**about, "files": {**about["files"], "1.png": {"offset": first["offset"], "size": 2}}},
        {**about, "files": {"1.png": {"offset": 10**12, "size": 2}}},
        {**about, "files": {"1.png": {"offset": True, "size": "2"}}},
        {"filesize": about["filesize"]},
        [1],
    ]
    for each in wrong:
        (tmp_path / "a.json").write_text(json.dumps(each))
        touched(tar)
        assert read_picture(tar / "1.png") == b"x"
        assert len(members_of(str(tar))) == 39


def touched(path: Path) -> None:
    """Another time, so that what is remembered of it no longer counts."""
    times = path.stat()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 10**9))


@given(
    names=st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
)
def test_members_are_found_by_name(names: list[str]) -> None:
    known = {plain_name(name): Member(plain_name(name), at, at) for at, name in enumerate(names)}
    known.pop("", None)
    members = TarMembers(known.values())
    assert {each.name: each for each in members} == known
    for name in [*known, "nobody"]:
        assert members.find(name) == known.get(name)
