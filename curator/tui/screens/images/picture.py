"""The image screen: images on the whole screen, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.chrome import Foot
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from curator.contract.buckets import Placement

KEYS = (
    KeyAction("picture.next", "j,l,right,down,space", "step(1)", "next image", "next"),
    KeyAction("picture.previous", "k,h,left,up", "step(-1)", "previous image", "previous"),
    KeyAction("picture.close", "escape,enter,q", "close", "close", "close"),
)


class ShownPicture(NamedTuple):
    """A file and what is written above it, already fit to be seen."""

    title: str
    path: Path
    placement: Placement | None = None
    flip: bool = False
    cut: bool = False


class PictureScreen(ModalScreen[int]):
    """`count` images by position; gives back the position it was left at."""

    BINDINGS = bindings(KEYS)

    def __init__(self, count: int, picture: Callable[[int], ShownPicture | None], first: int) -> None:
        super().__init__()
        self._count, self._picture, self.position = count, picture, first

    def compose(self) -> ComposeResult:
        yield Label("", id="title", markup=False)
        yield Preview()
        yield Foot()

    def on_mount(self) -> None:
        self.action_step(0)

    def action_step(self, places: int) -> None:
        self.position = max(0, min(self._count - 1, self.position + places))
        shown = self._picture(self.position)
        if shown:
            title = Text(f" {self.position + 1:,}/{self._count:,}  {shown.title}")
            self.query_one("#title", Label).update(title, layout=False)
            self.query_one(Preview).show(shown.path, shown.placement, flip=shown.flip, cut=shown.cut)

    def action_close(self) -> None:
        self.dismiss(self.position)
