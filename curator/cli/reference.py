"""Reference of all commands, made from the code: `python -m curator.cli.reference > docs/commands.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer

from curator.cli.command_table import table
from curator.cli.main import COMMANDS
from curator.cli.shared.command_help import argument, examples

_HEAD = """\
# Commands

Made by `python -m curator.cli.reference`; a test keeps it true. `frieze COMMAND --help` says the same.

- `frieze [DIR]` opens [the app](app.md); `frieze --help` lists the commands, `frieze --version` tells the version.
- Options have two dashes and stand anywhere; `--option=VALUE` and `--option VALUE` are the same. Some are also a
  letter behind one dash (`-C DIR`, `-n`, `-y`, `-q`). Any other word that begins with one dash is a filter where a
  FILTER stands (`frieze ls -blurry`), unless it is an option's name or a single letter; anywhere else it is refused.
  Behind `--` all is taken as it is: `frieze tag add cat -- -dry-run`.
- Data goes to stdout, all else to stderr. A command ends with a [code](scripting.md#exit-codes) that says how: 0 done,
  1 the answer is no, 2 a mistake of yours (a sentence and a hint), and some more.
- A [filter](filter.md) of several words stands in quotes; `''` is every image.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """All commands as they are typed behind `frieze`, each with what Typer made of it."""
    for word, command in COMMANDS.items():
        module = import_module(f"curator.cli.{command.module}")
        built: Any = typer.main.get_command(getattr(module, command.app))
        verbs: dict[str, Any] = getattr(built, "commands", {})
        yield from ((f"{word} {verb}", made) for verb, made in verbs.items())
        if not verbs:
            yield word, built


def usage(name: str, command: Any) -> str:
    """One line: `frieze ls [FILTER] [--limit N] ...`."""
    words = [argument(each) if each.param_type_name == "argument" else f"[{option(each, 1)}]"
             if not each.required else option(each, 1) for each in command.params]  # fmt: skip
    return " ".join(["frieze", name, *words])


def page() -> str:
    """The whole reference, as Markdown."""
    known = list(commands())
    parts = [_HEAD, table(known)]
    for name, command in known:
        parts.append(f"## frieze {name}\n\n```\n{usage(name, command)}\n```\n\n{_paragraphs(command.help)}\n")
        if command.params:
            parts.append("| | default | |\n|---|---|---|\n" + "".join(map(_row, command.params)))
        if name in examples():
            parts.append("```\n" + "\n".join(examples()[name]) + "\n```\n")
    return "\n".join(parts)


def _row(parameter: Any) -> str:
    word = argument(parameter) if parameter.param_type_name == "argument" else option(parameter)
    meaning = parameter.help + (" May be repeated." if _says_not_repeated(parameter) else "")
    return f"| {_cell(f'`{word}`')} | {_cell(default(parameter))} | {_cell(meaning)} |\n"


def option(parameter: Any, most: int | None = None) -> str:
    """An option as it is typed: `--limit N`, `--flip/--no-flip`, `--collection, -C DIR`; the first `most` names."""
    names = "/".join([", ".join(parameter.opts[:most]), *parameter.secondary_opts])
    choices = parameter.type_descriptor.choices
    value = parameter.metavar or "|".join(choices or ()) or parameter.name.upper()
    return names if parameter.is_flag else f"{names} {value}"


def default(parameter: Any) -> str:
    """What holds where it is not given, in Markdown; `required` where it must be."""
    if parameter.required:
        return "required"
    value = parameter.default
    return "" if value is None or value is False or value == "" else f"`{value}`"


def _says_not_repeated(parameter: Any) -> bool:
    return parameter.multiple and "may be repeated" not in parameter.help


def _paragraphs(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
