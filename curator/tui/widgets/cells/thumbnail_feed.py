"""The feed of thumbnails to a grid: made in a thread in the order of what is seen, given up where one moved on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from curator.tui.background import cancelled, in_background
from curator.tui.drawing.picture_request import Canvas, Picture

if TYPE_CHECKING:
    from PIL.Image import Image

_DELAY_S = 0.03  # a held key passes many pages
_TOLD_EVERY_S = 0.05  # what is made meanwhile is drawn in one go
_MOST_CELLS = (
    16_000  # character cells of pictures kept ready, a kilobyte each; more where as many are wanted at once
)


@dataclass(frozen=True)
class CellRequest:
    """A picture to draw in so many cells of a canvas. `content` says what it is of, `thumbnail` makes it."""

    content: Hashable
    columns: int
    lines: int
    dimmed: bool = False
    canvas: Canvas | None = None
    thumbnail: Callable[[], Image] = field(compare=False, default=lambda: None, repr=False)  # pyright: ignore[reportAssignmentType]


Drawn = list[tuple[CellRequest, Picture]]


class ThumbnailFeed:
    """Pictures that are ready, and the thread that makes those that are not. `node` is told of new ones."""

    class Came(Message, bubble=False):
        """Some more pictures are ready."""

        def __init__(self, drawn: Drawn) -> None:
            super().__init__()
            self.drawn = drawn

    def __init__(self, node: Widget) -> None:
        self._node = node
        self._ready: OrderedDict[CellRequest, Picture] = OrderedDict()
        self._cells, self._most_cells = 0, _MOST_CELLS
        self._wanted: list[CellRequest] = []
        self._timer: Timer | None = None

    def picture(self, request: CellRequest | None) -> Picture | None:
        """The picture where it is ready."""
        found = self._ready.get(request) if request else None
        if found is not None and request is not None:
            self._ready.move_to_end(request)
        return found

    def want(self, requests: Sequence[CellRequest]) -> None:
        """Make these soon, first ones first; what was wanted before is given up."""
        self._most_cells = max(_MOST_CELLS, sum(each.columns * each.lines for each in requests))
        missing = [each for each in requests if each not in self._ready]
        if missing == self._wanted:
            return
        self._wanted = missing
        if self._timer:
            self._timer.stop()
            self._timer = None
        self._node.workers.cancel_node(self._node)
        if missing:
            self._timer = self._node.set_timer(_DELAY_S, self._make)

    def take(self, drawn: Drawn) -> None:
        """Keep what came; the longest unseen are forgotten."""
        for request, picture in drawn:
            if request not in self._ready:
                self._cells += request.columns * request.lines
            self._ready[request] = picture
        self._wanted = [each for each in self._wanted if each not in self._ready]
        while self._cells > self._most_cells:
            request, _ = self._ready.popitem(last=False)
            self._cells -= request.columns * request.lines

    def forget_problems(self) -> None:
        """Files may be there again."""
        for request in [each for each, picture in self._ready.items() if picture.problem]:
            del self._ready[request]
            self._cells -= request.columns * request.lines

    def _make(self) -> None:
        node, wanted = self._node, list(self._wanted)

        def make() -> None:
            is_cancelled = cancelled()
            drawn: Drawn = []
            told = monotonic()
            for request in wanted:
                if is_cancelled():
                    break
                drawn.append((request, _drawn(request)))
                if monotonic() - told > _TOLD_EVERY_S:
                    node.post_message(self.Came(drawn))
                    drawn, told = [], monotonic()
            if drawn:
                node.post_message(self.Came(drawn))

        in_background(node, "thumbnails", make)


def _drawn(request: CellRequest) -> Picture:
    from curator.tui.drawing.cell_picture import draw_cell  # Pillow: not before the first image
    from curator.tui.drawing.pictures import problem_of

    try:
        thumbnail, room = request.thumbnail(), (request.columns, request.lines)
        return draw_cell(thumbnail, *room, request.canvas, dimmed=request.dimmed)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on a broken file, which ends no app
        return Picture(problem=problem_of(error))
