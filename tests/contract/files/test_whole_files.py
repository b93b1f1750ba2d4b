"""Files and folders are there whole or not at all, whatever ends the writing; nothing is left behind for good."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from curator.contract.files import whole_files
from curator.contract.files.whole_files import TakenError, drafted_file, drafted_folder, replace_file

ROOT = Path(__file__).parents[3]
HANGS = """
import sys
from pathlib import Path
from curator.contract.files.whole_files import drafted_file, drafted_folder
path = Path(sys.argv[2])
with (drafted_file if sys.argv[1] == "file" else drafted_folder)(path) as draft:
    (draft if sys.argv[1] == "file" else draft / "half").write_bytes(b"half" * 1000)
    print("half", flush=True)
    sys.stdin.readline()
"""


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@contextmanager
def half_way(kind: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has written half."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS, kind, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert process.stdout
        assert process.stdout.readline() == "half\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def killed(kind: str, path: Path) -> None:
    with half_way(kind, path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()


def draft_of(kind: str, path: Path) -> AbstractContextManager[Path]:
    return drafted_file(path) if kind == "file" else drafted_folder(path)


def fill(kind: str, draft: Path) -> None:
    (draft if kind == "file" else draft / "a.txt").write_bytes(b"whole")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_killed_writer_leaves_nothing_that_has_the_name_and_blocks_nobody(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "out"
    killed(kind, path)
    assert not path.exists()
    assert [name[:8] for name in names(tmp_path)] == [".frieze-"]
    with draft_of(kind, path) as draft:
        fill(kind, draft)
    assert names(tmp_path) == ["out"]
    assert (path if kind == "file" else path / "a.txt").read_bytes() == b"whole"


def test_a_folder_that_is_there_and_empty_is_filled_also_after_a_kill(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o750)
    inode = (tmp_path / "out").stat().st_ino
    killed("folder", tmp_path / "out")
    with drafted_folder(tmp_path / "out") as draft:
        fill("folder", draft)
        (draft / "in").mkdir()
        (draft / "in/b").write_text("b")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["a.txt", "in"]
    assert (tmp_path / "out").stat().st_ino == inode


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_draft_of_a_living_writer_is_left_alone(tmp_path: Path, kind: str) -> None:
    with half_way(kind, tmp_path / "out") as process:
        with drafted_file(tmp_path / "other") as draft:
            fill("file", draft)
        process.communicate("\n")
        assert process.returncode == 0
    assert names(tmp_path) == ["other", "out"]


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device"), ValueError])
def test_an_error_leaves_what_was_there(tmp_path: Path, kind: str, error: type[BaseException]) -> None:
    if kind == "file":
        (tmp_path / "out").write_text("before")

    def end() -> None:
        with draft_of(kind, tmp_path / "out") as draft:
            fill(kind, draft)
            raise error

    with pytest.raises((KeyboardInterrupt, OSError, ValueError)):
        end()
    assert names(tmp_path) == (["out"] if kind == "file" else [])
    assert kind == "folder" or (tmp_path / "out").read_text() == "before"


def test_what_is_there_is_not_taken_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").write_text("mine")
    with pytest.raises(TakenError), drafted_file(tmp_path / "file", replace=False):
        pass
    for name in ("file", "full"):
        with pytest.raises(TakenError), drafted_folder(tmp_path / name):
            pass
    with drafted_folder(tmp_path / "full", replace=True) as draft:
        (draft / "b").write_text("new")
    assert names(tmp_path / "full") == ["b"]
    assert names(tmp_path) == ["file", "full"]


@pytest.mark.parametrize("links", [True, False])
def test_a_name_taken_meanwhile_stays_with_who_took_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("no links on this file system")

    if not links:
        monkeypatch.setattr(os, "link", refused)

    def write(words: str, meanwhile: Callable[[], None]) -> None:
        with drafted_file(tmp_path / "out", replace=False) as draft:
            draft.write_text(words)
            meanwhile()

    with pytest.raises(TakenError):
        write("second", lambda: write("first", lambda: None))
    assert (tmp_path / "out").read_text() == "first"
    assert names(tmp_path) == ["out"]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_small_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")
    path.chmod(0o640)
    (tmp_path / "link").symlink_to(path)
    with room_for(1000), pytest.raises(OSError, match="too large"):
        replace_file(path, b"x" * 5000)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["a.txt", "link"]
    status = replace_file(tmp_path / "link", b"after")
    assert path.read_bytes() == b"after"
    assert (tmp_path / "link").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert (status.st_size, status.st_mtime_ns) == (5, path.stat().st_mtime_ns)
    replace_file(tmp_path / ("n" * 251 + ".txt"), b"a name as long as can be")


def test_what_a_killed_writer_left_of_a_small_file_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "w.os.replace = lambda *_: os.kill(os.getpid(), 9); w.replace_file(sys.argv[1], b'x' * 9000)"
    code = f"import os, sys; from curator.contract.files import whole_files as w; {code}"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    replace_file(tmp_path / "a.txt", b"new")
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"new"


def test_a_trap_at_the_drafts_name_is_an_error(tmp_path: Path) -> None:
    replace_file(tmp_path / "a.txt", b"1")
    seen: list[Path] = []
    honest = whole_files._opened
    whole_files._opened = lambda path: (seen.append(path), honest(path))[1]  # type: ignore[assignment]
    try:
        replace_file(tmp_path / "a.txt", b"2")
    finally:
        whole_files._opened = honest
    os.mkfifo(seen[0])
    with pytest.raises(OSError, match="not a regular file"):
        replace_file(tmp_path / "a.txt", b"3")
    seen[0].unlink()
    (tmp_path / "precious").write_text("precious")
    seen[0].symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic"):
        replace_file(tmp_path / "a.txt", b"4")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "a.txt").read_bytes() == b"2"


def test_many_that_write_one_file_at_once_leave_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write(number: int) -> None:
        for _ in range(20):
            replace_file(path, bytes([number]) * (1000 + number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    data = path.read_bytes()
    assert data == bytes([data[0]]) * (1000 + data[0])
    assert names(tmp_path) == ["a.txt"]
