"""Output of commands: data on stdout, everything else on stderr, foreign text made visible."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from curator.contract.files.json_data import to_json
from curator.contract.text import visible

if TYPE_CHECKING:
    from rich.console import Console


class _Voice:
    """How much is told."""

    quiet = False


def be_quiet(value: bool) -> None:
    """Whether only data, warnings and errors are told from now on (`--quiet`)."""
    _Voice.quiet = value


def is_quiet() -> bool:
    """Whether only data, warnings and errors are told."""
    return _Voice.quiet


def put(line: str = "") -> None:
    """One line of data."""
    sys.stdout.write(line + "\n")


def tell(line: str) -> None:
    """One line of what a command did, on stdout; nothing with --quiet."""
    if not is_quiet():
        put(line)


def say(line: str) -> None:
    """One line for the person; nothing with --quiet."""
    if not is_quiet():
        warn(line)


def warn(line: str) -> None:
    """One line of something amiss, told in any case."""
    sys.stderr.write(line + "\n")


def say_cut(shown: int, total: int | None) -> None:
    """Say that a list is not whole; `total` is None where there are more and nobody counted them."""
    if total is None:
        say(f"{shown:,} shown, and there are more; --limit 0 shows all")
    elif shown < total:
        say(f"{shown:,} of {total:,} shown; --limit 0 shows all")


def put_json(value: object) -> None:
    """One JSON value."""
    put(to_json(value))


def put_json_rows(rows: Iterable[object]) -> None:
    """A JSON list, printed while it is made: one element a line."""
    before = "["
    for row in rows:
        put(before)
        sys.stdout.write(to_json(row))
        before = ","
    put("[]" if before == "[" else "\n]")


def counted(count: int, one: str = "image") -> str:
    """`1 image`, `2 images`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def put_table(rows: Iterable[Sequence[object]], header: Sequence[str]) -> None:
    """Columns as wide as they need, numbers to the right. Without rows nothing but the header."""
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    kinds = [_is_number_column([row[i] for row in cells]) for i in range(len(header))]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    for row in [list(header), *cells]:
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
