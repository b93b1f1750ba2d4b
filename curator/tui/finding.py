"""The work on a filter's result before its first page is shown, and right after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError
from curator.filter.cancel import Cancelled
from curator.tui.widgets.lists.page_cache import PAGE_ROWS

if TYPE_CHECKING:
    from curator.session.images.images import Result
    from curator.session.session import Session

_PLACED_AT_ONCE = 50_000  # in a longer result the first page is shown before the old place is found


class Found(NamedTuple):
    """What a filter gave, and where the image is that the cursor was on; None while that is not known.

    `asked` is how it was looked for, where that is not as it was typed; `notes` are sentences about terms that fit
    no image.
    """

    text: str
    result: Result
    place: int | None
    asked: str = ""
    notes: Sequence[str] = ()


def find_first(reader: Session, text: str, wanted: int, is_cancelled: Callable[[], bool]) -> Found:
    """In a worker: what is needed to show the first page."""
    result = reader.images.select(text, is_cancelled)
    result.page(0, PAGE_ROWS)
    place = place_of_image(result, wanted) if len(result) <= _PLACED_AT_ONCE else None
    return Found(text, result, place, notes=reader.images.unmatched(result.unknown_tags))


def place_of_image(result: Result, image: int) -> int:
    """Where `image` stands; the top where it does not. The whole order is known from then on."""
    result.page(len(result) - 1, 1)
    return result.row_of(image) or 0


class EarlyLook:
    """A filter answered while the app is still being set up: nearly always it is done before the first frame."""

    def __init__(self, reader: Session, text: str, wanted: int) -> None:
        self.text = text
        self._found: Found | None = None
        self._is_late = Event()

        def look() -> None:
            try:
                self._found = find_first(reader, text, wanted, self._is_late.is_set)
            except (UserError, Cancelled):
                return  # asked again on the screen, where a mistake can be shown

        self._thread = Thread(target=look, name="early look", daemon=True)
        self._thread.start()

    def found(self) -> Found | None:
        """The answer where it is there; else it is given up, and None."""
        if self._thread.is_alive():
            self._is_late.set()
        return self._found
