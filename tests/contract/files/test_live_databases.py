"""A database that is open here is opened by SQLite alone, whatever it is called."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from curator.contract.files.live_databases import hold, let_go
from curator.contract.files.regular_file import open_regular, read_regular


class Owner:
    pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("CREATE TABLE t(x)")
    (tmp_path / "linked.json").symlink_to("a.db")
    (tmp_path / "second name.txt").hardlink_to(tmp_path / "a.db")
    return tmp_path / "a.db"


@pytest.mark.parametrize("name", ["a.db", "linked.json", "second name.txt"])
def test_it_is_not_opened_while_anybody_has_it_open(file: Path, name: str) -> None:
    one, other = Owner(), Owner()
    hold(one, file)
    hold(other, file)
    let_go(one)
    with pytest.raises(OSError) as caught:
        open_regular(file.with_name(name))
    assert caught.value.errno == errno.EBUSY
    let_go(other)
    assert read_regular(file.with_name(name), limit_bytes=1 << 20).startswith(b"SQLite")


def test_who_is_gone_holds_nothing(file: Path) -> None:
    owner = Owner()
    hold(owner, file)
    del owner
    assert read_regular(file, limit_bytes=1 << 20).startswith(b"SQLite")


def test_other_files_are_read_and_missing_ones_are_missing(file: Path) -> None:
    owner = Owner()
    hold(owner, file)
    (file.parent / "b").write_text("b")
    assert read_regular(file.parent / "b", limit_bytes=1) == b"b"
    with pytest.raises(FileNotFoundError):
        open_regular(file.parent / "c")
    let_go(owner)
