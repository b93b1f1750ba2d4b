"""What each command has of what scripts and shells ask for: read from the commands, with no gap but those listed."""

from __future__ import annotations

from curator.cli.command_table import ENDINGS, Has, looked_at
from curator.cli.command_tree import commands
from curator.contract.errors import ExitCode
from tests.cli.test_json_outputs import LINES

ALL = [looked_at(name, command) for name, command in commands()]
# What is still missing, by column; a command that gets it is taken out, and a new one comes with all of it.
GAPS: dict[str, set[str]] = {
    "json": set(),
    "stdin": {"filter save", "subset add", "subset put"},
    "help": set(),
    "completion": set(),
}


def test_nothing_is_missing_that_is_not_listed() -> None:
    assert {column: {has.name for has in ALL if column in has.lacks} for column in GAPS} == GAPS


def test_codes_are_told_of_every_command_that_ends_with_them() -> None:
    """By the lines that are run for their JSON: each ends with the code that stands beside it there."""
    assert set(ENDINGS) <= {has.name for has in ALL}
    codes = {has.name: has.codes for has in ALL}
    ends = [(max((name for name in codes if f"{line} ".startswith(f"{name} ")), key=len), code)
            for line, code in LINES]  # fmt: skip
    assert [(name, code) for name, code in ends if code and code not in codes[name]] == []
    assert {name for name, code in ends if code == ExitCode.NO} >= {"redo", "manifest diff", "tag write"}


def test_a_command_that_lacks_something_is_seen() -> None:
    bare = Has("new", json=False, codes=(), stdin="", takes_images=True, example=False, completion=False)
    assert bare.lacks == ["json", "stdin", "help", "completion"]
    assert Has("demo", False, (), "", False, True, True).lacks == []
