"""Hints in the app's own words: no option of a command is named where there is no command line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.run.run_folder import RunFolder
from curator.session.session import Session
from curator.tui.text.own_words import in_own_words
from tests.tui.conftest import Drive

ROOT = Path(__file__).parents[3] / "curator"
OPTION = re.compile(r"(?<![\w-])--[a-z]")
# What the app has no way to: programs of their own, model files, uploads, clusters, settings of other trainers.
NOT_OF_THE_APP = (
    "cli", "publish", "doctor", "chains", "contract/merging/adapters.py", "contract/low_rank.py",
    "contract/recipe/toml_file.py", "contract/tagging", "interop/recipes", "runs/machines.py", "runs/fork.py",
    "reports", "runs/programs", "runs/tagging.py", "session/training/publishing.py", "session/training/recipes.py",
    "pages",
)  # fmt: skip
# That are no hints: arguments of worker programs, a command that is shown, what prompts themselves hold, and CSS.
NO_HINT = (
    "contract/recipe/recipe.py: one image each",
    "contract/prompts/",
    "runs/grids/html_page.py: \ntd",
    "runs/worker_process.py",
    "session/training/grids.py: --out",
    "tui/text/own_words",
)


def texts(file: Path) -> Iterator[str]:
    """The texts of a file, docstrings left out; `x` where a value is put in."""
    tree = ast.parse(file.read_text("utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told | inner:
            yield node.value


def test_every_hint_with_an_option_has_words_of_the_app() -> None:
    found = {
        f"{name}: {own}"
        for file in ROOT.rglob("*.py")
        if not (name := file.relative_to(ROOT).as_posix()).startswith(NOT_OF_THE_APP)
        for text in texts(file)
        if OPTION.search(own := in_own_words(text))
    }
    assert not [each for each in found if not each.startswith(NO_HINT)]


@pytest.mark.parametrize(
    ("hint", "own"),
    [
        ("choose another name, or replace it with --replace", "choose another name"),
        ("choose another place, or add --replace", "choose another place"),
        ("name a new one, or replace the export with --replace", "name a new one"),
        ("stop it first with 'frieze runs stop --wait'", "stop it first: x"),
        ("scan to see it, or --replace it", "a scan (f5) sees it, replace writes over it"),
        ("frieze subset set my cats --trigger WORD", "c in Subsets gives it one"),
        ("check the spelling of its filter", "check the spelling of its filter"),
    ],
)
def test_a_hint_in_own_words(hint: str, own: str) -> None:
    assert in_own_words(hint) == own


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_mistake_is_told_so_on_the_status_line(
    drive: Drive, session: Session, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    run = RunFolder.create(session.runs.folder, "fox", "", session.folder / "none", "0" * 64)

    def refuse(_: object) -> None:
        raise UserError("the run lives", "stop it first with 'frieze runs stop --wait'")

    monkeypatch.setattr(session.runs, "belongings", refuse)
    async with drive(size) as it:
        await it.press("6")
        await it.sees(run.path.name[:12])
        await it.press("delete")
        await it.sees("stop it first: x")
        assert "--wait" not in it.text
