"""Reference of all commands, made from the code: `python -m curator.cli.reference > docs/commands.md`."""

from __future__ import annotations

import sys
from typing import Any

from curator.cli.command_table import table
from curator.cli.command_tree import commands, default, option, usage
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


def _says_not_repeated(parameter: Any) -> bool:
    return parameter.multiple and "may be repeated" not in parameter.help


def _paragraphs(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
