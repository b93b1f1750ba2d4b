"""Terminal, told by its size and the environment alone: nothing is asked of it, so no key that is typed is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

from curator.doctor.finding import Checked, gap, ok

PART = "terminal"
_LEAST, _COMFORTABLE = (40, 10), (80, 24)  # columns and lines
_TMUX_LIMIT_S = 2.0
# Which protocol for pictures a terminal has, by what it leaves in the environment; the first that fits.
_BY_VARIABLE = (
    ("KITTY_WINDOW_ID", "kitty"),
    ("GHOSTTY_RESOURCES_DIR", "kitty"),
    ("KONSOLE_VERSION", "kitty"),
    ("WEZTERM_PANE", "kitty, iTerm2 and sixel"),
    ("ITERM_SESSION_ID", "iTerm2"),
)
_BY_PROGRAM = {
    "ghostty": "kitty", "WezTerm": "kitty, iTerm2 and sixel", "iTerm.app": "iTerm2", "mintty": "iTerm2 and sixel",
    "vscode": "iTerm2 and sixel", "rio": "kitty and sixel", "WarpTerminal": "kitty",
}  # fmt: skip
_BY_TERM = {
    "kitty": "kitty", "ghostty": "kitty", "wezterm": "kitty, iTerm2 and sixel", "foot": "sixel", "mlterm": "sixel",
    "contour": "sixel", "sixel": "sixel",
}  # fmt: skip


def terminal_checks(
    env: Mapping[str, str] = os.environ, *, is_terminal: bool | None = None
) -> Iterator[Checked]:
    """Size, kind, colours, characters, tmux and pictures."""
    there = sys.stdout.isatty() if is_terminal is None else is_terminal
    if not there:
        yield ok(PART, "screen", "none: stdout is a pipe or a file; the app needs a terminal")
    else:
        yield _size()
    yield _kind(env)
    yield _colours(env)
    yield _characters(env)
    if env.get("TMUX"):
        yield _tmux()
    yield _pictures(env)


def _size() -> Checked:
    columns, lines = shutil.get_terminal_size()
    found = f"{columns}x{lines}"
    if columns < _LEAST[0] or lines < _LEAST[1]:
        return gap(PART, "size", found, f"the app needs {_LEAST[0]}x{_LEAST[1]}: enlarge the window")
    if columns < _COMFORTABLE[0] or lines < _COMFORTABLE[1]:
        return gap(
            PART, "size", found, f"the app shows more from {_COMFORTABLE[0]}x{_COMFORTABLE[1]} characters on"
        )
    return ok(PART, "size", found)


def _kind(env: Mapping[str, str]) -> Checked:
    term = env.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return gap(
            PART,
            "kind",
            f"TERM is {term or 'not set'}",
            "the app needs one that moves its cursor: xterm-256color, say",
        )
    program = env.get("TERM_PROGRAM", "")
    over_ssh = ", over SSH" if env.get("SSH_CONNECTION") or env.get("SSH_TTY") else ""
    return ok(PART, "kind", f"TERM is {term}{f', in {program}' if program else ''}{over_ssh}")


def _colours(env: Mapping[str, str]) -> Checked:
    if env.get("NO_COLOR"):
        return ok(PART, "colours", "none, as NO_COLOR asks: signs say the same")
    if env.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return ok(PART, "colours", "16 million")
    term = env.get("TERM", "")
    if "256" in term or term.endswith(("-direct", "kitty", "ghostty")):
        return gap(
            PART,
            "colours",
            "256",
            "if it can show more, set COLORTERM=truecolor (over SSH: SendEnv COLORTERM)",
        )
    hint = "set -g default-terminal tmux-256color" if env.get("TMUX") else "set TERM=xterm-256color if it can"
    return gap(PART, "colours", "8 or 16: pictures are hard to recognise", hint)


def _characters(env: Mapping[str, str]) -> Checked:
    """The first that is set counts, as the system has it."""
    name = next((each for each in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(each)), "")
    value = env.get(name, "")
    if value.lower().replace("-", "").rpartition(".")[2] == "utf8":
        return ok(PART, "characters", f"UTF-8 ({name}={value})")
    found = f"no UTF-8: {name}={value}" if name else "no UTF-8: none of LC_ALL, LC_CTYPE and LANG is set"
    return gap(
        PART, "characters", found, "export LANG=C.UTF-8, or names and frames are not shown as they are"
    )


def _tmux() -> Checked:
    """Whether tmux lets pictures through; its server is asked, not the terminal."""
    try:
        asked = subprocess.run(
            ["tmux", "show-options", "-gv", "allow-passthrough"],  # noqa: S607 (the one the user runs)
            capture_output=True, text=True, timeout=_TMUX_LIMIT_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ok(PART, "tmux", "yes; it could not be asked what it lets through")
    if asked.stdout.strip() in ("on", "all"):
        return ok(PART, "tmux", "yes, and it lets pictures through")
    return gap(PART, "tmux", "it lets no pictures through", "set -g allow-passthrough on, in ~/.tmux.conf")


def _pictures(env: Mapping[str, str]) -> Checked:
    protocol = _protocol(env)
    if protocol:
        return ok(PART, "pictures", f"the environment speaks of {protocol}")
    return gap(
        PART,
        "pictures",
        "no sign of a protocol for pictures: they are drawn with characters",
        "kitty, ghostty, WezTerm, iTerm2 and foot show pixels",
    )


def _protocol(env: Mapping[str, str]) -> str:
    for name, protocol in _BY_VARIABLE:
        if env.get(name):
            return protocol
    for name in ("TERM_PROGRAM", "LC_TERMINAL"):
        if found := _BY_PROGRAM.get(env.get(name, "")):
            return found
    if env.get("LC_TERMINAL") == "iTerm2":
        return "iTerm2"
    term = env.get("TERM", "")
    return next((protocol for word, protocol in _BY_TERM.items() if word in term), "")
