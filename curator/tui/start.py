"""The start of the app: how it begins, and what it leaves to its caller."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from textual.worker import WorkerFailed

from curator.session.session import Session
from curator.tui import memory, theme
from curator.tui.app import FriezeApp
from curator.tui.keyboard.keymap import keys_file, load_keymap
from curator.tui.terminal.remembered import remembered_theme, remembered_way

if TYPE_CHECKING:
    from curator.session.images.exchange import Offer
    from curator.tui.terminal.question import Question


class Start(NamedTuple):
    """How the app begins.

    `pictures` is the way to show images that is wished, `theme` the theme; else the answers to the `question` that the
    terminal was asked say it, or what was chosen earlier for terminals of this kind. With `offers` the collection is
    made first, and scanned while one looks at it.
    """

    pictures: str = ""
    theme: str = ""
    question: Question | None = None
    offers: Sequence[Offer] | None = None


def run(folder: Path, start: Start) -> int:
    """The app on the collection in `folder`; gives the exit code.

    Raises:
        UserError: no collection there, an index that is damaged, a keys file that is wrong, or a place that could not
            be kept.
        Exception: what the app died of.
    """
    theme.be_still()
    memory.give_back()
    keymap = load_keymap(keys_file())
    if start.offers is not None:
        Session.create(folder).leave()
    with Session.opened(folder) as session:
        app = FriezeApp(session, keymap, start.offers)
        app.hear(start.question)
        app.show_pictures_in(app.terminal, start.pictures or remembered_way(session, app.terminal))
        usual = theme.usual(app, is_light=app.terminal.is_light)
        theme.dress(app, start.theme or remembered_theme(session, app.terminal) or usual)
        app.run()
        if error := app._exception:
            raise error.error if isinstance(error, WorkerFailed) else error
    if app.unsaid:
        raise app.unsaid
    return app.return_code or 0
