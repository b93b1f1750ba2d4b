"""`frieze ls`: images streamed page by page, so that a list of millions begins at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, LimitOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesOrAll, takes_images
from curator.cli.schemas.words import MARKS
from curator.cli.shared.output import put, put_json_lines, put_json_rows
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.session.images.images import ImageRow
    from curator.session.session import Session

_PAGE = 4096
_SIMPLE: dict[str, Callable[[ImageRow], object]] = {
    "id": lambda row: row.id,
    "path": lambda row: row.path,
    "root": lambda row: row.root,
    "file": lambda row: row.full_path,
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
_DEFAULT_JSON = "id,size,mark,path,root,file,tags"
_Scores = dict[str, "NDArray[np.float64]"]  # by column, then by image id


@takes_images
def ls(
    images: ImagesOrAll,
    *,
    collection: CollectionOption = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print only ids, one a line.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print only how many there are.")] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="A,B",
            help=f"What to print of each: {', '.join(COLUMNS)}, and score(NAME) of a model's scores; "
            f"default: {_DEFAULT}, in JSON {_DEFAULT_JSON}.",
        ),
    ] = None,
    null: Annotated[
        bool,
        typer.Option(
            "--null", "-0", help="NUL-separated: print one column (file), or ids; read the list of --from."
        ),
    ] = False,
    limit: LimitOption = 0,
    as_json: JsonOption = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print a JSON object a line.")] = False,
) -> None:
    """List images, one a line, columns parted by tabs."""
    other_form = as_json or as_jsonl or count
    if (as_json and as_jsonl) or ((ids or count) and as_jsonl) or (null and other_form and not images.source):
        raise UserError("two forms of output are asked for", "give one of --null, --json, --jsonl, --count")
    null = null and not other_form  # else it is about the list alone
    default = "file" if null else _DEFAULT_JSON if as_json or as_jsonl else _DEFAULT
    chosen = _columns(default if columns is None else columns)
    if null and len(chosen) > 1:
        raise UserError("--null prints one column", "name it: --columns path")
    with opened(collection) as session:
        numbers = images.of(session).ids[: limit or None]
        scores = _scores(session, chosen)
        if count:
            put(str(len(numbers)))
        elif ids:
            _put_ids(numbers, as_json=as_json, end="\0" if null else "\n")
        elif null:
            for (cell,) in _rows(session, numbers, chosen, scores):
                sys.stdout.buffer.write(_text(cell).encode("utf-8", "surrogateescape") + b"\0")
        elif as_json or as_jsonl:
            rows = (dict(zip(chosen, row, strict=True)) for row in _rows(session, numbers, chosen, scores))
            (put_json_lines if as_jsonl else put_json_rows)(rows)
        else:
            for row in _rows(session, numbers, chosen, scores):
                put(*map(_text, row))


def _columns(text: str) -> list[str]:
    from curator.filter.language.fields import is_score

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in COLUMNS and not is_score(name):
            hint = did_you_mean(name, (*COLUMNS, "score(NAME)"))
            raise UserError(f"there is no column '{name}'", hint)
    if not names:
        raise UserError("no column is named", "known: " + ", ".join(COLUMNS))
    return names


def _scores(session: Session, columns: Sequence[str]) -> _Scores:
    """The columns of scores, long enough for every image."""
    from curator.filter.language.fields import is_score

    return session.images.scores(name for name in columns if is_score(name))


def _put_ids(numbers: NDArray[np.uint32], *, as_json: bool, end: str) -> None:
    pages = (numbers[first : first + _PAGE].tolist() for first in range(0, len(numbers), _PAGE))
    if as_json:
        put_json_rows(number for page in pages for number in page)
        return
    for page in pages:
        sys.stdout.write("".join(f"{number}{end}" for number in page))


def _rows(
    session: Session, numbers: NDArray[np.uint32], columns: Sequence[str], scores: _Scores
) -> Iterator[list[object]]:
    def cell(name: str, row: ImageRow, tags: Sequence[str]) -> object:
        if name in scores:
            value = float(scores[name][row.id])
            return None if isnan(value) else value
        return list(tags) if name == "tags" else _SIMPLE[name](row)

    for first in range(0, len(numbers), _PAGE):
        page: Sequence[int] = numbers[first : first + _PAGE].tolist()
        tags = session.tags.names_of(page) if "tags" in columns else [()] * len(page)
        for row, names in zip(session.images.rows(page), tags, strict=True):
            yield [cell(name, row, names) for name in columns]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return ", ".join(cell) if isinstance(cell, list) else str(cell)


app = single(ls)
