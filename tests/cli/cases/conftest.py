"""Small inputs made from public bug reports of other tools, each run in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

INPUTS = Path(__file__).parent / "curation"
Case = Callable[[str], Path]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Copies the case's input to a fresh folder, makes it the current one, and returns it."""

    def enter(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(INPUTS / name, folder)
        monkeypatch.chdir(folder)
        return folder

    return enter
