"""The Browse screen: filter, list or grid, image, tags, and the keys that edit what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pyroaring import BitMap
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.timer import Timer

from curator.filter.result import Result
from curator.index.changes.edits import RemoveTags, ReorderTags, SetMark
from curator.tui.background import cancelled, in_background, user_errors_shown
from curator.tui.editing import COUNTED, Editor
from curator.tui.filter_text import completed, with_tag
from curator.tui.finding import EarlyLook, Found, find_first, place_of_image
from curator.tui.keyboard.browse_keys import KEYS
from curator.tui.keyboard.keys import bindings
from curator.tui.messages import (
    CollectionChanged,
    Place,
    StatusChanged,
    UserErrorRaised,
    VisitEnded,
    WorkDone,
    WorkRefused,
)
from curator.tui.panels import BrowsePanels
from curator.tui.screens.images.from_browse import enlarge, show_captions, show_copies, show_quarantine
from curator.tui.widgets.chrome import Foot, TabLine, TooSmall
from curator.tui.widgets.facet_panel import FacetPanel
from curator.tui.widgets.filter_bar import FilterBar
from curator.tui.widgets.image_details import ImageDetails
from curator.tui.widgets.image_list import ImageList
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.tag_panel import TagPanel

if TYPE_CHECKING:
    from curator.session.session import Session

_SLOW_S = 0.4  # a question that takes longer says that it is being looked for
_DETAIL_DELAY_S = 0.05  # a held key passes many images; only the one it stops at is looked up


class BrowseScreen(Screen):
    """The first screen."""

    AUTO_FOCUS = "#images"
    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._editor = Editor(self, session, reader, self._show_edited)
        self._filter = ""
        self._wanted_image = session.memory.recall("image", 0)
        self._crop = bool(session.memory.recall("crop", True))
        self._panels = BrowsePanels(self, session.memory.recall("panels"))
        self._timer: Timer | None = None
        self._looking: Timer | None = None
        self._accepted = False  # enter was pressed on the filter that is being looked for
        self._visit: tuple[str, str] | None = None  # the screen that asked, and the filter before
        self._early = EarlyLook(reader, str(session.memory.recall("filter", "")), self._wanted_image)

    def compose(self) -> ComposeResult:
        yield TabLine("Browse")
        yield FilterBar()
        with Horizontal(id="body"):
            yield ImageList(id="images", thumbnail=self._reader.thumbnails.of_image)
            yield ImageDetails(self._session, self._reader, id="side")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.on_resize()
        if found := self._early.found():  # the first frame has its images
            self.query_one(FilterBar).set_text(found.text)
            self._show_found(found)
        else:
            self.show_filter(self._early.text)

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

    def on_image_list_left(self) -> None:
        if self._visit:
            (screen, text), self._visit = self._visit, None
            self.show_filter(text)
            self.post_message(VisitEnded(screen))

    def place(self) -> dict[str, object]:
        """What a restart should find again."""
        row = self.query_one(ImageList).current
        return {
            "filter": self._visit[1] if self._visit else self._filter,
            "image": row.id if row else 0,
            "crop": self._crop,
            "panels": self._panels.values(),
        }

    def on_resize(self) -> None:
        """Show what this width showed last, in the shape of then."""
        self._panels.fit()
        self.query_one(ImageList).show_cells(self._panels.cell_lines)

    def action_grid(self) -> None:
        self._panels.toggle("-grid")
        self.on_resize()
        self._look()

    def on_image_list_resized(self, message: ImageList.Resized) -> None:
        self._panels.cell_lines = message.lines
        self.on_resize()

    def action_filter(self) -> None:
        self.query_one(FilterBar).edit()

    def on_filter_bar_typed(self, message: FilterBar.Typed) -> None:
        self._select(message.text)

    @user_errors_shown
    def on_filter_bar_unfinished(self) -> None:
        bar = self.query_one(FilterBar)
        bar.complete(completed(bar.text, lambda word: [tag.name for tag, _ in self._session.tags.find(word)]))

    def on_filter_bar_accepted(self) -> None:
        self._visit = None  # a filter of one's own: there is nothing to go back to
        self._accepted = True
        self.set_focus(self.query_one(ImageList))
        self.post_message(Place(self.place()))

    def on_filter_bar_restored(self) -> None:
        self.set_focus(self.query_one(ImageList))

    def _select(self, text: str) -> None:
        row = self.query_one(ImageList).current
        if row:
            self._wanted_image = row.id
        wanted = self._wanted_image
        self._stop_looking()
        self._looking = self.set_timer(_SLOW_S, self.query_one(FilterBar).show_looking)

        def look() -> Found:
            return find_first(self._reader, text, wanted, cancelled())

        in_background(self, "filter", look, keys_wait=True)

    def on_work_cancelled(self) -> None:
        """The filter is again that of the list."""
        self._stop_looking()
        self._accepted = False
        self.query_one(FilterBar).set_text(self._filter)
        self.on_image_list_selection_changed()

    def _stop_looking(self) -> None:
        if self._looking:
            self._looking.stop()

    def on_work_done(self, message: WorkDone) -> None:
        match message.kind, message.result:
            case "filter", Found() as found:
                self._show_found(found)
            case "place", (Result() as result, int() as place):
                images = self.query_one(ImageList)
                if images.result is result and images.cursor == 0:
                    images.go(place)
            case _, counted if message.kind == COUNTED:
                self._editor.counted(cast("Any", counted))
            case _:
                pass

    def _show_found(self, found: Found) -> None:
        self._stop_looking()
        self._filter, result = found.text, found.result
        self._accepted = False
        images = self.query_one(ImageList)
        images.show_images(result, self._session.images.rows, found.place or 0)
        if found.place is None:
            wanted = self._wanted_image
            in_background(self, "place", lambda: (result, place_of_image(result, wanted)))
        note = "".join(f"   {each}" for each in self._session.images.unmatched(result.unknown_tags))
        self.query_one(FilterBar).set_aside = self._session.quarantine.count()
        self.query_one(FilterBar).show_count(images.count, len(images.selected), note)
        self._look_at_facets()

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(StatusChanged(""))
        self._stop_looking()
        self.on_image_list_selection_changed()
        if message.kind == "filter":
            self.query_one(FilterBar).show_mistake(message.error)
            if self._accepted:  # not the list of another filter: there is something to mend first
                self.query_one(FilterBar).edit_on()
                self._accepted = False
        else:
            self.post_message(UserErrorRaised(message.error))

    def on_image_list_selection_changed(self) -> None:
        images = self.query_one(ImageList)
        self.query_one(FilterBar).show_selected(images.count, len(images.selected))

    # what changes the filter without typing

    def action_facets(self) -> None:
        shown = self._panels.toggle("-facets")
        self.set_focus(self.query_one(FacetPanel) if shown else self.query_one(ImageList))
        self._look_at_facets()

    def _look_at_facets(self) -> None:
        if self.has_class("-facets"):
            self.query_one(FacetPanel).show_images(self.query_one(ImageList).result.bitmap())

    def on_facet_panel_picked(self, message: FacetPanel.Picked) -> None:
        self.show_filter(with_tag(self._filter, message.tag, wanted=message.wanted))

    def on_facet_panel_left(self) -> None:
        self.action_facets()

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

    # what is under the cursor

    @on(LineList.Moved, "#images")
    def _look_soon(self) -> None:
        if self.query_one(TagPanel).has_focus:  # the next key may be about the tags
            self._look()
            return
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(_DETAIL_DELAY_S, self._look)

    @user_errors_shown
    def _look(self) -> None:
        if self._timer:
            self._timer.stop()
            self._timer = None
        row, has_picture = self.query_one(ImageList).current, self._panels.has_picture
        self.query_one(ImageDetails).show(row, crop=self._crop, picture=has_picture)

    def on_screen_resume(self) -> None:
        self.query_one(ImageList).read_again()

    @on(CollectionChanged)
    def read_again(self, message: CollectionChanged) -> None:
        """Show what is there now; which images are listed changes only when asked."""
        if message.images:
            self._select(self._filter)
        else:
            self.query_one(ImageList).read_again()

    def action_crop(self) -> None:
        self._crop = not self._crop
        self._look()

    def action_preview(self) -> None:
        is_hidden = self._panels.toggle("-no-side" if self._panels.is_grid else "-no-picture")
        self._look()
        if self.has_class("-short") and not is_hidden and not self._panels.is_grid:
            self.notify("An image needs 20 lines here; enter shows it on the whole screen.")

    def action_next_panel(self) -> None:
        if self._timer:
            self._look()
        side = self.query_one(FacetPanel) if self.has_class("-facets") else self.query_one(TagPanel)
        self.set_focus(self.query_one(ImageList) if side.has_focus else side)

    def on_tag_panel_left(self) -> None:
        self.set_focus(self.query_one(ImageList))

    def action_captions(self) -> None:
        show_captions(self, self._session, self.query_one(ImageList).current)

    def action_copies(self) -> None:
        show_copies(self, self._session, self._reader, self._filter)

    def action_quarantine(self) -> None:
        show_quarantine(self, self._session, lambda: self._select(self._filter))

    @on(LineList.Chosen, "#images")
    def _enlarge(self) -> None:
        enlarge(self, self._session, self.query_one(ImageList), crop=self._crop)

    # edits

    @user_errors_shown
    def action_bulk(self, what: str) -> None:
        tag, ids = self.query_one(TagPanel).current, self.query_one(ImageList).targets
        if what == "remove" and self.query_one(TagPanel).has_focus and tag:
            self._editor.change(RemoveTags((tag.name,)), ids)
        elif ids:
            self._editor.ask_tags(what, ids)

    @user_errors_shown
    def action_rename(self) -> None:
        tags, facets = self.query_one(TagPanel), self.query_one(FacetPanel)
        facet = facets.current if facets.has_focus else None
        tag = tags.current if tags.has_focus else facet and facet.tag
        self._editor.ask_rename(tag.name if tag else None)

    def action_caption(self) -> None:
        images = self.query_one(ImageList)
        if images.current:
            self._editor.ask_caption(images.current, images.targets)

    @user_errors_shown
    def action_judge(self, mark: int) -> None:
        images = self.query_one(ImageList)
        was_one = not images.selected
        self._editor.change(SetMark(mark), images.targets)
        if was_one:
            images.go(images.cursor + 1)

    @user_errors_shown
    def on_tag_panel_reordered(self, message: TagPanel.Reordered) -> None:
        if row := self.query_one(ImageList).current:
            self._editor.change(ReorderTags(message.names), BitMap([row.id]))

    def _show_edited(self) -> None:
        self.query_one(ImageList).read_again()
