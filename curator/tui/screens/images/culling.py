"""The culling screen: images on the whole screen, kept or rejected by a key, with their tags and the running tally."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Label

from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.background import user_errors_shown, write
from curator.tui.keyboard.image_keys import KEYS as IMAGE_KEYS
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import Place
from curator.tui.panels import Panels
from curator.tui.screens.images.image_acts import ask_copy, caption_outside, explain, view_image
from curator.tui.screens.images.picture import KEYS as PICTURE_KEYS
from curator.tui.screens.images.picture import PictureScreen, ShownPicture
from curator.tui.text.words import about_image, turned_in_words
from curator.tui.widgets.lists.lines import Lines, wrapped

if TYPE_CHECKING:
    from curator.session.images.edits import Commit
    from curator.session.images.images import ImageRow
    from curator.session.session import Session
    from curator.tui.widgets.lists.image_list import ImageList

KEYS = (
    KeyAction("culling.keep", "y", "judge(1)", "keep, next image", "keep"),
    KeyAction("culling.reject", "x", "judge(-1)", "reject, next image", "reject"),
    KeyAction("culling.back", "backspace", "step(-1)", "back to the image before", "back"),
    KeyAction("culling.undo", "u", "undo", "undo the last mark, and back to its image", "undo"),
    KeyAction("culling.redo", "ctrl+r", "redo", "redo what was undone last"),
    KeyAction("culling.tags", "t", "tags", "show or hide the tags", "tags"),
    KeyAction("culling.crop", "c", "crop", "show or hide the crop box", "crop"),
    KeyAction("culling.mask", "m", "mask", "show or hide what its mask leaves out", "mask"),
)

_NO_TAGS = "-no-tags"
_REMEMBERED = "picture_panels"


class CullingScreen(PictureScreen, inherit_bindings=False):
    """The images of a list. Marks are edits of the session; each can be undone, also later."""

    BINDINGS = [*bindings(KEYS), *bindings(IMAGE_KEYS), *bindings(PICTURE_KEYS)]

    def __init__(self, session: Session, images: ImageList, *, crop: bool) -> None:
        super().__init__(images.count, self._shown, images.cursor)
        self._session, self._images = session, images
        self._panels = Panels(self, (_NO_TAGS,), session.memory.recall(_REMEMBERED))
        self._has_crop, self._has_mask = crop, False
        self._row: ImageRow | None = None
        self._judged: list[int] = []  # positions, in the order they were marked

    def beside(self) -> ComposeResult:
        """Its tags and its caption."""
        yield Lines(id="words")

    def on_mount(self) -> None:
        self._panels.fit()
        self._count_marks()

    def on_resize(self) -> None:
        self._panels.fit()
        self._tell_words()
        self._count_marks()

    def _shown(self, position: int) -> ShownPicture | None:
        rows = self._session.images.rows([self._images.image_at(position)])
        self._row = rows[0] if rows else None
        if self._row is None:
            return None
        row, placement = self._row, self._session.buckets.placement(self._row)
        return ShownPicture(
            visible(row.path),
            self._session.images.file_of(row),
            placement if self._has_crop else None,
            mask=self._session.images.mask_of(row) if self._has_mask else None,
        )

    @user_errors_shown
    def show(self) -> None:
        super().show()
        self._tell_words()

    def title_of(self, shown: ShownPicture) -> Text:
        mark = self._row.mark if self._row else 0
        sign, colour = {1: ("+ keep  ", meanings.KEPT), -1: ("- reject  ", meanings.REJECTED)}.get(
            mark, ("", "")
        )
        return Text().append(sign, f"bold {colour}".strip()).append(shown.title)

    def _tell_words(self) -> None:
        if row := self._row:
            self.query_one("#words", Lines).draw(lambda size: self._words_of(row, size.width - 1))

    def _words_of(self, row: ImageRow, room: int) -> list[Text]:
        bucket = self._session.buckets.placement(row).bucket
        lines = [Text(" ").append_text(about_image(row, bucket, room - 1)), Text()]
        tags = self._session.images.tags_of(row.id)
        for tag in tags:
            about = f" {meanings.class_word(tag.cls)} {tag.count:,}"
            line = Text(f" {visible(tag.name)}", meanings.of_class(tag.cls))
            line.truncate(max(4, room - len(about)), overflow="ellipsis", pad=True)
            lines.append(line.append(about, meanings.QUIET))
        if not tags:
            lines.append(Text(" no tags", meanings.QUIET))
        scores = [
            f"{visible(name)} {value:.4g}" for name, value in self._session.images.numbers_of(row).items()
        ]
        for heading, said in (("caption", visible(row.caption)), ("scores", "\n".join(scores))):
            if said:
                below = wrapped(Text(said), room - 1, self.app.console)
                lines += [
                    Text(),
                    Text(f" {heading}", "bold"),
                    *(Text(" ").append_text(each) for each in below),
                ]
        return lines

    def _count_marks(self) -> None:
        tally = self._session.images.tally(self._images.result.bitmap())
        is_short = self.app.size.width < 64
        keep, reject, left = ("+", "-", "") if is_short else ("keep ", "reject ", "left ")
        text = Text(justify="right")
        text.append(f"{keep}{tally.keep:,}  ", meanings.KEPT)
        text.append(f"{reject}{tally.reject:,}  ", meanings.REJECTED).append(f"{left}{tally.left:,} ")
        self.query_one("#tally", Label).update(text)

    # marks

    @user_errors_shown
    def action_judge(self, mark: int) -> None:
        """Mark the image and go on; one that has the mark already is passed over."""
        row, position = self._row, self.position
        if row is None:
            return
        if row.mark == mark:
            self._go_on()
            return

        def judged(_: Commit) -> None:
            self._judged.append(position)
            self._count_marks()
            self._go_on()

        write(self, lambda: self._session.edits.mark([row.id], mark), judged)

    def _go_on(self) -> None:
        if self.position == self._count - 1:
            self.show()
            self.app.notify("That was the last image: esc goes back to the others.")
            return
        self.action_step(1)

    def action_undo(self) -> None:
        def undone(commit: Commit | None) -> None:
            if commit and self._judged:
                self.position = self._judged.pop()
            self._tell(commit, "Undone", "Nothing to undo.")

        write(self, self._session.edits.undo, undone)

    def action_redo(self) -> None:
        write(
            self,
            self._session.edits.redo,
            lambda commit: self._tell(commit, "Done again", "Nothing to redo."),
        )

    def _tell(self, commit: Commit | None, title: str, nothing: str) -> None:
        if commit:
            self.app.notify(turned_in_words(commit), title=title)
        else:
            self.app.notify(nothing)
        self._count_marks()
        self.show()

    # the image and other programs

    def action_explain(self) -> None:
        if self._row:
            explain(self, self._session, self._row)

    @user_errors_shown
    def action_copy(self) -> None:
        if self._row:
            ask_copy(self, self._session, self._row)

    @user_errors_shown
    def action_view(self) -> None:
        if self._row:
            view_image(self, self._session, self._row)

    @user_errors_shown
    def action_edit_outside(self) -> None:
        row = self._row
        edit = caption_outside(self, row) if row else None
        if row and edit:
            write(self, lambda: self._session.edits.apply(edit, [row.id]), lambda _: self.show())

    # what is seen

    def action_tags(self) -> None:
        if self.has_class("-small"):
            self.app.notify("Tags need 64 columns here; in Browse tab shows them.")
            return
        self._panels.toggle(_NO_TAGS)
        self.app.post_message(Place({_REMEMBERED: self._panels.values()}))

    def action_crop(self) -> None:
        self._has_crop = not self._has_crop
        self.show()

    def action_mask(self) -> None:
        self._has_mask = not self._has_mask
        if self._has_mask:
            self.app.notify("Dark and hatched: what its mask file, or else its transparency, leaves out.")
        self.show()
