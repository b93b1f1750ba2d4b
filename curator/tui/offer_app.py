"""The app of a folder without an index: one screen that offers to make one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.worker import WorkerFailed

from curator.tui import theme
from curator.tui.keyboard.keymap import keys_file, load_keymap
from curator.tui.screens.images.offer import OfferScreen

if TYPE_CHECKING:
    from curator.session.images.exchange import Offer


class OfferApp(App["list[Offer]"]):
    """Gives back what shall be taken with the images; None where no index is wanted."""

    TITLE = "frieze"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny-width"), (40, "-small"), (64, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny-height"), (10, "-short"), (20, "-tall")]

    def __init__(self, folder: Path, keymap: dict[str, str] | None = None, look: str = "") -> None:
        super().__init__()
        self._folder, self._own_keys = folder, keymap or {}
        self.animation_level = "none"
        theme.dress(self, look or theme.usual(self))

    def on_mount(self) -> None:
        self.set_keymap(self._own_keys)
        self.push_screen(OfferScreen(self._folder))


def offer_index(folder: Path, look: str = "") -> list[Offer] | None:
    """Show what lies in `folder` and ask whether to index it; gives what shall be taken with the images, None for no.

    `look` is the theme that is wished.

    Raises:
        UserError: a keys file that is wrong.
        Exception: what the app died of.
    """
    theme.be_still()
    app = OfferApp(folder.absolute(), load_keymap(keys_file()), look)
    app.run()
    if error := app._exception:
        raise error.error if isinstance(error, WorkerFailed) else error
    return app.return_value
