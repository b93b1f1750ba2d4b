"""The app in a real tmux: what is copied is in tmux's buffer, and an editor has the terminal and gives it back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curator.session.session import Session
from tests.terminal.test_tmux import Tmux, tmux

__all__ = ["tmux"]
pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
_EDITOR = """#!/bin/sh
stty -a < /dev/tty | grep -q -- " icanon" && printf 'a caption of its own' > "$1"
"""


@pytest.fixture(autouse=True)
def _editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment of tmux, which is started behind this."""
    editor = tmp_path / "editor"
    editor.write_text(_EDITOR)
    editor.chmod(0o700)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))


@pytest.mark.parametrize("tmux", [["set -g default-terminal screen"]], indirect=True)
def test_the_clipboard_and_the_editor(tmux: Tmux, folder: Path) -> None:
    it = tmux.terminal
    it.until(lambda: "4 images" in it.screen.text, "the list")
    it.type("Y\r")
    it.until(lambda: tmux.told("show-buffer").endswith("0.png"), "the path in tmux's buffer")
    assert Path(tmux.told("show-buffer")).is_file()
    it.type("E")
    with Session.open(folder) as session:
        it.until(lambda: session.images.rows([1])[0].caption == "a caption of its own", "the caption")
    it.until(lambda: "4 images" in it.screen.text, "the app is back")
    it.type("q")
