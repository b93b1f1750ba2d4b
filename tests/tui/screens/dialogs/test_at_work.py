"""The dialog of longer work: a bar, and escape that ends the work itself."""

from __future__ import annotations

from threading import Event
from time import sleep

from curator.tui.screens.dialogs.at_work import Progress, do_longer
from tests.tui.conftest import Drive


async def test_escape_ends_the_work_and_gives_nothing(drive: Drive) -> None:
    ended, results = Event(), list[object]()

    def work(tell: Progress) -> str:
        try:
            while True:
                tell(30, 40)
                sleep(0.01)
        finally:
            ended.set()

    async with drive((80, 24)) as it:
        do_longer(it.app.screen, "counting", work, results.append)
        await it.sees("counting 30/40")
        await it.sees("█")
        await it.press("escape")
        await it.until(lambda: results == [None])
        await it.until(ended.is_set)
        do_longer(it.app.screen, "counting", lambda tell: "all", results.append)
        await it.until(lambda: results == [None, "all"])
