"""The list of screens; each is imported when it is first seen, so that the first one waits for no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.tui.screens.images.browse import BrowseScreen


def screen_makers(session: Session, reader: Session, browse: BrowseScreen) -> dict[str, Callable[[], Screen]]:
    """The screens by name."""

    def subsets() -> Screen:
        from curator.tui.screens.training.subsets import SubsetsScreen

        return SubsetsScreen(session, reader)

    def captions() -> Screen:
        from curator.tui.screens.training.captions import CaptionsScreen

        return CaptionsScreen(session)

    def freeze() -> Screen:
        from curator.tui.screens.training.freeze import FreezeScreen

        return FreezeScreen(session, reader)

    def train() -> Screen:
        from curator.tui.screens.training.train import TrainScreen

        return TrainScreen(session)

    def runs() -> Screen:
        from curator.tui.screens.training.runs import RunsScreen

        return RunsScreen(session)

    def history() -> Screen:
        from curator.tui.screens.images.history import HistoryScreen

        return HistoryScreen(session)

    def prepare() -> Screen:
        from curator.tui.screens.images.prepare import PrepareScreen

        return PrepareScreen(session, reader)

    def tagging() -> Screen:
        from curator.tui.screens.tagging.tagging import TaggingScreen

        return TaggingScreen(session, reader)

    def tags() -> Screen:
        from curator.tui.screens.tagging.tags import TagsScreen

        return TagsScreen(session, reader)

    return {
        "browse": lambda: browse,
        "subsets": subsets,
        "captions": captions,
        "freeze": freeze,
        "train": train,
        "runs": runs,
        "history": history,
        "prepare": prepare,
        "tagging": tagging,
        "tags": tags,
    }
