"""Pixels of a character cell: as the system knows them now, else as the terminal answered once."""

from __future__ import annotations

import fcntl
import struct
import sys
import termios

from curator.tui.terminal.answers import likely_cell

_USUAL = (10, 20)


def cell_size(answered: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height; SSH hands on the system's numbers, and they change with the size of the font."""
    return _of_system() or answered or _USUAL


def _of_system() -> tuple[int, int] | None:
    if sys.__stdin__ is None:
        return None
    try:
        size = fcntl.ioctl(sys.__stdin__.fileno(), termios.TIOCGWINSZ, bytes(8))
    except (OSError, ValueError):  # no terminal
        return None
    lines, columns, width, height = struct.unpack("HHHH", size)
    return likely_cell(width / columns, height / lines) if lines and columns else None
