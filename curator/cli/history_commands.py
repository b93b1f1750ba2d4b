"""Decides how changes are listed, taken back and made again from the command line."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options import CollectionOption, JsonOption
from curator.cli.output import counted, put, put_json_rows, put_table
from curator.cli.places import opened
from curator.cli.typer_apps import single
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.index.edits import Commit


def undo(
    change: Annotated[
        int | None,
        typer.Argument(metavar="[N]", help="Id of a change: it and all newer ones; default: the last."),
    ] = None,
    collection: CollectionOption = None,
) -> None:
    """Take the last change back, or all down to one of the history; may be repeated."""
    with opened(collection) as session:
        if change is None:
            _tell(session.undo(), "undone", "there is nothing to undo")
            return
        for commit in session.undo_to(change):
            _tell(commit, "undone", "")


def redo(collection: CollectionOption = None) -> None:
    """Make the change taken back last again."""
    with opened(collection) as session:
        _tell(session.redo(), "redone", "there is nothing to redo")


def history(
    collection: CollectionOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Only the N newest.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List the changes, newest first."""
    with opened(collection) as session:
        commits = session.history(limit)
    if as_json:
        put_json_rows(asdict(commit) for commit in commits)
        return
    rows = [
        (
            commit.id,
            _when(commit),
            commit.images_changed,
            "undone" if commit.undone else "",
            commit.actor,
            commit.what,
        )
        for commit in commits
    ]
    put_table(rows, ("id", "when", "images", "", "by", "what"))


def _tell(commit: Commit | None, done: str, nothing: str) -> None:
    put(nothing if commit is None else f"{done}: {visible(commit.what)} ({counted(commit.images_changed)})")


def _when(commit: Commit) -> str:
    return f"{datetime.fromtimestamp(commit.at).astimezone():%Y-%m-%d %H:%M:%S}"


undo_app = single(undo)
redo_app = single(redo)
history_app = single(history)
