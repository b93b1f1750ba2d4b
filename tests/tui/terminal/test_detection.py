"""Detection of what a terminal shows pictures with: recorded answers, keys among them, terminals that lie."""

from __future__ import annotations

import pytest

from curator.tui.terminal.answers import Answers, begun_at, taken_out
from curator.tui.terminal.canvases import CANVASES, canvas_of
from curator.tui.terminal.detection import WAYS, Terminal, detected
from curator.tui.terminal.late_answers import LateAnswers
from curator.tui.terminal.tmux import Tmux

KITTY_OK = "\x1b_Gi=31;OK\x1b\\"
CELL = "\x1b[6;22;11t"
WHITE = "\x1b]11;rgb:ffff/ffff/ffff\x07"
# What terminals send back, one answer after another, and what is to be made of it.
RECORDED = {
    "kitty": (KITTY_OK, "\x1bP>|kitty(0.35.2)\x1b\\", CELL, "\x1b[?62;c", "kitty"),
    "ghostty": (KITTY_OK, "\x1bP>|ghostty 1.1.3\x1b\\", CELL, "\x1b[?62;22;52c", "kitty"),
    "WezTerm": (KITTY_OK, "\x1bP>|WezTerm 20240203-110809-5046fc22\x1b\\", CELL, "\x1b[?65;4;6;18;22c", "iterm2"),
    "Konsole": (KITTY_OK, "\x1bP>|Konsole 23.08.5\x1b\\", CELL, "\x1b[?62;1;4c", "sixel"),
    "iTerm2": ("\x1bP>|iTerm2 3.5.10\x1b\\", "\x1b[6;17;8t", "\x1b[?64;1;2;4;6;17;18;21;22c", "iterm2"),
    "foot": ("\x1bP>|foot(1.16.2)\x1b\\", CELL, "\x1b]11;rgb:2424/2424/2424\x1b\\", "\x1b[?62;4;22;28c", "sixel"),
    "xterm": ("\x1bP>|XTerm(390)\x1b\\", CELL, WHITE, "\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c", "blocks"),
    "xterm -ti vt340": ("\x1bP>|XTerm(390)\x1b\\", CELL, "\x1b[?63;1;2;4;6;9;15;16;22;28c", "sixel"),
    "VS Code with images": ("\x1bP>|xterm.js(5.5.0)\x1b\\", "\x1b[?62;4;9;22c", "iterm2"),
    "VS Code": ("\x1bP>|xterm.js(5.5.0)\x1b\\", "\x1b[?1;2c", "blocks"),
    "Windows Terminal": (CELL, "\x1b[?61;4;6;7;14;21;22;23;24;28;32;42c", "sixel"),
    "gnome-terminal": ("\x1bP>|VTE(7600)\x1b\\", CELL, "\x1b[?65;1;9c", "blocks"),
    "Alacritty": ("\x1b[?6c", "blocks"),
    "says nothing": ("blocks",),
    "kitty, refused": ("\x1b_Gi=31;ENOTSUP:\x1b\\", "\x1bP>|kitty(0.35.2)\x1b\\", "\x1b[?62c", "blocks"),
    "an unknown one that claims kitty's": (KITTY_OK, "\x1bP>|Nova 1\x1b\\", "\x1b[?62c", "blocks"),
    "claims the name of all": ("\x1bP>|kitty iTerm2 foot\x1b\\", "\x1b[?62c", "blocks"),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_a_terminal_shows_pictures_as_it_answers(name: str) -> None:
    """In whatever pieces the answers come, with keys between them, which stay in their order."""
    *sent, way = RECORDED[name]
    answers, typed = taken_out("j".join(sent), Answers())
    assert detected(answers, {"TERM": "xterm-256color"}).way == way
    assert typed == "j" * (len(sent) - 1)
    assert answers.is_last == bool(sent)
    for at in range(len("".join(sent))):
        text = "".join(sent)
        part, rest = taken_out(text[:at], Answers())
        assert taken_out(rest + text[at:], part) == taken_out(text, Answers())
        assert begun_at(rest) == 0 or rest == "", (at, rest)


def test_no_cell_is_larger_or_smaller_than_any_screen_has() -> None:
    assert taken_out("\x1b[6;20;10t", Answers())[0].cell == (10, 20)
    for lie in ("\x1b[6;0;0t", "\x1b[6;20000;9t", "\x1b[6;20;1t"):
        assert taken_out(lie, Answers())[0].cell is None


@pytest.mark.parametrize(
    ("colour", "is_light"),
    [
        ("rgb:ffff/ffff/ffff", True),
        ("rgb:fdfd/f6f6/e3e3", True),
        ("rgba:f/f/f/f", True),
        ("rgb:00/2b/36", False),
        ("rgb:0000/0000/ffff", False),
        ("#ffffff", False),  # nothing that a terminal says
        ("rgb:fffff/0/0", False),
    ],
)
def test_a_ground_is_light_or_not(colour: str, is_light: bool) -> None:
    answers, typed = taken_out(f"a\x1b]11;{colour}\x07b", Answers())
    assert detected(answers, {}).is_light == is_light
    assert typed == "ab"


@pytest.mark.parametrize(
    ("keys", "begins"),
    [("j", 1), ("\x1b[A", 3), ("\x1bOP", 3), ("\x1b[1;5C", 6), ("\x1b", 0), ("j\x1b", 1), ("\x1b[?6", 0),
     ("\x1b_Gi", 0), ("\x1b]", 0), ("\x1b]2", 3)],
)  # fmt: skip
def test_keys_are_told_from_answers_that_begin(keys: str, begins: int) -> None:
    assert begun_at(keys) == begins


@pytest.mark.parametrize(
    ("version", "attributes", "tmux", "way"),
    [
        ("tmux 3.3a", {1, 2}, Tmux("kitty(0.35.2)", passes=True), "kitty"),
        ("tmux 3.3a", {1, 2}, Tmux("kitty(0.35.2)", passes=False), "blocks"),
        ("tmux 3.5", {1, 2, 4}, Tmux("foot(1.16.2)", passes=False), "sixel"),
        ("tmux 3.5", {1, 2}, Tmux("iTerm2 3.5.10", passes=True), "blocks"),
        ("tmux 3.5", {1, 2}, Tmux("tmux 3.4", passes=True), "blocks"),
        ("tmux 3.5", {1, 2}, Tmux("", passes=True), "blocks"),
    ],
)
def test_inside_tmux_its_terminal_counts(version: str, attributes: set[int], tmux: Tmux, way: str) -> None:
    """Whatever the environment says: tmux may have been started in another terminal."""
    env = {"TERM": "screen", "TMUX": "/tmp/tmux", "KITTY_WINDOW_ID": "1", "LC_TERMINAL": "iTerm2"}
    found = detected(Answers(version=version, attributes=frozenset(attributes)), env, tmux)
    assert (found.way, found.is_tmux, found.has_true_colours) == (way, True, True)


@pytest.mark.parametrize(
    ("env", "way", "blocks"),
    [
        ({"LC_TERMINAL": "iTerm2"}, "iterm2", "sextants"),
        ({"LC_TERMINAL": "iTerm2", "STY": "1.pts"}, "blocks", "quadrants"),
        ({"VTE_VERSION": "7600"}, "blocks", "sextants"),
        ({"KITTY_WINDOW_ID": "1"}, "blocks", "sextants"),  # without an answer it is not believed
        ({"TERM": "linux"}, "blocks", "half"),
        ({}, "blocks", "quadrants"),
    ],
)
def test_a_terminal_without_a_name_is_told_by_the_environment(
    env: dict[str, str], way: str, blocks: str
) -> None:
    found = detected(Answers(attributes=frozenset({62})), {"TERM": "xterm", **env})
    assert (found.way, found.blocks) == (way, blocks)


def test_what_cannot_be_written_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    kitty = Answers(has_kitty=True, version="kitty(1)", attributes=frozenset({62}))
    assert detected(kitty, {"NO_COLOR": "1"}).way == "blocks"

    class Latin:
        encoding = "iso-8859-1"

    monkeypatch.setattr("sys.__stderr__", Latin())
    assert detected(kitty, {}).way == "none"
    assert detected(Answers(version="iTerm2 3", attributes=frozenset()), {}).way == "iterm2"


def test_every_way_has_a_canvas() -> None:
    assert tuple(CANVASES) == WAYS
    assert canvas_of(Terminal("kitty", cell=(8, 16))) == canvas_of(Terminal("kitty", cell=(8, 16)))


def test_late_answers_are_no_keys_and_what_was_typed_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("curator.tui.terminal.late_answers.monotonic", lambda: now[0])
    late = LateAnswers("abc", Answers())
    assert late.overdue() == "abc"
    assert late.overdue() == ""
    assert late.without("d" + KITTY_OK + "e\x1bP>|ki") == "de"
    assert late.without("tty(1)\x1b\\f\x1b") == "f"
    assert late.overdue() == ""
    now[0] += 1
    assert late.overdue() == "\x1b"  # it was the Escape key
    assert late.without("\x1b[?62;c\x1b") == "\x1b"  # the last answer: nothing is held back any more
    assert LateAnswers("xy", Answers(attributes=frozenset())).without("z\x1b") == "xyz\x1b"
    never = LateAnswers("", Answers())
    now[0] += 60
    assert never.without("\x1b") == "\x1b"
