"""What every file of the house has in common."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = [path for name in ("curator", "train", "tag_models") for path in sorted((ROOT / name).rglob("*.py"))]
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_what_it_decides_and_stays_readable(path: Path) -> None:
    text = path.read_text("utf-8")
    assert path.stem not in FORBIDDEN_NAMES
    if path.name == "__init__.py":
        is_trainer = path == ROOT / "train" / "__init__.py"  # settings that stand before any import of torch
        assert len(text.splitlines()) <= (5 if is_trainer else 1)
        return
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert "from __future__ import annotations" in text
    assert len(text.splitlines()) <= 350
