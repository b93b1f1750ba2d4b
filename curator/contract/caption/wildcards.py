"""Choices in captions: `{a|b}` becomes one of its items, drawn by key, and choices may lie in choices.

The rule: a `}` closes the `{` opened last. The outer choice is drawn first, then those within the item drawn. `{{` and
`}}` are plain braces, but a `}}` with no `{{` before it in its choice closes two. `{}`, and a brace that closes or
opens nothing, is text. An item may hold commas, and then it is several tags: `{red, big|blue} hat` lies in the index
as two.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from curator.contract.keyed import key_from

_JOINT = ", "
_SIGN = re.compile(r"\{\{|\}\}|[{}|]")


class _Choice(NamedTuple):
    """`text[first:beyond]`, braces included, whose items lie between the `bars`."""

    first: int
    beyond: int
    bars: tuple[int, ...]

    def item(self, number: int) -> tuple[int, int]:
        edges = (self.first, *self.bars, self.beyond - 1)
        return edges[number] + 1, edges[number + 1]


@dataclass
class _Open:
    """A choice that is not closed yet; `plain` counts the `{{` in it that no `}}` has met."""

    first: int
    bars: list[int] = field(default_factory=list[int])
    plain: int = 0


def expanded(text: str, k: int) -> str:
    """`text` with every choice drawn; the draws are keyed by `k` and the choice's number in the text."""
    if "{" not in text and "}" not in text:
        return text
    choices = _parsed(text)[0]
    firsts = [choice.first for choice in choices]
    pieces: list[str] = []
    left = [(0, len(text))]  # what is to be written, the next one last
    while left:
        first, beyond = left.pop()
        number = bisect_left(firsts, first)
        if number == len(choices) or firsts[number] >= beyond:
            pieces.append(_plain(text[first:beyond]))
            continue
        choice = choices[number]
        pieces.append(_plain(text[first : choice.first]))
        drawn = (key_from(k, number) * (len(choice.bars) + 1)) >> 64
        left += [(choice.beyond, beyond), choice.item(drawn)]
    return "".join(pieces)


def reaching_over(pieces: Sequence[str]) -> list[range]:
    """The runs of neighbouring pieces that a choice reaches over, where commas part the pieces."""
    text = _JOINT.join(pieces)
    if "{" not in text:
        return []
    starts = [0, *accumulate(len(piece) + len(_JOINT) for piece in pieces)]
    runs: list[range] = []
    done = 0
    for choice in _parsed(text)[0]:
        if choice.first < done:
            continue  # lies in another
        done = choice.beyond
        first, last = (bisect_right(starts, at) - 1 for at in (choice.first, choice.beyond - 1))
        if runs and first < runs[-1].stop:
            first = runs.pop().start
        if last > first:
            runs.append(range(first, last + 1))
    return runs


def lone_brace(text: str) -> bool:
    """Whether a single brace is no part of a choice: nothing is chosen there, and it is trained as it stands."""
    return ("{" in text or "}" in text) and _parsed(text)[1]


def _parsed(text: str) -> tuple[list[_Choice], bool]:
    """All choices by their first sign, those in others as well; and whether a single brace belongs to none."""
    choices: list[_Choice] = []
    opened = [_Open(-1)]  # the text itself, and what is open in it
    has_lone = False
    at = 0
    while found := _SIGN.search(text, at):
        sign, at, last = found[0], found.end(), opened[-1]
        if sign == "|":
            last.bars.append(found.start())
        elif sign == "{{":
            last.plain += 1
        elif sign == "{":
            opened.append(_Open(found.start()))
        elif sign == "}}" and (last.plain or len(opened) == 1):
            last.plain = max(0, last.plain - 1)
        else:
            at = found.start() + 1
            if len(opened) > 1 and opened.pop().first + 1 < found.start():
                choices.append(_Choice(last.first, at, tuple(last.bars)))
            else:
                has_lone = True
    return sorted(choices), has_lone or len(opened) > 1


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
