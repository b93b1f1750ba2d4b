"""Commands that messages and help name: each exists, with the options it is named with."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from curator.cli.command_tree import commands
from curator.cli.command_words import COMMANDS
from curator.cli.models import grid_commands

ROOT = Path(__file__).parents[2]
FILES = [path for name in ("curator", "train", "tag_models") for path in sorted((ROOT / name).rglob("*.py"))]
NAMED = re.compile(r"(?:^|['`(] ?|(?:with|it|folder): )frieze ([a-z][^'`\n;]*)")
KNOWN = {
    name: {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    for name, command in commands()
}
PLAIN_VERBS = {"grid": grid_commands.app.plain_verb}


def said(path: Path) -> list[str]:
    """What a file says to people: its texts, with `X` for what is put in."""
    texts: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            texts.append(
                "".join(each.value if isinstance(each, ast.Constant) else "X" for each in node.values)
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    return texts


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_that_is_named_exists(path: Path) -> None:
    for text in said(path):
        for line in NAMED.findall(text):
            words = line.split()
            if words[0] == "help" or (len(words) == 1 and words[0] in COMMANDS):
                continue
            if words[1:2] == ["X"]:
                continue  # a verb that is put in
            named = (" ".join(words[:2]), words[0], f"{words[0]} {PLAIN_VERBS.get(words[0], '')}")
            name = next((each for each in named if each in KNOWN), None)
            assert name, f"there is no 'frieze {line}'"
            for option in re.findall(r"--(?!help)[a-z-]+", line):
                assert option in KNOWN[name], f"there is no {option} in 'frieze {line}'"


def test_messages_that_name_commands_are_looked_at() -> None:
    assert sum(len(NAMED.findall(text)) for path in FILES for text in said(path)) > 40
