"""Several edits undone or redone at once: all of them, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.errors import ExitCode, UserError

if TYPE_CHECKING:
    from curator.index.changes.edits import Commit
    from curator.index.collection import Collection

_ALL = 1 << 40


def undo_to(collection: Collection, commit: int) -> list[Commit]:
    """Take back this edit and every newer one that stands, newest first.

    Raises:
        UserError: there is no such edit, or it does not stand.
    """
    with collection.writing(durable=True):
        edits = collection.history(_ALL)
        standing = [each.id for each in edits if not each.undone]
        if commit not in standing:
            _check_known(commit, edits)
            raise UserError("this edit is taken back already", "choose one that stands", ExitCode.NO)
        undone = [collection.undo(commit=each) for each in standing if each >= commit]
    return [each for each in undone if each]


def redo_to(collection: Collection, commit: int) -> list[Commit]:
    """Make this edit again, after the older ones undone before it.

    Raises:
        UserError: there is no such edit, or another was made since, so it cannot be.
    """
    done: list[Commit] = []
    with collection.writing(durable=True):
        _check_known(commit, collection.history(_ALL))
        while not any(each.id == commit and not each.undone for each in collection.history(_ALL)):
            again = collection.redo()
            if again is None:
                raise UserError(
                    "this edit cannot be made again",
                    "another one was made since it was taken back",
                    ExitCode.NO,
                )
            done.append(again)
    return done


def _check_known(commit: int, edits: list[Commit]) -> None:
    if not any(each.id == commit for each in edits):
        raise UserError(f"there is no change {commit}", "`frieze history` lists them")
