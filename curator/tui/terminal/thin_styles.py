"""Style codes of a frame, thinned: from one piece of text to the next only the colours that change are written.

Rich ends each piece with a reset and begins the next with all of its style, which in a picture, where each cell has
colours of its own, is most of what goes over the line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_CODE = re.compile(r"\x1b\[0m\x1b\[([\d;]+)m|\x1b\[([\d;]*)m")
_USUAL = re.compile(r"(38;2;\d+;\d+;\d+)?;?(48;2;\d+;\d+;\d+)?")  # of a picture
_NUMBERS_OF = {"2": 5, "5": 3}  # of a colour: 38;2;R;G;B or 38;5;N


class _Style(NamedTuple):
    """A style code taken apart; empty where it leaves a colour as the terminal has it."""

    front: str = ""
    back: str = ""
    rest: str = ""


_PLAIN = _Style()


def thinned(text: str) -> str:
    """What looks the same in fewer bytes, in a terminal in any state."""
    last: _Style | None = None  # what is in force, once that is known

    def shorter(found: re.Match[str]) -> str:
        nonlocal last
        follows, alone = found.groups()
        if follows is None:
            is_reset = alone in ("", "0")
            last = _PLAIN if is_reset else _parsed(alone) if last == _PLAIN else None
            return found[0]
        before, last = last, _parsed(follows)
        return found[0] if before is None else _change(before, last, found[0])

    return _CODE.sub(shorter, text)


def _change(before: _Style, now: _Style, whole: str) -> str:
    is_less = (before.front and not now.front) or (before.back and not now.back)
    if is_less or before.rest != now.rest:
        return whole
    front = now.front if now.front != before.front else ""
    back = now.back if now.back != before.back else ""
    both = ";".join(filter(None, (front, back)))
    return f"\x1b[{both}m" if both else ""


@lru_cache(8192)
def _parsed(code: str) -> _Style:
    if found := _USUAL.fullmatch(code):
        return _Style(found[1] or "", found[2] or "")
    numbers, front, back, rest = code.split(";"), "", "", list[str]()
    while numbers:
        first = numbers[0]
        count = _NUMBERS_OF.get("".join(numbers[1:2]), 1) if first in ("38", "48") else 1
        colour, numbers = ";".join(numbers[:count]), numbers[count:]
        value = int(first or 0)
        if value == 38 or 30 <= value <= 37 or 90 <= value <= 97:
            front = colour
        elif value == 48 or 40 <= value <= 47 or 100 <= value <= 107:
            back = colour
        else:
            rest.append(colour)
    return _Style(front, back, ";".join(rest))
