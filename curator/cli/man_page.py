"""Man page of all commands, made from what `--help` says: `frieze help --man > frieze.1`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from curator.cli.command_tree import commands, default, option, usage
from curator.cli.own_version import own_version
from curator.cli.shared.command_help import argument, examples
from curator.contract.errors import ExitCode


def page() -> str:
    """The whole page, in roff."""
    return "\n".join([*_head(), *_commands(), *_exit_codes()]) + "\n"


def _head() -> Iterator[str]:
    yield f'.TH FRIEZE 1 "" "frieze {own_version()}" "User Commands"'
    yield ".SH NAME"
    yield r"frieze \- curate an image collection, freeze it, and train Stable Diffusion on exactly that"
    yield ".SH SYNOPSIS"
    yield from (r".B frieze", r"[\fIDIR\fR]", ".br", r".B frieze", r"\fICOMMAND\fR [\fIARGUMENTS\fR]")
    yield ".SH DESCRIPTION"
    yield "Without a command it opens the app on the collection in"
    yield r"\fIDIR\fR, or on the one you stand in. Data goes to stdout, all else to stderr."


def _commands() -> Iterator[str]:
    yield ".SH COMMANDS"
    for name, command in commands():
        yield f".SS {_text(usage(name, command))}"
        yield from _paragraphs(command.help)
        for parameter in command.params:
            yield from _parameter(parameter)
        yield from (".PP", "Examples:", ".RS", ".nf", *map(_text, examples()[name]), ".fi", ".RE")


def _parameter(parameter: Any) -> Iterator[str]:
    is_argument = parameter.param_type_name == "argument"
    yield ".TP"
    yield f".B {_text(argument(parameter) if is_argument else option(parameter))}"
    held = default(parameter).strip("`")
    told = "" if held in ("", "required") else f" Default: {held}."
    yield _text(parameter.help + told)


def _exit_codes() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from (".TP", f".B {code.value}", _text(code.meaning))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield ".PP"
        yield _text(" ".join(paragraph.split()))


def _text(line: str) -> str:
    """Plain text that roff obeys nothing in."""
    escaped = line.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
