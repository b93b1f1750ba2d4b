"""A damaged `frieze.db`: every command ends with a sentence and the way back, never with a traceback."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Frieze

PAGE = 4096
Damage = Callable[[Path], None]
COMMANDS = {
    "ls": ("ls",),
    "sort": ("ls", "fox sort:-width"),
    "stats": ("stats",),
    "tag": ("tag", "add", "fox", "new", "--yes"),
    "history": ("history",),
    "undo": ("undo",),
    "subset": ("subset", "list"),
    "captions": ("captions",),
    "freeze": ("freeze", "again", "--resolution", "256", "--min", "64"),
    "verify": ("verify",),
    "rebuild": ("verify", "--rebuild"),
}


def cut(share: float) -> Damage:
    def do(file: Path) -> None:
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * share)])

    return do


def over(at: int, data: bytes) -> Damage:
    def do(file: Path) -> None:
        whole = file.read_bytes()
        file.write_bytes(whole[:at] + data + whole[at + len(data) :])

    return do


def page_of(name: str, data: bytes) -> Damage:
    """Another content of the first page of a table or an SQL index."""

    def do(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            (root,) = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name=?", (name,)
            ).fetchone()
        over((root - 1) * PAGE, data)(file)

    return do


def sql(statement: str) -> Damage:
    def do(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(statement)
            connection.commit()

    return do


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def garbage_log(file: Path) -> None:
    file.with_name("frieze.db-wal").write_bytes(random.Random(1).randbytes(40_000))


NOISE = random.Random(0).randbytes(PAGE)
FATAL: dict[str, Damage] = {  # nothing can be read any more: every command says so
    "empty": cut(0),
    "a folder": folder,
    "cut in the header": over(0, b"") and cut(0.0002),
    "cut after a page": cut(0.02),
    "cut in half": cut(0.5),
    "text": lambda file: file.write_text("not a database, " * 1000),
    "header of zeros": over(0, bytes(100)),
    "another page size": over(16, b"\x00\x03"),
    "another file format": over(18, b"\x07\x07"),
    "another program's file": over(68, b"abcd"),
    "a schema of noise": over(100, NOISE[100:]),
    "a newer format": over(60, b"\x7f\xff\xff\xff"),
}
PARTIAL: dict[str, Damage] = {  # a command that does not meet it may do its work
    "cut at the end": cut(0.98),
    "a log of noise": garbage_log,
    **{
        f"{name} of zeros": page_of(name, bytes(PAGE))
        for name in ("image", "root", "tag", "journal", "bitmap")
    },
    "setting of noise": page_of("setting", NOISE),
    "an SQL index of noise": page_of("idx_tag_name", NOISE),
    "no table of roots": sql("DROP TABLE root"),
    "no table of quarantine": sql("DROP TABLE quarantine"),
    "text for a path": sql("UPDATE root SET path='/p'"),
    "text for a digest": sql("UPDATE image SET sha256='abc'"),
    "a short digest": sql("UPDATE image SET sha256=x'ff00'"),
    "ids beyond all": sql("UPDATE image SET id=9000000000000000000 WHERE id=1"),
    "a root that is not there": sql("UPDATE image SET root=77"),
    "garbled sets": sql("UPDATE bitmap SET data=x'ff13ff0707'"),
    "garbled columns": sql("UPDATE column_part SET data=x'ff13ff0707'"),
    "garbled tags": sql("UPDATE image_text SET tags=x'ffffffffff'"),
    "text for tags": sql("UPDATE image_text SET tags='abc'"),
    "a garbled journal": sql("UPDATE journal SET changes=x'ff13ff0707'"),
    "garbled late changes": sql("INSERT INTO late(data) VALUES(x'ff13ff0707')"),
    "garbled settings": sql("UPDATE setting SET value='{['"),
    "garbled rules": sql("UPDATE subset SET rules='{['"),
    "rules of another kind": sql("UPDATE subset SET rules='[1]'"),
    "a garbled pick": sql("UPDATE pick SET images=x'ff13'"),
}


@pytest.fixture
def whole(collection: Path, frieze: Frieze) -> Path:
    """A closed collection with a bit of everything, and a copy of its index beside it."""
    for line in (
        "tag add animal red --yes",
        "subset add all animal",
        "pick fox --save few",
        "buckets --set --step 32",
    ):
        assert frieze(*line.split()).code == 0
    assert frieze("verify", "--fold").code == 0
    shutil.copy(collection / "frieze.db", collection / "kept.db")
    return collection


def damaged(folder: Path, damage: Damage) -> None:
    for file in folder.glob("frieze.db*"):
        if file.is_dir():
            file.rmdir()
        else:
            file.unlink()
    shutil.copy(folder / "kept.db", folder / "frieze.db")
    damage(folder / "frieze.db")


@pytest.mark.parametrize("kind", FATAL)
def test_an_index_that_is_none_any_more_is_refused(whole: Path, frieze: Frieze, kind: str) -> None:
    for command in COMMANDS.values():
        damaged(whole, FATAL[kind])
        done = frieze(*command, "--collection", whole)
        assert (done.code, done.err.count("\n")) == (2, 2), (command, done.err)
        assert done.err.startswith("frieze: ")
        assert "hint: " in done.err


# the commands that do not meet a damage, and do their work
WORKS = {
    "cut at the end": "",
    "a log of noise": "ls sort stats tag history undo subset captions freeze verify rebuild",
    "image of zeros": "stats tag history undo subset",
    "root of zeros": "stats tag history undo subset",
    "tag of zeros": "history subset",
    "journal of zeros": "ls sort stats",
    "bitmap of zeros": "history",
    "setting of noise": "history",
    "an SQL index of noise": "ls sort history undo subset captions",
    "no table of roots": "stats tag history undo subset",
    "no table of quarantine": "ls sort tag history undo subset captions",
    "text for a path": "stats tag history undo subset",
    "text for a digest": "stats tag history undo subset",
    "a short digest": "ls sort stats tag history undo subset captions",
    "ids beyond all": "stats tag history undo subset captions",
    "a root that is not there": "stats tag history undo subset captions",
    "garbled sets": "ls stats history undo rebuild",
    "garbled columns": "history undo rebuild",
    "garbled tags": "ls sort stats tag history undo subset captions rebuild",
    "text for tags": "stats history undo subset",
    "a garbled journal": "ls sort stats tag history subset captions freeze",
    "garbled late changes": "history",
    "garbled settings": "ls sort stats tag history",
    "garbled rules": "ls sort tag history undo",
    "rules of another kind": "ls sort tag history undo",
    "a garbled pick": "ls sort stats tag history undo subset captions freeze",
}


@pytest.mark.parametrize("kind", PARTIAL)
def test_damage_in_part_is_told_by_who_meets_it(whole: Path, frieze: Frieze, kind: str) -> None:
    worked: list[str] = []
    for name, command in COMMANDS.items():
        damaged(whole, PARTIAL[kind])
        done = frieze(*command, "--collection", whole)
        if done.code == 0:
            worked.append(name)
            continue
        # That there are faults is what a check answers, where it can look at all.
        answers = command == ("verify",) and "the index has" in done.err
        assert done.code == (1 if answers else 2), (command, done.err)
        assert "hint: " in done.err, (command, done.err)
    assert worked == WORKS[kind].split()
