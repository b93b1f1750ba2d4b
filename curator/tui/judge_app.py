"""The app of a blind comparison: one screen, without a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.worker import WorkerFailed

from curator.tui import theme
from curator.tui.keyboard.keymap import keys_file, load_keymap
from curator.tui.messages import UserErrorRaised
from curator.tui.screens.training.judge import JudgeScreen
from curator.tui.terminal.picture_app import PictureApp
from curator.tui.terminal.question import asked

if TYPE_CHECKING:
    from curator.session.training.grids import Comparison


class JudgeApp(PictureApp):
    """Pairs of a comparison, until all are judged or the person leaves."""

    TITLE = "frieze"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny-width"), (40, "-small")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny-height"), (10, "-short")]

    def __init__(self, comparison: Comparison, keymap: dict[str, str] | None = None) -> None:
        super().__init__()
        self._comparison, self._own_keys = comparison, keymap or {}
        self.animation_level = "none"
        theme.dress(self)

    def on_mount(self) -> None:
        self.set_keymap(self._own_keys)
        self.push_screen(JudgeScreen(self._comparison))

    @on(UserErrorRaised)
    def _tell(self, message: UserErrorRaised) -> None:
        self.notify(message.error.hint, title=message.error.what, severity="error", markup=False)


def judge(comparison: Comparison) -> None:
    """Ask until all pairs are judged or the person leaves.

    Raises:
        UserError: a keys file that is wrong.
        Exception: what the app died of.
    """
    theme.be_still()
    app = JudgeApp(comparison, load_keymap(keys_file()))
    app.hear(asked())
    app.run()
    if error := app._exception:
        raise error.error if isinstance(error, WorkerFailed) else error
