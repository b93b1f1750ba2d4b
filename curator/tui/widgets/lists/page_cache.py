"""A page cache of a long result: ids and rows around where one looks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from curator.session.images.images import ImageRow, Result

PAGE_ROWS = 128
MAX_PAGES = 64
Fetch = Callable[[list[int]], "list[ImageRow]"]


class _Page(NamedTuple):
    ids: list[int]
    rows: list[ImageRow | None]


class PageCache:
    """Rows of a result, read a page at a time by `fetch` and forgotten oldest first."""

    def __init__(self, result: Result, fetch: Fetch) -> None:
        self.result = result
        self._fetch = fetch
        self._pages: OrderedDict[int, _Page] = OrderedDict()

    def __len__(self) -> int:
        return len(self.result)

    def image(self, position: int) -> int:
        """The id of the image at `position`."""
        return self._page(position).ids[position % PAGE_ROWS]

    def row(self, position: int) -> ImageRow | None:
        """The row at `position`; None where it is gone since the images were chosen."""
        return self._page(position).rows[position % PAGE_ROWS]

    def forget(self) -> None:
        """Rows changed: read them again when they are next looked at."""
        self._pages.clear()

    def _page(self, position: int) -> _Page:
        number = position // PAGE_ROWS
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = self._read(number)
            if len(self._pages) > MAX_PAGES:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(number)
        return page

    def _read(self, number: int) -> _Page:
        ids = list(self.result.page(number * PAGE_ROWS, PAGE_ROWS))
        found = {row.id: row for row in self._fetch(ids)}
        return _Page(ids, [found.get(each) for each in ids])
