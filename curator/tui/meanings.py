"""What a colour of the app means: one table of names of the 16 colours, each of which a theme makes its own.

Whatever is told by a colour is told by a sign or a word beside it too, as the comments say: in NO_COLOR these are left.
"""

from __future__ import annotations

FINDING = "yellow"  # `WARN`, `*`, or the sentence itself
MISTAKE = "red"  # `STOP`, `!`, `^`
ADDED = "green"  # `+`
REMOVED = "red"  # `-`
KEPT, REJECTED = ADDED, REMOVED  # the marks of images, with the same signs
QUIET = "bright_black"  # what stands beside: numbers, help; no sign, it means nothing
BAR = "blue"  # its length
SECTION = "bold cyan"  # of a list

_CLASSES = {  # of tags; the name of the class, or its first letters, stand beside the tag
    "artist": "bright_red",
    "copyright": "bright_magenta",
    "character": "bright_green",
    "general": "bright_blue",
    "meta": "bright_yellow",
    "rating": "bright_cyan",
}
_OWN_CLASS = "magenta"
_STATES = {  # of runs, jobs and what waits; the word is there
    "running": ADDED,
    "new": QUIET,
    "queued": QUIET,
    "waiting": QUIET,
    "paused": FINDING,
    "suspended": FINDING,
    "damaged": FINDING,
    "failed": MISTAKE,
    "crashed": MISTAKE,
}
_LEVELS = {"stop": MISTAKE, "warn": FINDING}  # of findings
_SHORT = 2  # letters of a class that tell it from the others


def of_class(cls: str) -> str:
    """The colour of a tag of this class; those of the user's own share one."""
    return _CLASSES.get(cls, _OWN_CLASS) if cls else ""


def of_state(state: str) -> str:
    """The colour of a run or job in this state."""
    return _STATES.get(state, "")


def of_level(level: str) -> str:
    """The colour of a finding of this level."""
    return _LEVELS.get(level, "")


def of_change(before: bool, after: bool) -> tuple[str, str]:
    """Sign and colour of a change, by whether there was something before and is something after."""
    if before == after:
        return "~", ""
    return ("+", ADDED) if after else ("-", REMOVED)


def class_word(cls: str) -> str:
    """The class as it stands beside a tag: most are general, which goes without saying."""
    return "" if cls == "general" else cls


def class_letters(cls: str) -> str:
    """The same where there is no room for the word."""
    return class_word(cls)[:_SHORT]
