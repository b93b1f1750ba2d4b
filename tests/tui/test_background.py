"""Background work: what is refused, and what is kept of it when it is done."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from curator.tui.background import in_background, write
from tests.tui.conftest import Drive


class Known:
    """Something large that work knows."""


@pytest.mark.parametrize("begin", [lambda node, work: in_background(node, "test", work), write])
async def test_work_that_is_done_keeps_nothing_of_what_it_knew(
    drive: Drive, begin: Callable[..., None]
) -> None:
    """Without a search of all that is there for garbage."""
    async with drive((80, 24)) as it:
        known = Known()
        seen, done = weakref.ref(known), list[bool]()
        gc.disable()
        try:
            begin(it.app.screen, lambda known=known: done.append(known is not None))
            del known
            await it.until(lambda: done)
            await it.until(lambda: seen() is None)
        finally:
            gc.enable()
