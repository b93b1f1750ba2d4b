"""Where a file is expected and something else lies there, or a file without end: a sentence, and no waiting."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Frieze


def loop(path: Path) -> None:
    path.symlink_to(path)


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 41)


KINDS: dict[str, Callable[[Path], object]] = {
    "FIFO": os.mkfifo, "endless device": lambda path: path.symlink_to("/dev/zero"), "loop": loop,
    "folder": Path.mkdir, "file without end": endless,
}  # fmt: skip


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """A command that hangs is told apart from one that is slow."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(240)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "command",
    [
        ("recipe", "check", "FILE.toml"),
        ("train", "set", "--recipe", "FILE.toml", "--check"),
        ("tag", "tables", "FILE.toml"),
        ("tag", "clean", "", "--aliases", "FILE.csv"),
        ("pick", "", "--list", "FILE.txt"),
        ("import", "FILE.toml", "--layout", "kohya-toml"),
        ("import", "FILE.jsonl", "--layout", "booru"),
        ("import", "FILE.csv", "--layout", "scores"),
        ("import", "FILE.jsonl", "--layout", "scores"),
        ("import", "FILE.json", "--layout", "scores"),
        ("manifest", "import", "FILE.jsonl", "new"),
        ("manifest", "show", "FILE.manifest"),
        ("scan", "FILE.tar"),
    ],
    ids=" ".join,
)
def test_a_file_that_was_named(
    collection: Path, tmp_path: Path, frieze: Frieze, kind: str, command: tuple[str, ...]
) -> None:
    words: list[object] = []
    for word in command:
        if word.startswith("FILE"):
            KINDS[kind](tmp_path / word)
        words.append(tmp_path / word if word.startswith("FILE") else word)
    done = frieze(*words)
    is_scanned = command[0] == "scan" and kind in ("folder", "file without end")
    # a folder may be called so, and zeros are an empty tar
    assert done.code == (0 if is_scanned else 2), done
    assert "Usage" not in done.err
    assert "invalid" not in done.err
    assert "No such option" not in done.err


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_beside_pictures(
    collection: Path, pictures: Path, frieze: Frieze, tmp_path: Path, kind: str
) -> None:
    """The JSON beside a tar, EveryDream's files, gallery-dl's, captions of kohya: the rest goes on."""
    import tarfile

    more = tmp_path / "more"
    more.mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (64, 64), "red").save(more / f"{name}.png")
    with tarfile.open(more / "shard.tar", "w") as tar:
        tar.add(more / "a.png", "in.png")
    for name in ("shard.json", "multiply.txt", "a.png.json", "a.caption", "local.yaml"):
        KINDS[kind](more / name)
    assert frieze("scan", more, "--collection", collection).code == 0
    assert frieze("ls", f"path:{more}/*", "--json").json or frieze("ls", "in.png", "--json").code == 0
    done = frieze("import", more, "--yes", "--layout", "everydream", "--collection", collection)
    told, *warnings = done.out.splitlines()
    assert (done.code, told) == (0, "0 images added, 1 subset saved")  # what is beside images is optional
    beside = {line.partition(": ")[2].rpartition(": ")[0].rpartition("/")[2] for line in warnings}
    assert beside == ({"a.caption", "a.png.json"} if kind in ("FIFO", "endless device", "loop") else set())
    done = frieze("import", more, "--yes", "--layout", "gallery-dl", "--collection", collection)
    assert (done.code, "hint: look at the file: a file that cannot be read" in done.err) == (
        2,
        True,
    )  # it was all
    done = frieze("import", more, "--yes", "--layout", "kohya-folders", "--collection", collection)
    assert (done.code, "as kohya calls them" in done.err) == (
        2,
        True,
    )  # the folder has no number, whatever is in it


def test_pictures_that_became_something_else(
    frozen: Path, pictures: Path, frieze: Frieze, tmp_path: Path
) -> None:
    """`dupes --near`, `manifest export --copy` and `manifest verify` look at them again."""
    for name, kind in (("fox", "FIFO"), ("owl", "endless device"), ("wolf", "file without end")):
        (pictures / f"{name}.png").unlink()
        KINDS[kind](pictures / f"{name}.png")
    assert frieze("dupes", "--near", 4).code == 0
    done = frieze("manifest", "export", "set", tmp_path / "out", "--format", "imagefolder", "--copy")
    assert done.code == 2
    assert "manifest verify" in done.err
    assert not (tmp_path / "out").exists()
    assert frieze("manifest", "verify", "set").code == 1
