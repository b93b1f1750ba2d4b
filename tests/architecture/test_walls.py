"""The session is the only door of the app: what import contracts cannot see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("room", ["tui"])
def test_nobody_reaches_through_the_session(room: str) -> None:
    """`session.collection` is for the parts of the session."""
    uses = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "curator" / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("collection", "_collection")
    ]
    assert uses == []
