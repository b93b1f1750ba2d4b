"""The themes of the app, and no animation: over SSH each frame is bytes.

A theme gives the 16 colours of `curator.tui.meanings` and the grounds they stand on; that of the terminal leaves all of
them to the terminal. In NO_COLOR Textual draws greys, and every state is a sign or a word as well.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from rich.terminal_theme import TerminalTheme
from textual.app import App
from textual.color import Color
from textual.theme import Theme


class _Palette(NamedTuple):
    """The 16 colours in the order of terminals: black, red, green, yellow, blue, magenta, cyan, white, all bright."""

    normal: tuple[str, ...]
    bright: tuple[str, ...]

    def on(self, background: str, foreground: str) -> TerminalTheme:
        """As what Textual makes of the names of colours."""
        return TerminalTheme(
            _rgb(background), _rgb(foreground), [*map(_rgb, self.normal)], [*map(_rgb, self.bright)]
        )


def _rgb(colour: str) -> tuple[int, int, int]:
    return Color.parse(colour).rgb


_ON_DARK = _Palette(
    ("#16191c", "#ee8a80", "#93c98b", "#e2b35f", "#7fb2dc", "#f09be6", "#79c6c6", "#d6d9d6"),
    ("#9ca6ae", "#f29bb2", "#8fd6ae", "#d9c787", "#b4cbe0", "#cfaeee", "#96d4de", "#ffffff"),
)
_ON_LIGHT = _Palette(
    ("#2a2d30", "#a3271f", "#2b6427", "#7a4e00", "#1d588a", "#8a1a80", "#0d5f63", "#d9d4c6"),
    ("#575b5e", "#9c2453", "#1d6040", "#665200", "#2c4f70", "#63399c", "#14596b", "#faf8f2"),
)

_DARK = Theme(
    name="dark",
    primary="#86bce6",
    secondary="#c9b38f",
    accent="#86bce6",
    warning="#e2b35f",
    error="#ee8a80",
    success="#93c98b",
    foreground="#d6d9d6",
    background="#16191c",
    surface="#1c2024",
    panel="#252a2f",
    boost="#323941",
    variables={
        "title": "#b3bec6",  # of a panel that has not the keys
        "rule": "#66727c",  # beside it
        "quiet": "#9ca6ae",
        "cursor": "#2f6186",
        "cursor-text": "#f4f6f6",
        "elsewhere": "#323941",  # the cursor of a list that has not the keys
        "entry": "#263b4b",  # one types there
    },
)
_LIGHT = Theme(
    name="light",
    primary="#17578c",
    secondary="#6a4f1c",
    accent="#17578c",
    warning="#7a4e00",
    error="#a3271f",
    success="#2b6427",
    foreground="#2a2d30",
    background="#faf8f2",
    surface="#f1eee6",
    panel="#e7e3d8",
    boost="#d9d4c6",
    dark=False,
    variables={
        "title": "#4a5056",
        "rule": "#8b8575",
        "quiet": "#575b5e",
        "cursor": "#2b6592",
        "cursor-text": "#ffffff",
        "elsewhere": "#d9d4c6",
        "entry": "#d3dfe8",
    },
)
_TERMINAL = Theme(
    name="terminal",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_yellow",
    accent="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "title": "ansi_default",
        "rule": "ansi_bright_black",
        "quiet": "ansi_bright_black",
        "cursor": "ansi_cyan",
        "cursor-text": "ansi_black",
        "elsewhere": "ansi_default",  # underlined
        "entry": "ansi_default",  # underlined
    },
)
THEMES = {each.name: each for each in (_DARK, _LIGHT, _TERMINAL)}
_FEW_COLOURS = "standard"  # what Rich calls a terminal of 16 colours


def be_still() -> None:
    """No animation unless the person asked for it; Textual reads this when it is imported or an app is made."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")


def usual(app: App[Any], *, is_light: bool = False) -> str:
    """The theme where none was chosen, on a ground that is light or not.

    The terminal's own colours where it has no more than 16, else the theme of such a ground.
    """
    suits = _LIGHT if is_light else _DARK
    return (_TERMINAL if app.console.color_system == _FEW_COLOURS else suits).name


def dress(app: App[Any], name: str = _DARK.name) -> None:
    """Give the app a theme. Best before any style is read: a later change reads all of them again."""
    for each in THEMES.values():
        app.register_theme(each)
    app.set_reactive(App.ansi_theme_dark, _ON_DARK.on("#16191c", "#d6d9d6"))
    app.set_reactive(App.ansi_theme_light, _ON_LIGHT.on("#faf8f2", "#2a2d30"))
    app.theme = name
    if not app.is_running:  # the first time styles are read, it is with these colours
        app.stylesheet.set_variables(app.get_css_variables())
