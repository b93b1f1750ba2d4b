"""Programs that come and go at one collection: an app, another in a terminal, commands, a tagger.

Each is a process of its own that goes on until it is killed, or told to quit by SIGTERM.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from threading import Event

from curator.index.changes.edits import AddTags, Annotations, Rewrite
from curator.index.collection import Collection
from curator.session.session import Session

CREWS = (  # two are enough to lose a log; a third who has it open rightly would hide that
    ("app", "visitor"),
    ("screen", "visitor"),
    ("app", "command"),
    ("app", "screen"),
    ("app", "screen", "visitor", "command", "tagger"),
)
ROLES = frozenset(role for crew in CREWS for role in crew)
ENDED_BY_THEMSELVES = ("screen", "command")  # they have programs of their own, which they end
_IMAGES = 1000
_is_over = Event()


def work(role: str, folder: Path, number: int) -> None:
    """Do what the role does until SIGTERM; `number` is that of the round."""
    signal.signal(signal.SIGTERM, _quit)
    match role:
        case "app":
            _be_an_app(folder, number)
        case "screen":
            _sit_at_a_screen(folder, number)
        case "visitor":
            _visit(folder, number)
        case "command":
            _give_commands(folder, number)
        case _:
            _tag(folder, number)


def _quit(*_: object) -> None:
    _is_over.set()


def _tell(role: str, name: str) -> None:
    print(f"{role} {name} 1", flush=True)


def _be_an_app(folder: Path, number: int) -> None:
    """Two sessions, as the app has them: one edits, the other looks."""
    with Session.open(folder) as session, Session.open(folder) as reader:
        count = 0
        while not _is_over.is_set():
            image, name = count % _IMAGES + 1, f"a{number}_{count}"
            session.edits.apply(AddTags((name,)), [image])
            _tell("app", name)
            assert name in reader.tags.names_of([image])[0], "the app does not see its own edit"
            if count % 50 == 49:
                reader.upkeep.fold_while(lambda: True)
            count += 1


def _visit(folder: Path, number: int) -> None:
    """Open, edit a little, close, and again."""
    count = 0
    while not _is_over.is_set():
        with Session.open(folder) as session:
            for _ in range(3):
                name = f"v{number}_{count}"
                session.edits.apply(AddTags((name,)), [count % _IMAGES + 1])
                _tell("visitor", name)
                count += 1


def _tag(folder: Path, number: int) -> None:
    """Small commits without pause, as a tagger makes them."""
    count = 0
    with Collection.open(folder) as collection:
        while not _is_over.is_set():
            image, name = _IMAGES + 1 + count % _IMAGES, f"t{number}_{count}"
            words = Annotations(image, (*collection.tag_names([image])[0], name))
            collection.apply(Rewrite((words,), "tagged"), [image], actor="tagger", durable=False)
            _tell("tagger", name)
            count += 1


def _give_commands(folder: Path, number: int) -> None:
    """Commands of the real command line, one after another."""
    count = 0
    while not _is_over.is_set():
        name = f"c{number}-{count}"
        words = ["tag", "add", f"id:{count % _IMAGES + 1}", name, "--collection", str(folder)]
        done = subprocess.run(
            [sys.executable, "-m", "curator", *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        _tell("command", name)
        count += 1


def _sit_at_a_screen(folder: Path, number: int) -> None:
    """The real app in a terminal: marks images, then quits by its key or is killed."""
    app, line = pty.fork()
    if app == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color"}
        os.execve(sys.executable, [sys.executable, "-m", "curator", str(folder)], environment)
    drawn = b""
    while b"Browse" not in drawn:
        drawn += _read(line)
    print(flush=True)  # nothing was told to be done, but it is there
    while not _is_over.is_set():
        os.write(line, b"y")
        _read(line)
    if random.Random(number).random() < 0.5:
        os.kill(app, signal.SIGKILL)
    while os.waitpid(app, os.WNOHANG) == (0, 0):
        _read(line)
        os.write(line, b"q")


def _read(line: int) -> bytes:
    """What the app draws, so that it need not wait for the terminal."""
    drawn = b""
    try:
        while select.select([line], [], [], 0.05)[0]:
            drawn += os.read(line, 1 << 16)
    except OSError:  # nobody is at the other end yet, or any more
        time.sleep(0.05)
    return drawn
