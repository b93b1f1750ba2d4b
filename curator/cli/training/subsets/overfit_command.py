"""`frieze subset overfit`: what training on subsets would overfit to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.shared.output import put_json_rows, put_table, say
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.manifests import OverfitRow
    from curator.index.tables.rows import Subset
    from curator.session.training.subsets import Overfit

_LONGEST = 60  # characters of a caption in the table


def overfit(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Subsets; default: all but regularisation."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            metavar="P",
            help="Least share of a subset's images that have a tag, 0 to 1; default: that of the table overfit, 0.8.",
        ),
    ] = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a training would overfit to: tags on most images, captions and images that repeat, missing views.

    Tags that are spared and the views are in the table overfit of 'frieze tag tables'. Images that look alike are
    found once 'frieze dupes --near' looked at them.
    """
    with opened(collection) as session:
        found = session.subsets.overfits(names or (), share)
    if as_json:
        put_json_rows(_rows(found))
        return
    if not any(each for _, each in found):
        say(f"nothing to tell of {counted(len(found), 'subset')}")
        return
    cells = [
        (subset.name, each.kind, _short(each.what), len(each.images), f"{each.share:.0%}")
        for subset, some in found
        for each in some
    ]
    put_table(cells, ("subset", "is", "what", "images", "share"))


def _rows(found: list[tuple[Subset, list[Overfit]]]) -> Iterator[OverfitRow]:
    for subset, some in found:
        for each in some:
            yield {
                "subset": subset.name,
                "kind": each.kind,
                "what": each.what,
                "images": len(each.images),
                "looked_at": each.looked_at,
                "share": round(each.share, 4),
                "filter": each.filter,
            }


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
