"""Errors for people: what happened, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from curator.contract.exit_codes import ExitCode

_LISTED = 40  # choices that a hint names


class UserError(Exception):
    """A mistake a user can mend: `what` happened, and a `hint` of what to do.

    Raised anywhere, printed in one place per program (the CLI's boundary, a notice in the app, the
    trainer's `run_failed` event). Anything that is not a `UserError` is a bug. `code` is what a command ends with.
    """

    def __init__(self, what: str, hint: str, code: ExitCode = ExitCode.MISTAKE) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.what} ({self.hint})"


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
