"""Detection of the way to show pictures: from what the terminal answered, the environment and the person's wish."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from curator.tui.terminal.brands import OTHER, brand_of, is_proved
from curator.tui.terminal.tmux import Tmux, looked_at

if TYPE_CHECKING:
    from curator.tui.terminal.answers import Answers

_LIGHT = 0.5  # of a ground, where black is 0 and white is 1
WAYS = ("kitty", "iterm2", "sixel", "blocks", "none")


class Terminal(NamedTuple):
    """What is known of the terminal: the best `way` to show pictures there, and what that needs.

    `name` stands for it where a choice is remembered. `cell` is a character's pixels, as the terminal said. `blocks`
    are the finest that it draws. `is_light` is the ground that it said it has.
    """

    way: str = "blocks"
    name: str = ""
    cell: tuple[int, int] | None = None
    blocks: str = "quadrants"
    is_tmux: bool = False
    has_true_colours: bool = False
    is_light: bool = False


def detected(answers: Answers, env: Mapping[str, str] = os.environ, tmux: Tmux | None = None) -> Terminal:
    """The terminal as it answered. Inside tmux, where tmux answers, `tmux` is what it knows of the terminal."""
    if env.get("TMUX"):
        tmux = tmux or looked_at()
        # Sixel is tmux's own answer; kitty's pictures stand in cells that tmux moves, and need only be let through.
        answers = replace(answers, version=tmux.terminal, has_kitty=tmux.passes)
    is_tmux = tmux is not None or answers.version.startswith("tmux ")
    brand = brand_of(answers.version, env, is_inside=is_tmux or bool(env.get("STY")))
    ways = [way for way, proof in brand.protocols if is_proved(proof, answers)]
    if is_tmux and "iterm2" in ways:
        ways.remove("iterm2")  # tmux would not know where its pictures are
    return Terminal(
        _writable(ways[0] if ways else "blocks", env),
        (answers.version.partition("(")[0].partition(" ")[0] or env.get("TERM", ""))[:40],
        answers.cell,
        _blocks(env, is_fine=brand.is_fine),
        is_tmux,
        has_true_colours=is_tmux or brand is not OTHER,  # tmux shows as many colours as its terminal has
        is_light=answers.ground is not None and answers.ground > _LIGHT,
    )


def _blocks(env: Mapping[str, str], *, is_fine: bool) -> str:
    if env.get("TERM", "") in ("", "linux", "dumb"):  # a console's font has no others
        return "half"
    return "sextants" if is_fine else "quadrants"


def _writable(way: str, env: Mapping[str, str]) -> str:
    """The way, unless what it needs cannot be written here."""
    if way == "kitty" and env.get("NO_COLOR"):  # a picture's number is a colour
        return "blocks"
    is_utf_8 = (sys.__stderr__.encoding if sys.__stderr__ else "").lower().replace("-", "") == "utf8"
    return "none" if way in ("kitty", "blocks") and not is_utf_8 else way
