"""A peek into a subset: its first images, and three of their captions as the next epoch would train them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer

from curator.contract.text import visible
from curator.filter.language.tokens import in_quotes
from curator.tui.background import in_background
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.lists.lines import Passage
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.session.training.subsets import Subset
    from curator.tui.messages import WorkDone

_DELAY_S = 0.1
_LOOKED_AT = 50  # images of the filter, to find some that no earlier subset has taken
_SHOWN = 3
_CAPTION_CHARS = 220


class _Peek(NamedTuple):
    """A subset, and of its first images the name, the file and the caption."""

    subset: Subset
    images: list[tuple[str, Path, str]]


class SubsetPeek(Vertical):
    """The subset under the cursor, looked into a moment after it rests there."""

    DEFAULT_CSS = "SubsetPeek Preview { height: 1fr; } SubsetPeek Passage { height: 18; }"

    class Seen(Message):
        """A subset was looked into; `caption` is its first."""

        def __init__(self, subset: Subset, caption: str) -> None:
            super().__init__()
            self.subset, self.caption = subset, caption

    def __init__(self, reader: Session, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._reader = reader
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield PanelTitle("As the next epoch trains them")
        yield Preview()
        yield Passage()

    def look(self, subset: Subset | None, epoch: int = 0) -> None:
        """Look into another subset soon, or into none."""
        if self._timer:
            self._timer.stop()
        if subset is None:
            self.query_one(Preview).show(None)
            self.query_one(Passage).say(Text())
        else:
            self._timer = self.set_timer(_DELAY_S, lambda: self._look(subset, epoch))

    def _look(self, subset: Subset, epoch: int) -> None:
        reader = self._reader

        def look() -> _Peek:
            found = reader.images.select(f"subset:{in_quotes(subset.name)} limit:{_LOOKED_AT}").ids.tolist()
            kept = reader.subsets.of_images(found)
            own = [image for image in found if image in kept and kept[image].name == subset.name][:_SHOWN]
            captions = reader.captions.of_images(own, range(epoch, epoch + 1))
            rows = reader.images.rows(own)
            return _Peek(
                subset,
                [
                    (row.name, reader.images.file_of(row), captions[row.id][0])
                    for row in rows
                    if row.id in captions
                ],
            )

        in_background(self, "peek", look)

    def on_work_done(self, message: WorkDone) -> None:
        peek = cast("_Peek", message.result)
        self._show(peek)
        self.post_message(self.Seen(peek.subset, peek.images[0][2] if peek.images else ""))

    def on_work_refused(self) -> None:
        """A filter that is broken is told where it is mended."""
        self.look(None)

    def _show(self, peek: _Peek) -> None:
        text = Text()
        for name, _, caption in peek.images:
            said = visible(caption) or "(no caption)"
            cut = f"{said[:_CAPTION_CHARS]}…" if len(said) > _CAPTION_CHARS else said
            text.append(f"{visible(name)}\n", "bold").append(f"{cut}\n")
        self.query_one(Preview).show(peek.images[0][1] if peek.images else None)
        self.query_one(Passage).say(text or Text("no image: others have taken all, or none is found"))
