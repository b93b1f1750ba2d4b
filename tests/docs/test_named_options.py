"""Commands named in the text of pages: each is one, with the options it is said to have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.cli.command_tree import commands

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md")),
    *sorted(
        page for page in (ROOT / "docs").glob("*.md") if page.stem != "rows"
    ),  # which have a test of their own
    *sorted((ROOT / "docs" / "chains").glob("*.md")),
]
KNOWN = dict(commands())
NOUNS = {name.split()[0] for name in KNOWN}
_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`frieze ([a-z][^`]*)`")
_QUOTED = re.compile(r"'[^']*'")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_OTHERS = {"help", "pictures"}  # help is no command with options; a folder opens the app on it


def named(page: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Each command in a page's text: what is written, the command's words (of a noun alone the noun), its options."""
    for span in _SPAN.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        words = [word.strip("',:") for word in span.split()]
        spellings = (" ".join(words[:2]), words[0], f"{words[0]} make")  # of a grid the verb may be left out
        name = next((each for each in spellings if each in KNOWN), words[0])
        yield span, name, set(_OPTION.findall(_QUOTED.sub("", span)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_in_the_text_are_commands(page: Path) -> None:
    wrong = []
    for span, name, options in named(page):
        if name.split()[0] not in NOUNS | _OTHERS:
            wrong.append(span)
        parameters = KNOWN[name].params if name in KNOWN else []
        has = {option for each in parameters for option in (*each.opts, *each.secondary_opts)}
        if name in KNOWN:
            wrong += [f"{span}: {option}" for option in options - has - {"--help"}]
    assert wrong == []


def test_pages_name_commands() -> None:
    assert sum(1 for page in PAGES for _ in named(page)) > 200
