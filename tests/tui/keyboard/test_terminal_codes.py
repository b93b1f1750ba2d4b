"""What a terminal sends in one piece or in several: keys in order, Escape told from codes, pasted text whole."""

from __future__ import annotations

import pytest
from textual import events

from curator.tui.keyboard.terminal_codes import TerminalCodes


def parsed(*pieces: str) -> list[str]:
    """Keys by name, pasted text in brackets."""
    parser = TerminalCodes()
    found: list[str] = []
    for piece in pieces:
        for event in parser.feed(piece):
            if isinstance(event, events.Key):
                found.append(event.key)
            elif isinstance(event, events.Paste):
                found.append(f"[{event.text}]")
    parser._timeout_time = 0.0 if parser._timeout_time else None
    return found + [event.key for event in parser.tick() if isinstance(event, events.Key)]


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("/ab\x7f\r", ["slash", "a", "b", "backspace", "enter"]),
        ("\x1bj", ["escape", "j"]),
        ("\x1b2", ["escape", "2"]),
        ("\x1bG" + "x" * 40, ["escape", "G", *"x" * 40]),
        ("\x1bj\x1b[B\x1bk\x1b", ["escape", "j", "down", "escape", "k", "escape"]),
        ("\x1b\x1b", ["escape", "escape"]),
        ("\x1b\r", ["escape", "enter"]),
        ("\x1b[A\x1b[1;5C\x1bOP", ["up", "ctrl+right", "f1"]),
        ("a\x1bfb", ["a", "alt+f", "b"]),
        ("\x1b[200~x\x1by\nq\x1b[201~z", ["[x\x1by\nq]", "z"]),
    ],
)
def test_keys_are_those_typed_in_whatever_pieces_they_come(sent: str, keys: list[str]) -> None:
    assert parsed(sent) == keys
    for at in range(1, len(sent)):
        if "\x1b[200~" not in sent or at > 5:
            assert parsed(sent[:at], sent[at:]) == keys, at
