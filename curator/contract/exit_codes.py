"""Exit codes of all programs: each number has one meaning, in every command and in the trainer."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a program ended, for a script to branch on. Where none is chosen, `UserError` is a `MISTAKE`."""

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
