"""Prompt lines with options, as sd-scripts has them: `a cat --n blurry --w 512 --h 768 --d 1 --l 7.5 --s 30`.

An option is a name of `OPTIONS` after " --" and a space, in any case; its value reaches to the next option. Of an
option given twice the last counts. What only looks like an option is text: it stays where it stands, and is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from curator.contract.errors import UserError, did_you_mean
from curator.contract.prompts.sampler_names import SAMPLER_NAMES
from curator.contract.text import visible

SIDE_STEP_PX = 8
SMALLEST_SIDE_PX = 64
LARGEST_SIDE_PX = 4096
MOST_STEPS = 1000
_MOST_SCALE = 100.0
_MOST_SEED = 2**63 - 1

Value = str | int | float


@dataclass(frozen=True)
class Prompt:
    """What to make an image of. None: not given. Sides in pixels, `scale` is that of the guidance."""

    prompt: str
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    scale: float | None = None
    steps: int | None = None
    sampler: str | None = None

    def given(self) -> dict[str, Value]:
        """What the line gives, by name."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


class PromptDoubt(NamedTuple):
    """Something in a prompt that may not be meant, and what to do about it."""

    what: str
    hint: str


class ReadPrompt(NamedTuple):
    """A prompt as it can be made, as it was given, and what to tell of how it was read."""

    prompt: Prompt
    given: Prompt
    doubts: tuple[PromptDoubt, ...]


class Option(NamedTuple):
    """What an option sets, and how a value is read from text or data; ValueError says what is wanted."""

    field: str
    read: Callable[[Any], Value]


def _whole(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("give a whole number")


def _side(value: Any) -> int:
    side = _whole(value)
    if side > LARGEST_SIDE_PX:
        raise ValueError(f"the most is {LARGEST_SIDE_PX} pixels")
    return side


def _seed(value: Any) -> int:
    seed = _whole(value)
    if seed > _MOST_SEED:
        raise ValueError(f"the most is {_MOST_SEED}")
    return seed


def _scale(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number and not (
        isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}\.?[0-9]{0,20}|\.[0-9]{1,20}", value)
    ):
        raise ValueError("give a number")
    scale = float(value)
    if not math.isfinite(scale) or not 0 <= scale <= _MOST_SCALE:
        raise ValueError(f"give a number from 0 to {_MOST_SCALE:g}")
    return scale


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("give a text")
    return value


def _sampler(value: Any) -> str:
    name = _text(value).lower()
    if name not in SAMPLER_NAMES:
        raise ValueError(did_you_mean(name, SAMPLER_NAMES))
    return name


OPTIONS = {
    "n": Option("negative_prompt", _text),
    "w": Option("width", _side),
    "h": Option("height", _side),
    "d": Option("seed", _seed),
    "l": Option("scale", _scale),
    "s": Option("steps", _whole),
    "ss": Option("sampler", _sampler),
}
# sd-scripts has these for models and trainings that are not made here.
_NOT_HERE = {
    "g": "the guidance of distilled models",
    "cn": "a ControlNet image",
    "ctr": "a share of the steps that is guided",
    "rcfg": "a norm of the guidance",
    "fs": "the shift of flow models",
}
_OPTION = re.compile(rf" --({'|'.join(OPTIONS)})(?: |$)", re.IGNORECASE)
_LOOKS_LIKE_ONE = re.compile(r"(?:^|(?<=\s))(-{1,2}|[\u2010-\u2015\u2212]{1,2})([A-Za-z]{1,16})(?=\s|$|=)")
_BEGINS_LIKE_ONE = re.compile(r"(?:[whds] [0-9]+|[lg] [0-9.]+|(?:n|ss|cn|ctr|rcfg|fs) \S)", re.IGNORECASE)


def read_line(line: str, where: str) -> ReadPrompt:
    """The prompt of a line without its end; `where` begins what is said of it, such as "line 3".

    Raises:
        UserError: a value that its option does not take.
    """
    found = list(_OPTION.finditer(line))
    ends = [*(each.start() for each in found[1:]), len(line)]
    values: dict[str, Value] = {}
    texts = [line[: found[0].start()] if found else line]
    for match, end in zip(found, ends, strict=True) if found else ():
        name, text = match[1].lower(), line[match.end() : end].strip()
        values[OPTIONS[name].field] = _value(name, OPTIONS[name], text, where)
        if name == "n":
            texts.append(text)
    doubts = [*_begin_doubts(line, where), *(doubt for text in texts for doubt in _text_doubts(text, where))]
    return _kept(Prompt(texts[0].strip(), **values), doubts, where)  # type: ignore[arg-type]  # each by its reader


def _value(name: str, option: Option, value: Any, where: str) -> Value:
    try:
        return option.read(value)
    except ValueError as error:
        shown = visible(value) if isinstance(value, str) else repr(value)
        raise UserError(f"{where}: --{name} is '{shown}'", str(error)) from None


def _begin_doubts(line: str, where: str) -> list[PromptDoubt]:
    if not _BEGINS_LIKE_ONE.match(line):
        return []
    what = f"{where}: the prompt begins like an option, and is read as text: '{_short(line)}'"
    return [
        PromptDoubt(what, "sd-scripts reads an option there; begin with another word if both shall agree")
    ]


def _text_doubts(text: str, where: str) -> list[PromptDoubt]:
    """Of words that look like options and are none."""
    doubts: list[PromptDoubt] = []
    for dashes, name in _LOOKS_LIKE_ONE.findall(text):
        known, is_plain = name.lower() in OPTIONS, dashes == "--"
        if not is_plain and not known and name.lower() not in _NOT_HERE:
            continue  # a dash between words
        what = f"{where}: '{dashes}{name}' is read as text of the prompt"
        if name.lower() in _NOT_HERE:
            hint = f"it is {_NOT_HERE[name.lower()]}, which is not made here: leave it out"
        elif known:
            hint = f"write ' --{name.lower()} ', with two hyphens, spaces around it and a prompt before it"
        else:
            hint = f"there is no such option; there are {', '.join(f'--{each}' for each in OPTIONS)}"
        doubts.append(PromptDoubt(what, hint))
    return doubts


def _kept(prompt: Prompt, doubts: list[PromptDoubt], where: str) -> ReadPrompt:
    """The prompt with sides and steps that can be made, as sd-scripts makes them."""
    values = prompt.given()
    for name in ("width", "height"):
        side = values.get(name)
        if isinstance(side, int) and (made := max(SMALLEST_SIDE_PX, side - side % SIDE_STEP_PX)) != side:
            hint = f"sides are multiples of {SIDE_STEP_PX} from {SMALLEST_SIDE_PX}"
            doubts.append(PromptDoubt(f"{where}: {name} {side} becomes {made}", hint))
            values[name] = made
    steps = values.get("steps")
    if isinstance(steps, int) and (made := min(max(1, steps), MOST_STEPS)) != steps:
        doubts.append(PromptDoubt(f"{where}: {steps} steps become {made}", f"give 1 to {MOST_STEPS} steps"))
        values["steps"] = made
    return ReadPrompt(Prompt(**values), prompt, tuple(doubts))  # type: ignore[arg-type]  # as they were


_DATA_KEYS = {option.field: name for name, option in OPTIONS.items()} | {
    "sample_steps": "s",
    "sample_sampler": "ss",
}


def read_data(data: dict[str, Any], where: str) -> ReadPrompt:
    """The prompt of an entry of a JSON or TOML file: keys as in `Prompt`, or sd-scripts' names for them.

    Raises:
        UserError: no prompt, an unknown key, or a value it does not take.
    """
    if not isinstance(data.get("prompt"), str):
        raise UserError(f"{where} has no prompt", "give prompt = 'TEXT'")
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key in ("prompt", "enum"):  # sd-scripts numbers its own
            continue
        if key not in _DATA_KEYS:
            raise UserError(f"{where}: there is no key '{key}'", did_you_mean(key, ["prompt", *_DATA_KEYS]))
        option = OPTIONS[_DATA_KEYS[key]]
        values[option.field] = _value(_DATA_KEYS[key], option, value, where)
    return _kept(Prompt(data["prompt"], **values), [], where)


def line_of(prompt: Prompt, where: str) -> str:
    """The line that gives `prompt`.

    Raises:
        UserError: there is none, because a text of it holds an option or ends in spaces.
    """
    letters = {option.field: name for name, option in OPTIONS.items()}
    options = (f" --{letters[name]} {value}" for name, value in prompt.given().items() if name != "prompt")
    line = prompt.prompt + "".join(options)
    if read_line(line, where).given != prompt:
        raise UserError(
            f"{where}: the text holds an option, or begins or ends with spaces: '{_short(line)}'",
            "leave it out of the text",
        )
    return line


def _short(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
