"""Brands of terminals by the name they answer with: what each shows pictures with, and what must prove it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from curator.tui.terminal.answers import SIXEL, Answers

# What proves that a terminal has a protocol: its name, or its answer.
BY_NAME, BY_KITTY, BY_SIXEL = "name", "kitty", "sixel"


class Brand(NamedTuple):
    """Protocols, the best first, each with its proof; `is_fine` if it draws sextants itself, in any font."""

    begins: str
    protocols: tuple[tuple[str, str], ...]
    is_fine: bool = True


_SIXEL = ("sixel", BY_SIXEL)
# WezTerm, Konsole and Warp answer for kitty's protocol too, but have no Unicode placeholders.
BRANDS = (
    Brand("kitty", (("kitty", BY_KITTY),)),
    Brand("ghostty", (("kitty", BY_KITTY),)),
    Brand("rio", (("kitty", BY_KITTY), _SIXEL)),
    Brand("iTerm2", (("iterm2", BY_NAME),)),
    Brand("WezTerm", (("iterm2", BY_NAME),)),
    Brand("mintty", (("iterm2", BY_NAME),)),
    Brand("Warp", (("iterm2", BY_NAME),), is_fine=False),
    Brand("xterm.js", (("iterm2", BY_SIXEL),)),  # its add-on for images has both, or is not there
    Brand("foot", (_SIXEL,)),
    Brand("contour", (_SIXEL,)),
    Brand("Konsole", (_SIXEL,)),
    Brand("VTE", (_SIXEL,)),
)
OTHER = Brand("", (_SIXEL,), is_fine=False)

# Terminals that give no name, by what they leave in the environment (some of it also over SSH).
_VARIABLES = (
    ("KITTY_WINDOW_ID", "", "kitty"),
    ("LC_TERMINAL", "iTerm2", "iTerm2"),
    ("TERM_PROGRAM", "iTerm.app", "iTerm2"),
    ("TERM_PROGRAM", "vscode", "xterm.js"),
    ("VTE_VERSION", "", "VTE"),
)


def brand_of(version: str, env: Mapping[str, str], *, is_inside: bool) -> Brand:
    """The brand that a name belongs to. Inside a multiplexer the environment may be that of another terminal."""
    name = version
    if not name and not is_inside:
        fits = (each for each in _VARIABLES if env.get(each[0]) and env[each[0]].startswith(each[1]))
        name = next((brand for _, _, brand in fits), "")
    return next((each for each in BRANDS if name.lower().startswith(each.begins.lower())), OTHER)


def is_proved(proof: str, answers: Answers) -> bool:
    """Whether the answers prove what a row says."""
    if proof == BY_KITTY:
        return answers.has_kitty
    if proof == BY_SIXEL:
        return SIXEL in (answers.attributes or ())
    return True
