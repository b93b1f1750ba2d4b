"""What the doctor says of a terminal, packages, folders, an index and a GPU, by what was put there."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import stat
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from curator.contract.files.whole_files import drafted_file
from curator.doctor import gpu, packages, places, terminal
from curator.doctor.finding import Checked
from curator.index.condition import FORMAT, condition_of
from curator.index.file.import_lock import ImportLock
from curator.session.session import Session

PLAIN = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


def terminal_of(**env: str) -> Mapping[str, Checked]:
    found = terminal.terminal_checks(PLAIN | env, is_terminal=True)
    return {each.name: each for each in found}


@pytest.mark.parametrize(
    ("env", "name", "verdict", "words"),
    [
        ({}, "colours", "gap", "256"),
        ({"COLORTERM": "truecolor"}, "colours", "ok", "16 million"),
        ({"NO_COLOR": "1"}, "colours", "ok", "NO_COLOR"),
        ({"TERM": "screen"}, "colours", "gap", "8 or 16"),
        ({"TERM": "dumb"}, "kind", "gap", "dumb"),
        ({"TERM": ""}, "kind", "gap", "not set"),
        ({"SSH_CONNECTION": "1 2 3 4"}, "kind", "ok", "over SSH"),
        ({}, "characters", "ok", "UTF-8"),
        ({"LANG": "de_DE.utf8"}, "characters", "ok", "UTF-8"),
        ({"LC_ALL": "C"}, "characters", "gap", "LC_ALL=C"),
        ({"LANG": ""}, "characters", "gap", "none of"),
        ({}, "pictures", "gap", "no sign"),
        ({"KITTY_WINDOW_ID": "1"}, "pictures", "ok", "kitty"),
        ({"TERM": "xterm-ghostty"}, "pictures", "ok", "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "pictures", "ok", "iTerm2"),
        ({"LC_TERMINAL": "iTerm2"}, "pictures", "ok", "iTerm2"),
        ({"TERM": "foot"}, "pictures", "ok", "sixel"),
    ],
)
def test_a_terminal_is_known_by_its_environment(
    env: dict[str, str], name: str, verdict: str, words: str
) -> None:
    found = terminal_of(**env)[name]
    assert (found.verdict, words in found.found) == (verdict, True), found
    assert bool(found.hint) == (verdict != "ok")


def test_a_small_window_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, verdict, words in (("39", "gap", "needs 40x10"), ("60", "gap", "80x24"), ("80", "ok", "")):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setenv("LINES", "24")
        found = terminal_of()["size"]
        assert (found.verdict, words in found.hint) == (verdict, True)


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(("says", "verdict"), [("echo on", "ok"), ("echo off", "gap")])
def test_tmux_is_asked_whether_pictures_come_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, verdict: str
) -> None:
    program(tmp_path, "tmux", says)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert terminal_of(TMUX="/tmp/x,1,0")["tmux"].verdict == verdict
    assert "tmux" not in terminal_of()


def gpu_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: str, torch: str) -> list[Checked]:
    program(tmp_path, "nvidia-smi", driver)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(gpu, "PROGRAM", ("-c", torch))
    return list(gpu.gpu_checks(gpu.ask(quick=False)))


def says(**about: object) -> str:
    return f"print({json.dumps({'torch': '2.13.0', **about})!r})"


CARD = "echo 'NVIDIA H200, 143771, 4, 570.1'"
SEEN = [{"name": "NVIDIA H200", "memory_bytes": 150 << 30, "bf16": True}]


@pytest.mark.parametrize(
    ("driver", "torch", "verdicts", "words"),
    [
        (CARD, says(cuda="13.0", devices=SEEN), ["ok", "ok"], "sees NVIDIA H200 (150.0 GiB, bf16)"),
        (CARD, says(cuda=None, devices=[]), ["ok", "fault"], "built for the CPU alone; sees no GPU"),
        (CARD, says(cuda="13.0", devices=[]), ["ok", "fault"], "for CUDA 13.0; sees no GPU"),
        ("exit 9", says(cuda=None, devices=[]), ["gap", "ok"], "trains on the CPU"),
        (CARD, "import sys; sys.exit('libcudart.so: not there')", ["ok", "fault"], "libcudart.so: not there"),
        (CARD, "import time; time.sleep(1000)", ["ok", "fault"], "no answer within"),
    ],
)  # fmt: skip
def test_a_gpu_that_pytorch_does_not_see_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: str, torch: str, verdicts: list[str], words: str
) -> None:
    if "sleep" in torch:
        monkeypatch.setattr(gpu, "_TORCH_LIMIT_S", 0.5)
    found = gpu_found(monkeypatch, tmp_path, driver, torch)
    assert [each.verdict for each in found] == verdicts
    assert words in found[-1].found


def test_what_pytorch_sees_is_told_by_the_trainers_own_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "nvidia-smi", "exit 9")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = list(gpu.gpu_checks(gpu.ask(quick=False)))[-1]
    assert found.name == "torch"
    assert version("torch") in found.found
    assert "torch" not in [each.name for each in gpu.gpu_checks(gpu.ask(quick=True))]


@pytest.mark.parametrize(
    ("found", "bounds", "fits"),
    [
        ("2.13.0+cpu", "==2.13.0", True), ("2.13.1", "==2.13.0", False), ("1.2", ">=1.2.0", True),
        ("0.9.9", ">=0.21", False), ("5.10.1", ">=5.9", True), ("1.0", "", True), ("3.0", "<3,>=2", False),
    ],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(found: str, bounds: str, fits: bool) -> None:
    assert packages.fits(found, bounds) is fits


def test_a_missing_package_is_a_fault_where_all_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [
        *("numpy>=2.0", "nowhere>=1", "absent>=2 ; extra == 'tag'"),
        *('numpy>=99; extra == "parquet"', "frieze[tag]; extra == 'cluster'"),
    ]
    monkeypatch.setattr(packages, "requires", lambda _: asked)
    found = {each.name: each for each in packages.package_checks()}
    assert (found["needed"].verdict, "missing: nowhere" in found["needed"].found) == ("fault", True)
    assert (found["tag"].verdict, found["tag"].hint) == ("gap", "pip install 'frieze[tag]'")
    assert "tag models" in found["tag"].found
    assert (found["parquet"].verdict, ">=99 is asked for" in found["parquet"].found) == ("gap", True)
    assert "cluster" not in found


def test_of_two_builds_of_a_package_one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `frieze[tag]` asks for one of them, by machine."""
    asked = [
        "onnxruntime-gpu>=1.20; (sys_platform != 'darwin') and extra == 'tag'",
        "onnxruntime>=1.20; (sys_platform == 'darwin') and extra == 'tag'",
    ]
    monkeypatch.setattr(packages, "requires", lambda _: asked)
    for there in ("onnxruntime", "onnxruntime-gpu"):

        def found(name: str, there: str = there) -> str:
            if name not in (there, "frieze"):
                raise packages.PackageNotFoundError(name)
            return "1.31"

        monkeypatch.setattr(packages, "version", found)
        said = {each.name: each for each in packages.package_checks()}["tag"]
        assert (said.verdict, "1.31" in said.found) == ("ok", True)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    Session.create(tmp_path / "c").close()
    return tmp_path / "c"


def of_collection(folder: Path) -> dict[str, Checked]:
    return {each.name: each for each in places.collection_checks(folder)}


def test_an_index_is_looked_at_and_left_as_it_is(collection: Path) -> None:
    before = (collection / "frieze.db").read_bytes()
    found = of_collection(collection)
    assert [each.verdict for each in found.values()] == ["ok", "ok", "ok"]
    assert f"format {FORMAT}" in found["index"].found
    assert (collection / "frieze.db").read_bytes() == before
    assert not (collection / "frieze.db-import").exists()


@pytest.mark.parametrize(
    ("number", "verdict", "words"), [(FORMAT - 1, "ok", "brought up"), (FORMAT + 1, "fault", "knows up to")]
)
def test_the_format_is_told_and_not_changed(collection: Path, number: int, verdict: str, words: str) -> None:
    with sqlite3.connect(collection / "frieze.db") as connection:
        connection.execute(f"PRAGMA user_version={number}")
    connection.close()
    found = of_collection(collection)["index"]
    assert (found.verdict, words in found.found) == (verdict, True)
    assert condition_of(collection).format == number


def test_who_writes_and_who_imports_is_seen(collection: Path) -> None:
    other = sqlite3.connect(collection / "frieze.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "writing just now" in of_collection(collection)["locks"].found
    other.execute("ROLLBACK")
    other.close()
    lock = ImportLock(collection)
    assert lock.try_take()
    assert "import is running" in of_collection(collection)["locks"].found
    lock.release()
    assert of_collection(collection)["locks"].found == "nobody writes"


@pytest.mark.parametrize("text", [b"no database at all, but long enough to be read as one" * 40, b""])
def test_what_is_no_index_is_a_fault(collection: Path, text: bytes) -> None:
    (collection / "frieze.db").write_bytes(text)
    found = of_collection(collection)["index"]
    assert (found.verdict, bool(found.hint)) == ("fault", True)


def test_drafts_of_the_dead_are_told_and_those_of_the_living_not(collection: Path) -> None:
    runs = collection / "runs"
    runs.mkdir()
    with drafted_file(runs / "living.txt") as draft:
        draft.write_text("x")
        assert of_collection(collection)["drafts"].verdict == "ok"
    dead = runs / ".frieze-0123456789abcdef"
    dead.mkdir()
    (dead / "lock").touch()
    (collection / ".frieze-demo").touch()
    found = of_collection(collection)["drafts"]
    assert (found.verdict, "1 draft " in found.found, str(dead) in found.found) == ("gap", True, True)
    with (dead / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert of_collection(collection)["drafts"].verdict == "ok"


def test_a_full_disk_is_a_fault(collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, verdict in ((1 << 20, "fault"), (1 << 30, "gap"), (1 << 40, "ok")):
        usage = SimpleNamespace(free=free, total=1 << 41)
        monkeypatch.setattr(places.shutil, "disk_usage", lambda _, usage=usage: usage)
        assert {each.verdict for each in places.disk_checks(collection)} == {verdict}


def test_a_folder_that_may_not_be_written_to_is_told(
    collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places.os, "access", lambda path, _: Path(path) != collection)
    found = {each.name: each for each in places.permission_checks(collection)}
    assert (found["collection"].verdict, found["state of Frieze"].verdict) == ("fault", "ok")


def test_of_a_token_only_its_presence_is_told(tmp_path: Path) -> None:
    env = {"HF_HOME": str(tmp_path)}
    assert [each.verdict for each in places.token_checks(env)] == ["gap"]
    (tmp_path / "token").write_text("hf_secret")
    (tmp_path / "token").chmod(0)
    (found,) = places.token_checks(env)
    assert (found.verdict, "secret" in str(found)) == ("ok", False)
    (found,) = places.token_checks({"HF_TOKEN": "hf_secret"})
    assert (found.verdict, "secret" in str(found)) == ("ok", False)
