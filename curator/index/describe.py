"""Decides how an edit reads as one line of the history."""

from __future__ import annotations

from curator.contract.text import visible
from curator.index.edits import (
    AddTags,
    Edit,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetClass,
    SetMark,
)
from curator.index.plan import names_shown


def describe(edit: Edit) -> str:
    """An edit as one line of the history."""
    match edit:
        case AddTags(names, at):
            text = f"add {names_shown(names)}" + ("" if at == "end" else f" at {at}")
        case RemoveTags(names):
            text = f"remove {names_shown(names)}"
        case RenameTag(old, new):
            text = f"rename '{old}' to '{new}'"
        case ReorderTags():
            text = "reorder tags"
        case SetCaption(caption):
            text = f"set caption '{caption[:40]}'"
        case SetMark(mark):
            text = {1: "mark keep", -1: "mark reject"}.get(mark, "unmark")
        case SetClass(names, cls):
            text = f"class of {names_shown(names)} is {cls}"
        case Rewrite(_, why):
            text = why
    return visible(text)
