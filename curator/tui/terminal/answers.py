"""Answers of a terminal to the question what it can, told from the keys that are typed meanwhile."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

# In this order: kitty's graphics protocol, name and version, pixels of a cell, the colour of the ground, and last what
# every terminal answers.
QUESTION = (
    "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" + "\x1b[>q" + "\x1b[16t" + "\x1b]11;?\x1b\\" + "\x1b[c"
)

_ANSWER = re.compile(
    r"\x1b_G(?P<kitty>[^\x1b]*)\x1b\\"
    r"|\x1bP>\|(?P<version>[^\x1b]*)\x1b\\"
    r"|\x1b\[6;(?P<height>\d+);(?P<width>\d+)t"
    r"|\x1b\]11;(?P<ground>[^\x1b\x07]*)(?:\x07|\x1b\\)"
    r"|\x1b\[\?(?P<attributes>[\d;]*)c"
)
# One that begins at the end of what has come. Escape alone is also a key: who waits for more knows how long.
_BEGUN = re.compile(
    r"\x1b(?:_(?:G[^\x1b]{0,200}\x1b?)?|P(?:>(?:\|[^\x1b]{0,200}\x1b?)?)?"
    r"|\](?:1(?:1(?:;[^\x1b\x07]{0,60}\x1b?)?)?)?|\[(?:6(?:;[\d;]*)?|\?[\d;]*)?)?$"
)
_COLOUR = re.compile(r"rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/[0-9a-fA-F]{1,4})?")
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (BT.601)
_LEAST, _MOST = 3, 100  # pixels of a cell that can be true
SIXEL = 4


@dataclass(frozen=True)
class Answers:
    """What a terminal said. `cell` is the width and height of a character in pixels, `ground` how light it is, 0-1."""

    has_kitty: bool = False
    version: str = ""
    cell: tuple[int, int] | None = None
    ground: float | None = None
    attributes: frozenset[int] | None = None

    @property
    def is_last(self) -> bool:
        """Whether nothing more will come."""
        return self.attributes is not None


def taken_out(data: str, answers: Answers) -> tuple[Answers, str]:
    """Take whole answers out of what a terminal sent; gives all known by now, and what was typed, in its order."""

    def take(found: re.Match[str]) -> str:
        nonlocal answers
        answers = _with(answers, found)
        return ""

    typed = _ANSWER.sub(take, data)
    return answers, typed


def begun_at(data: str) -> int:
    """Where, at the end of `data`, an answer may have begun of which the rest is still to come; its length if none."""
    found = _BEGUN.search(data)
    return found.start() if found else len(data)


def _with(answers: Answers, found: re.Match[str]) -> Answers:
    if found["kitty"] is not None:
        return replace(answers, has_kitty=found["kitty"] == "i=31;OK")
    if found["version"] is not None:
        return replace(answers, version=found["version"])
    if found["width"] is not None:
        return replace(answers, cell=likely_cell(int(found["width"]), int(found["height"])))
    if found["ground"] is not None:
        return replace(answers, ground=_lightness(found["ground"]))
    numbers = frozenset(int(each) for each in found["attributes"].split(";") if each)
    return replace(answers, attributes=numbers)


def _lightness(colour: str) -> float | None:
    """Of a colour as X writes it, `rgb:ffff/fafa/f0f0` with one to four digits each; None if it is none."""
    found = _COLOUR.fullmatch(colour)
    if not found:
        return None
    return sum(
        luma * int(part, 16) / (16 ** len(part) - 1) for luma, part in zip(_LUMA, found.groups(), strict=True)
    )


def likely_cell(width: float, height: float) -> tuple[int, int] | None:
    """A cell of that many pixels, unless no screen has such a one."""
    if _LEAST <= width <= _MOST and _LEAST <= height <= _MOST:
        return round(width), round(height)
    return None
