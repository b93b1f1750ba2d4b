"""What can go wrong while a manifest is written leaves either a whole one or none."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.manifest.digest import verify_digest
from curator.contract.manifest.manifest import ManifestImage, open_manifest
from curator.contract.manifest.writer import ManifestContent, write_manifest
from tests.contract.manifest.test_manifest import content

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.contract.manifest.test_manifest import content
from curator.contract.manifest.writer import write_manifest
folder = Path(sys.argv[1])
given = content(folder / "pictures")

def slow():
    for each in given.images:
        print("writing", flush=True)
        sys.stdin.readline()
        yield each

write_manifest(folder / "slow.manifest", replace(given, images=slow()))
"""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name != "pictures")


@contextmanager
def writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of a manifest."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        assert process.stdout
        assert process.stdout.readline() == "writing\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    with writer(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (left,) = names(tmp_path)
    assert left.startswith(".frieze-")
    write_manifest(tmp_path / "other.manifest", content(tmp_path / "pictures"))
    assert names(tmp_path) == ["other.manifest"]


def test_what_a_living_writer_writes_is_left_alone(tmp_path: Path) -> None:
    with writer(tmp_path) as process:
        write_manifest(tmp_path / "other.manifest", content(tmp_path / "pictures"))
        assert len(names(tmp_path)) == 2
        process.communicate("\n" * 10)
        assert process.returncode == 0
    assert names(tmp_path) == ["other.manifest", "slow.manifest"]
    for name in names(tmp_path):
        with open_manifest(tmp_path / name) as manifest:
            verify_digest(manifest)


def meanwhile(given: ManifestContent, path: Path) -> Iterator[ManifestImage]:
    """In the middle of one manifest another of the same name is made."""
    first, *others = given.images  # type: ignore[misc]
    yield first
    write_manifest(path, replace(given, provenance=replace(given.provenance, name="second")), replace=False)
    yield from others


def made_by(path: Path) -> str:
    with open_manifest(path) as manifest:
        verify_digest(manifest)
        return manifest.header.provenance.name


def test_the_second_of_two_with_one_name_is_a_sentence(tmp_path: Path) -> None:
    path, given = tmp_path / "m.manifest", content(tmp_path / "pictures")
    with pytest.raises(UserError, match="there is a manifest"):
        write_manifest(path, replace(given, images=meanwhile(given, path)), replace=False)
    assert made_by(path) == "second"
    assert names(tmp_path) == ["m.manifest"]
    path.unlink()
    write_manifest(path, replace(given, images=meanwhile(given, path)), replace=True)
    assert made_by(path) == "first"
    assert names(tmp_path) == ["m.manifest"]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1 << 12, 1 << 17, 1 << 22])
def test_no_space_is_a_sentence(tmp_path: Path, size: int) -> None:
    """At the first table, at the end, and while rows are written in their thread."""
    path, given = tmp_path / "m.manifest", content(tmp_path / "pictures")
    write_manifest(path, given)
    before = path.read_bytes()
    images = list(given.images)  # type: ignore[arg-type]
    long = [each._replace(parts=each.parts._replace(text="x" * 9000)) for each in images[:1] * 3000]
    with room_for(size), pytest.raises(UserError, match="cannot be written"):
        write_manifest(path, replace(given, images=long))
    assert path.read_bytes() == before
    assert names(tmp_path) == ["m.manifest"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_a_sentence(tmp_path: Path) -> None:
    given = content(tmp_path / "pictures")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(UserError, match="Permission denied"):
        write_manifest(closed / "m.manifest", given)


def test_others_may_read_it_as_the_mask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_manifest(tmp_path / "m.manifest", content(tmp_path / "pictures"))
    finally:
        os.umask(before)
    assert (tmp_path / "m.manifest").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not Path("/proc/locks").is_file(), reason="the system does not tell locks")
def test_a_draft_has_no_locks_that_another_freeze_here_could_drop(tmp_path: Path) -> None:
    """Who begins a manifest looks at every draft beside it, and closing what was looked at drops POSIX locks."""
    given = content(tmp_path)
    held: list[str] = []

    def images() -> Iterator[ManifestImage]:
        for each in given.images:
            drafts = {file.stat().st_ino for file in (tmp_path / "m").rglob("*.manifest")}
            assert drafts
            held.extend(line for line in Path("/proc/locks").read_text().splitlines()
                        if "POSIX" in line and int(line.split()[5].rpartition(":")[2]) in drafts)  # fmt: skip
            yield each

    write_manifest(tmp_path / "m" / "a.manifest", replace(given, images=images()))
    assert held == []
