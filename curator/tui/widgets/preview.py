"""The preview: an image drawn a moment after the cursor rests, in a worker, never if it moved on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.geometry import Offset, Region
from textual.strip import Strip
from textual.timer import Timer

from curator.contract.text import visible
from curator.tui.background import cancelled, in_background
from curator.tui.drawing.picture_request import Part, Picture, PictureRequest
from curator.tui.terminal.picture_app import pictures_of
from curator.tui.terminal.shown_pictures import Placed
from curator.tui.widgets.lists.lines import fitted
from curator.tui.widgets.own_style import OwnStyle

if TYPE_CHECKING:
    from curator.contract.buckets import Placement
    from curator.tui.messages import WorkDone

DELAY_S = 0.08
KEPT = 8  # up to a megabyte each
OFF = Picture(problem="images are switched off")


class Preview(OwnStyle):
    """One image, as the terminal shows images, centred; a broken one says why."""

    DEFAULT_CSS = "Preview { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source: PictureRequest | None = None
        self._picture = Picture()
        self._lines: Sequence[Strip] = ()
        self._drawn: OrderedDict[PictureRequest, Picture] = OrderedDict()
        self._timer: Timer | None = None

    def show(
        self, path: Path | None, placement: Placement | None = None, *, flip: bool = False, cut: bool = False
    ) -> None:
        """Show another image soon; `placement` draws its crop box, `cut` only what is inside, `flip` mirrors it."""
        self.draw(PictureRequest(path, 0, 0, placement, flip, cut) if path else None)

    def draw(self, request: PictureRequest | None) -> None:
        """Show another image soon, as `request` asks; its size is that of this preview."""
        self._source = request
        self._show_soon()

    def _show_soon(self) -> None:
        if self._timer:
            self._timer.stop()
        self.workers.cancel_node(self)
        request = self._request()
        if request is None:
            self._put(Picture())
        elif pictures_of(self).is_off:
            self._put(OFF)
        elif request in self._drawn:
            self._put(self._drawn[request])
        else:
            self._timer = self.set_timer(DELAY_S, self._draw)

    def forget(self) -> None:
        """Files may have changed."""
        self._drawn.clear()

    def on_resize(self) -> None:
        if self._source:
            self._show_soon()

    def on_pictures_changed(self) -> None:
        self._show_soon()

    def _request(self) -> PictureRequest | None:
        if self._source is None or not self.size.area:
            return None
        canvas = pictures_of(self).canvas()
        return self._source._replace(columns=self.size.width, lines=self.size.height, canvas=canvas)

    def _draw(self) -> None:
        request = self._request()
        if request:
            in_background(self, "picture", lambda: (request, _drawn(request, cancelled())))

    def on_work_done(self, message: WorkDone) -> None:
        assert isinstance(message.result, tuple)
        request, picture = message.result
        self._drawn[request] = picture
        if len(self._drawn) > KEPT:
            self._drawn.popitem(last=False)
        if request == self._request():
            self._put(picture)

    @property
    def part(self) -> Part | None:
        """What of the image is seen now, where not all of it is."""
        return self._picture.part

    @property
    def problem(self) -> str:
        """Why no image is seen; empty where one is."""
        return self._picture.problem

    def _put(self, picture: Picture) -> None:
        before = [self.render_line(y) for y in range(self.size.height)]
        is_painted = bool(self._picture.painting or picture.painting)
        self._picture = picture
        (self._lines,) = pictures_of(self).put(self, [Placed(picture, self._offset_of(picture))])
        for y, line in enumerate(before):
            if is_painted or line != self.render_line(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def _offset_of(self, picture: Picture) -> Offset:
        """Where a picture that is painted begins, so that it is in the middle."""
        painting = picture.painting
        if painting is None:
            return Offset(0, 0)
        return Offset((self.size.width - painting.columns) // 2, (self.size.height - painting.lines) // 2)

    def render_line(self, y: int) -> Strip:
        width, lines = self.size.width, self._lines
        if self._picture.problem:
            text = f" {visible(self._picture.problem)}" if y == 0 else ""
            return Strip([Segment(fitted(text, width), self.rich_style)], width)
        line = y - (self.size.height - len(lines)) // 2
        if not 0 <= line < len(lines):
            return Strip.blank(width, self.rich_style)
        left = (width - lines[line].cell_length) // 2
        strip = Strip.join([Strip.blank(left), lines[line]]).extend_cell_length(width)
        return strip.apply_style(self.rich_style)


def _drawn(request: PictureRequest, is_cancelled: Callable[[], bool]) -> Picture:
    if request.close_up or request.mask:
        from curator.tui.drawing.close_up import draw_close_up

        return draw_close_up(request)
    from curator.tui.drawing.pictures import draw_picture  # Pillow: not before the first image

    return draw_picture(request, is_cancelled)
