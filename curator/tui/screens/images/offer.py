"""The Offer screen: a folder without an index, what lies in it, what other tools left there, and the question."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Label
from textual.worker import get_current_worker

from curator.contract.text import counted, visible
from curator.session.images.exchange import Exchange
from curator.tui.background import AbandonedError, in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.frame.chrome import KeyLine, TooSmall
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.images.exchange import FirstLook, Offer
    from curator.tui.messages import WorkDone, WorkRefused

KEYS = (
    KeyAction("offer.make", "enter,y", "make", "make the index, with what is marked", "make the index"),
    KeyAction("offer.take", "space", "take", "take this data, or leave it", "take or leave"),
    KeyAction("offer.leave", "escape,q,n", "leave", "make no index", "not now"),
)
_SIGNS_SHOWN = 30  # of one tool


class OfferScreen(Screen[None]):
    """What was found, counted while one reads; enter makes the index, with the data of other tools that is marked."""

    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    OfferScreen > Label { width: 100%; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    OfferScreen #heading { margin-bottom: 1; }
    OfferScreen #question { margin-top: 1; }
    OfferScreen LineList { height: 1fr; }
    .-short OfferScreen > Label, OfferScreen.-short > Label { margin: 0; }
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._look: FirstLook | None = None
        self._left: set[str] = set()  # layouts that are not wanted
        self._is_wanted = False  # enter was pressed while it was looked
        self._lines: list[tuple[Text, Offer | None]] = []

    def compose(self) -> ComposeResult:
        yield Label(Text(f" {visible(str(self._folder))} has no index yet", "bold"), id="heading")
        yield Label(" looking...", id="kinds", markup=False)
        yield Label("", id="sidecars", markup=False)
        yield Label("", id="question", markup=False)
        yield LineList(id="signs", empty=" looking for what other tools left...")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(LineList).focus()

        def look() -> FirstLook:
            worker = get_current_worker()

            def tell(now: FirstLook) -> None:
                if worker.is_cancelled:
                    raise AbandonedError
                self.app.call_from_thread(self._count, now)

            return Exchange.first_look(self._folder, tell)

        in_background(self, "look", look)

    def on_work_done(self, message: WorkDone) -> None:
        self._look = look = cast("FirstLook", message.result)
        self._count(look)
        self.query_one(
            LineList
        ).empty = " nothing of other tools: images and the sidecars beside them are read"
        self._show()
        if self._is_wanted and not look.offers:
            self.action_make()

    def on_work_refused(self, message: WorkRefused) -> None:
        self.query_one("#kinds", Label).update(Text(f" {message.error.what}", "bold"))

    def _count(self, look: FirstLook) -> None:
        more = "" if look.is_whole else "more than "
        kinds = Text(f" {more}{counted(look.images)}", "bold")
        kinds.append(f" in {counted(look.folders, 'folder')}: {_of_kinds(look.kinds)}", "not bold")
        self.query_one("#kinds", Label).update(kinds, layout=False)
        sidecars = look.sidecars
        said = Text(f" {counted(sidecars.total(), 'sidecar')}", "bold")
        rest = f": {_of_kinds(sidecars)}, whose tags and captions are read" if sidecars else ": no tags yet"
        self.query_one("#sidecars", Label).update(said.append(rest, "not bold"), layout=False)

    def _show(self) -> None:
        self._lines = [each for offer in self._offers for each in self._lines_of(offer)]
        question = " Signs of other tools. Take them?" if self._lines else ""
        self.query_one("#question", Label).update(Text(question, "bold"), layout=False)
        self.query_one(LineList).show_texts([text for text, _ in self._lines])

    def _lines_of(self, offer: Offer) -> list[tuple[Text, Offer | None]]:
        is_taken = offer.layout not in self._left
        what = Exchange.layouts()[offer.layout]
        head = Text(f" [{'x' if is_taken else ' '}] {offer.layout}", "bold").append(f": {what}", "not bold")
        signs = [Text(f"       {sign}") for sign in offer.signs[:_SIGNS_SHOWN]]
        if len(offer.signs) > _SIGNS_SHOWN:
            signs.append(Text(f"       and {len(offer.signs) - _SIGNS_SHOWN:,} more"))
        return [(line, offer) for line in (head, *signs)]

    @property
    def _offers(self) -> tuple[Offer, ...]:
        return self._look.offers if self._look else ()

    def action_take(self) -> None:
        """Take the data under the cursor, or leave it."""
        cursor = self.query_one(LineList).cursor
        offer = self._lines[cursor][1] if cursor < len(self._lines) else None
        if offer:
            self._left ^= {offer.layout}
            self._show()

    @on(LineList.Chosen)
    def action_make(self) -> None:
        """Make the index."""
        if self._look is None:
            self._is_wanted = True
            return
        self.app.exit([offer for offer in self._offers if offer.layout not in self._left])

    def action_leave(self) -> None:
        """Make none."""
        self.workers.cancel_node(self)
        self.app.exit(None)


def _of_kinds(kinds: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
