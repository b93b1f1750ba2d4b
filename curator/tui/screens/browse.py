"""Decides how pictures are looked through and their words edited: filter, list, picture, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from pyroaring import BitMap
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Label

from curator.contract.text import visible
from curator.index.edits import AddTags, Edit, RemoveTags, RenameTag, ReorderTags, SetCaption, SetMark
from curator.index.images import ImageRow
from curator.session import Session
from curator.tags.text import clean_tag
from curator.tui import keys
from curator.tui.background import in_background, mistakes_shown
from curator.tui.messages import CollectionChanged, Mistake, WorkDone, WorkRefused
from curator.tui.screens.dialogs import Confirm, Form, FormLine
from curator.tui.screens.picture import PictureScreen, ShownPicture
from curator.tui.screens.tag_dialog import TagDialog
from curator.tui.widgets.chrome import KeyLine, TabLine, TooSmall
from curator.tui.widgets.filter_bar import FilterBar
from curator.tui.widgets.image_list import ImageList
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.preview import Preview
from curator.tui.widgets.tag_panel import TagPanel
from curator.tui.words import about_image, edit_in_words, filter_of_tag, images_in_words, tags_typed

_DETAIL_DELAY_S = 0.05  # a held key passes many pictures; only the one it stops at is looked up


class BrowseScreen(Screen):
    """The first screen."""

    BINDINGS = keys.bindings("browse")

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._filter = ""
        self._wanted_image = session.recall("image", 0)
        self._crop = bool(session.recall("crop", True))
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TabLine("Browse")
        yield FilterBar()
        with Horizontal():
            yield ImageList(id="images")
            with Vertical(id="side"):
                yield Label("", id="about", markup=False)
                yield Preview()
                yield TagPanel(id="tags")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(ImageList).focus()
        self.show_filter(str(self._session.recall("filter", "")))

    def show_filter(self, text: str) -> None:
        """Show the images of a filter, as if it had been typed."""
        self.query_one(FilterBar).set_text(text)
        self._select(text)

    def remember(self) -> None:
        """Keep what a restart should find again."""
        row = self.query_one(ImageList).current
        self._session.remember("filter", self._filter)
        self._session.remember("image", row.id if row else 0)
        self._session.remember("crop", self._crop)

    # the filter

    def action_filter(self) -> None:
        self.query_one(FilterBar).edit()

    def on_filter_bar_typed(self, message: FilterBar.Typed) -> None:
        self._select(message.text)

    def on_filter_bar_accepted(self) -> None:
        self.query_one(ImageList).focus()
        self.remember()

    def on_filter_bar_restored(self) -> None:
        self.query_one(ImageList).focus()

    def _select(self, text: str) -> None:
        row = self.query_one(ImageList).current
        if row:
            self._wanted_image = row.id
        in_background(self, "filter", lambda: (text, self._reader.select(text)))

    def on_work_done(self, message: WorkDone) -> None:
        assert isinstance(message.result, tuple)
        text, result = message.result
        self._filter = text
        images = self.query_one(ImageList)
        images.show_images(result.ids, self._session.rows, _position(result.ids, self._wanted_image))
        self._show_count(result.unknown_tags)

    def on_work_refused(self, message: WorkRefused) -> None:
        if hasattr(message.error, "position"):
            self.query_one(FilterBar).show_mistake(message.error)
        else:
            self.post_message(Mistake(message.error))

    def _show_count(self, unknown: Iterable[str] = ()) -> None:
        images = self.query_one(ImageList)
        note = "".join(f"   no picture has the tag '{visible(tag)}'" for tag in unknown)
        self.query_one(FilterBar).show_count(images.count, len(images.selected), note)

    def on_image_list_selection_changed(self) -> None:
        images = self.query_one(ImageList)
        self.query_one(FilterBar).show_selected(images.count, len(images.selected))

    # what is under the cursor

    @on(LineList.Moved, "#images")
    def _look_soon(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(_DETAIL_DELAY_S, self._look)

    @mistakes_shown
    def _look(self) -> None:
        row = self.query_one(ImageList).current
        about, tags, preview = (
            self.query_one("#about", Label),
            self.query_one(TagPanel),
            self.query_one(Preview),
        )
        if row is None:
            about.update("", layout=False)
            tags.show_words((), "")
            preview.show(None)
            return
        placement = self._session.placement(row)
        about.update(about_image(row, placement.bucket), layout=False)
        tags.show_words(self._session.tags_of(row.id), row.caption)
        preview.show(self._session.file_of(row), placement if self._crop else None)

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
        self.toggle_class("-picture")

    def action_next_panel(self) -> None:
        tags, images = self.query_one(TagPanel), self.query_one(ImageList)
        (images if tags.has_focus else tags).focus()

    def on_tag_panel_left(self) -> None:
        self.query_one(ImageList).focus()

    @on(LineList.Chosen, "#images")
    def _enlarge(self) -> None:
        images = self.query_one(ImageList)

        def shown(position: int) -> ShownPicture | None:
            row = self._session.rows([int(images.ids[position])])
            return _shown(self._session, row[0], self._crop) if row else None

        self.app.push_screen(
            PictureScreen(images.count, shown, images.cursor), lambda last: images.go(last or 0)
        )

    # edits

    def action_bulk(self, what: str) -> None:
        tag = self.query_one(TagPanel).current
        if what == "remove" and self.query_one(TagPanel).has_focus and tag:
            self._change(RemoveTags((tag.name,)), self._targets())
            return
        ids = self._targets()
        if not ids:
            return
        make: type[AddTags | RemoveTags] = AddTags if what == "add" else RemoveTags
        verb = "Add tags to" if what == "add" else "Remove tags from"
        self._ask_tags(f"{verb} {images_in_words(len(ids))}", lambda text: make(tags_typed(text)), ids)

    def action_rename(self) -> None:
        tag = self.query_one(TagPanel).current
        if tag is None:
            self.notify("Put the cursor on a tag first (tab).", markup=False)
            return

        def rename(text: str) -> Edit:
            return RenameTag(tag.name, clean_tag(text))

        everywhere = self._session.select(filter_of_tag(tag.name)).bitmap()
        self._ask_tags(f"Rename '{visible(tag.name)}' everywhere", rename, everywhere, tag.name)

    def action_caption(self) -> None:
        ids, row = self._targets(), self.query_one(ImageList).current
        if row is None:
            return
        line = FormLine(
            "text", "caption", row.caption.replace("\n", " "), "free text that follows the tags; empty: none"
        )
        dialog = Form(
            f"Caption of {images_in_words(len(ids))}",
            [line],
            lambda values: SetCaption(values["text"].strip()),
        )
        self.app.push_screen(dialog, lambda edit: self._change(cast("Edit | None", edit), ids))

    def action_judge(self, mark: int) -> None:
        images = self.query_one(ImageList)
        was_one = not images.selected
        self._change(SetMark(mark), self._targets())
        if was_one:
            images.go(images.cursor + 1)

    def on_tag_panel_reordered(self, message: TagPanel.Reordered) -> None:
        row = self.query_one(ImageList).current
        if row:
            self._change(ReorderTags(message.names), BitMap([row.id]))

    def _targets(self) -> BitMap:
        return self.query_one(ImageList).targets

    def _ask_tags(self, title: str, make_edit: Callable[[str], Edit], ids: BitMap, value: str = "") -> None:
        dialog = TagDialog(
            title,
            make_edit,
            lambda edit: self._reader.preview_edit(edit, ids),
            self._session.complete,
            value,
        )
        self.app.push_screen(dialog, lambda edit: self._change(edit, ids))

    @mistakes_shown
    def _change(self, edit: Edit | None, ids: BitMap) -> None:
        """Do an edit; more than one image only after a question with the count."""
        if edit is None or not ids:
            return
        changes = self._session.preview_edit(edit, ids)
        if not changes:
            self.notify("Nothing to change.", markup=False)
        elif changes > 1:
            question = Confirm(f"Change {images_in_words(changes)}?", edit_in_words(edit))
            self.app.push_screen(question, lambda yes: self._apply(edit, ids) if yes else None)
        else:
            self._apply(edit, ids)

    @mistakes_shown
    def _apply(self, edit: Edit, ids: BitMap) -> None:
        commit = self._session.edit(edit, ids)
        if commit.images_changed > 1:
            self.notify(
                f"{visible(commit.what)}: {images_in_words(commit.images_changed)}. u undoes it.",
                markup=False,
            )
        self.query_one(ImageList).read_again()


def _position(ids: Sequence[int], image: int) -> int:
    """Where `image` stands among `ids`; the top where it does not."""
    import numpy as np

    found = np.flatnonzero(np.asarray(ids) == image)
    return int(found[0]) if len(found) else 0


def _shown(session: Session, row: ImageRow, crop: bool) -> ShownPicture:
    placement = session.placement(row)
    title = f"{visible(row.path)}  {row.width}x{row.height} -> {placement.bucket[0]}x{placement.bucket[1]}"
    return ShownPicture(title, session.file_of(row), placement if crop else None)
