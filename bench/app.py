"""The app in a real tmux, beside a bare Textual list and an echoing `cat`: `python -m bench.app COLLECTION`.

`python -m bench.collection --n 3600000 --out DIR --pictures 600` makes one, with files of the images that are seen.
The app's place in the collection is set to the beginning, and remembered; nothing else of it is changed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from bench.measure import Table, percentile
from bench.terminal import Seen, Terminal
from curator.session.session import Session

RIGHT, LEFT, HALF_DOWN, HALF_UP, HOME = b"l", b"h", b"\x04", b"\x15", b"\x1b[H"
DOWN, UP, ENTER, ESCAPE, CLEAR = b"\x1b[B", b"\x1b[A", b"\r", b"\x1b", b"\x15"
TYPED = "{0} {1} -{2}"  # the most common tags of the collection
SESSION = (
    "{0}",
    "{1} -{0}",
    "{1} {2} sort:-area",
    "width>=1024 sort:-bytes",
    "sort:-score",
    "-{0} sort:date",
    "({3} OR {4}) -{0} sort:ratio",
    "tags>40 sort:-tags",
    "",
)
_ROWS = 200
_SCROLLED = 1000  # bytes: of a frame that has more the grid has scrolled
_BARE = f"""
from textual.app import App
from textual.widgets import OptionList
class Bare(App):
    def compose(self):
        yield OptionList(*(f"{{at:016x}}_{{at}}.webp   832x1216  35t" for at in range({_ROWS})), markup=False)
Bare().run()
"""


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("collection", type=Path)
    reader.add_argument("--size", action="append", help="COLUMNSxLINES; 120x40 and 80x24 unless given")
    reader.add_argument("--starts", type=int, default=5)
    reader.add_argument("--keys", type=int, default=40)
    given = reader.parse_args()
    with Session.open(given.collection) as session:
        session.memory.keep("filter", "")
        session.memory.keep("image", 0)
        session.memory.keep("screen", "browse")
        session.memory.keep("panels", {})
        common = [
            each.tag.name.replace(" ", "_")
            for each in session.images.facets(session.images.select("").bitmap(), 5).tags
        ]
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    for size in given.size or ["120x40", "80x24"]:
        columns, lines = map(int, size.split("x"))
        print(f"\n{size}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        table = Table()
        with Terminal(columns, lines) as terminal:
            measure(terminal, table, given, common, lines)
        print(f"\n{table.markdown()}")


def measure(
    terminal: Terminal, table: Table, given: argparse.Namespace, common: list[str], lines: int
) -> None:
    """All figures of one size of terminal; `common` are the most common tags of the collection."""
    app = [sys.executable, "-m", "curator", str(given.collection)]
    bare = [sys.executable, "-c", _BARE]
    _start_up(terminal, table, app, bare, given.starts)
    moves, keys = min(lines - 8, 15), given.keys
    echo = _echo(terminal, keys)
    bare_moves = _moves(terminal, bare, f"{3:016x}_3.webp", keys, moves)
    app_moves = _moves(terminal, app, " images", keys, moves)
    table.add(
        "cursor move, key to frame p50/p95", _frames(app_moves), _beside(bare_moves, echo), "p95 < 20 ms"
    )
    said = f"bare list {_bytes(bare_moves)}"
    table.add("cursor move, bytes; with what is shown at rest", _bytes(app_moves), said, "<= 450 at 120x40")
    held = _held(terminal)
    table.add("held key, 30 a second", f"{held / 1e3:.1f} kB/s")
    table.add("memory after the cursor moves", _memory(terminal))
    _grid(terminal, table, keys)
    _typing(terminal, table, echo, TYPED.format(*common))
    _session(terminal, table, [text.format(*common) for text in SESSION])


def _start_up(terminal: Terminal, table: Table, app: list[str], bare: list[str], starts: int) -> None:
    """Taken in turns, so that what else the machine does meets both."""
    chrome, counted, reference, cpu, cpu_reference = [], [], [], [], []
    for _ in range(starts):
        reference.append(terminal.start(bare, f"{3:016x}_3.webp"))
        cpu_reference.append(terminal.cpu_ms())
        chrome.append(terminal.start(app, "1 Browse"))
        terminal.drain()
        counted.append(terminal.start(app, " images"))
        cpu.append(terminal.cpu_ms())
        terminal.drain()
    said = f"bare Textual list {_times(reference)}"
    table.add("first frame, median (best)", _times(chrome), said, "< 600 ms")
    table.add("first page of images, median (best)", _times(counted), said)
    table.add(
        "processor time to it, median (best)", _times(cpu), f"bare Textual list {_times(cpu_reference)}"
    )


def _echo(terminal: Terminal, keys: int) -> list[Seen]:
    terminal.start(["sh", "-c", "echo ready; exec cat"], "ready")
    terminal.drain()
    return [terminal.press(b"a", 0.05) for _ in range(keys)]


def _moves(terminal: Terminal, command: list[str], shows: str, keys: int, lines: int) -> list[Seen]:
    """Moves that do not scroll: down a part of the page, and up again."""
    terminal.start(command, shows)
    terminal.drain(1.0)
    terminal.write(b"\x1b[H")  # from the first line
    terminal.drain(0.5)
    way = [DOWN] * lines + [UP] * lines
    return [terminal.press(way[at % len(way)]) for at in range(keys)]


def _held(terminal: Terminal, seconds: float = 2.0, key: bytes = DOWN) -> float:
    """Bytes a second while a key is held down."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        terminal.write(key)
        count += terminal.drain(1 / 30)
    terminal.write(b"\x1b[H")
    terminal.drain()
    return count / seconds


def _grid(terminal: Terminal, table: Table, keys: int) -> None:
    """Cursor moves in the grid, and jumps by half a page, there and back; pictures come when it is at rest."""
    terminal.write(b"i" + HOME)
    terminal.drain(2.0)
    for key in (HALF_DOWN, HALF_UP) * 4:  # pictures are made, and code is warm
        terminal.press(key, 0.6)
    moves = [terminal.press((RIGHT, LEFT)[at % 2]) for at in range(keys)]
    table.add("grid: cursor move, key to frame p50/p95", _frames(moves), "", "p95 < 20 ms")
    table.add("grid: cursor move, bytes; with what is shown at rest", _bytes(moves), "", "<= 450 at 120x40")
    jumps = [terminal.press((HALF_DOWN, HALF_UP)[at // 4 % 2]) for at in range(keys)]
    scrolled = [each for each in jumps if each.frame_bytes > _SCROLLED]
    table.add("grid: half a page that scrolls, key to frame p50/p95", _frames(scrolled), "", "p95 < 20 ms")
    table.add("grid: the same, bytes; with all pictures", _bytes(scrolled), "", "<= 6 kB; a preview 50 kB")
    held = _held(terminal, key=HALF_DOWN)
    table.add("grid: half a page held, 30 a second", f"{held / 1e3:.1f} kB/s")
    terminal.drain(2.0)
    table.add("grid: idle for 5 s, bytes", f"{_idle(terminal)}", "", "0")
    table.add("memory after the grid", _memory(terminal), "", "< 250 MB at 3.6M")
    terminal.write(b"i" + HOME)
    terminal.drain(1.0)


def _idle(terminal: Terminal, seconds: float = 5.0) -> int:
    """Bytes that come while nothing is done."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        count += terminal.drain(0.1)
    return count


def _typing(terminal: Terminal, table: Table, echo: list[Seen], text: str) -> None:
    """Each letter at once on the line; then how long until the answer of the whole filter stands there."""
    seen: list[Seen] = []
    for _ in range(3):
        terminal.write(b"/" + CLEAR)
        terminal.drain(0.6)
        seen += [terminal.press(letter.encode(), 0.25) for letter in text]
        terminal.write(ESCAPE)
        terminal.drain(0.6)
    letter, reference = _spread([each.first_ms for each in seen]), f"cat {_frames(echo)}"
    table.add("typing a filter, key to its letter p50/p95", letter, reference, "p95 < 20 ms")
    table.add("the same, to its completions where they come at once", _frames(seen))
    answers: list[float] = []
    for _ in range(5):
        terminal.write(b"/" + CLEAR)
        terminal.drain(0.8)
        begun = time.perf_counter()
        terminal.write(text.encode())
        terminal.until(" image", 20)
        answers.append((time.perf_counter() - begun) * 1e3)
        terminal.write(ENTER)
        terminal.drain(0.5)
    table.add("a whole filter pasted to its count, median (best)", _times(answers), "", "")


def _session(terminal: Terminal, table: Table, texts: list[str]) -> None:
    """Filters, orders, tags of what is shown, jumps: what a person does in an hour."""
    for text in texts:
        terminal.write(b"/" + CLEAR)
        terminal.drain()
        terminal.write(text.encode() + ENTER)
        terminal.until(" image")
        terminal.drain(1.0)
        terminal.write(b"t")
        terminal.drain(2.0)
        for key in (DOWN, DOWN, b"+"):
            terminal.press(key)
        terminal.drain(1.0)
        terminal.write(ESCAPE)
        terminal.drain(0.5)
        for place in (b"1000", b"20000", b"id:70000"):
            terminal.write(b"#" + place + ENTER)
            terminal.drain(0.6)
            terminal.write(ESCAPE)  # where there is no such row the question stays
            terminal.drain(0.3)
        terminal.write(b"G")
        terminal.drain(0.5)
    for key, shows in ((b"2", "steps per epoch"), (b"3", "no manifest"), (b"4", "steps per epoch")):
        terminal.write(key)
        terminal.until(shows)
        terminal.drain(1.0)
    terminal.write(b"1")
    terminal.drain(0.5)
    what = f"memory after {len(texts)} filters, orders, facets, jumps, screens"
    table.add(what, _memory(terminal), "", "< 250 MB at 3.6M")
    time.sleep(8)  # a person looks at what is there
    table.add("the same, when nobody typed for some seconds", _memory(terminal), "", "< 250 MB at 3.6M")


def _memory(terminal: Terminal) -> str:
    resident, anonymous = terminal.memory_mb()
    return f"{resident:.0f} MB ({anonymous:.0f} of no file)"


def _times(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f}) ms"


def _frames(seen: list[Seen]) -> str:
    return _spread([each.frame_ms for each in seen])


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} / {percentile(values, 0.95):.1f} ms"


def _bytes(seen: list[Seen]) -> str:
    frame = statistics.median(each.frame_bytes for each in seen)
    return f"{frame:.0f}; {statistics.median(each.bytes for each in seen):.0f}"


def _beside(bare: list[Seen], echo: list[Seen]) -> str:
    return f"bare list {_frames(bare)}, cat {_frames(echo)}"


if __name__ == "__main__":
    main()
