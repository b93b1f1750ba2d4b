"""Edits of images from a screen: asked for as text, counted first, in a worker where they are many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from pyroaring import BitMap
from textual.screen import Screen

from curator.contract.text import counted, visible
from curator.index.changes.edits import AddTags, RemoveTags, RenameTag, SetCaption
from curator.tags.text import clean_tag
from curator.tui.background import in_background, user_errors_shown, write
from curator.tui.completing.completion import tags_of, tags_on
from curator.tui.filter_text import filter_of_tag
from curator.tui.messages import StatusChanged, UserErrorRaised
from curator.tui.text.words import edit_in_words, tags_typed

if TYPE_CHECKING:
    from curator.contract.errors import UserError
    from curator.session.images.edits import Commit, Edit
    from curator.session.images.images import ImageRow
    from curator.session.session import Session
    from curator.tui.completing.completion import Complete

_AT_ONCE = 2000  # more images are counted and changed in a worker
COUNTED = "edit-counted"  # the kind of work whose result the screen hands back


class Counted(NamedTuple):
    """An edit, and how many images it would change."""

    edit: Edit
    ids: BitMap
    changes: int


class Editor:
    """The edits of one screen; `done` is called after each."""

    def __init__(self, screen: Screen, session: Session, reader: Session, done: Callable[[], None]) -> None:
        self.screen, self._session, self._reader, self._done = screen, session, reader, done

    def ask_tags(self, what: str, ids: BitMap) -> None:
        """Ask for tags to add or to remove."""
        make: type[AddTags | RemoveTags] = AddTags if what == "add" else RemoveTags
        verb = "Add tags to" if what == "add" else "Remove tags from"
        on = tags_on(self._reader, ids) if what == "remove" else None
        self._ask(f"{verb} {counted(len(ids))}", lambda text: make(tags_typed(text)), ids, on=on)

    def ask_rename(self, tag: str | None) -> None:
        """Ask for another name of a tag; with None also which."""
        if tag is None:
            self._ask_which_to_rename()
            return

        def rename(text: str) -> Edit:
            return RenameTag(tag, clean_tag(text))

        everywhere = self._session.images.select(filter_of_tag(tag)).bitmap()
        self._ask(f"Rename '{visible(tag)}' everywhere", rename, everywhere, tag)

    def ask_merge(self, tag: str) -> None:
        """Ask for the tag that takes another one in."""

        def merge(text: str) -> Edit:
            into = clean_tag(text)
            self._session.tags.check_known(into)
            return RenameTag(tag, into)

        everywhere = self._session.images.select(filter_of_tag(tag)).bitmap()
        self._ask(f"Merge '{visible(tag)}' into", merge, everywhere)

    def _ask_which_to_rename(self) -> None:
        """Ask for a tag and for another name of it."""
        from curator.tui.screens.dialogs.questions import Form, FormLine

        def check(values: Mapping[str, str]) -> tuple[Edit, BitMap]:
            tag = clean_tag(values["tag"])
            self._session.tags.check_known(tag)
            found = self._session.images.select(filter_of_tag(tag))
            return RenameTag(tag, clean_tag(values["name"])), found.bitmap()

        def rename(result: object) -> None:
            if result is not None:
                self.change(*cast("tuple[Edit, BitMap]", result))

        known = tags_of(self._reader)
        lines = [
            FormLine("tag", "tag", "", "as it is now; tab in the list goes to the tags of an image", known),
            FormLine("name", "new name", "", "on every image that has it", known),
        ]
        self.screen.app.push_screen(Form("Rename a tag everywhere", lines, check), rename)

    def ask_caption(self, row: ImageRow, ids: BitMap) -> None:
        """Ask for a caption; that of `row` is where one begins."""
        from curator.tui.screens.dialogs.questions import Form, FormLine

        about = "free text that follows the tags; empty: none"
        line = FormLine("text", "caption", row.caption.replace("\n", " "), about)
        dialog = Form(
            f"Caption of {counted(len(ids))}",
            [line],
            lambda values: SetCaption(values["text"].strip()),
        )
        self.screen.app.push_screen(dialog, lambda edit: self.change(cast("Edit | None", edit), ids))

    def _ask(
        self,
        title: str,
        make_edit: Callable[[str], Edit],
        ids: BitMap,
        value: str = "",
        *,
        on: Complete | None = None,
    ) -> None:
        """Ask for tags; `on` completes those of some images alone."""
        from curator.tui.screens.dialogs.tag_dialog import TagDialog

        dialog = TagDialog(
            title,
            make_edit,
            lambda edit: self._reader.edits.preview(edit, ids),
            on or tags_of(self._reader),
            value,
            nothing=" none of these has such a tag" if on else "",
        )
        self.screen.app.push_screen(dialog, lambda edit: self.change(edit, ids))

    @user_errors_shown
    def change(self, edit: Edit | None, ids: BitMap) -> None:
        """Do an edit; more than one image only after a question with the count."""
        if edit is None or not ids:
            return
        if len(ids) <= _AT_ONCE:
            self.counted(Counted(edit, ids, self._session.edits.preview(edit, ids)))
            return
        self.screen.post_message(StatusChanged("counting"))

        def count() -> Counted:
            return Counted(edit, ids, self._reader.edits.preview(edit, ids))

        in_background(self.screen, COUNTED, count, keys_wait=True)

    @user_errors_shown
    def counted(self, found: Counted) -> None:
        """Ask, or do it at once where it is one image."""
        self.screen.post_message(StatusChanged(""))
        if not found.changes:
            self.screen.notify("Nothing to change.", markup=False)
        elif found.changes > 1:
            from curator.tui.screens.dialogs.questions import Confirm

            question = Confirm(f"Change {counted(found.changes)}?", edit_in_words(found.edit))
            self.screen.app.push_screen(question, lambda yes: self._apply(found) if yes else None)
        else:
            self._apply(found)

    def _apply(self, found: Counted) -> None:
        is_long = len(found.ids) > _AT_ONCE
        if is_long:
            self.screen.post_message(StatusChanged("changing"))

        def apply() -> Commit:
            if not is_long:
                return self._session.edits.apply(found.edit, found.ids)
            with self._session.apart() as own:
                return own.edits.apply(found.edit, found.ids)

        write(self.screen, apply, self._applied, self._refused)

    def _refused(self, error: UserError) -> None:
        self.screen.post_message(StatusChanged(""))
        self.screen.post_message(UserErrorRaised(error))

    def _applied(self, commit: Commit) -> None:
        """Say what was done and show it."""
        self.screen.post_message(StatusChanged(""))
        if commit.images_changed > 1:
            self.screen.notify(
                f"{visible(commit.what)}: {counted(commit.images_changed)}. u undoes it.",
                markup=False,
            )
        self._done()
