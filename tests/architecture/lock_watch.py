"""A whole day's work in one process that watches itself: which files with SQLite's locks on them does it open?

    python lock_watch.py FOLDER

POSIX drops all locks that a process has on a file as soon as it closes any handle of it. So a file on which SQLite
holds one may be opened by SQLite alone. Prints the offences, a line each.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from threading import local

from PIL import Image

from curator.cli.main import dispatch
from curator.cli.shared.boundary import exit_code_of
from curator.session.session import Session
from curator.tui.app import FriezeApp

_OFFENCES: list[str] = []
_HANDLES = Path("/proc/self/fd")
_look = local()  # the look itself opens files


def watch(event: str, values: tuple[object, ...]) -> None:
    """An audit hook: note an `open` of a file on which this process holds POSIX locks."""
    if event != "open" or hasattr(_look, "begun") or not isinstance(values[0], str | bytes):
        return
    _look.begun = True
    try:
        _note(os.fsdecode(values[0]))
    finally:
        del _look.begun


def _note(path: str) -> None:
    try:
        found = Path(path).stat()
    except OSError:
        return
    if any(os.path.samestat(found, locked) for locked in _locked()):
        _OFFENCES.append(f"{path}: " + " < ".join(_callers()))


def _locked() -> Iterator[os.stat_result]:
    for handle in _HANDLES.iterdir():
        try:
            if "POSIX" in Path("/proc/self/fdinfo", handle.name).read_text():
                yield handle.stat()
        except OSError:
            continue  # closed meanwhile


def _callers() -> list[str]:
    frames = traceback.extract_stack()[:-3]
    return [f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames)][:4]


def frieze(*words: object) -> None:
    code = exit_code_of(lambda: dispatch([str(word) for word in words]))
    assert code == 0, words


def offers_itself_to_the_watch(folder: Path) -> None:
    """What must be seen, or the watch is blind."""
    before = len(_OFFENCES)
    (folder / "frieze.db").read_bytes()
    assert _OFFENCES[before:] or before, "a plain look at the open index was not seen"
    del _OFFENCES[before:]


def work(folder: Path) -> None:
    """All that reads or writes an SQLite file, while an app has the collection open."""
    home, pictures = folder / "home", folder / "pictures"
    with Session.create(home) as session, Session.open(home):
        frieze("scan", pictures, "--collection", home)
        os.chdir(home)
        frieze("import", folder / "posts.db", "--yes")
        frieze("tag", "add", "fox", "seen", "--yes")
        frieze("subset", "add", "all", "fox OR wolf")
        frieze("freeze", "first", "--resolution", 128, "--min", 64)
        frieze("freeze", "first", "--resolution", 128, "--min", 64, "--replace")
        frieze("manifest", "verify", "first")
        frieze("manifest", "show", "first")
        frieze("manifest", "export", "first", folder / "exported", "--format", "kohya-toml")
        frieze("export", "sqlite", folder / "plain.db")
        frieze("pick", "--dump", folder / "posts.db", "--top", 1)
        frieze("pick", "fox", "--top", 1, "--save", "few")
        frieze("dupes", "--near", 4)
        frieze("captions", "--epoch", 1)
        frieze("verify", "--rebuild")
        frieze("scan", "--full")
        frieze("undo")
        frieze("history")
        asyncio.run(walk_through(session))
        frieze("ls")
        offers_itself_to_the_watch(home)


async def walk_through(session: Session) -> None:
    """Every screen of the app, an edit, a scan."""
    app = FriezeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("y", "u", "2", "3", "4", "5", "6", "7", "8", "1", "D", "escape", "Q", "escape", "f5"):
            await pilot.press(key)
            await pilot.pause(0.2)
        await app.workers.wait_for_complete()


def prepare(folder: Path) -> None:
    for k, name in enumerate(("fox", "wolf")):
        (folder / "pictures").mkdir(exist_ok=True)
        Image.new("RGB", (200, 160 + k), (k * 90, 0, 0)).save(folder / "pictures" / f"{k + 1}.png")
        (folder / "pictures" / f"{k + 1}.txt").write_text(f"{name}, animal")
    posts = sqlite3.connect(folder / "posts.db")
    posts.execute("CREATE TABLE posts(id INTEGER PRIMARY KEY, score INTEGER, rating TEXT, tag_string TEXT)")
    posts.executemany("INSERT INTO posts VALUES(?, 5, 'g', 'forest')", [(1,), (2,)])
    posts.commit()
    posts.close()


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
    sys.addaudithook(watch)
    work(Path(sys.argv[1]))
    sys.stdout.write("".join(f"OFFENCE {each}\n" for each in _OFFENCES))
