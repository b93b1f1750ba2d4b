"""The Browse screen: filter, list or grid, image, tags, and the keys that edit what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pyroaring import BitMap
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import ScreenResume
from textual.timer import Timer

from curator.filter.result import Result
from curator.index.changes.edits import RemoveTags, ReorderTags, SetMark
from curator.tui.background import user_errors_shown
from curator.tui.completing.filters import filters_of
from curator.tui.editing import COUNTED, Editor
from curator.tui.filter_text import with_tag
from curator.tui.finding import Found
from curator.tui.keyboard.browse_keys import KEYS
from curator.tui.keyboard.image_keys import KEYS as IMAGE_KEYS
from curator.tui.keyboard.keys import bindings
from curator.tui.messages import (
    CollectionChanged,
    StatusChanged,
    UserErrorRaised,
    WorkDone,
    WorkRefused,
)
from curator.tui.panels import BrowsePanels
from curator.tui.screens.images.filtered import FilteredScreen
from curator.tui.screens.images.from_browse import (
    copy_from_image,
    edited_caption,
    enlarge,
    explain_image,
    export_images,
    show_captions,
    show_copies,
    show_quarantine,
    show_statistics,
    view_image,
    write_sidecars,
)
from curator.tui.widgets.entries.filter_bar import FilterBar
from curator.tui.widgets.facet_panel import FacetPanel
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.size_classes import size_classes
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.image_details import ImageDetails
from curator.tui.widgets.lists.image_list import ImageList
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.tag_panel import TagPanel

if TYPE_CHECKING:
    from curator.session.session import Session

_DETAIL_DELAY_S = 0.05  # a held key passes many images; only the one it stops at is looked up


class BrowseScreen(FilteredScreen):
    """The first screen."""

    AUTO_FOCUS = "#images"
    BINDINGS = [*bindings(KEYS), *bindings(IMAGE_KEYS)]

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__(session, reader)
        self._editor = Editor(self, session, reader, self._show_edited)
        self._crop = bool(session.memory.recall("crop", True))
        self._panels = BrowsePanels(self, session.memory.recall("panels"))
        self._timer: Timer | None = None
        self._was_seen = False

    def compose(self) -> ComposeResult:
        self.add_class(*size_classes(self.app), update=False)  # before any widget's styles are looked up
        self._panels.fit()
        yield TabLine("Browse")
        yield FilterBar(filters_of(self._reader))
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield PanelTitle("Images", of="#images", spare=True)
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

    def place(self) -> dict[str, object]:
        """What a restart should find again."""
        return {
            **super().place(),
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
        super()._show_found(found)
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

    # what changes the filter without typing

    def action_facets(self) -> None:
        shown = self._panels.toggle("-facets")
        self.set_focus(self.query_one(FacetPanel) if shown else self.query_one(ImageList))
        self._look_at_facets()

    def _look_at_facets(self) -> None:
        if self.has_class("-facets"):
            self.query_one(FacetPanel).show_images(self._result.bitmap())

    def on_facet_panel_picked(self, message: FacetPanel.Picked) -> None:
        self.show_filter(with_tag(self._filter, message.tag, wanted=message.wanted))

    def on_facet_panel_left(self) -> None:
        self.action_facets()

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

    def on_screen_resume(self, event: ScreenResume) -> None:
        event.refresh_styles, self._was_seen = self._was_seen, True  # at first they have just been looked up
        self.query_one(ImageList).read_again()

    @on(CollectionChanged)
    def read_again(self, message: CollectionChanged) -> None:
        """Show what is there now; which images are listed changes only when asked."""
        if message.images:
            self._select(self._filter)
        else:
            self.query_one(ImageList).read_again()

    def action_crop(self) -> None:
        if self.query_one(ImageList).has_images():
            self._crop = not self._crop
            self._look()

    def action_preview(self) -> None:
        if not self.query_one(ImageList).has_images():
            return
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
        show_captions(self, self._session, self.query_one(ImageList).wanted)

    def action_copies(self) -> None:
        show_copies(self, self._session, self._reader, self._filter)

    def action_quarantine(self) -> None:
        show_quarantine(self, self._session, lambda: self._select(self._filter))

    @on(LineList.Chosen, "#images")
    def _enlarge(self) -> None:
        enlarge(self, self._session, self.query_one(ImageList), crop=self._crop)

    def action_explain(self) -> None:
        if row := self.query_one(ImageList).wanted:
            explain_image(self, self._reader, row)

    @user_errors_shown
    def action_copy(self) -> None:
        tags, row = self.query_one(TagPanel), self.query_one(ImageList).wanted
        tag = tags.current if tags.has_focus else None
        if row:
            copy_from_image(self, self._session, row, self.selected, tag.name if tag else "")

    @user_errors_shown
    def action_view(self) -> None:
        if row := self.query_one(ImageList).wanted:
            view_image(self, self._session, row)

    # what is done with all that is shown

    def action_statistics(self) -> None:
        show_statistics(self, self._reader, self._filter, self._result.bitmap(), self.show_filter)

    def action_sidecars(self) -> None:
        if chosen := self._wanted_images:
            write_sidecars(self, self._session, chosen)

    def action_export(self) -> None:
        if chosen := self._wanted_images:
            export_images(self, self._session, chosen)

    @property
    def _wanted_images(self) -> BitMap:
        """What is selected, else all that the filter finds; where there is none it is said."""
        chosen = self.selected or self._result.bitmap()
        if not chosen:
            self.notify("There is no image here.", markup=False)
        return chosen

    # edits

    @property
    def _wanted_targets(self) -> BitMap:
        """The images that are changed; where there is none it is said."""
        ids = self.targets
        if not ids:
            self.notify("There is no image here.", markup=False)
        return ids

    @user_errors_shown
    def action_edit_outside(self) -> None:
        row, ids = self.query_one(ImageList).current, self._wanted_targets
        if row and ids:
            self._editor.change(edited_caption(self, row), ids)

    @user_errors_shown
    def action_bulk(self, what: str) -> None:
        tag, ids = self.query_one(TagPanel).current, self.targets
        if what == "remove" and self.query_one(TagPanel).has_focus and tag:
            self._editor.change(RemoveTags((tag.name,)), ids)
        elif self._wanted_targets:
            self._editor.ask_tags(what, ids)

    @user_errors_shown
    def action_rename(self) -> None:
        tags, facets = self.query_one(TagPanel), self.query_one(FacetPanel)
        facet = facets.current if facets.has_focus else None
        tag = tags.current if tags.has_focus else facet and facet.tag
        self._editor.ask_rename(tag.name if tag else None)

    def action_caption(self) -> None:
        row, ids = self.query_one(ImageList).current, self._wanted_targets
        if row and ids:
            self._editor.ask_caption(row, ids)

    @user_errors_shown
    def action_judge(self, mark: int) -> None:
        images = self.query_one(ImageList)
        if not self._wanted_targets:
            return
        was_one = not images.selected
        self._editor.change(SetMark(mark), self.targets)
        if was_one:
            images.go(images.cursor + 1)

    @user_errors_shown
    def on_tag_panel_reordered(self, message: TagPanel.Reordered) -> None:
        if row := self.query_one(ImageList).current:
            self._editor.change(ReorderTags(message.names), BitMap([row.id]))

    def _show_edited(self) -> None:
        self.query_one(ImageList).read_again()
