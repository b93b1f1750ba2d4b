"""Decides how much of a long result is held: a few pages of rows around where one looks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from curator.index.images import ImageRow

PAGE_ROWS = 128
MAX_PAGES = 64


class PageCache:
    """Rows of an id array, read a page at a time by `fetch` and forgotten oldest first."""

    def __init__(self, ids: Sequence[int], fetch: Callable[[list[int]], list[ImageRow]]) -> None:
        self.ids = ids
        self._fetch = fetch
        self._pages: OrderedDict[int, list[ImageRow | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, position: int) -> ImageRow | None:
        """The row at `position`; None where it is gone since the ids were chosen."""
        number, place = divmod(position, PAGE_ROWS)
        page = self._pages.get(number)
        if page is None:
            page = self._read(number)
        else:
            self._pages.move_to_end(number)
        return page[place]

    def forget(self) -> None:
        """Rows changed: read them again when they are next looked at."""
        self._pages.clear()

    def _read(self, number: int) -> list[ImageRow | None]:
        ids = [int(each) for each in self.ids[number * PAGE_ROWS : (number + 1) * PAGE_ROWS]]
        found = {row.id: row for row in self._fetch(ids)}
        page = [found.get(each) for each in ids]
        self._pages[number] = page
        if len(self._pages) > MAX_PAGES:
            self._pages.popitem(last=False)
        return page
