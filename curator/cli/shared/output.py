"""Output of commands: data on stdout, progress and everything else on stderr, foreign text made visible."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from curator.contract.files.json_data import to_json
from curator.contract.text import visible

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from typing_extensions import ReadOnly, TypedDict

    class Report(TypedDict):
        """An object as commands print it: one of `curator.cli.schemas`, which says which."""

        schema: ReadOnly[str]


_LOOK_S = 0.1
Show = Callable[
    [int, int], None
]  # done, in all (0 where nobody knows); what there is is counted while nothing is done


class _Voice:
    """How much is told."""

    quiet = False


def be_quiet(value: bool) -> None:
    """Tell only data, warnings and errors (`--quiet`), until the command is over."""
    _Voice.quiet = _Voice.quiet or value


@contextmanager
def voice_restored() -> Generator[None]:
    """What a command inside is told to be is over with it: the next of a batch speaks as it is told itself."""
    before = _Voice.quiet
    try:
        yield
    finally:
        _Voice.quiet = before


def is_quiet() -> bool:
    """Whether only data, warnings and errors are told."""
    return _Voice.quiet


def put(*cells: str) -> None:
    """One line of data, a tab between its cells. Foreign text is put in as it is: it is made visible here."""
    put_text("\t".join(map(visible, cells)))


def put_text(text: str) -> None:
    """Lines that are ours alone, such as a recipe or JSON, as they are."""
    sys.stdout.write(text + "\n")


def tell(line: str) -> None:
    """One line of what a command did, on stdout; nothing with --quiet."""
    if not is_quiet():
        put(line)


held_back: list[
    OSError
] = []  # what went wrong with stdout before an edit, for the boundary to tell behind it


@contextmanager
def in_any_case() -> Generator[None]:
    """For what is printed before an edit: that is made even if nobody reads, or stdout goes to a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        held_back[:] = [error]


def say(line: str) -> None:
    """One line for the person; nothing with --quiet."""
    if not is_quiet():
        warn(line)


def warn(line: str) -> None:
    """One line of something amiss, told in any case."""
    sys.stderr.write(visible(line) + "\n")


def say_cut(shown: int, total: int | None, what: str = "") -> None:
    """Say that a list is not whole; `total` is None where there are more and nobody counted them.

    `what` are the things in it, where other things are shown beside them: `tags`.
    """
    things = f" {what}" if what else ""
    if total is None:
        say(f"{shown:,}{things} shown, and there are more; --limit 0 shows all")
    elif shown < total:
        say(f"{shown:,} of {total:,}{things} shown; --limit 0 shows all")


def put_json(report: Report) -> None:
    """One JSON object, under its schema."""
    put_text(to_json(report))


def put_json_map(rows: Mapping[str, object]) -> None:
    """A JSON object whose keys are data, such as the keys of a recipe; like a list it has no schema of its own."""
    put_text(to_json(rows))


def put_named(name: str, commits: Sequence[int]) -> None:
    """What became of something with a name, in JSON; of what was not changed there is no commit."""
    from curator.cli.schemas.edits import NameReport

    report: NameReport = {"schema": "frieze/name/1", "name": name, "commit": commits[0] if commits else None}
    put_json(report)


def put_exported(path: Path, images: int) -> None:
    """What was written for other programs, in JSON."""
    from curator.cli.schemas.collection import ExportReport

    report: ExportReport = {
        "schema": "frieze/export/1",
        "path": str(path.absolute()),
        "images": images,
        "notes": [],
    }
    put_json(report)


def put_json_rows(rows: Iterable[object]) -> None:
    """A JSON list, printed while it is made: one element a line."""
    before = "["
    for row in rows:
        put_text(before)
        sys.stdout.write(to_json(row))
        before = ","
    put_text("[]" if before == "[" else "\n]")


def put_json_lines(rows: Iterable[object]) -> None:
    """JSON values, one a line."""
    for row in rows:
        put_text(to_json(row))


def put_table(rows: Iterable[Sequence[object]], header: Sequence[str]) -> None:
    """A line of headings, then the rows. In a terminal columns as wide as they need, numbers to the right.

    Elsewhere a tab between cells and nothing else: foreign tabs are visible ones, so a line has as many as headings.
    """
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    lines = [list(header), *cells]
    if not sys.stdout.isatty():
        for row in lines:
            put(*row)
        return
    kinds = [_is_number_column([row[i] for row in cells]) for i in range(len(header))]
    widths = [max(len(row[i]) for row in lines) for i in range(len(header))]
    for row in lines:
        padded = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, kinds, strict=True)
        )
        put("  ".join(padded).rstrip())


def _is_number_column(cells: Sequence[str]) -> bool:
    return bool(cells) and all(cell.replace(".", "", 1).rstrip("%").isdecimal() for cell in cells)


def stderr_console() -> Console:
    """A rich console on stderr that obeys nothing in what it prints."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def stdout_console() -> Console:
    """A rich console on stdout that obeys nothing in what it prints."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False)


@contextmanager
def progress_shown(
    doing: str, unit: Literal["images", "bytes", "steps", "parts"] = "images"
) -> Generator[Show]:
    """Progress of long work: a bar behind `doing` where stderr is a terminal, nothing elsewhere.

    Of parts that mean nothing to a person the share is told.
    """
    if is_quiet():
        yield _silently
        return
    if not sys.stderr.isatty():  # not `console.is_terminal`: FORCE_COLOR makes no terminal of a pipe
        yield _silently
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        {"bytes": DownloadColumn, "parts": TaskProgressColumn}.get(unit, MofNCompleteColumn)(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr_console(), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(doing, total=None, rate="")
        started, drawn = time.monotonic(), 0.0

        def show(done: int, total: int) -> None:
            nonlocal drawn, started
            clock = time.monotonic()  # drawn when there is news: nothing moves by itself
            if clock - drawn < _LOOK_S and (not done or done != total):
                return
            drawn = clock
            if not done:
                started = clock
            now = doing if done or not total else "count"
            rate = _rate(done / max(clock - started, _LOOK_S), unit) if done else ""
            bar.update(task, description=now, completed=done, total=total or None, rate=rate, refresh=True)

        yield show


def _rate(per_s: float, unit: str) -> str:
    if unit == "parts":
        return ""
    return f"{per_s / 1e6:,.1f} MB/s" if unit == "bytes" else f"{per_s:,.{0 if per_s >= 10 else 1}f} {unit}/s"


def _silently(_done: int, _total: int) -> None:
    """Show nothing."""
