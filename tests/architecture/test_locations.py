"""Every name of a collection's files and folders is spelled once, in `curator/contract/locations.py`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.contract import locations

ROOT = Path(__file__).parents[2]
HOME = ROOT / "curator" / "contract" / "locations.py"
OURS = [path for name in ("curator", "train", "tag_models") for path in sorted((ROOT / name).rglob("*.py"))]
NAMES = {value for key, value in vars(locations).items() if key.isupper() and isinstance(value, str)}
SUFFIXES = {name for name in NAMES if re.fullmatch(r"\.\w+", name)}
FOLDERS = {name for name in NAMES if "." not in name}  # words such as "runs": only where they begin a path
# recognised anywhere in a text; `captions.manifest`, the name of a key's action, is no file
FILES = re.compile(
    rf"(?<![\w.])({'|'.join(map(re.escape, NAMES - SUFFIXES - FOLDERS))})"
    rf"|(?:^|\W|[A-Z]|/[\w-]+)({'|'.join(map(re.escape, SUFFIXES))})(?!\w)"
)
PATH_MAKERS = {"joinpath", "glob", "rglob", "with_name", "Path", "join"}


def spellings(source: str) -> list[str]:
    """Lines of a program that spell a name of `locations.py`, each with the text that does."""
    tree = ast.parse(source)
    return [f"{node.lineno}: {text}" for node, text in _texts(tree, set()) if FILES.search(text)] + [
        f"{node.lineno}: {text}"
        for node, text in _path_parts(tree)
        if text.lstrip("/").partition("/")[0] in FOLDERS
    ]


def _texts(node: ast.AST, prose: set[int]) -> Iterator[tuple[ast.Constant, str]]:
    """String constants that are no docstrings."""
    for child in ast.walk(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            prose.add(id(child.value))
        elif isinstance(child, ast.Constant) and isinstance(child.value, str) and id(child) not in prose:
            yield child, child.value


def _path_parts(tree: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Call) and _name(node.func) in PATH_MAKERS:
            parts = node.args
        elif isinstance(node, ast.Assign) and all(isinstance(each, ast.Name) for each in node.targets):
            parts = [node.value] if str(ast.unparse(node.targets[0])).isupper() else []
        elif isinstance(node, ast.JoinedStr):
            parts = [
                each for each in node.values if isinstance(each, ast.Constant) and "/" in str(each.value)
            ]
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part, part.value


def _name(called: ast.expr) -> str:
    return (
        called.attr
        if isinstance(called, ast.Attribute)
        else called.id
        if isinstance(called, ast.Name)
        else ""
    )


@pytest.mark.parametrize(
    "program",
    [
        'path = folder / "frieze.db"',
        'hint = "make the folder and frieze.db writable"',
        'found = folder.glob("*.manifest")',
        'found = folder.glob("runs/*")',
        '_RUNS = "runs"',
        'text = f"{where}/manifests/demo"',
        'draft = folder / f".frieze-{number}"',
        'file = run / "events.jsonl"',
        'file = run.joinpath("output", name)',
    ],
)
def test_a_second_spelling_is_seen(program: str) -> None:
    assert spellings(program)


@pytest.mark.parametrize(
    "program",
    ['"""Reads `frieze.db`."""', 'noun = counted(2, "runs")', 'go("runs")', 'query_one("#manifests")'],
)
def test_a_word_is_no_path(program: str) -> None:
    assert not spellings(program)


def test_no_name_is_spelled_twice() -> None:
    found = {str(path.relative_to(ROOT)): spellings(path.read_text("utf-8")) for path in OURS if path != HOME}
    assert {path: lines for path, lines in found.items() if lines} == {}
