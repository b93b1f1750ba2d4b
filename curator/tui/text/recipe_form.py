"""The recipe form: one line per knob of the recipe's own declarations, each checked as typed.

Pure: the form holds a preset and what was changed from it, and gives a checked recipe or the mistake.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError
from curator.contract.recipe.checks import check_recipe
from curator.contract.recipe.fields import FieldInfo, Value, active_fields, checked, recipe_fields
from curator.contract.recipe.presets import presets
from curator.contract.recipe.toml_file import load_recipe, values_of, with_values

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from curator.session.session import Session

HEAD = ("manifest", "preset", "name of the run")
_TOP = "recipe"  # what is in no section


class FormRow(NamedTuple):
    """A line of the form: a choice above the recipe (no section), a section's heading (no field), or a knob."""

    name: str
    field: FieldInfo | None = None
    section: str | None = None


@dataclass(frozen=True)
class RecipeForm:
    """A preset and the knobs set otherwise."""

    preset: str
    changes: tuple[tuple[str, Value], ...] = ()

    @property
    def values(self) -> dict[str, Value]:
        """Every knob as it stands."""
        return {**self.preset_values, **dict(self.changes)}

    @property
    def preset_values(self) -> dict[str, Value]:
        return values_of(load_recipe(self.preset))

    def recipe(self) -> Recipe:
        """The recipe as it stands.

        Raises:
            UserError: a contradiction, or a knob that would change nothing.
        """
        recipe = self.unchecked()
        check_recipe(recipe, frozenset(dict(self.changes)), "the form")
        return recipe

    def unchecked(self) -> Recipe:
        """The recipe as it stands, with whatever contradicts itself."""
        return with_values(load_recipe(self.preset), dict(self.changes))

    def typed(self, info: FieldInfo, text: str) -> RecipeForm:
        """The form with a knob set to what was typed.

        Raises:
            UserError: wrong type, out of range, or no choice.
        """
        return self.set(info, checked(info, _typed(info, text.strip()), "the form"))

    def set(self, info: FieldInfo, value: Value) -> RecipeForm:
        """The form with a knob set; the preset's own value is no change."""
        changes = {**dict(self.changes), info.name: value}
        if self.preset_values[info.name] == value:
            del changes[info.name]
        return replace(self, changes=tuple(changes.items()))

    def reset(self, info: FieldInfo) -> RecipeForm:
        """The form with a knob back at the preset's value."""
        return replace(self, changes=tuple(each for each in self.changes if each[0] != info.name))

    def turned(self, info: FieldInfo, places: int) -> RecipeForm:
        """The form with the next choice of a knob that has choices; others stay."""
        value = self.values[info.name]
        if isinstance(value, bool):
            return self.set(info, not value)
        if isinstance(value, str | int) and info.choices:
            known = str(value) in info.choices  # a choice may also be the name of a class
            place = info.choices.index(str(value)) + places if known else 0
            return self.typed(info, info.choices[place % len(info.choices)])
        return self


def form_rows(form: RecipeForm, folded: Collection[str] = ()) -> list[FormRow]:
    """The lines of the form, in the order of the recipe: knobs that hold, and those that were changed and do not.

    Of `folded` sections there is the heading alone.
    """
    shown = {*active_fields(form.unchecked()), *dict(form.changes)}
    rows = [FormRow(name) for name in HEAD]
    section = ""
    for name, field in recipe_fields().items():
        if name not in shown:
            continue
        if section != (field.section or _TOP):
            section = field.section or _TOP
            rows.append(FormRow(section, section=section))
        if section not in folded:
            rows.append(FormRow(name, field, section))
    return rows


def place_of_field(rows: Sequence[FormRow], typed: str) -> int | None:
    """The row a search goes to: the field of that name, else one whose name begins so, holds it, whose help does."""
    word = typed.strip().lower()
    if not word:
        return None

    def rank(row: FormRow) -> int:
        name = row.name.lower()
        leaf = name.rpartition(".")[2]
        fits = (word in (name, leaf), leaf.startswith(word), name.startswith(word), word in name)
        return fits.index(True) if True in fits else len(fits)

    found = [
        (rank(row), at)
        for at, row in enumerate(rows)
        if row.field and word in f"{row.name} {row.field.help}".lower()
    ]
    return min(found, default=(0, None))[1]


def form_from(stored: object, preset: str) -> RecipeForm:
    """The form as it was remembered; what no longer fits is left out."""
    if not isinstance(stored, dict):
        return RecipeForm(preset)
    form = RecipeForm(preset)
    for name, value in stored.items():
        info = recipe_fields().get(name)
        try:
            form = form.set(info, checked(info, value, "the form")) if info else form
        except UserError:
            continue
    return form


def remembered_form(session: Session) -> RecipeForm:
    """The form as the Train screen was left."""
    form = form_from(session.memory.recall("recipe"), str(session.memory.recall("preset", "sd15-lora")))
    return form if form.preset in presets() else RecipeForm(next(iter(presets())))


def remembered_recipe(session: Session) -> Recipe:
    """The recipe of the Train screen, whether it could be launched or not."""
    return remembered_form(session).unchecked()


def change_remembered(session: Session, change: Callable[[RecipeForm], RecipeForm]) -> RecipeForm:
    """Change the remembered form, as an edit that can be undone; gives what it is now.

    It is read, changed and kept while nobody else writes: a knob turned meanwhile in another app stays.
    """
    with session.edits.grouped():
        before = remembered_form(session)
        form = change(before)
        session.memory.edit("preset", before.preset, form.preset)
        session.memory.edit("recipe", dict(before.changes), dict(form.changes))
    return form


def in_text(value: Value, info: FieldInfo | None = None) -> str:
    """A value as one types it; of a knob that takes shares, those keep their point."""
    if info is not None and info.share and isinstance(value, float):
        return repr(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " | ".join(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def range_in_words(info: FieldInfo) -> str:
    """What a knob takes."""
    if info.choices:
        return ("any of " if isinstance(info.default, tuple) else "") + ", ".join(info.choices)
    if isinstance(info.default, bool):
        return "yes or no"
    if isinstance(info.default, tuple):
        return "several, with | between"
    low = f"from {info.low:g}" if info.low is not None else ""
    high = f"to {info.high:g}" if info.high is not None else ""
    return " ".join(filter(None, (low, high, info.unit)))


def _typed(info: FieldInfo, text: str) -> object:
    if isinstance(info.default, bool):
        return {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}.get(
            text.lower(), text
        )
    if isinstance(info.default, tuple):
        return tuple(each.strip() for each in text.split("|") if each.strip())
    if isinstance(info.default, str):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
