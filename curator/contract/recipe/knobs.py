"""Declarations of knobs, and of knobs and sections that are there only where they are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any

# Of a section's field: it holds only where the `choice` beside it names it; its keys are refused elsewhere.
CHOSEN = {"chosen": True}
# Of a choice that also takes the name of a class, such as "torch.optim.NAdam": what stands for any such name.
ANY_CLASS = "package.module.Class"


def knob(
    default: Any,
    help: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    share: bool = False,
) -> Any:
    """One field of a recipe. `low` and `high` are inclusive; a tuple default makes a list of strings.

    `only` names the values of the nearest `choice` it holds for; empty: all. A `share` also takes a number from 0.0 to
    1.0, with its point, for a share of the run.
    """
    about = {"help": help, "unit": unit, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=about | {"only": only, "share": share})


def choice(default: str, help: str, names: tuple[str, ...] = (), *, takes_class: bool = False) -> Any:
    """The knob that chooses among what is declared beside it, by `names`; without them, by those of CHOSEN sections.

    With `takes_class` it is also set to the dotted name of a class.
    """
    about = {"help": help, "chooses": True, "names": names, "takes_class": takes_class}
    return field(default=default, metadata=about)


def chosen_by(*names: str) -> Mapping[str, Any]:
    """Of a section's field: it holds only where the `choice` beside it has one of these values."""
    return {"only": names}


def choice_of(node: Any) -> str | None:
    """The name of the knob that chooses among the sections of `node`; None where all of them always hold."""
    return next((each.name for each in fields(node) if each.metadata.get("chooses")), None)


def chosen_names(node: Any) -> tuple[str, ...]:
    """What the choice of `node` may be: its names, or those of the sections one can choose among."""
    named = next((each.metadata["names"] for each in fields(node) if each.metadata.get("chooses")), ())
    return named or tuple(each.name for each in fields(node) if each.metadata.get("chosen"))


def needed(each: Any) -> tuple[str, ...]:
    """The values of the choice that make the field `each` of a node hold; empty: it always does."""
    return (each.name,) if each.metadata.get("chosen") else each.metadata.get("only", ())


def active_names(node: Any) -> frozenset[str]:
    """The choices that hold in `node`; it may know of more than its one choice says."""
    known = getattr(node, "active", None)
    if known is not None:
        return known
    name = choice_of(node)
    if name is None:
        return frozenset()
    value = getattr(node, name)
    return frozenset({ANY_CLASS if is_class_name(value) else value})


def is_class_name(value: str) -> bool:
    """Whether the value of a choice names a class."""
    return "." in value
