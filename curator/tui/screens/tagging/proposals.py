"""The Proposals screen: what a tag model says of images, one by one; accepted, rejected, at any threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.background import in_background, write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import CollectionChanged, UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from curator.proposals.acceptance import Acceptance, PlannedAcceptance
    from curator.proposals.thresholds import Thresholds
    from curator.session.images.edits import Commit
    from curator.session.images.images import ImageRow, Result
    from curator.session.images.proposals import Images, KeptModel, ShownProposals
    from curator.session.session import Session

_STEP = 0.05
_LEAST = 0.05  # values up to it are not kept

KEYS = (
    KeyAction("proposals.accept", "y", "accept", "make these tags, next image", "accept"),
    KeyAction("proposals.reject", "x", "reject", "leave the image as it is, next image", "reject"),
    KeyAction("proposals.next", "n,l,right", "step(1)", "next image", "next"),
    KeyAction("proposals.previous", "N,h,left", "step(-1)", "previous image"),
    KeyAction("proposals.toggle", "space", "take", "leave this tag out, or take it in again", "out/in"),
    KeyAction("proposals.higher", "plus,equals_sign", "threshold(1)", "a higher threshold", "threshold"),
    KeyAction("proposals.lower", "minus", "threshold(-1)", "a lower threshold"),
    KeyAction(
        "proposals.higher_character", "greater_than_sign", "character(1)", "a higher one of characters"
    ),
    KeyAction("proposals.lower_character", "less_than_sign", "character(-1)", "a lower one of characters"),
    KeyAction("proposals.mcut", "m", "mcut", "each image's own threshold, in its widest gap (MCut)"),
    KeyAction("proposals.all", "A", "accept_all", "accept for all of these images", "accept all"),
    KeyAction("proposals.close", "escape", "close", "back to the jobs", "back"),
)


class _Seen(NamedTuple):
    """An image of the filter and what the model says of it."""

    at: int
    row: ImageRow
    said: ShownProposals


class ProposalsScreen(Screen[None]):
    """What `model` says of the images of a filter; thresholds are asked of what is kept, never of the model."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session, model: KeptModel, text: str) -> None:
        super().__init__()
        from curator.proposals.thresholds import Thresholds

        self._session, self._reader, self._model, self._filter = session, reader, model, text
        self._thresholds = Thresholds()
        self._result: Result | None = None
        self._at = 0
        self._seen: _Seen | None = None
        self._out = set[str]()  # of this image's labels those that are left out
        self._accepted = self._rejected = 0
        self._effect = ""

    def compose(self) -> ComposeResult:
        yield TabLine("Tagging")
        yield PanelTitle(id="about", of="#tags")
        yield Label("", id="thresholds", markup=False)
        with Horizontal(id="body"):
            yield Preview()
            with Vertical(id="side"):
                yield LineList(id="tags")
        yield Label("", id="effect", markup=False)
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#tags").focus()
        in_background(self, "select", lambda: self._reader.images.select(self._filter), keys_wait=True)

    # looking

    @on(CollectionChanged)
    def _read_again(self) -> None:
        self._look()
        self._count()

    def _look(self) -> None:
        result, at, model, thresholds = self._result, self._at, self._model, self._thresholds
        if not result or not len(result):
            return

        def seen() -> _Seen:
            (image,) = result.page(at, 1)
            (row,) = self._reader.images.rows([image])
            return _Seen(at, row, self._reader.proposals.of_image(model, image, thresholds))

        in_background(self, "image", seen, keys_wait=True)

    def _count(self) -> None:
        """What accepting all would do, counted while the thresholds change."""
        result, how = self._result, self._how()
        if result and len(result):
            images, model = result.bitmap(), self._model
            in_background(self, "count", lambda: self._reader.proposals.preview([model], images, how))

    def _how(self, *without: str) -> Acceptance:
        from curator.proposals.acceptance import Acceptance

        return Acceptance(self._thresholds, without=without)

    def on_work_done(self, message: WorkDone) -> None:
        match message.kind:
            case "select":
                self._result = cast("Result", message.result)
                self._show_about()
                self._read_again()
            case "image":
                self._show(cast("_Seen", message.result))
            case _:
                self._effect = _effect(cast("PlannedAcceptance", message.result), len(self._result or ()))
                self._show_about()

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(UserErrorRaised(message.error))

    def _show(self, seen: _Seen) -> None:
        before, self._seen = self._seen, seen
        if before is None or before.row.id != seen.row.id:
            self._out.clear()
            self.query_one("#tags", LineList).cursor = 0
        self.query_one(Preview).show(self._session.images.file_of(seen.row))
        self._show_tags()
        self._show_about()

    def _show_tags(self) -> None:
        said = self._seen.said if self._seen else None
        tags = self.query_one("#tags", LineList)
        tags.empty = (
            " nothing above the thresholds" if said and said.is_answered else " the model has not seen it"
        )
        lines = (
            [_tag_line(tag.name, tag.cls, tag.value, self._mark(tag.name)) for tag in said.tags]
            if said
            else []
        )
        if said and said.caption:
            lines = [Text(f" {visible(said.caption)}")]
        tags.show_texts(lines)

    def _mark(self, label: str) -> str:
        if self._seen and label in self._seen.said.present:
            return "="
        if self._seen and label in self._seen.said.unfit:
            return "!"
        return "-" if label in self._out else "+"

    def _show_about(self) -> None:
        count, name = len(self._result or ()), visible(self._model.about.name)
        about = Text(name)
        if not count:
            about.append("  no image to look at: Browse's filter names none", f"not bold {meanings.QUIET}")
        elif self._seen:
            about.append(
                f"  {self._at + 1:,}/{count:,}  {visible(self._seen.row.path)}", f"not bold {meanings.QUIET}"
            )
        self.query_one("#about", PanelTitle).say(about)
        self.query_one("#thresholds", Label).update(f" {self._thresholds_in_words()}")
        done = (
            f"   accepted {self._accepted:,}, rejected {self._rejected:,}"
            if self._accepted + self._rejected
            else ""
        )
        self.query_one("#effect", Label).update(f" {self._effect}{done}")

    def _thresholds_in_words(self) -> str:
        how = self._thresholds
        general = "by MCut" if how.mcut and how.general is None else f"above {self._value('general'):.2f}"
        character = (
            "by MCut" if how.mcut and how.character is None else f"above {self._value('character'):.2f}"
        )
        seen = self._seen
        rating = (
            f"   {visible(seen.said.rating[0])} {seen.said.rating[1]:.2f}"
            if seen and seen.said.rating
            else ""
        )
        return f"tags {general}, characters {character}{rating}   + new  = there"

    def _value(self, cls: str) -> float:
        classes = self._thresholds.of_classes(self._model.about)
        return classes.get(cls, classes.get("general", _LEAST))

    # keys

    def action_step(self, images: int) -> None:
        last = len(self._result or ()) - 1
        at = max(0, min(last, self._at + images))
        if at != self._at:
            self._at = at
            self._look()

    def action_take(self) -> None:
        said, cursor = (self._seen.said if self._seen else None), self.query_one("#tags", LineList).cursor
        if said and cursor < len(said.tags) and said.tags[cursor].name not in said.present:
            self._out ^= {said.tags[cursor].name}
            self._show_tags()
            self.query_one("#tags", LineList).go(cursor + 1)

    def action_threshold(self, steps: int) -> None:
        self._change(replace(self._thresholds, general=_moved(self._value("general"), steps)))

    def action_character(self, steps: int) -> None:
        self._change(replace(self._thresholds, character=_moved(self._value("character"), steps)))

    def action_mcut(self) -> None:
        self._change(replace(self._thresholds, mcut=not self._thresholds.mcut, general=None, character=None))

    def _change(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._show_about()
        self._read_again()

    def action_reject(self) -> None:
        self._rejected += 1
        self._show_about()
        self.action_step(1)

    def action_accept(self) -> None:
        if self._seen:
            self._accept([self._seen.row.id], self._how(*sorted(self._out)), self._accepted_one)

    def _accepted_one(self, _: Commit) -> None:
        self._accepted += 1
        at = self._at
        self.action_step(1)
        if at == self._at:  # it was the last
            self._look()
        self._count()

    def action_accept_all(self) -> None:
        result = self._result
        if result and len(result):
            question = Confirm(
                f"Accept for all of {counted(len(result))}?", f"{self._effect}. One undo takes it back."
            )
            images = result.bitmap()
            self.app.push_screen(
                question, lambda yes: self._accept(images, self._how(), self._accepted_all) if yes else None
            )

    def _accepted_all(self, commit: Commit) -> None:
        self.notify(f"{visible(commit.what)}: {counted(commit.images_changed)}. u undoes it.", markup=False)
        self._read_again()

    def _accept(self, images: Images, how: Acceptance, done: Callable[[Commit], None]) -> None:
        def accepted() -> Commit:
            with self._session.apart() as own:
                return own.proposals.accept([self._model], images, how)[0]

        write(self, accepted, done)

    def action_close(self) -> None:
        self.workers.cancel_node(self)
        self.dismiss()


def _moved(value: float, steps: int) -> float:
    """The next multiple of a step."""
    return min(1.0, max(_LEAST, round((round(value / _STEP) + steps) * _STEP, 2)))


def _tag_line(name: str, cls: str, value: float, mark: str) -> Text:
    signs = {"+": meanings.ADDED, "!": meanings.MISTAKE}
    line = (
        Text().append(f" {mark} ", signs.get(mark, meanings.QUIET)).append(f"{value:.2f}  ", meanings.QUIET)
    )
    line.append(visible(name), meanings.QUIET if mark in "-!" else meanings.of_class(cls))
    if mark == "!":
        return line.append("  cannot be a tag: it has a comma", meanings.MISTAKE)
    return line if cls == "general" else line.append(f"  {visible(cls)}", meanings.QUIET)


def _effect(planned: PlannedAcceptance, images: int) -> str:
    tags = sum(planned.added.values())
    return f"all {images:,}: {planned.answered:,} answered, {tags:,} tags to add, of {len(planned.added):,} kinds"
