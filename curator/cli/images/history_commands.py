"""`frieze undo`, `redo` and `history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, LimitOption
from curator.cli.options.places import opened, opened_names
from curator.cli.schemas.edits import RedoReport, UndoReport, commit_row
from curator.cli.shared.output import put, put_json, put_json_rows, put_table, say_cut, tell
from curator.cli.shared.typer_apps import single
from curator.contract.clock import clock_time
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.session.images.edits import Commit


def undo(
    change: Annotated[
        int | None,
        typer.Argument(metavar="[N]", help="Id of a change (see 'frieze history'); default: your last."),
    ] = None,
    collection: CollectionOption = None,
    to: Annotated[bool, typer.Option("--to", help="Take all newer changes back as well.")] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take one change back; those made since stay, and so does what they changed of the same."""
    with opened(collection) as session, session.edits.trial(is_dry=dry_run):
        done = session.edits.undo_to(_named(change)) if to else [session.edits.undo(change)]
    commits = [commit for commit in done if commit]
    if as_json:
        report: UndoReport = {
            "schema": "frieze/undo/1",
            "changes": [commit_row(each) for each in commits],
            "dry_run": dry_run,
        }
        put_json(report)
    else:
        _tell(commits, "would be undone" if dry_run else "undone")
    _refuse_nothing(commits, "undo")


def redo(
    change: Annotated[
        int | None,
        typer.Argument(metavar="[N]", help="Id of a change; default: the one you took back last."),
    ] = None,
    collection: CollectionOption = None,
    to: Annotated[bool, typer.Option("--to", help="Make those taken back before it again as well.")] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a change again that was taken back."""
    with opened(collection) as session, session.edits.trial(is_dry=dry_run):
        done = session.edits.redo_to(_named(change)) if to else [session.edits.redo(change)]
    commits = [commit for commit in done if commit]
    if as_json:
        report: RedoReport = {
            "schema": "frieze/redo/1",
            "changes": [commit_row(each) for each in commits],
            "dry_run": dry_run,
        }
        put_json(report)
    else:
        _tell(commits, "would be redone" if dry_run else "redone")
    _refuse_nothing(commits, "redo")


def history(
    collection: CollectionOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List the changes, newest first."""
    with opened_names(collection) as names:
        commits = names.history(limit)
        say_cut(len(commits), names.count_edits())
    if as_json:
        put_json_rows(map(commit_row, commits))
        return
    rows = [
        (
            commit.id,
            clock_time(commit.at),
            commit.images_changed or "",
            _state(commit),
            commit.actor,
            commit.what,
        )
        for commit in commits
    ]
    put_table(rows, ("id", "when", "images", "", "by", "what"))


def _named(change: int | None) -> int:
    if change is None:
        raise UserError("--to needs the id of a change", "`frieze history` lists them")
    return change


def _tell(commits: list[Commit], done: str) -> None:
    from curator.session.images.edits import Edits

    for commit in commits:
        images = f" ({counted(commit.images_changed)})" if commit.images_changed else ""
        tell(f"{done}: {commit.what}{images}")
        if commit.skipped:
            put(f"changed since, and left as they are: {Edits.skipped_in_words(commit)}")


def _refuse_nothing(commits: list[Commit], what: str) -> None:
    if not commits:
        raise UserError(f"there is nothing to {what}", "`frieze history` lists the changes", ExitCode.NO)


def _state(commit: Commit) -> str:
    words = ["undone"] if commit.undone else []
    return ", ".join([*words, *([f"{commit.skipped:,} stay"] if commit.skipped else [])])


undo_app = single(undo)
redo_app = single(redo)
history_app = single(history)
