"""Exports that end midway, by a kill or a full disk: nothing has their name, and the next try is not in their way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from curator.contract.locations import EXPORT_MARKER
from tests.cli.conftest import Frieze

KILLED = """
import os, signal, sys
from pathlib import Path
before = set(Path().iterdir())
from curator.interop.manifests import walked
from curator.index import export
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "manifest":
    honest = walked.walked
    def halfway(manifest, progress):
        for row, image in enumerate(honest(manifest, progress)):
            if row == 2 and set(Path().iterdir()) - before:  # names may have been walked before the draft
                kill()
            yield image
    for name in ("jsonl", "kohya", "tables"):
        module = __import__(f"curator.interop.manifests.{name}", fromlist=["walked"])
        module.walked = halfway
else:
    export._tags = kill
from curator.cli.main import dispatch
dispatch(sys.argv[1:])
"""
FORMATS = ("jsonl", "kohya-toml", "kohya-json", "imagefolder", "parquet")
EXPORTS = [
    ("export", "sqlite", "out"),
    *(("manifest", "export", "set", "out", "--format", form) for form in FORMATS),
    ("manifest", "export", "set", "out", "--format", "imagefolder", "--copy"),
]


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def is_whole(out: Path) -> bool:
    return (out.stat().st_size if out.is_file() else len(list(out.iterdir()))) > 0


@pytest.mark.parametrize("command", EXPORTS, ids=" ".join)
def test_a_kill_leaves_nothing_of_that_name(frozen: Path, pictures: Path, frieze: Frieze, command) -> None:
    before = names(pictures)
    done = subprocess.run([sys.executable, "-c", KILLED, *command], cwd=pictures, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (pictures / "out").exists()
    assert len(names(pictures) - before) == 1  # a hidden draft
    assert frieze(*command).code == 0
    assert names(pictures) - before == {"out"}
    assert is_whole(pictures / "out")
    assert frieze(*command).code == 2  # what is there stays


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("no right to mount a disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("command", EXPORTS, ids=" ".join)
def test_a_full_disk(frozen: Path, frieze: Frieze, command: tuple[str, ...], small_disk: Path) -> None:
    with (small_disk / "full").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    done = frieze(*[small_disk / "out" if word == "out" else word for word in command])
    assert done.code == 2, done.err
    assert names(small_disk) == {"full"}


def test_a_disk_of_its_own_is_exported_into(frozen: Path, frieze: Frieze, small_disk: Path) -> None:
    assert frieze("manifest", "export", "set", small_disk).code == 0
    assert names(small_disk) == {EXPORT_MARKER, "manifest.jsonl"}
    assert frieze("manifest", "export", "set", small_disk).code == 2
