"""The session is the only door of the app and the command line: what import contracts cannot see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from curator.index.collection import Collection
from curator.session.session import Session

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("room", ["cli", "tui"])
def test_nobody_reaches_through_the_session(room: str) -> None:
    """The collection is for the parts of the session."""
    uses = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "curator" / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("collection", "_collection")
    ]
    assert uses == []


def test_a_session_hands_no_collection_out(tmp_path: Path) -> None:
    with Session.create(tmp_path) as session:
        parts = {name: part for name, part in vars(session).items() if not name.startswith("_")}
        handed = [name for name, part in parts.items() if isinstance(part, Collection)]
        handed += [
            f"{name}.{own}"
            for name, part in parts.items()
            for own, value in getattr(part, "__dict__", {}).items()
            if isinstance(value, Collection) and not own.startswith("_")
        ]
    assert parts
    assert handed == []
