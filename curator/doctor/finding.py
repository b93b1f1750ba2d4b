"""What a look at the surroundings found: sound, a gap that costs something, or a fault that stops work."""

from __future__ import annotations

from typing import Literal, NamedTuple

Verdict = Literal["ok", "gap", "fault"]


class Checked(NamedTuple):
    """One thing looked at: its part (terminal, GPU, ...), what was found, and of a gap or fault what to do."""

    part: str
    name: str
    verdict: Verdict
    found: str
    hint: str = ""


def ok(part: str, name: str, found: str) -> Checked:
    """Something that is as it should be."""
    return Checked(part, name, "ok", found)


def gap(part: str, name: str, found: str, hint: str) -> Checked:
    """Something that is missing, and that one can do without."""
    return Checked(part, name, "gap", found, hint)


def fault(part: str, name: str, found: str, hint: str) -> Checked:
    """Something that is needed, and broken."""
    return Checked(part, name, "fault", found, hint)
