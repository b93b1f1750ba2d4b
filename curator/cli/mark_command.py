"""`frieze mark`: images kept, rejected or unmarked."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from curator.cli.bulk_edit import change
from curator.cli.options import CollectionOption, DryRunOption, FilterArgument, YesOption
from curator.cli.places import opened
from curator.cli.typer_apps import single

_MARKS = {"keep": 1, "reject": -1, "none": 0}


def mark(
    what: Annotated[
        Literal["keep", "reject", "none"], typer.Argument(metavar="keep|reject|none", help="The mark.")
    ],
    filter: FilterArgument,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Keep or reject images, or take their mark away."""
    from curator.index.edits import SetMark

    with opened(collection) as session:
        change(session, SetMark(_MARKS[what]), filter, dry_run=dry_run, yes=yes)


app = single(mark)
