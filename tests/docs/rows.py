"""Table of what Frieze is to do, with the tests that show it: `python -m tests.docs.rows > docs/rows.md`."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = Path(__file__).with_name("rows.toml")
Row = tuple[str, str]
"""What the row says, and the command that shows it (empty where there is none yet)."""

_NAMED = re.compile(r"\b([SB])(\d{2,3})(?:-[SB]?(\d{2,3}))?\b")
_HEAD = """\
# Rows

Made by `python -m tests.docs.rows` of `tests/docs/rows.toml` and of the docstrings of all tests; a test keeps it true.
A row is something Frieze is to do. A test that fails without it names it in a docstring.

- S rows are all that five published trainings and guides did: the cards of Kohaku XL Delta, Swim in Latent, Anime
  Diffusion and Roukin8, and the guide of kohya's sd-scripts. B rows are what no other tool had.
- The command shows the row on a collection with a manifest `first`, a run of that name and a base model.
"""


def rows() -> dict[str, dict[str, Row]]:
    """All rows by section and name."""
    told = tomllib.loads(ROWS.read_text("utf-8"))
    return {section: {name: (say, command) for name, (say, command) in named.items()}
            for section, named in told.items()}  # fmt: skip


def named_by() -> dict[str, list[str]]:
    """The files of tests, from the folder of tests, that name each row."""
    found: dict[str, set[str]] = {}
    for file in TESTS.rglob("test_*.py"):
        for row in rows_in(file.read_text("utf-8")):
            found.setdefault(row, set()).add(file.relative_to(TESTS).as_posix())
    return {row: sorted(files) for row, files in found.items()}


def rows_in(source: str) -> set[str]:
    """The rows that docstrings of a module, its classes and its functions name; `S016-S021` names six."""
    return {
        row
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for row in _spelt_out(ast.get_docstring(node) or "")
    }


def _spelt_out(text: str) -> Iterator[str]:
    for letter, first, last in _NAMED.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter}{number:0{len(first)}}"


def page() -> str:
    """The whole table, as Markdown."""
    known, tests = rows(), named_by()
    parts = [_HEAD]
    for section, named in known.items():
        lines = "".join(_line(name, row, tests.get(name, [])) for name, row in named.items())
        parts.append(f"## {section}\n\n| row | what | command | tests |\n|---|---|---|---|\n{lines}")
    parts.append(_missing(known, tests))
    return "\n".join(parts)


def _line(name: str, row: Row, files: list[str]) -> str:
    say, command = row
    shown = f"`{command}`".replace("|", "\\|") if command else "none yet"
    links = ", ".join(f"[{file.removesuffix('.py')}](../tests/{file})" for file in files) or "none yet"
    return f"| {name} | {say} | {shown} | {links} |\n"


def _missing(known: Mapping[str, Mapping[str, Row]], tests: Mapping[str, list[str]]) -> str:
    names = [name for named in known.values() for name in named if name not in tests]
    return f"## Rows without a test\n\n{', '.join(names) or 'None.'}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
