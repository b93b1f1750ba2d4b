"""Lists of aliases and implications: CSV as boorus export it, or as tag completers ship it.

- `antecedent_name,consequent_name[,...,status]`, with or without that first line: the first becomes, or implies, the
  second; lines whose status is not active are left out;
- `name,type,count,"alias,alias"`, as prompt completers have it: aliases only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.regular_file import decoded, read_regular
from curator.index.tags.tag_names import folded, spaced

_MOST_BYTES = 1 << 28
_FROM = ("antecedent_name", "antecedent", "alias", "child", "from")
_TO = ("consequent_name", "consequent", "tag", "parent", "to")
Pair = tuple[str, str]


def read_aliases(file: Path) -> dict[str, str]:
    """What each alias is really called; chains are followed to their end. A tag's other spelling is no alias.

    Raises:
        UserError: the file cannot be read, a line is no pair, or aliases lead in a circle.
    """
    straight = {name: tag for name, tag in _pairs(file) if folded(name) != folded(tag)}
    refuse_circle(straight.items(), "aliases", str(file))
    real = {folded(name): tag for name, tag in straight.items()}
    return {name: last_of(tag, real) for name, tag in straight.items()}


def read_implications(file: Path) -> dict[str, frozenset[str]]:
    """Every tag that a tag implies, directly or by others.

    Raises:
        UserError: the file cannot be read, a line is no pair, or implications lead in a circle.
    """
    pairs = list(_pairs(file))
    refuse_circle(pairs, "implications", str(file))
    direct: dict[str, set[str]] = {}
    for child, parent in pairs:
        direct.setdefault(folded(child), set()).add(parent)
    return {child: frozenset(_above(child, direct)) for child, _ in pairs}


def refuse_circle(pairs: Iterable[Pair], what: str, where: str) -> None:
    """Refuse pairs of tags that lead from a tag to itself: all of them would go, or change at every run.

    Raises:
        UserError: with the circle.
    """
    graph: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for one, other in pairs:
        graph.setdefault(folded(one), []).append(folded(other))
        spelled.setdefault(folded(one), one)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(spelled[key] for key in reversed(error.args[1]))
        raise UserError(
            f"{what} of {where} lead in a circle: {circle}", "take one of these lines out"
        ) from None


def last_of(name: str, following: Mapping[str, str]) -> str:
    """Where a chain without circles ends; `following` by key of the tag."""
    while (after := following.get(folded(name))) is not None:
        name = after
    return name


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
        raise UserError(f"{file} cannot be read: {said}", "give a CSV file") from error


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
            raise UserError(f"line {number} of {file} is no pair", "write antecedent,consequent")


def _pair(left: str, right: str) -> Iterator[Pair]:
    one, other = spaced(left.strip()), spaced(right.strip())
    if one and other:
        yield one, other


def _column(heads: list[str], names: tuple[str, ...]) -> int | None:
    return next((heads.index(name) for name in names if name in heads), None)


def _above(child: str, direct: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [child]
    while waiting:
        for parent in direct.get(folded(waiting.pop()), ()):
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
