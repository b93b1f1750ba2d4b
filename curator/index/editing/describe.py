"""An edit as one line of the history, with what was skipped."""

from __future__ import annotations

from collections.abc import Iterable

from curator.contract.text import counted, visible
from curator.index.changes.edits import (
    AddAndRemoveTags,
    AddTags,
    Commit,
    Edit,
    EditGroup,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetClass,
    SetMark,
)

_MOST_LEFT = 4


def describe(edit: Edit) -> str:
    """An edit as one line of the history."""
    match edit:
        case AddTags(names, at):
            text = f"add {_names_shown(names)}" + ("" if at == "end" else f" at {at}")
        case RemoveTags(names):
            text = f"remove {_names_shown(names)}"
        case RenameTag(old, new):
            text = f"rename '{old}' to '{new}'"
        case ReorderTags():
            text = "reorder tags"
        case SetCaption(caption):
            text = f"set caption '{caption[:40]}{'…' if len(caption) > 40 else ''}'"
        case SetMark(mark):
            text = {1: "mark keep", -1: "mark reject"}.get(mark, "unmark")
        case SetClass(names, cls):
            text = f"class of {_names_shown(names)} is {cls}"
        case Rewrite(_, why) | AddAndRemoveTags(_, _, _, why) | EditGroup(_, why):
            text = why
    return visible(text)


def _names_shown(names: Iterable[str]) -> str:
    """Tag names for a line of the history."""
    shown = [f"'{name}'" for name in names]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


def skipped_in_words(commit: Commit) -> str:
    """What an undo skipped because others had changed it since: `12 images, repeats of subset alice`."""
    images, more = commit.skipped - len(commit.skipped_values), len(commit.skipped_values) - _MOST_LEFT
    said = [counted(images)] if images else []
    return ", ".join([*said, *commit.skipped_values[:_MOST_LEFT], *([f"{more} more"] if more > 0 else [])])
