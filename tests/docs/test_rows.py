"""The table of rows is made from the tests, its commands are commands, and no test names a row that is none."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from curator.cli.command_tree import commands
from curator.cli.options.caption_rules import changed_rules
from curator.contract.caption.captions import CaptionRules
from curator.contract.recipe.toml_file import load_recipe
from tests.docs.rows import TESTS, named_by, page, rows, rows_in

PAGE = TESTS.parent / "docs" / "rows.md"
KNOWN = dict(commands())
COMMANDS = {name: command for named in rows().values() for name, (_, command) in named.items() if command}


def test_the_page_is_made_from_the_tests() -> None:
    told = "python -m tests.docs.rows > docs/rows.md"
    assert PAGE.read_text("utf-8") == page(), f"make it anew: {told}"


def test_tests_name_rows_that_there_are() -> None:
    known = {name for named in rows().values() for name in named}
    assert known == {f"S{n:03}" for n in range(1, 95)} | {f"B{n:02}" for n in range(1, 25)}
    assert set(named_by()) <= known


def test_rows_are_read_from_docstrings_alone() -> None:
    source = '"""S001, S016-S018."""\nSIZE = "S02"\n\n\ndef f():\n    """B03"""\n    return "S005"\n'
    assert rows_in(source) == {"S001", "S016", "S017", "S018", "B03"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_a_row_is_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options it has, and with knobs of a recipe that the recipe takes."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(COMMANDS[name])
    assert words[0] == "frieze"
    if words[1] == ".":
        return  # the app
    if words[1] == "grid" and words[2].endswith(".toml"):
        words.insert(2, "make")
    count = 3 if " ".join(words[1:3]) in KNOWN else 2
    command = KNOWN[" ".join(words[1:count])]
    with command.make_context(words[1], words[count:]) as context:
        given = context.params
    changed_rules(CaptionRules(), given.get("rule") or ())
    recipe = given.get("recipe")
    if recipe and (sets := given.get("sets")):
        load_recipe(recipe, sets)
