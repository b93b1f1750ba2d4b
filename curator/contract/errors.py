"""Errors for people: what happened, what to do, and the exit code of the program that ends with it."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from enum import IntEnum

from curator.contract.text import visible


class ExitCode(IntEnum):
    """How a program ended, for a script to branch on: each number has one meaning, in every command and in the trainer.

    Where none is chosen, `UserError` is a `MISTAKE`.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        """A member: its number, and what it says, as the documentation has it."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DONE = 0, "done"
    NO = 1, "the answer is no"
    MISTAKE = 2, "a mistake in what was asked: usage, a name that does not exist, a full disk"
    RUN_FAILED = 3, "a run failed or crashed"
    RUN_STOPPED = 4, "a run was stopped before its end"
    BUG = 70, "a fault in Frieze; what happened is in a file that is named"
    INTERRUPTED = 130, "interrupted (Ctrl-C); nothing is half-written"


_LISTED = 40  # choices that a hint names


class UserError(Exception):
    """A mistake a user can mend: `what` happened, and a `hint` of what to do.

    Raised anywhere, printed in one place per program (the CLI's boundary, a notice in the app, the
    trainer's `run_failed` event). Anything that is not a `UserError` is a bug. `code` is what a command ends with.

    Names and other foreign text are put into both as they are: they are made visible here.
    """

    def __init__(self, what: str, hint: str, code: ExitCode = ExitCode.MISTAKE) -> None:
        self.what = visible(what)
        self.hint = visible(hint)
        super().__init__(self.what)
        self.code = code

    def __str__(self) -> str:
        return f"{self.what} ({self.hint})"


class ReplaceableError(UserError):
    """Something has the place that was to be written to; the same act, asked to, replaces it."""


_SHOWN = 40  # characters of a name that is too long


def name_too_long(error: OSError) -> UserError | None:
    """What a person is told of a name that no file can have, wherever that is met; None of any other error."""
    if error.errno != errno.ENAMETOOLONG:
        return None
    name = str(error.filename or "")
    return UserError(f"no file can have so long a name: {name[:_SHOWN]}...", "give a shorter one")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like `word`, or None where nothing is close."""
    import difflib  # takes longer than all else here, and only mistakes need it

    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A hint that offers the nearest choice, or lists the first of them when none is near."""
    known = sorted(choices)
    if not known:
        return "there is none yet"
    near = nearest(word, known)
    if near:
        return f"did you mean '{near}'?"
    more = f", and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
    return f"known: {', '.join(known[:_LISTED])}{more}"
