"""Idle work of the app: large edits folded into rows, buffers compacted and memory given back, while nobody types."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from textual.app import App

from curator.tui import memory
from curator.tui.background import cancelled, in_background

if TYPE_CHECKING:
    from curator.session.session import Session

_IDLE_AFTER_S = 3.0  # without a key or the mouse


class IdleWork:
    """What the app does on its collection between a person's edits; a key or the mouse ends it soon."""

    def __init__(self, app: App[None], session: Session) -> None:
        self._app, self._session = app, session
        self._last_input = monotonic()
        self._is_folding = False
        self._is_trimmed = True  # nothing was done yet

    def input_seen(self) -> None:
        """Somebody typed, or moved the mouse."""
        self._last_input = monotonic()

    def is_idle(self) -> bool:
        """Whether nobody typed for a while."""
        return monotonic() - self._last_input >= _IDLE_AFTER_S

    def look(self) -> None:
        """Begin what there is to do, in a worker."""
        if not self.is_idle():
            self._is_trimmed = False
        elif self._is_folding:
            return
        elif self._session.upkeep.waiting():
            self._is_folding = True
            in_background(self._app, "fold", self._fold)
        elif not self._is_trimmed:
            self._is_trimmed = True
            in_background(self._app, "trim", self._trim)

    def _fold(self) -> None:
        is_cancelled = cancelled()
        try:
            with self._session.apart() as own:
                own.upkeep.fold_while(lambda: self.is_idle() and not is_cancelled())
        finally:
            self._is_folding = False

    def _trim(self) -> None:
        if self._session.has_written:
            with self._session.apart() as own:
                own.upkeep.compact()
        memory.trim()
