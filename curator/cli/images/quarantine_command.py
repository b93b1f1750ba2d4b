"""`frieze quarantine`: files that a scan could not use, listed and read again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened, opened_names
from curator.cli.shared.output import progress_shown, put, put_json_rows, put_table, say
from curator.cli.shared.scan_lines import report_lines
from curator.cli.shared.typer_apps import single
from curator.contract.clock import clock_time, iso_time
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.collection import QuarantinedRow
    from curator.session.images.images import Quarantined


def quarantine(
    collection: CollectionOption = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Read them all again now, then list the rest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the files that the last scan could not use: since when, where, and why."""
    if retry:
        _read_again(collection)
    with opened_names(collection) as names:
        entries = names.quarantined()
    if as_json:
        put_json_rows(map(_row, entries))
    elif entries:
        rows = [(clock_time(each.at), each.path, each.reason) for each in entries]
        put_table(rows, ("since", "path", "reason"))
    else:
        put("every file could be used")


def _row(entry: Quarantined) -> QuarantinedRow:
    return {"path": entry.path, "reason": entry.reason, "created_at": iso_time(entry.at), "at": entry.at}


def _read_again(collection: Path | None) -> None:
    with opened(collection) as session, progress_shown("read again") as show:
        done = session.quarantine.retry(lambda now: show(now.done, now.total))
    for line in report_lines(done.scanned, quarantined=False):
        say(line)
    gone = f", {done.gone} gone" if done.gone else ""
    say(f"{counted(done.usable, 'file')} can be used now{gone}, {done.left} cannot")


app = single(quarantine)
