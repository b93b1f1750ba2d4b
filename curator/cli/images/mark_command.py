"""`frieze mark`: images kept, rejected or unmarked."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from curator.cli.options.bulk_edit import change
from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesArgument, takes_images
from curator.cli.shared.typer_apps import single

_MARKS = {"keep": 1, "reject": -1, "none": 0}


@takes_images
def mark(
    what: Annotated[
        Literal["keep", "reject", "none"], typer.Argument(metavar="keep|reject|none", help="The mark.")
    ],
    images: ImagesArgument,
    *,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Keep or reject images, or take their mark away."""
    from curator.index.changes.edits import SetMark

    with opened(collection) as session:
        change(session, SetMark(_MARKS[what]), images, dry_run=dry_run, yes=yes, as_json=as_json)


app = single(mark)
