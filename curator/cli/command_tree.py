"""All commands with their arguments and options, read from the code."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer

from curator.cli.command_words import COMMANDS
from curator.cli.shared.command_help import argument


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
