"""The app in a real tmux: keys in one piece, pasted text, keys before the first page, and how the app dies."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curator.session.session import Session
from tests.journeys.terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
FRIEZE = f"{sys.executable} -m curator"
Open = Callable[..., Terminal]


@pytest.fixture
def folder(tmp_path: Path, pictures: Path) -> Path:
    with Session.create(tmp_path / "set") as session:
        session.images.scan(pictures)
    return tmp_path / "set"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def open_(width: int = 80, height: int = 24) -> Terminal:
        environment = {"XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": str(Path.cwd())}
        opened.append(Terminal(tmp_path, width, height, environment))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def tags(folder: Path) -> list[list[str]]:
    with Session.open(folder) as session:
        return [
            [tag.name for tag in session.images.tags_of(each)]
            for each in session.images.select("").ids.tolist()
        ]


def test_keys_in_one_piece_are_obeyed_in_order(folder: Path, terminal: Open) -> None:
    it = terminal()
    it.keys(f"{FRIEZE} {folder}", "Enter")
    it.sees("cat-1.png")
    it.keys("/", "b", "i", "r", "f", "BSpace", "d")
    it.sees("/ bird")
    it.keys("Escape")
    it.sees("6 images")
    it.keys("G", "a", "zoo", "Enter", "k", "a", "dogo", "BSpace", "s", "Enter", "y", "2", "a", "birds", "Tab")
    it.keys("dog", "Enter", "a", "all", "Enter", "q")
    it.until(lambda: it.screen.rstrip().endswith("$"))
    found = tags(folder)
    assert found[5][-1] == "zoo"
    assert found[4][-1] == "dogs"
    assert sum(len(each) for each in found) == 6 * 3 + 2
    with Session.open(folder) as session:
        assert {each.name: each.filter for each in session.subsets.all()} == {"birds": "dog", "all": ""}
        assert [row.mark for row in session.images.rows(session.images.select("").ids.tolist())] == [
            0,
            0,
            0,
            0,
            1,
            0,
        ]


def test_keys_before_the_first_page_are_commands_of_the_list(folder: Path, terminal: Open) -> None:
    it = terminal()
    it.keys(f"{FRIEZE} {folder}", "Enter", "j", "j", "j", "j", "y")
    it.sees("+ ")
    assert "/ jjjj" not in it.screen
    it.keys("q")
    it.until(lambda: it.screen.rstrip().endswith("$"))
    with Session.open(folder) as session:
        assert session.memory.recall("filter") == ""
        assert [row.mark for row in session.images.rows(session.images.select("").ids.tolist())] == [
            0,
            0,
            0,
            0,
            1,
            0,
        ]


def test_pasted_text_is_text_in_an_entry_and_no_command_elsewhere(folder: Path, terminal: Open) -> None:
    it = terminal()
    it.keys(f"{FRIEZE} {folder}", "Enter")
    it.sees("cat-1.png")
    it.paste("xyq1\nu")
    it.keys("/")
    it.paste("animal\n-outdoors")
    it.sees("/ animal -outdoors")
    it.keys("Enter", "a")
    it.paste("one\ntwo\n")
    it.sees("one, two")
    it.keys("Enter", "q")
    it.until(lambda: it.screen.rstrip().endswith("$"))
    assert sum(each[-2:] == ["one", "two"] for each in tags(folder)) == 1
    with Session.open(folder) as session:
        assert {row.mark for row in session.images.rows(session.images.select("").ids.tolist())} == {0}


def test_an_app_that_dies_says_so_and_leaves_a_file(folder: Path, terminal: Open, tmp_path: Path) -> None:
    code = (
        "from curator.tui.screens.images.browse import BrowseScreen as B; from curator.cli.main import main"
    )
    boom = "B.action_crop = lambda _: 1 / 0"
    (tmp_path / "dies.py").write_text(f"{code}; {boom}; main([{str(folder)!r}])")
    it = terminal()
    it.keys(f"{sys.executable} {tmp_path / 'dies.py'}; echo code=$?", "Enter")
    it.sees("cat-1.png")
    it.keys("c")
    it.sees("code=70")
    assert "this is a bug in Frieze" in it.screen.replace("\n", "")
    (crash,) = (tmp_path / "state" / "frieze").glob("crash-*.txt")
    assert "ZeroDivisionError" in crash.read_text()


def test_a_write_that_waits_for_another_program_says_so_and_is_made(folder: Path, terminal: Open) -> None:
    """The app stays alive: another writer holds the index longer than one would look at a frozen screen."""
    it = terminal(120, 40)
    it.keys(f"{FRIEZE} {folder}", "Enter")
    it.sees("cat-1.png")
    other = sqlite3.connect(folder / "frieze.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    it.keys("y")
    it.sees("Another program is writing")
    it.keys("j")
    it.sees("1 cat ")  # the tags of the third image: the cursor moves meanwhile
    other.execute("ROLLBACK")
    other.close()
    it.sees("+ ")
    it.keys("q")
    it.until(lambda: it.screen.rstrip().endswith("$"))
    with Session.open(folder) as session:
        assert session.images.rows(session.images.select("").ids.tolist())[0].mark == 1


@pytest.mark.parametrize(("answer", "opens"), [("y", True), ("n", False)])
def test_an_index_is_offered_where_there_are_pictures(
    pictures: Path, terminal: Open, answer: str, opens: bool
) -> None:
    it = terminal()
    it.keys(f"cd {pictures} && {FRIEZE}; echo code=$?", "Enter")
    it.sees("make the index")
    it.sees("sidecar")
    it.keys(answer)
    it.sees("[1 Browse]" if opens else "code=1")
    assert (pictures / "frieze.db").exists() == opens
