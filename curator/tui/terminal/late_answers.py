"""Late answers of a terminal, which are no keys; and what was typed before the app had the terminal."""

from __future__ import annotations

from time import monotonic

from curator.tui.terminal.answers import Answers, begun_at, taken_out

_REST_S = 0.1  # within which the rest of an answer comes; Escape alone is a key after it
_WAIT_S = 20.0  # a terminal that has said nothing by then will not


class LateAnswers:
    """Text of a terminal on its way to the keys: what was typed before comes first, answers are thrown away."""

    def __init__(self, typed_before: str = "", answers: Answers | None = None) -> None:
        self._held = typed_before  # this, and later what may be the begin of an answer
        self._known = answers or Answers()
        self._is_whole = answers is None or answers.is_last
        self._until = monotonic() + _WAIT_S
        self._held_until = 0.0

    def without(self, data: str) -> str:
        """What of it are keys, behind what was held back."""
        data, self._held = self._held + data, ""
        if self._is_whole or monotonic() > self._until:
            return data
        self._known, rest = taken_out(data, self._known)
        self._is_whole = self._known.is_last
        at = len(rest) if self._is_whole else begun_at(rest)
        self._held, self._held_until = rest[at:], monotonic() + _REST_S
        return rest[:at]

    def overdue(self) -> str:
        """What was held back, if no more of an answer came."""
        if not self._held or monotonic() < self._held_until:
            return ""
        held, self._held = self._held, ""
        return held
