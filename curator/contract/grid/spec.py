"""Specs of grids: small TOML in which every setting may have several values, and up to three of them make the axes."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, cast

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.prompts.files import lines_of_entries
from curator.contract.prompts.lines import MOST_STEPS, OPTIONS, SIDE_STEP_PX, SMALLEST_SIDE_PX
from curator.contract.text import counted, visible

Value = str | int | float | bool | tuple[str, ...]
PLACES = ("columns", "rows", "pages")
ALL_STEPS = "all"
LAST_STEP = "last"
MOST_CELLS = 10_000
_MOST_CLIP_SKIP = 23


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("give a text in quotes")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("give a number")
    return float(value)


def _step(value: Any) -> int | str:
    if value in (ALL_STEPS, LAST_STEP) and isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"give a step, '{ALL_STEPS}' or '{LAST_STEP}'")
    return value


def _adapters(value: Any) -> tuple[str, ...]:
    """One value of the axis: no adapter, one, or a list of some that are added together."""
    together = cast("list[Any]", value) if isinstance(value, list) else [value]
    return tuple(name for each in together if (name := _text(each)))


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("give true or false")
    return value


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"give a whole number from {low} to {high}")
        return value

    return read


def _side(value: Any) -> int:
    side = cast("int", OPTIONS["w"].read(value))
    if side < SMALLEST_SIDE_PX or side % SIDE_STEP_PX:
        raise ValueError(f"give a multiple of {SIDE_STEP_PX} from {SMALLEST_SIDE_PX}")
    return side


SETTINGS: dict[str, Callable[[Any], Value]] = {
    "model": _text,
    "run": _text,
    "step": _step,
    "adapter": _adapters,
    "ratio": _number,
    "prompt": _text,
    "negative": _text,
    "seed": OPTIONS["d"].read,
    "steps": _whole(1, MOST_STEPS),
    "scale": OPTIONS["l"].read,
    "sampler": OPTIONS["ss"].read,
    "clip_skip": _whole(1, _MOST_CLIP_SKIP),
    "width": _side,
    "height": _side,
    "vae": _text,
    "weighted_prompts": _switch,
}
# What an option of a prompt's line says instead of the grid.
OF_LINES = {
    "negative": "negative_prompt", "seed": "seed", "steps": "steps", "scale": "scale",
    "sampler": "sampler", "width": "width", "height": "height",
}  # fmt: skip


class Axis(NamedTuple):
    """A setting with the values it takes across a place: `columns`, `rows` or `pages`."""

    place: str
    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class GridSpec:
    """A grid as it was asked for: `values` of the settings given, one or more each; `folder` is what paths start from.

    `places` names the setting of each place that has one.
    """

    source: str
    folder: Path
    title: str
    values: Mapping[str, tuple[Value, ...]]
    places: Mapping[str, str]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Columns, rows and pages, as many as there are."""
        return tuple(
            Axis(place, name, self.values[name]) for place in PLACES if (name := self.places.get(place))
        )

    @property
    def cells(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)

    def with_steps(self, steps: tuple[int, ...]) -> GridSpec:
        """The same with the steps that "all" stands for."""
        return replace(self, values={**self.values, "step": steps})

    def settings(self) -> list[tuple[tuple[int, ...], dict[str, Value]]]:
        """Every cell: its place on each axis, from 0, and the settings it is made with; columns change first."""
        axes = self.axes
        fixed = {name: values[0] for name, values in self.values.items()}
        found: list[tuple[tuple[int, ...], dict[str, Value]]] = []
        for backwards in product(*(range(len(axis.values)) for axis in reversed(axes))):
            at = backwards[::-1]
            own = {axis.name: axis.values[index] for axis, index in zip(axes, at, strict=True)}
            found.append((at, fixed | own))
        return found


def load_grid(path: Path) -> GridSpec:
    """The spec in a file.

    Raises:
        UserError: there is none, or it says what no grid has.
    """
    try:
        text = read_regular(path, limit_bytes=TEXT_BYTES).decode()
    except FileNotFoundError:
        raise UserError(f"there is no grid at {path}", "give a TOML file; see docs/grids.md") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as TOML", "give a grid in TOML") from error
    return read_grid(text, path.name, path.parent)


def read_grid(text: str, source: str, folder: Path) -> GridSpec:
    """The spec in a text; `source` names it in messages.

    Raises:
        UserError: it is no TOML, or says what no grid has.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{source} is no TOML: {error}", "mend the line it names") from error
    known = ["title", *PLACES, *SETTINGS]
    if unknown := next((name for name in table if name not in known), None):
        raise UserError(f"{source}: a grid has no key '{unknown}'", did_you_mean(unknown, known))
    values = {name: _values(name, table[name], source) for name in table if name in SETTINGS}
    if "prompt" in values:
        values["prompt"] = lines_of_entries(cast("tuple[str, ...]", values["prompt"]), folder)
    _check_sense(values, source)
    title = table.get("title", "")
    if not isinstance(title, str):
        raise UserError(f"{source}: title is {title!r}", "give a text in quotes")
    spec = GridSpec(source, folder, title, values, _places(table, values, source))
    if spec.cells > MOST_CELLS:
        raise UserError(
            f"{source}: the grid has {counted(spec.cells, 'cell')}", f"the most is {MOST_CELLS:,}"
        )
    return spec


def _values(name: str, given: Any, source: str) -> tuple[Value, ...]:
    several = cast("list[Any]", given) if isinstance(given, list) else [given]
    if not several:
        raise UserError(f"{source}: {name} has no value", "give one, or leave the line out")
    found: list[Value] = []
    for number, each in enumerate(several, 1):
        try:
            value = SETTINGS[name](each)
        except ValueError as error:
            which = f", value {number}" if len(several) > 1 else ""
            raise UserError(f"{source}: {name}{which} is {_shown(each)}", str(error)) from None
        if value in found:
            raise UserError(f"{source}: {name} has {_shown(each)} twice", "leave one of them out")
        found.append(value)
    return tuple(found)


def _shown(value: Any) -> str:
    return f"'{visible(value)}'" if isinstance(value, str) else str(value)


def _check_sense(values: Mapping[str, tuple[Value, ...]], source: str) -> None:
    if "prompt" not in values:
        raise UserError(f"{source} has no prompt", 'give prompt = ["TEXT", "prompts.txt"]')
    if "model" not in values and "run" not in values:
        raise UserError(f"{source} names no model", "give model = 'FILE' or run = 'NAME'")
    if "model" in values and "run" in values:
        raise UserError(f"{source}: model and run name two models", "leave one of them out")
    if "step" in values and "run" not in values:
        raise UserError(f"{source}: step would have no effect without run", "give run = 'NAME'")
    if "ratio" in values and "run" not in values and not any(values.get("adapter", ())):
        raise UserError(f"{source}: ratio would have no effect without an adapter", "give adapter = 'FILE'")
    if ALL_STEPS in values.get("step", ()) and len(values["step"]) > 1:
        raise UserError(f"{source}: step has '{ALL_STEPS}' beside others", "leave the others out")


def _places(table: Mapping[str, Any], values: Mapping[str, tuple[Value, ...]], source: str) -> dict[str, str]:
    """Which setting goes where: as the spec says, the others in its order."""
    several = [name for name, each in values.items() if len(each) > 1 or each == (ALL_STEPS,)]
    places: dict[str, str] = {}
    for place in PLACES:
        if place not in table:
            continue
        name = table[place]
        if not isinstance(name, str) or name not in values:
            raise UserError(f"{source}: {place} is {_shown(name)}", did_you_mean(str(name), values))
        if name in places.values():
            raise UserError(f"{source}: '{name}' is in two places", "name it once")
        places[place] = name
    free = [place for place in PLACES if place not in places]
    left = [name for name in several if name not in places.values()]
    if len(left) > len(free):
        raise UserError(
            f"{source}: {counted(len(several), 'setting')} have several values: {', '.join(several)}",
            "a grid has three axes at most: columns, rows and pages",
        )
    places |= dict(zip(free, left, strict=False))
    return places or {"columns": "prompt"}
