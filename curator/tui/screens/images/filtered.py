"""The filter of Browse: what is typed is looked for and shown, and what other screens ask for comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroaring import BitMap
from textual.screen import Screen
from textual.timer import Timer

from curator.filter.result import Result
from curator.tui.background import cancelled, in_background
from curator.tui.completing.filters import PAST, with_past
from curator.tui.filter_text import as_prefix
from curator.tui.finding import EarlyLook, Found, find_first, place_of_image
from curator.tui.messages import Place, VisitEnded
from curator.tui.widgets.entries.filter_bar import FilterBar
from curator.tui.widgets.lists.image_list import ImageList

if TYPE_CHECKING:
    from curator.session.session import Session

_SLOW_S = 0.4  # a question that takes longer says that it is being looked for


class FilteredScreen(Screen):
    """A screen with a filter bar and the images of its filter; Browse adds what is done with them."""

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._filter = self._asked = self._shown_as = ""  # as typed, as looked for, as looked for and shown
        self._result = Result(BitMap())
        self.is_stale = False  # the list shows the images of the filter before, dimmed: this one finds none
        self._wanted_image = session.memory.recall("image", 0)
        self._is_searching = False  # what is typed shows now these images, now those: the wanted one stays
        self._looking: Timer | None = None
        self._accepted = False  # enter was pressed on the filter that is being looked for
        self._visit: tuple[str, str] | None = None  # the screen that asked, and the filter before
        self._early = EarlyLook(reader, str(session.memory.recall("filter", "")), self._wanted_image)

    def place(self) -> dict[str, object]:
        """What a restart should find again."""
        row = self.query_one(ImageList).current
        return {"filter": self._visit[1] if self._visit else self._filter, "image": row.id if row else 0}

    def show_filter(self, text: str) -> None:
        """Show the images of a filter, as if it had been typed."""
        self.query_one(FilterBar).set_text(text)
        self._select(text)

    def visit(self, text: str, screen: str) -> None:
        """Show what another screen asks for; escape goes back there, and the filter is as before."""
        if self._visit is None:
            self._visit = (screen, self.query_one(FilterBar).text)
        self.notify("esc goes back, with the filter as before.", markup=False)
        self.show_filter(text)

    def on_image_list_left(self, message: ImageList.Left) -> None:
        if self._visit:
            message.stop()
            (screen, text), self._visit = self._visit, None
            self.show_filter(text)
            self.post_message(VisitEnded(screen))

    def grow(self) -> None:
        """Show the images that a scan has found since, where that disturbs nothing one is about to do."""
        is_quiet = self.is_running and not self.query_one(FilterBar).is_typed
        if is_quiet and not self.query_one(ImageList).selected:
            self._select(self._filter)

    def action_filter(self) -> None:
        self._want_current()
        self._is_searching = True
        self.query_one(FilterBar).edit()

    def on_filter_bar_typed(self, message: FilterBar.Typed) -> None:
        self._select(message.text)

    def on_filter_bar_accepted(self) -> None:
        self._visit = None  # a filter of one's own: there is nothing to go back to
        self._accepted = True
        self.set_focus(self.query_one(ImageList))
        text = self.query_one(FilterBar).text
        if self._asked != text:  # its last word was a prefix while it was typed
            self._select(text)
        elif self._filter == text:
            self._is_searching = False
        past = with_past(self._session.memory.recall(PAST, []), text)
        self.post_message(Place({**self.place(), PAST: past}))

    def on_filter_bar_restored(self) -> None:
        self.set_focus(self.query_one(ImageList))

    def _select(self, text: str) -> None:
        self._want_current()
        wanted = self._wanted_image
        self._stop_looking()
        self._looking = self.set_timer(_SLOW_S, self.query_one(FilterBar).show_looking)

        asked = self._asked = as_prefix(text) if self.query_one(FilterBar).is_typed else text

        def look() -> Found:
            found = find_first(self._reader, asked, wanted, cancelled())
            return found._replace(text=text, asked=asked)

        in_background(self, "filter", look, keys_wait=True)

    def _want_current(self) -> None:
        row = self.query_one(ImageList).current
        if row and not self._is_searching:
            self._wanted_image = row.id

    def on_work_cancelled(self) -> None:
        """The filter is again that of the list."""
        self._stop_looking()
        self._accepted = False
        self._filter = self._asked = self._shown_as
        self.query_one(FilterBar).set_text(self._filter)
        self.on_image_list_selection_changed()

    def _stop_looking(self) -> None:
        if self._looking:
            self._looking.stop()

    def _show_found(self, found: Found) -> None:
        self._stop_looking()
        self._filter, self._shown_as, self._result = found.text, found.asked or found.text, found.result
        self._accepted = False
        images, nothing = self.query_one(ImageList), not len(found.result)
        self.is_stale = bool(nothing and found.text and images.count)
        images.set_class(self.is_stale, "-stale")
        if not self.is_stale:
            images.show_images(found.result, self._session.images.rows, found.place or 0)
        if found.place is None:
            wanted, result = self._wanted_image, found.result
            in_background(self, "place", lambda: (result, place_of_image(result, wanted)))
        note = "".join(f"   {each}" for each in found.notes)
        bar = self.query_one(FilterBar)
        if not bar.is_typed and bar.text == found.text:
            self._is_searching = False
        bar.set_aside = self._session.quarantine.count()
        bar.show_count(len(found.result), len(self.selected), note)

    @property
    def selected(self) -> BitMap:
        """What is selected of the images that the filter finds."""
        return BitMap() if self.is_stale else self.query_one(ImageList).selected

    @property
    def targets(self) -> BitMap:
        """What an action acts on: never images of another filter, which stay in sight where this one finds none."""
        return BitMap() if self.is_stale else self.query_one(ImageList).targets

    def on_image_list_selection_changed(self) -> None:
        self.query_one(FilterBar).show_selected(len(self._result), len(self.selected))

    def action_sort(self) -> None:
        from curator.tui.screens.dialogs.filter_menus import ask_sort

        ask_sort(self, self._session, self._filter, self.show_filter)

    def action_saved(self) -> None:
        from curator.tui.screens.dialogs.filter_menus import ask_saved

        ask_saved(self, self._session, self.show_filter)

    def action_save(self) -> None:
        from curator.tui.screens.dialogs.filter_menus import ask_save

        ask_save(self, self._session, self._filter)

    def action_jump(self) -> None:
        from curator.tui.screens.dialogs.filter_menus import ask_place

        ask_place(self, self.query_one(ImageList))
