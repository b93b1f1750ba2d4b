"""Decides how lists of aliases and implications are read: CSV as boorus export it, or as tag completers ship it.

- `antecedent_name,consequent_name[,...,status]`, with or without that first line: the first becomes, or implies, the
  second; lines whose status is not active are left out;
- `name,type,count,"alias,alias"`, as prompt completers have it: aliases only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.regular_file import read_regular
from curator.contract.text import decoded, visible
from curator.tags.text import spaced

_MOST_BYTES = 1 << 28
_FROM = ("antecedent_name", "antecedent", "alias", "child", "from")
_TO = ("consequent_name", "consequent", "tag", "parent", "to")
Pair = tuple[str, str]


def read_aliases(file: Path) -> dict[str, str]:
    """What each alias is really called; chains are followed to their end.

    Raises:
        UserError: the file cannot be read, or a line is no pair.
    """
    straight = dict(_pairs(file))
    return {name: end for name in straight if (end := _end(name, straight)) != name}


def read_implications(file: Path) -> dict[str, frozenset[str]]:
    """Every tag that a tag implies, directly or by others; a circle implies nothing of itself.

    Raises:
        UserError: the file cannot be read, or a line is no pair.
    """
    direct: dict[str, set[str]] = {}
    for child, parent in _pairs(file):
        direct.setdefault(child, set()).add(parent)
    return {child: frozenset(_above(child, direct) - {child}) for child in direct}


def read_names(file: Path) -> frozenset[str]:
    """Every tag and alias of a list: the column `name`, else the first, and the aliases of tag completers.

    Raises:
        UserError: the file cannot be read.
    """
    rows = _rows(file)
    first = next(rows, [])
    heads = [cell.strip().lower() for cell in first]
    place = heads.index("name") if "name" in heads else 0
    cells = (cell for row in [first, *rows] for cell in (*row[place : place + 1], *row[3:4]))
    names = (spaced(name.strip()) for cell in cells for name in cell.split(","))
    return frozenset(name for name in names if name and not name.isdecimal())


def _rows(file: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(decoded(read_regular(file, limit_bytes=_MOST_BYTES))[0].splitlines())
    except (OSError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{visible(str(file))} cannot be read: {said}", "give a CSV file") from error


def _pairs(file: Path) -> Iterator[Pair]:
    rows = _rows(file)
    first = next(rows, [])
    heads = [cell.strip().lower() for cell in first]
    source, target = (_column(heads, names) for names in (_FROM, _TO))
    if source is None or target is None:
        yield from _plain(file, [first, *rows])
        return
    status = heads.index("status") if "status" in heads else None
    for row in rows:
        if len(row) > max(source, target) and (
            status is None or row[status : status + 1] in ([], ["active"])
        ):
            yield from _pair(row[source], row[target])


def _plain(file: Path, rows: Iterable[list[str]]) -> Iterator[Pair]:
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        if len(row) >= 4 and row[1].strip().isdigit():
            for alias in row[3].split(","):
                yield from _pair(alias, row[0])
        elif len(row) >= 2 and not row[1].strip().isdigit():
            yield from _pair(row[0], row[1])
        elif len(row) < 2:
            raise UserError(
                f"line {number} of {visible(str(file))} is no pair", "write antecedent,consequent"
            )


def _pair(left: str, right: str) -> Iterator[Pair]:
    one, other = spaced(left.strip()), spaced(right.strip())
    if one and other and one != other:
        yield one, other


def _column(heads: list[str], names: tuple[str, ...]) -> int | None:
    return next((heads.index(name) for name in names if name in heads), None)


def _end(name: str, straight: Mapping[str, str]) -> str:
    seen = {name}
    while (following := straight.get(name)) is not None and following not in seen:
        seen.add(following)
        name = following
    return name


def _above(child: str, direct: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [child]
    while waiting:
        for parent in direct.get(waiting.pop(), ()):
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
