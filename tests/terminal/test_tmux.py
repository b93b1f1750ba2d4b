"""The app in a real tmux in a terminal of kitty's kind: pictures pass through, and stand in their pane."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.fake_terminal import FakeTerminal
from tests.terminal.screen import KITTY
from tests.terminal.test_pictures import is_shown

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """A tmux server of its own, attached to in a terminal; the app in the right one of two panes."""

    def __init__(self, folder: Path, tmp_path: Path, *settings: str) -> None:
        self._socket = str(tmp_path / "tmux")
        (tmp_path / "conf").write_text("\n".join(["set -g status off", "set -s escape-time 0", *settings]))
        command = ["tmux", "-S", self._socket, "-f", str(tmp_path / "conf"), "new-session", "cat"]
        env = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path.cwd()), "XDG_STATE_HOME": str(tmp_path / "state")}
        self.terminal = FakeTerminal(command, KITTY, (140, 40), env)
        self.terminal.until(lambda: self.told("display-message", "-p", "#{client_termtype}").strip())
        program = shlex.join(["env", "-u", "COLORTERM", sys.executable, "-m", "curator", str(folder)])
        self.told("split-window", "-h", "-l", "70", program)

    def told(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def close(self) -> None:
        self.told("kill-server")
        self.terminal.close()


@pytest.fixture
def tmux(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tmux]:
    it = Tmux(folder, tmp_path, *request.param)
    yield it
    it.close()


@pytest.mark.parametrize("tmux", [["set -g allow-passthrough on"]], indirect=True)
def test_pictures_pass_through_and_move_with_their_pane(tmux: Tmux) -> None:
    it = tmux.terminal
    it.until(lambda: is_shown(it, 0), "the picture")
    assert it.screen.images.sent == 1
    left = min(x for x, _ in it.screen.pictures())
    tmux.told("swap-pane", "-U")  # the app is on the left now
    it.until(lambda: it.screen.pictures() and min(x for x, _ in it.screen.pictures()) < left - 50, "it moved")
    it.type("j")
    it.until(lambda: is_shown(it, 1), "the next")
    it.type("q")
    it.until(lambda: not it.screen.images.kept, "nothing kept")
    assert it.screen.pictures() == {}


@pytest.mark.parametrize("tmux", [["set -g default-terminal screen"]], indirect=True)
def test_blocks_in_all_colours_where_tmux_lets_nothing_through(tmux: Tmux) -> None:
    it = tmux.terminal
    it.until(lambda: len(colours(it)) >= 2, "shades of one colour")
    assert it.screen.images.sent == 0
    assert all(len(each) == 3 or each[0] >= 16 for each in colours(it))  # of 256 at least, not of 8
    it.type("q")


def colours(it: FakeTerminal) -> set[tuple[int, ...]]:
    """Of the middle of the preview."""
    return {cell.back for row in it.screen.cells[6:12] for cell in row[110:135]}
