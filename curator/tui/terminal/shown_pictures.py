"""The pictures that an app shows in its terminal: sent once, painted again where text was written over them.

What the terminal keeps is sent under a number, and is taken away when the app leaves the terminal, however it does.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip

from curator.tui.terminal import kitty
from curator.tui.terminal.canvases import canvas_of
from curator.tui.terminal.detection import Terminal

if TYPE_CHECKING:
    from textual.widget import Widget

    from curator.tui.drawing.picture_request import Canvas, Picture, Upload

_KEPT, _KEPT_BYTES = 200, 96 << 20  # images that the terminal keeps, and their pixels; kitty allows 320 MB


class PicturesChanged(Message):
    """Pictures are shown in another way from now on: draw them again."""


class Placed(NamedTuple):
    """A picture, and where in its widget the upper left of its cells is."""

    picture: Picture
    offset: Offset = Offset(0, 0)


class _Kept(NamedTuple):
    """What the terminal keeps an image under, the low byte of its number, and the lines of cells that name it."""

    low: int
    strips: tuple[Strip, ...]


class ShownPictures:
    """The pictures of one app. `write` writes to its terminal, behind what was written before."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._terminal = Terminal()
        self._widgets: WeakKeyDictionary[Widget, Sequence[Placed]] = WeakKeyDictionary()
        self._kept: OrderedDict[Upload, _Kept] = (
            OrderedDict()
        )  # with the low byte of its number, the last used last
        self._high = 1 + os.getpid() % (
            len(kitty.DIACRITICS) - 1
        )  # apps beside each other have numbers of their own

    @property
    def terminal(self) -> Terminal:
        """The terminal, and the way in which pictures are shown there."""
        return self._terminal

    @property
    def is_off(self) -> bool:
        return self._terminal.way == "none"

    @property
    def are_painted(self) -> bool:
        """Whether the terminal draws over cells that are blank to us, so that they have to be written to be erased."""
        return self._terminal.way in ("iterm2", "sixel")

    def canvas(self) -> Canvas | None:
        """What to draw images on now."""
        return canvas_of(self._terminal)

    def use(self, terminal: Terminal) -> None:
        """Show pictures in this way from now on."""
        if terminal != self._terminal:
            self._write(self.taken_away())
            self._kept.clear()
            self._terminal = terminal
            for widget in list(self._widgets):
                widget.post_message(PicturesChanged())

    def put(self, widget: Widget, placed: Sequence[Placed]) -> list[Sequence[Strip]]:
        """Tell what a widget shows from now on, instead of what it showed; gives the lines of each picture.

        Where one of them is a painting, before or now, the widget has to be refreshed there: it is painted behind that.
        """
        self._widgets[widget] = placed
        return [self.in_cells(each.picture).strips for each in placed]

    def in_cells(self, picture: Picture) -> Picture:
        """The same with its lines of cells, which for what the terminal draws itself depend on what it keeps."""
        if picture.upload:
            return picture._replace(strips=self._sent(picture.upload).strips)
        if painting := picture.painting:
            return picture._replace(strips=(Strip.blank(painting.columns),) * painting.lines)
        return picture

    # what the terminal keeps

    def _sent(self, upload: Upload) -> _Kept:
        """Have the terminal keep an image, unless it does."""
        if upload in self._kept:
            self._kept.move_to_end(upload)
            return self._kept[upload]
        self._make_room(upload.size)
        taken = {each.low for each in self._kept.values()}
        low = next(each for each in kitty.LOW_BYTES if each not in taken)
        self._kept[upload] = _Kept(low, kitty.cells(upload, self._high, low))
        self._write(self._send(upload, low))
        return self._kept[upload]

    def _make_room(self, size: int) -> None:
        """Take away what was not used for longest, and is not seen."""
        seen = {id(placed.picture.upload) for each in self._widgets.values() for placed in each}
        size += sum(each.size for each in self._kept)
        for each in [each for each in self._kept if id(each) not in seen]:
            if size <= _KEPT_BYTES and len(self._kept) < _KEPT:
                return
            self._write(kitty.deleted(self._high, self._kept.pop(each).low, is_tmux=self._terminal.is_tmux))
            size -= each.size

    def _send(self, upload: Upload, low: int) -> str:
        return kitty.sent(upload, self._high, low, is_tmux=self._terminal.is_tmux)

    def taken_away(self) -> str:
        """What the app writes before it leaves the terminal, for a while or for good."""
        is_tmux = self._terminal.is_tmux
        return "".join(kitty.deleted(self._high, each.low, is_tmux=is_tmux) for each in self._kept.values())

    def brought_back(self) -> str:
        """What it writes when it has the terminal again: what is seen; the rest is sent when it is."""
        seen = {id(placed.picture.upload) for each in self._widgets.values() for placed in each}
        self._kept = OrderedDict((each, kept) for each, kept in self._kept.items() if id(each) in seen)
        return "".join(self._send(each, kept.low) for each, kept in self._kept.items())

    # what is painted over cells

    def painted(self, is_written: Callable[[Region], bool]) -> str:
        """Paintings that are seen where text was written just now, to be painted behind it."""
        parts: list[str] = []
        for region, escape in self._paintings():
            if is_written(region):
                parts.append(f"\x1b7\x1b[{region.y + 1};{region.x + 1}H{escape}\x1b8")
        return "".join(parts)

    def _paintings(self) -> Iterator[tuple[Region, str]]:
        for widget, placed in self._widgets.items():
            room = _seen_region(widget)
            for each in placed:
                painting = each.picture.painting
                if painting and room:
                    region = Region(*(room.offset + each.offset), painting.columns, painting.lines)
                    if room.contains_region(region):
                        yield region, painting.escape


def _seen_region(widget: Widget) -> Region:
    """Where a widget is on the screen; nothing unless it is seen whole, below no dialog."""
    if not widget.is_attached or widget.app.screen is not widget.screen:
        return Region()
    geometry = widget.screen._compositor.visible_widgets.get(widget)
    if geometry is None or geometry[0] != geometry[0].intersection(geometry[1]):
        return Region()
    return widget.content_region
