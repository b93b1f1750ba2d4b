"""Edits of many images from the command line: counted, confirmed, made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from curator.cli.shared.output import counted, put, say
from curator.contract.errors import UserError
from curator.contract.exit_codes import ExitCode
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.cli.shared.selection import Selection
    from curator.session.edits import Edit
    from curator.session.session import Session


def change(session: Session, edit: Edit, images: Selection, *, dry_run: bool, yes: bool) -> None:
    """Do `edit` to `images`; says how many change, and asks first where there are several.

    Raises:
        UserError: several images would change and nobody can be asked.
    """
    change_images(session, edit, images.of(session).ids.tolist(), dry_run=dry_run, yes=yes)


def change_images(session: Session, edit: Edit, ids: Sequence[int], *, dry_run: bool, yes: bool) -> None:
    """Do `edit` to the images `ids`, as `change` does."""
    count = session.edits.preview(edit, ids)
    if dry_run or not count:
        put(
            f"{count} of {counted(len(ids))} would change" if dry_run else f"0 of {counted(len(ids))} changed"
        )
        return
    if count > 1 and not yes:
        ask(count)
    commit = session.edits.apply(edit, ids)
    put(f"{commit.images_changed} of {counted(len(ids))} changed: {visible(commit.what)}")


def ask(count: int) -> None:
    """Ask whether to change several images.

    Raises:
        UserError: nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise UserError(f"this changes {count} images", "add --yes, or --dry-run to look first")
    if not typer.confirm(f"Change {count} images?", err=True):
        say("nothing was changed")
        raise typer.Exit(ExitCode.NO)
