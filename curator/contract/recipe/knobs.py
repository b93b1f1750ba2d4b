"""Declarations of knobs and of sections that are there only where they are chosen."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any

# Of a section's field: it holds only where the `choice` beside it names it; its keys are refused elsewhere.
CHOSEN = {"chosen": True}


def knob(
    default: Any,
    help: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """One field of a recipe. `low` and `high` are inclusive; a tuple default makes a list of strings."""
    about = {"help": help, "unit": unit, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=about)


def choice(default: str, help: str) -> Any:
    """The knob that chooses among the CHOSEN sections declared beside it: their names are its choices."""
    return field(default=default, metadata={"help": help, "chooses": True})


def choice_of(node: Any) -> str | None:
    """The name of the knob that chooses among the sections of `node`; None where all of them always hold."""
    return next((each.name for each in fields(node) if each.metadata.get("chooses")), None)


def chosen_names(node: Any) -> tuple[str, ...]:
    """The names of the sections one can choose among."""
    return tuple(each.name for each in fields(node) if each.metadata.get("chosen"))


def active_names(node: Any) -> frozenset[str]:
    """The names of the sections that are chosen; a section may know of more than its one choice says."""
    known = getattr(node, "active", None)
    if known is not None:
        return known
    name = choice_of(node)
    return frozenset({getattr(node, name)} if name else ())
