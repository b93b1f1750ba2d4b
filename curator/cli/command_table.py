"""What each command has of what scripts and shells ask for, read from the commands: a table for docs/commands.md."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from curator.cli.options.arguments import is_filter
from curator.cli.schemas.outputs import WITHOUT_JSON
from curator.contract.errors import ExitCode

_NO, _FAILED, _STOPPED = ExitCode.NO, ExitCode.RUN_FAILED, ExitCode.RUN_STOPPED
# Codes beside 0 and 2 that a command has for reasons of its own; those of its options are read from these.
ENDINGS: dict[str, tuple[ExitCode, ...]] = {
    "cache verify": (_NO,),
    "demo": (_FAILED, _STOPPED),
    "doctor": (_NO,),
    "jobs follow": (_FAILED, _STOPPED),
    "manifest diff": (_NO,),
    "model diff": (_NO,),
    "manifest verify": (_NO,),
    "propose": (_FAILED, _STOPPED),
    "redo": (_NO,),
    "runs follow": (_FAILED, _STOPPED),
    "runs stop": (_NO, _FAILED),
    "runs verify-resume": (_NO,),
    "runs wait": (_NO, _FAILED, _STOPPED),
    "tag check-identifier": (_NO,),
    "tag write": (_NO,),
    "train": (_NO, _FAILED, _STOPPED),
    "undo": (_NO,),
    "verify": (_NO,),
}
_SAYS_NO = {"--yes", "--strict"}  # a declined question, and nothing that matches
_FROM_STDIN = ("--from", "--sizes-from")
# Commands that keep a filter: it is asked anew each time, where the images of a list stay those.
_A_PICK = "a list is kept as a [pick](select.md)"
WITHOUT_LIST: dict[str, str] = dict.fromkeys(("filter save", "subset add", "subset put"), _A_PICK)
_HEAD = """\
## What each command has

JSON: see [its schemas](json.md). Codes: beside 0, 2, 70 and 130, which every command may end with. Stdin: what a `-`
reads from there. Help ends with examples; the shell completes options and what stands for arguments.

| command | json | codes | stdin | help | completion |
|---|---|---|---|---|---|
"""


class Has(NamedTuple):
    """What one command has. `takes_images`: its argument is a filter, so that a list of images could stand there."""

    name: str
    json: bool
    codes: tuple[int, ...]
    stdin: str
    takes_images: bool
    example: bool
    completion: bool

    @property
    def lacks(self) -> list[str]:
        """The columns that are empty where they should not be; no JSON and no list may have their reasons."""
        is_there = {
            "json": self.json or self.name in WITHOUT_JSON,
            "stdin": bool(self.stdin) or not self.takes_images or self.name in WITHOUT_LIST,
            "help": self.example,
            "completion": self.completion,
        }
        return [column for column, there in is_there.items() if not there]


def looked_at(name: str, command: Any) -> Has:
    """What a command (built by Typer) has, by its options, its help, and what a shell is told."""
    options = [option for each in command.params if each.param_type_name == "option" for option in each.opts]
    codes = {*ENDINGS.get(name, ()), *([_NO] if _SAYS_NO & set(options) else [])}
    words = name.split()
    return Has(
        name,
        "--json" in options,
        tuple(sorted(map(int, codes))),
        next((option for option in _FROM_STDIN if option in options and _reads(command, option)), ""),
        any(is_filter(each) for each in command.params if each.param_type_name == "argument"),
        any(line.strip().startswith(f"frieze {name}") for line in _printed([*words, "--help"])),
        f"--{options[0].strip('-')}" in " ".join(_completed(f"frieze {name} --")) if options else True,
    )


def table(known: Iterable[tuple[str, Any]]) -> str:
    """The table of all commands, as Markdown."""
    return _HEAD + "".join(_row(looked_at(name, command)) for name, command in known)


def _row(has: Has) -> str:
    codes = ", ".join(map(str, has.codes))
    stdin = f"`{has.stdin} -`" if has.stdin else WITHOUT_LIST.get(has.name, "")
    json = "yes" if has.json else WITHOUT_JSON.get(has.name, "")
    ticks = ("yes" if has.example else "", "yes" if has.completion else "")
    return f"| `{has.name}` | {json} | {codes} | {stdin} | {' | '.join(ticks)} |\n"


def _reads(command: Any, option: str) -> bool:
    """Whether `-` stands for stdin there: its help says so (`pick --from DUMP` reads a dump)."""
    found = next(each for each in command.params if option in each.opts)
    return "'-'" in found.help or "|-" in (found.metavar or "")


def _completed(line: str) -> list[str]:
    asked = {"_FRIEZE_COMPLETE": "fish", "_FRIEZE_LINE": line}  # as the script in a user's shell asks
    os.environ.update(asked)
    try:
        return _printed([])
    finally:
        for name in asked:
            del os.environ[name]


def _printed(words: Sequence[str]) -> list[str]:
    """The lines a command prints."""
    from curator.cli.main import dispatch
    from curator.cli.shared.boundary import exit_code_of

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        exit_code_of(lambda: dispatch(list(words)))
    return out.getvalue().splitlines()
