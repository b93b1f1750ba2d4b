"""`frieze ls`: images streamed page by page, so that a list of millions begins at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.schemas.words import MARKS
from curator.cli.shared.options import AllByDefault, CollectionOption, JsonOption, LimitOption
from curator.cli.shared.output import put, put_json_rows, say
from curator.cli.shared.places import opened
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import visible

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.session.images import ImageRow
    from curator.session.session import Session

_PAGE = 4096
_SIMPLE: dict[str, Callable[[ImageRow], object]] = {
    "id": lambda row: row.id,
    "path": lambda row: row.path,
    "root": lambda row: row.root,
    "name": lambda row: row.name,
    "sha256": lambda row: row.sha256,
    "bytes": lambda row: row.file_bytes,
    "width": lambda row: row.width,
    "height": lambda row: row.height,
    "size": lambda row: f"{row.width}x{row.height}",
    "format": lambda row: row.format,
    "mark": lambda row: MARKS[row.mark],
    "caption": lambda row: row.caption,
}
COLUMNS = (*_SIMPLE, "tags")
_DEFAULT = "id,size,mark,path,tags"
_Scores = dict[str, "NDArray[np.float64]"]  # by column, then by image id


def ls(
    filter: AllByDefault = "",
    *,
    collection: CollectionOption = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print only ids, one a line.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print only how many there are.")] = False,
    columns: Annotated[
        str,
        typer.Option(
            "--columns",
            metavar="A,B",
            help=f"What to print of each: {', '.join(COLUMNS)}, and score(NAME) of a model's scores.",
        ),
    ] = _DEFAULT,
    limit: LimitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List images, one a line, columns parted by tabs."""
    chosen = _columns(columns)
    with opened(collection) as session:
        found = session.images.select(filter)
        for sentence in session.images.unmatched(found):
            say(sentence)
        numbers: Sequence[int] = found.ids[: limit or None].tolist()
        scores = _scores(session, chosen)
        if count:
            put(str(len(numbers)))
        elif ids:
            _put_ids(numbers, as_json)
        elif as_json:
            put_json_rows(
                dict(zip(chosen, row, strict=True)) for row in _rows(session, numbers, chosen, scores)
            )
        else:
            for row in _rows(session, numbers, chosen, scores):
                put("\t".join(_shown(cell) for cell in row))


def _columns(text: str) -> list[str]:
    from curator.filter.fields import is_score

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in COLUMNS and not is_score(name):
            hint = did_you_mean(name, (*COLUMNS, "score(NAME)"))
            raise UserError(f"there is no column '{visible(name)}'", hint)
    if not names:
        raise UserError("no column is named", "known: " + ", ".join(COLUMNS))
    return names


def _scores(session: Session, columns: Sequence[str]) -> _Scores:
    """The columns of scores, long enough for every image."""
    from curator.filter.fields import is_score

    return session.images.scores(name for name in columns if is_score(name))


def _put_ids(numbers: Sequence[int], as_json: bool) -> None:
    if as_json:
        put_json_rows(numbers)
        return
    for first in range(0, len(numbers), _PAGE):
        put("\n".join(map(str, numbers[first : first + _PAGE])))


def _rows(
    session: Session, numbers: Sequence[int], columns: Sequence[str], scores: _Scores
) -> Iterator[list[object]]:
    def cell(name: str, row: ImageRow, tags: Sequence[str]) -> object:
        if name in scores:
            value = float(scores[name][row.id])
            return None if isnan(value) else value
        return list(tags) if name == "tags" else _SIMPLE[name](row)

    for first in range(0, len(numbers), _PAGE):
        page = numbers[first : first + _PAGE]
        tags = session.tags.names_of(page) if "tags" in columns else [()] * len(page)
        for row, names in zip(session.images.rows(page), tags, strict=True):
            yield [cell(name, row, names) for name in columns]


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    return visible(", ".join(cell) if isinstance(cell, list) else str(cell))


app = single(ls)
