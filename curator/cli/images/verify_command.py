"""`frieze verify`: an index checked, or rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.shared.output import progress_shown, put, put_json
from curator.cli.shared.typer_apps import single
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.collection import VerifyReport


def verify(
    collection: CollectionOption = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make all that is derived anew before checking.")
    ] = False,
    fold: Annotated[
        bool, typer.Option("--fold", help="Write edits that wait into the rows before checking.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that what is derived in the index fits the images."""
    with opened(collection) as session:
        if rebuild:
            with progress_shown("rebuild") as show:
                session.upkeep.rebuild(show)
        if fold:
            session.upkeep.fold_all()
        with progress_shown("check") as show:
            faults = session.upkeep.check(show)
    if as_json:
        report: VerifyReport = {"schema": "frieze/verify/1", "rebuilt": rebuild, "faults": faults}
        put_json(report)
    else:
        for fault in faults:
            put(fault)
    if faults:
        what = f"the index has {counted(len(faults), 'fault')}"
        raise UserError(what, "mend it with 'frieze verify --rebuild'", ExitCode.NO)
    if not as_json:
        put("the index is sound")


app = single(verify)
