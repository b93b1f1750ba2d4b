"""Translation of another trainer's settings: a recipe's values, and a line for what became of each setting (B12)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from curator.contract.errors import UserError
from curator.contract.recipe.checks import check_recipe, idle_keys
from curator.contract.recipe.fields import Value, checked, recipe_fields, toml_value
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import with_values

Foreign = bool | int | float | str | None | list["Foreign"] | dict[str, "Foreign"]
Settings = Mapping[str, Foreign]
# carried: the same under our name; translated: said otherwise; default: what the other tool does unasked, and Frieze
# would not; elsewhere: said of the data or to a command; left out: no counterpart; unknown: not a setting of that tool.
Outcome = Literal["carried", "translated", "default", "elsewhere", "left out", "unknown"]

_SECRET = re.compile(
    r"token$|api_key|secret|password", re.IGNORECASE
)  # keep_tokens and max_token_length are none
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "none", "")


@dataclass(frozen=True)
class SettingLine:
    """What became of one setting: the recipe's key and value in TOML, where it has one, and why."""

    setting: str
    value: str
    outcome: Outcome
    key: str = ""
    becomes: str = ""
    why: str = ""


@dataclass(frozen=True)
class ImportedRecipe:
    """A recipe's values by dotted key, what became of each setting, and what still hinders the recipe, if anything."""

    tool: str
    values: Mapping[str, Value]
    lines: tuple[SettingLine, ...]
    hindrance: str = ""

    def toml(self) -> str:
        """The recipe as TOML, with what it could not take in comments above."""
        missing = [line for line in self.lines if line.outcome in ("left out", "unknown")]
        head = [f"# From settings of {self.tool}."]
        if missing:
            head.append("# Not in it:")
        head += [f"#   {_one_line(line.setting)} = {_one_line(line.value)}: {line.why}" for line in missing]
        body: list[str] = []
        section = ""
        for name in recipe_fields():
            if name not in self.values:
                continue
            here, _, leaf = name.rpartition(".")
            if here != section:
                body += ["", f"[{here}]"]
                section = here
            body.append(f"{leaf} = {toml_value(self.values[name])}")
        return "\n".join([*head, *body]) + "\n"


@dataclass
class Translation:
    """Settings on their way into a recipe. Each is taken once; what nobody takes is unknown."""

    tool: str
    settings: Settings
    values: dict[str, Value] = field(default_factory=dict[str, Value])
    lines: list[SettingLine] = field(default_factory=list[SettingLine])
    _taken: set[str] = field(default_factory=set[str])

    def raw(self, name: str) -> Foreign:
        """A setting as it stands; None where it is not given. An empty text is none."""
        self._taken.add(name)
        value = self.settings.get(name)
        return None if value == "" or (isinstance(value, str) and value.lower() == "none") else value

    def gives(self, name: str) -> bool:
        """Whether a setting is given."""
        return self.settings.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        """A setting as text."""
        value = self.raw(name)
        return default if value is None else _shown(value)

    def number(self, name: str) -> float | None:
        """A setting as a finite number; one that is none is told, once, as left out."""
        found = self.numbers(name)
        return found[0] if len(found) == 1 else None

    def numbers(self, name: str) -> list[float]:
        """A setting as numbers, such as the rates of two text encoders; what is none is told, once, as left out."""
        value = self.raw(name)
        words = value if isinstance(value, list) else [] if value is None else str(value).split()
        found = [
            number for word in words if (number := _number(str(word))) is not None and math.isfinite(number)
        ]
        if len(found) == len(words) and (words or value is None):
            return found
        if not any(line.setting == name for line in self.lines):
            self.leave_out(name, "it is no number")
        return []

    def switch(self, name: str) -> bool:
        """A setting as a switch; a flag without a value is on."""
        value = self.raw(name)
        return is_on(value)

    def set(self, name: str, key: str, value: object, why: str = "") -> None:
        """Put what a setting says into the recipe: carried as it is, or translated for the reason `why`."""
        self._taken.add(name)
        shown = self._shown(name)
        try:
            typed = checked(recipe_fields()[key], _as_kind(key, value), name)
        except UserError as error:
            self.lines.append(SettingLine(name, shown, "left out", key, "", f"{error.what}; {error.hint}"))
            return
        self._keep(key, typed)
        outcome: Outcome = "translated" if why else "carried"
        self.lines.append(SettingLine(name, shown, outcome, key, toml_value(typed), why))

    def assume(self, name: str, key: str, value: object, why: str) -> None:
        """Put in what the other tool does where `name` is not given, unless Frieze does the same."""
        typed = checked(recipe_fields()[key], _as_kind(key, value), name)
        if typed != recipe_fields()[key].default:
            self._keep(key, typed)
            self.lines.append(SettingLine(name, "", "default", key, toml_value(typed), why))

    def carry(self, names: Mapping[str, str]) -> None:
        """Carry all settings that mean the same as a key of the recipe, by their names."""
        for name, key in names.items():
            if self.raw(name) is not None:
                self.set(name, key, self.settings[name])

    def send_elsewhere(self, reasons: Mapping[str, str]) -> None:
        """Tell of settings that are said of the data, or to a command."""
        self._tell("elsewhere", reasons)

    def leave_out_all(self, reasons: Mapping[str, str]) -> None:
        """Tell of settings that have no counterpart."""
        self._tell("left out", reasons)

    def leave_out(self, name: str, why: str) -> None:
        """Tell of one setting that has no counterpart, or none at its value."""
        self._taken.add(name)
        self.lines.append(SettingLine(name, self._shown(name), "left out", "", "", why))

    def pass_over(self, names: Iterable[str]) -> None:
        """Settings that change nothing of a training, such as those of a window."""
        self._taken.update(names)

    def finish(self) -> ImportedRecipe:
        """The recipe, without what would have no effect in it; settings that nobody took are unknown."""
        for name in self.settings:
            if name not in self._taken and not is_off(self.settings[name]):
                why = f"no setting of {self.tool} that Frieze knows"
                self.lines.append(SettingLine(name, self._shown(name), "unknown", "", "", why))
        recipe = with_values(Recipe(), self.values)
        idle = {each.key: each.hint for each in idle_keys(recipe, frozenset(self.values))}
        lines = tuple(_idled(line, idle) for line in self.lines)
        values = {name: value for name, value in self.values.items() if name not in idle}
        hindrance = ""
        try:
            check_recipe(recipe, frozenset(values), "the recipe")
        except UserError as error:
            hindrance = f"{error.what}: {error.hint}"
        return ImportedRecipe(self.tool, values, lines, hindrance)

    def _tell(self, outcome: Outcome, reasons: Mapping[str, str]) -> None:
        for name, why in reasons.items():
            self._taken.add(name)
            if not is_off(self.settings.get(name)):
                self.lines.append(SettingLine(name, self._shown(name), outcome, "", "", why))

    def _keep(self, key: str, value: Value) -> None:
        if value == recipe_fields()[key].default:
            self.values.pop(key, None)
        else:
            self.values[key] = value

    def _shown(self, name: str) -> str:
        if _SECRET.search(name):
            return "(kept back)"
        return _shown(self.settings.get(name))


def is_on(value: Foreign) -> bool:
    """Whether a switch is on; the words of a text count."""
    if isinstance(value, str):
        return value.strip().lower() not in _NO
    return bool(value)


def is_off(value: Foreign) -> bool:
    """Whether a setting says nothing: not given, empty, off or zero."""
    if isinstance(value, str):
        text = value.strip().lower()
        return text in _NO or _number(text) == 0
    return not value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _as_kind(key: str, value: object) -> object:
    """A text as the type that the key takes; what cannot be one stays, and is refused by its check."""
    if isinstance(value, float) and value.is_integer() and isinstance(recipe_fields()[key].default, int):
        return int(value) if not recipe_fields()[key].share else value
    if not isinstance(value, str):
        return value
    info = recipe_fields()[key]
    default, text = info.default, value.strip()
    if isinstance(default, bool):
        word = text.lower()
        return True if word in _YES else False if word in _NO else value
    if isinstance(default, int | float):
        number = _number(text)
        if number is None:
            return value
        return int(number) if isinstance(default, int) and number.is_integer() else number
    return (text,) if isinstance(default, tuple) else value


def _shown(value: Foreign) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_line(text: str) -> str:
    return toml_value(text)[1:-1]


def _idled(line: SettingLine, idle: Mapping[str, str]) -> SettingLine:
    if line.key not in idle or line.outcome not in ("carried", "translated", "default"):
        return line
    return SettingLine(
        line.setting, line.value, "left out", line.key, "", f"it would have no effect: {idle[line.key]}"
    )
