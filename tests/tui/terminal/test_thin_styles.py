"""Thinned style codes: the terminal shows the same, in fewer bytes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.style import Style

from curator.tui.terminal.thin_styles import thinned

COLOURS = (None, "red", "bright_blue", "color(200)", "#102030", "#102031", "default")
styles = st.builds(
    Style,
    color=st.sampled_from(COLOURS),
    bgcolor=st.sampled_from(COLOURS),
    bold=st.sampled_from((None, True)),
    underline=st.sampled_from((None, True)),
)
pieces = st.lists(st.tuples(styles, st.sampled_from(("a", "▀", "bc")), st.booleans()), max_size=12)


def shown(text: str) -> list[tuple[str, frozenset[str]]]:
    """Each character with the codes in force, as a terminal in a bold green that nobody turned off understands them."""
    front, back, others = "32", "", {"1"}
    seen: list[tuple[str, frozenset[str]]] = []
    for code, letter in re.findall(r"\x1b\[([\d;]*)m|(\x1b\[\d+;\d+H|.)", text):
        if letter:
            seen.append((letter, frozenset({f"front {front}", f"back {back}", *others})))
            continue
        for each in re.findall(r"[34]8;(?:2;\d+;\d+;\d+|5;\d+)|\d+", code or "0"):
            number = int(each.partition(";")[0])
            if number == 0:
                front, back, others = "", "", set()
            elif number in (38, 39, *range(30, 38), *range(90, 98)):
                front = "" if number == 39 else each
            elif number in (48, 49, *range(40, 48), *range(100, 108)):
                back = "" if number == 49 else each
            else:
                others.add(each)
    return seen


@given(pieces)
def test_every_character_looks_the_same(drawn: list[tuple[Style, str, bool]]) -> None:
    frame = "".join(
        style.render(text, color_system=ColorSystem.TRUECOLOR) + ("\x1b[3;4H" if moves else "")
        for style, text, moves in drawn
    )
    less = thinned(frame)
    assert shown(less) == shown(frame)
    assert len(less) <= len(frame)


@pytest.mark.parametrize(
    ("text", "less"),
    [
        (
            "\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m\x1b[38;2;1;2;3;48;2;7;8;9m▀\x1b[0m",
            "\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m\x1b[38;2;1;2;3;48;2;7;8;9m▀\x1b[0m",
        ),  # nobody knows what the terminal had before
        (
            "\x1b[0m\x1b[31;44ma\x1b[0m\x1b[31;45mb\x1b[0m\x1b[31;45mc\x1b[0m\x1b[45md\x1b[0m",
            "\x1b[0m\x1b[31;44ma\x1b[45mbc\x1b[0m\x1b[45md\x1b[0m",
        ),
    ],
)
def test_only_what_changes_is_written(text: str, less: str) -> None:
    assert thinned(text) == less
