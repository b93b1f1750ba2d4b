"""The image screen: images on the whole screen, one after the other, whole or from near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.tui.drawing.picture_request import CloseUp, PictureRequest
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.frame.chrome import Foot
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from curator.contract.buckets import Placement

KEYS = (
    KeyAction("picture.pixels", "z", "pixels", "its own pixels, or all of it", "1:1"),
    KeyAction("picture.back", "escape", "back", "all of the image again; then close", "close"),
    KeyAction("picture.next", "space,pagedown,n", "step(1)", "next image", "next"),
    KeyAction("picture.previous", "pageup,N", "step(-1)", "previous image"),
    KeyAction("picture.down", "j,down", "pan(0, 1)", "next image; of a part, further down"),
    KeyAction("picture.up", "k,up", "pan(0, -1)", "previous image; of a part, further up"),
    KeyAction("picture.right", "l,right", "pan(1, 0)", "next image; of a part, further right"),
    KeyAction("picture.left", "h,left", "pan(-1, 0)", "previous image; of a part, further left"),
    KeyAction("picture.nearer", "plus,equals_sign", "zoom(2)", "a part of it, larger", "larger"),
    KeyAction("picture.farther", "minus", "zoom(-2)", "smaller, to all of it"),
    KeyAction("picture.close", "enter,q", "close", "close"),
)
_STEP = 0.5  # of what is seen, which a part moves by
_MOST_TIMES = 64
_PIXELS = 0  # times that stand for the image's own pixels


@dataclass(frozen=True)
class ShownPicture:
    """A file and what is written above it, already fit to be seen. `mask` is the file that says what counts."""

    title: str
    path: Path
    placement: Placement | None = None
    flip: bool = False
    cut: bool = False
    mask: Path | None = None


class PictureScreen(ModalScreen[int]):
    """`count` images by position; gives back the position it was left at."""

    BINDINGS = bindings(KEYS)

    def __init__(self, count: int, picture: Callable[[int], ShownPicture | None], first: int) -> None:
        super().__init__()
        self._count, self._picture, self.position = count, picture, first
        self._close_up: CloseUp | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Label("", id="title", markup=False)
            yield Label("", id="tally", markup=False)
        with Horizontal():
            yield Preview()
            yield from self.beside()
        yield Foot()

    def beside(self) -> ComposeResult:
        """What else is seen, on the right."""
        return ()

    def on_mount(self) -> None:
        self.action_step(0)

    def on_unmount(self) -> None:
        from curator.tui.drawing.close_up import forget

        forget()

    def title_of(self, shown: ShownPicture) -> Text:
        """What is written above an image, besides its place and what of it is seen."""
        return Text(shown.title)

    def show(self) -> None:
        """Show the image at the position of now."""
        shown = self._picture(self.position)
        if shown is None:
            return
        seen = self._seen()
        title = Text(f" {self.position + 1:,}/{self._count:,}  {seen}").append_text(self.title_of(shown))
        self.query_one("#title", Label).update(title, layout=False)
        is_cut = shown.cut and not self._close_up
        request = PictureRequest(
            shown.path, 0, 0, shown.placement, shown.flip, is_cut, self._close_up, shown.mask
        )
        self.query_one(Preview).draw(request)

    def _seen(self) -> str:
        if self._close_up is None:
            return ""
        return "1:1  " if self._close_up.times == _PIXELS else f"x{self._close_up.times}  "

    def action_step(self, places: int) -> None:
        """To another image; of it the same part is seen, so that details can be compared."""
        self.position = max(0, min(self._count - 1, self.position + places))
        self.show()

    def action_pan(self, across: int, down: int) -> None:
        near, part = self._close_up, self.query_one(Preview).part
        if near is None:
            self.action_step(across + down)
        elif part is not None:
            left, top, right, bottom = part
            self._close_up = near._replace(
                x=_within(near.x + across * _STEP * (right - left), right - left),
                y=_within(near.y + down * _STEP * (bottom - top), bottom - top),
            )
            self.show()

    def action_pixels(self) -> None:
        """The image's own pixels, or all of it."""
        is_near = self._close_up is not None and self._close_up.times == _PIXELS
        self._close_up = None if is_near else self._middle()._replace(times=_PIXELS)
        self.show()

    def action_zoom(self, factor: int) -> None:
        """Nearer by a factor, or farther by a negative one."""
        times = self._close_up.times if self._close_up else 1
        if times == _PIXELS:
            times = 1 if factor > 0 else 2
        times = times * factor if factor > 0 else times // -factor
        self._close_up = self._middle()._replace(times=min(times, _MOST_TIMES)) if times > 1 else None
        self.show()

    def _middle(self) -> CloseUp:
        return self._close_up or CloseUp(0.5, 0.5, 1)

    def action_back(self) -> None:
        if self._close_up is None:
            self.action_close()
            return
        self._close_up = None
        self.show()

    def action_close(self) -> None:
        self.dismiss(self.position)


def _within(middle: float, length: float) -> float:
    """A middle from which so much is seen on either side, all within 0 and 1."""
    return min(max(middle, length / 2), 1 - length / 2)
