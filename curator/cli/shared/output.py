"""Output of commands: data on stdout, everything else on stderr, foreign text made visible."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from curator.contract.files.json_data import to_json
from curator.contract.text import visible

if TYPE_CHECKING:
    from rich.console import Console


def put(line: str = "") -> None:
    """One line of data."""
    sys.stdout.write(line + "\n")


def say(line: str) -> None:
    """One line for the person."""
    sys.stderr.write(line + "\n")


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


def put_json_lines(rows: Iterable[object]) -> None:
    """JSON values, one a line."""
    for row in rows:
        put(to_json(row))


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
