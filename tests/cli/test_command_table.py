"""What each command has of what scripts and shells ask for: read from the commands, with no gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.cli.command_table import ENDINGS, WITHOUT_LIST, Has, looked_at
from curator.cli.command_tree import commands
from curator.contract.errors import ExitCode
from tests.cli.conftest import Frieze
from tests.cli.test_json_outputs import LINES

ALL = [looked_at(name, command) for name, command in commands()]


def test_nothing_is_missing() -> None:
    assert {has.name: has.lacks for has in ALL if has.lacks} == {}


@pytest.mark.parametrize("name", sorted(WITHOUT_LIST))
def test_a_command_without_a_list_says_what_takes_one(
    name: str, collection: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(collection)
    (collection / "list").write_text("1\n3\n")
    done = frieze(*name.split(), "some", "--from", "list")
    assert (done.code, "frieze pick --from FILE --save NAME, then picked:NAME" in done.err) == (2, True)
    assert frieze("pick", "--from", "list", "--save", "some").code == 0
    assert frieze(*name.split(), "some", "picked:some").code == 0
    assert frieze("ls", f"{'saved' if name.startswith('filter') else 'subset'}:some", "--ids").out == "1\n3\n"


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
