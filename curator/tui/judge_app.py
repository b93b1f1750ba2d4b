"""The app of a blind comparison: one screen, without a collection."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from textual.worker import WorkerFailed

from curator.contract.errors import UserError
from curator.session.session import Session
from curator.tui import theme
from curator.tui.keyboard.keymap import keys_file, load_keymap
from curator.tui.screens.workshop.judge import JudgeScreen
from curator.tui.terminal.picture_app import PictureApp
from curator.tui.terminal.question import asked
from curator.tui.terminal.remembered import remembered_theme

if TYPE_CHECKING:
    from pathlib import Path

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

    def dress_as_in(self, collection: Path | None) -> None:
        """Take the theme that was chosen with a collection in terminals of this kind, else the usual one."""
        chosen = ""
        if collection is not None:
            with (
                suppress(UserError),
                Session.opened(collection) as session,
            ):  # pairs are judged without it too
                chosen = remembered_theme(session, self.terminal)
        theme.dress(self, chosen or theme.usual(self))

    def on_mount(self) -> None:
        self.set_keymap(self._own_keys)
        self.push_screen(JudgeScreen(self._comparison), lambda _: self.exit())


def judge(comparison: Comparison, collection: Path | None = None) -> None:
    """Ask until all pairs are judged or the person leaves, in the theme chosen for `collection`, if there is one.

    Raises:
        UserError: a keys file that is wrong.
        Exception: what the app died of.
    """
    theme.be_still()
    app = JudgeApp(comparison, load_keymap(keys_file()))
    app.hear(asked())
    app.dress_as_in(collection)
    app.run()
    if error := app._exception:
        raise error.error if isinstance(error, WorkerFailed) else error
