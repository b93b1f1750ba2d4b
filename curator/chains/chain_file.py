"""Chain file: values, and steps that are commands with what they read and write (S094).

title = "Flowers"

[values]
model = "base"

[[steps]]
name = "index"
run = "scan pictures --collection ."
reads = ["pictures"]

[[steps]]
name = "train"
run = "train flowers --model {model} --name flowers"
resume = "train --resume flowers"
after = ["freeze"]
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.regular_file import TEXT_BYTES, read_regular

_KEYS = {"name", "run", "resume", "about", "reads", "writes", "prints", "after"}
_PLACE = re.compile(r"\{([\w-]+)\}")
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Step:
    """One command: `words` without `frieze`; `resume` is what goes on with one that was broken off, if another.

    `reads` and `writes` are paths from the chain's folder; `prints` is one that its output goes to, as behind > in a
    shell, or empty, and is among `writes`; `after` names the steps it builds on.
    """

    name: str
    words: tuple[str, ...]
    resume: tuple[str, ...]
    about: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    prints: str
    after: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """Steps in order; paths in them start at `folder`."""

    name: str
    title: str
    folder: Path
    steps: tuple[Step, ...]

    def named(self, name: str) -> Step:
        """The step of that name.

        Raises:
            UserError: there is none.
        """
        found = {step.name: step for step in self.steps}
        if name not in found:
            raise UserError(f"the chain {self.name} has no step '{name}'", did_you_mean(name, found))
        return found[name]


def read_chain(file: Path, sets: Sequence[str] = ()) -> Chain:
    """The chain of a TOML file, `KEY=VALUE` of `sets` in place of its values.

    Raises:
        UserError: no such file, bad TOML, an unknown key, a value or step that is not there.
    """
    tables = _tables(file)
    values = _values(tables.get("values", {}), sets, file)
    listed = tables.get("steps")
    if not isinstance(listed, list) or not listed:
        raise UserError(
            f"{file} has no steps", "write [[steps]] with a name and a command, run = 'scan pictures'"
        )
    steps: list[Step] = []
    used: set[str] = set()
    for number, table in enumerate(listed, 1):
        steps.append(_step(table, f"{file}, step {number}", [each.name for each in steps], values, used))
    if unused := [name for name in values if name not in used]:
        raise UserError(
            f"{file}: no step speaks of {{{unused[0]}}}", "leave the value out, or use it in a step"
        )
    return Chain(file.stem, str(tables.get("title", file.stem)), file.absolute().parent, tuple(steps))


def _tables(file: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(read_regular(file, limit_bytes=TEXT_BYTES).decode())
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"there is no chain {file}", "give a TOML file with [[steps]]") from error
    except OSError as error:
        raise UserError(f"the chain {file} cannot be read: {error.strerror}", "check its rights") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{file}: {error}", "mend the line; a text needs quotes") from error
    for key in tables:
        if key not in ("title", "values", "steps"):
            raise UserError(
                f"{file}: there is no key '{key}'", did_you_mean(key, ("title", "values", "steps"))
            )
    return tables


def _values(table: object, sets: Sequence[str], file: Path) -> dict[str, str]:
    if not isinstance(table, dict):
        raise UserError(f"{file}: values is no table", "write [values], then NAME = 'TEXT' lines")
    values = {str(name): str(value) for name, value in table.items()}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals or name not in values:
            hint = did_you_mean(name, values) if values else "the chain has no [values]"
            raise UserError(f"the chain has no value '{name}'", hint)
        values[name] = value
    return values


def _step(
    table: object, where: str, before: Sequence[str], values: Mapping[str, str], used: set[str]
) -> Step:
    if not isinstance(table, dict):
        raise UserError(f"{where} is no table", "write [[steps]], then its keys")
    for key in table:
        if key not in _KEYS:
            raise UserError(f"{where}: there is no key '{key}'", did_you_mean(str(key), _KEYS))
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in before:
        raise UserError(
            f"{where}: its name is {name!r}", "give it a name of its own, of letters, digits, - and _"
        )
    where = f"{where} ({name})"
    words = _words(table.get("run", ""), where, values, used)
    if not words:
        raise UserError(f"{where} runs nothing", "write run = 'COMMAND ARGUMENTS', as after frieze")
    after = _texts(table, "after", where, values, used) if "after" in table else tuple(before[-1:])
    for each in after:
        if each not in before:
            raise UserError(
                f"{where} comes after '{each}', which is no step before it", did_you_mean(each, before)
            )
    prints = _prints(table, where, values, used)
    return Step(
        name,
        words,
        _words(table.get("resume", ""), where, values, used),
        str(table.get("about", "")),
        _texts(table, "reads", where, values, used),
        (*_texts(table, "writes", where, values, used), *([prints] if prints else [])),
        prints,
        after,
    )


def _prints(table: dict[str, Any], where: str, values: Mapping[str, str], used: set[str]) -> str:
    text = table.get("prints", "")
    if not isinstance(text, str):
        raise UserError(f"{where}: prints is no text", "write prints = 'FILE'")
    return _filled(text, where, values, used)


def _words(text: object, where: str, values: Mapping[str, str], used: set[str]) -> tuple[str, ...]:
    """The words of a command; a value fills a word, or a part of one, and is never cut at its spaces."""
    if not isinstance(text, str):
        raise UserError(f"{where}: a command is a text", "write run = 'COMMAND ARGUMENTS'")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"{where}: a quote does not end", "close it") from error
    if words[:1] == ["frieze"]:
        words = words[1:]
    return tuple(_filled(word, where, values, used) for word in words)


def _texts(
    table: dict[str, Any], key: str, where: str, values: Mapping[str, str], used: set[str]
) -> tuple[str, ...]:
    listed = table.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise UserError(f"{where}: {key} is no list of texts", f"write {key} = ['ONE', 'OTHER']")
    return tuple(_filled(each, where, values, used) for each in listed)


def _filled(text: str, where: str, values: Mapping[str, str], used: set[str]) -> str:
    for name in _PLACE.findall(text):
        if name not in values:
            raise UserError(f"{where}: there is no value {{{name}}}", did_you_mean(name, values))
        used.add(name)
    return _PLACE.sub(lambda found: values[found.group(1)], text)
