"""Edits of many images from the command line: counted, confirmed, made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from curator.cli.shared.output import put, put_json, say, tell
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.options.selection import Selection
    from curator.session.images.edits import Edit
    from curator.session.session import Session


def change(
    session: Session, edit: Edit, images: Selection, *, dry_run: bool, yes: bool, as_json: bool = False
) -> None:
    """Do `edit` to `images`; says how many change, and asks first where there are several.

    Raises:
        UserError: several images would change and nobody can be asked.
    """
    found = images.of(session)
    ids, unknown = found.ids.tolist(), found.unknown_tags
    change_images(session, edit, ids, dry_run=dry_run, yes=yes, as_json=as_json, unknown_tags=unknown)


def change_images(
    session: Session,
    edit: Edit,
    ids: Sequence[int],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool = False,
    unknown_tags: Sequence[str] = (),
) -> None:
    """Do `edit` to the images `ids`, as `change` does; `unknown_tags` are those of the filter that nobody has."""
    count = session.edits.preview(edit, ids)
    if dry_run or not count:
        put_edit(len(ids), count, dry_run=dry_run, as_json=as_json, unknown_tags=unknown_tags)
        return
    if count > 1 and not yes:
        ask(count)
    commit = session.edits.apply(edit, ids)
    made = [commit.id] if commit.id else []
    put_edit(
        len(ids), commit.images_changed, made, commit.what, dry_run=False, as_json=as_json, unknown_tags=unknown_tags
    )  # fmt: skip


def put_edit(
    matched: int,
    changed: int,
    commits: Sequence[int] = (),
    what: str | None = None,
    *,
    dry_run: bool,
    as_json: bool,
    unknown_tags: Sequence[str] = (),
) -> None:
    """Say what an edit did, or would do."""
    if as_json:
        from curator.cli.schemas.edits import EditReport, edit_counts

        report: EditReport = {
            "schema": "frieze/edit/1",
            **edit_counts(matched, changed, commits, dry_run=dry_run),
            "what": what,
            "unknown_tags": unknown_tags,
        }
        put_json(report)
    elif dry_run:
        put(f"{changed:,} of {counted(matched)} would change")
    else:
        tell(f"{changed:,} of {counted(matched)} changed" + (f": {what}" if what else ""))


def ask(count: int, act: str = "change", thing: str = "image") -> None:
    """Ask whether to `act` on several things: to change images, to write sidecars.

    Raises:
        UserError: nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise UserError(f"this would {act} {counted(count, thing)}", "add --yes, or --dry-run to look first")
    if not typer.confirm(f"{act.capitalize()} {counted(count, thing)}?", err=True):
        say("nothing was changed")
        raise typer.Exit(ExitCode.NO)
