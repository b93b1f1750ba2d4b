"""Keys of the Browse screen."""

from __future__ import annotations

from curator.tui.keyboard.keys import KeyAction

KEYS = (
    KeyAction("browse.filter", "slash", "filter", "filter as you type", "filter"),
    KeyAction("browse.grid", "i", "grid", "a grid of pictures, or the list", "grid"),
    KeyAction("browse.add", "a", "bulk('add')", "add tags", "add tag"),
    KeyAction("browse.remove", "d", "bulk('remove')", "remove tags", "remove"),
    KeyAction("browse.rename", "r", "rename", "rename a tag everywhere"),
    KeyAction("browse.caption", "e", "caption", "edit the caption", "caption"),
    KeyAction("browse.keep", "y", "judge(1)", "mark keep, next image", "keep"),
    KeyAction("browse.reject", "x", "judge(-1)", "mark reject, next image", "reject"),
    KeyAction("browse.unmark", "backspace", "judge(0)", "take the keep or reject mark away"),
    KeyAction("browse.crop", "c", "crop", "show or hide the crop box", "crop"),
    KeyAction("browse.preview", "p", "preview", "show or hide the image, in the grid the tags", "image"),
    KeyAction("browse.panel", "tab", "next_panel", "other panel"),
    KeyAction("browse.facets", "t", "facets", "tags of what is shown, to add to the filter", "tags"),
    KeyAction("browse.sort", "o", "sort", "order", "order"),
    KeyAction("browse.jump", "number_sign,ctrl+g", "jump", "jump to a row or an id"),
    KeyAction("browse.saved", "f", "saved", "saved filters"),
    KeyAction("browse.save", "F", "save", "save this filter"),
    KeyAction("browse.captions", "n", "captions", "captions of this image in the next epochs"),
    KeyAction("browse.copies", "D", "copies", "copies among these images"),
    KeyAction(
        "browse.stats", "S", "statistics", "statistics: sizes, ratios, tags, tokens, years", "statistics"
    ),
    KeyAction(
        "browse.sidecars", "W", "sidecars", "write the sidecars of what is selected, else of all shown"
    ),
    KeyAction("browse.export", "X", "export", "export what is selected, else all shown, as SQLite tables"),
    KeyAction("browse.quarantine", "Q", "quarantine", "files that could not be used, and why"),
)
