"""Captions of one image in the next epochs, from Browse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.contract.text import visible
from curator.freeze.caption_walk import CaptionPreview
from curator.tui.background import cancelled, in_background
from curator.tui.keyboard.keys import bindings
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.screens.dialogs.questions import said as said_mistake
from curator.tui.text.recipe_form import remembered_recipe
from curator.tui.text.training_words import said_lines
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from curator.session.images.images import ImageRow
    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest
    from curator.tui.messages import WorkDone, WorkRefused

EPOCHS = 20


class _Captions(NamedTuple):
    """Where the captions are from, and each with what it is of."""

    source: str
    lines: list[tuple[str, CaptionPreview]]


class ImageCaptions(ModalScreen[None]):
    """The captions an image has in the next epochs: those of the manifest it is in, else as it would be frozen now."""

    BINDINGS = bindings(DIALOG_KEYS, "dialog.close")

    def __init__(self, session: Session, row: ImageRow) -> None:
        super().__init__()
        self._session, self._row = session, row
        self._lines: Sequence[tuple[str, CaptionPreview]] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog list"):
            yield Label(Text(visible(self._row.path), "bold"), classes="path")
            yield Label("looking for it in the manifest", id="source", markup=False)
            yield LineList(empty=" ")
            yield Lines(id="said")
            yield Label("esc closes   3 walks the steps of a manifest", classes="hint")

    def on_mount(self) -> None:
        self.query_one(LineList).focus()
        in_background(self, "captions", self._read, keys_wait=True)

    def _read(self) -> _Captions:
        recipe = remembered_recipe(self._session)
        seed = recipe.seed
        wanted = str(self._session.memory.recall("manifest", ""))
        manifests = sorted(self._session.freezing.manifests(), key=lambda each: each.name != wanted)
        for frozen in manifests[:1]:
            found = self._frozen(frozen, recipe)
            if found:
                return found
        texts = self._session.captions.of_images([self._row.id], range(EPOCHS), seed).get(self._row.id)
        if texts is None:
            return _Captions("in no subset: it would not be frozen", [])
        source = f"in no manifest yet; such as these, were it frozen now (seed {seed})"
        return _Captions(
            source,
            [(f"epoch {at}", CaptionPreview(text, (), recipe.text)) for at, text in enumerate(texts, 1)],
        )

    def _frozen(self, frozen: FrozenManifest, recipe: Recipe) -> _Captions | None:
        file, captions = Path(self._row.full_path), self._session.captions
        found = captions.showings(frozen.path, file, range(EPOCHS), recipe, cancelled())
        if found is None:
            return None
        row, showings = found
        lines = [
            (
                f"epoch {each.sample.epoch + 1} copy {each.sample.copy + 1}{' *' if each.sometimes else ''}",
                each.said,
            )
            for each in showings
        ]
        often = "   * not in every epoch" if any(name.endswith("*") for name, _ in lines) else ""
        return _Captions(f"manifest {visible(frozen.name)}, row {row}, seed {recipe.seed}{often}", lines)

    def on_work_done(self, message: WorkDone) -> None:
        source, self._lines = cast("_Captions", message.result)
        self.query_one("#source", Label).update(source)
        texts = [
            Text(f" {name:<18} ", "bold").append(visible(said.caption) or "(no caption)", "not bold")
            for name, said in self._lines
        ]
        self.query_one(LineList).show_texts(texts, 0)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.query_one("#source", Label).update(said_mistake(message.error))

    @on(LineList.Moved)
    def _show_whole(self) -> None:
        cursor, shown = self.query_one(LineList).cursor, self.query_one("#said", Lines)
        if cursor < len(self._lines):
            said = self._lines[cursor][1]
            shown.draw(lambda size: said_lines(said, max(20, size.width), self.app.console))

    def action_close(self) -> None:
        self.dismiss(None)
