"""Escape told from the codes that begin with it, and pasted text from keys, however they come in.

Textual takes Escape and the key behind it, where they come in one piece, for one code: `^`, `™` or a word to the
right. And pasted text that holds an escape character would come as keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

from curator.tui.terminal.late_answers import LateAnswers

_ESCAPE = "\x1b"
_CODES = "[O\x7f\t" + _ESCAPE  # what may follow it in a code that a terminal sends
_ALT = "bf"  # with alt, words to the left and right where one types; elsewhere escape and a letter
_PASTE, _PASTE_END = "\x1b[200~", "\x1b[201~"


class TerminalCodes(XTermParser):
    """Textual's parser, fed so that it cannot mistake them."""

    def __init__(self, debug: bool = False, late: LateAnswers | None = None) -> None:
        super().__init__(debug)
        self._late = late or LateAnswers()
        self._pasted: str | None = None
        self._last = ""

    def tick(self) -> Iterable[Message]:
        yield from self._typed(self._late.overdue())
        yield from super().tick()

    def feed(self, data: str) -> Iterable[Message]:
        if data:
            yield from self._typed(self._late.without(data))
        else:  # the end of the terminal
            yield from super().feed(data)

    def _typed(self, data: str) -> Iterable[Message]:
        while data:
            if self._pasted is None:
                keys, begins, data = data.partition(_PASTE)
                yield from self._keys(keys)
                self._pasted = "" if begins else None
            else:
                text, ends, data = (self._pasted + data).partition(_PASTE_END)
                self._pasted = None if ends else text
                if ends:
                    yield events.Paste(text.replace("\0", ""))

    def _keys(self, data: str) -> Iterable[Message]:
        for piece in re.split(f"(?<={_ESCAPE})", data):
            key = piece[:1]
            if key and self._is_after_escape and key not in _CODES:
                self._timeout_time = 0.0  # nothing of a code will come
                escape = list(super().tick())
                yield from [events.Key(f"alt+{key}", key)] if key in _ALT else escape
            else:
                key = ""
            rest = piece[1:] if key in tuple(_ALT) else piece
            if rest:
                yield from super().feed(rest)
            self._last = piece[-1:] or self._last

    @property
    def _is_after_escape(self) -> bool:
        """Whether an escape came last, and no time has passed in which the rest of a code would have come."""
        return self._last == _ESCAPE and self._timeout_time is not None


def tell_them_apart(late: LateAnswers | None = None) -> None:
    """Have Textual's driver make this parser; `late` has what was typed before the app had the terminal."""
    parser = partial(TerminalCodes, late=late)
    linux_driver.XTermParser = parser  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]
