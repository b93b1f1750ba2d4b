"""Decides what of a filter's result is worked out before its first page is shown, and what right after."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from curator.filter.result import Result
from curator.session import Session
from curator.tui.widgets.page_cache import PAGE_ROWS

_PLACED_AT_ONCE = 50_000  # in a longer result the first page is shown before the old place is found


class Found(NamedTuple):
    """What a filter gave, and where the image is that the cursor was on; None while that is not known."""

    text: str
    result: Result
    place: int | None


def find_first(reader: Session, text: str, wanted: int, is_given_up: Callable[[], bool]) -> Found:
    """In a worker: what is needed to show the first page."""
    result = reader.select(text, is_given_up)
    result.page(0, PAGE_ROWS)
    return Found(text, result, place_of_image(result, wanted) if len(result) <= _PLACED_AT_ONCE else None)


def place_of_image(result: Result, image: int) -> int:
    """Where `image` stands; the top where it does not. The whole order is known from then on."""
    result.page(len(result) - 1, 1)
    return result.row_of(image) or 0
