"""The app in terminals that show pictures: pixels, bytes, dialogs, sizes, suspending, every way to end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from curator.session.session import Session
from tests.terminal.conftest import COLOURS, Opened, image
from tests.terminal.fake_terminal import FakeTerminal
from tests.terminal.screen import FOOT, ITERM2, KITTY, Brand, Colour

SILENT = Brand(is_mute=True)
WHITE = KITTY._replace(ground="rgb:ffff/ffff/ffff")
LIGHT, DARK = (0xFA, 0xF8, 0xF2), (0x16, 0x19, 0x1C)


def is_shown(it: FakeTerminal, number: int) -> bool:
    """Whether one image, and nothing else, is seen, as it is."""
    seen = it.screen.picture()
    if (
        seen is None or abs(seen.width / seen.height - 320 / 240) > 0.15
    ):  # cells at the edges are filled in part
        return False
    inner = (0.1, 0.1, 0.9, 0.9)
    small, wanted = (
        each.crop([round(at * size) for at, size in zip(inner, each.size * 2, strict=True)]).resize((8, 8))
        for each in (seen, image(number))
    )
    return float(np.abs(np.asarray(small, float) - np.asarray(wanted, float)).mean()) < 9


def has_left(it: FakeTerminal) -> bool:
    """The terminal as a shell expects it: its own screen, no picture kept, what is typed is seen."""
    return (
        not it.screen.is_alternate
        and not it.screen.images.kept
        and it.screen.pictures() == {}
        and it.echoes()
    )


@pytest.mark.parametrize(
    ("brand", "words", "ground"),
    [(WHITE, (), LIGHT), (WHITE, ("--theme", "dark"), DARK), (KITTY, (), DARK)],
    ids=["white", "white, dark wished", "says nothing"],
)
def test_the_theme_is_that_of_the_ground(
    opened: Opened, brand: Brand, words: tuple[str, ...], ground: Colour
) -> None:
    """The light one where the terminal says that its ground is light, unless another is wished."""
    it = opened(brand, *words, size=(120, 40))
    it.until(lambda: it.screen.cells[20][0].back == ground, f"a ground of {ground}")
    it.type("q")
    it.until(lambda: has_left(it), "the shell's screen")


def test_kitty_keeps_pictures_that_were_sent(opened: Opened) -> None:
    it = opened(KITTY, size=(120, 40), typed=b"jj")  # typed while the terminal was asked
    it.until(lambda: is_shown(it, 2), "the third image")
    assert it.screen.images.sent == 1
    it.quiet()
    it.type("jkjkjkk")  # a held key passes images without sending any
    it.until(lambda: is_shown(it, 1), "the image where it rests")
    assert it.screen.images.sent <= 3
    it.type("j")
    it.until(lambda: is_shown(it, 2), "the third again")
    sent, before = it.screen.images.sent, it.quiet()
    it.type("k")
    it.until(lambda: is_shown(it, 1), "the second again")
    assert it.quiet() - before < 6_000  # cells alone: less than the list when it scrolls
    assert it.screen.images.sent == sent
    whole_screen_and_dialogs(it)
    it.resize(90, 30)
    it.until(lambda: "number 2" in it.screen.text and is_shown(it, 2), "a smaller one")
    suspended_and_back(it, 2)
    it.type("q")
    assert it.ended() == 0
    assert has_left(it)


@pytest.mark.parametrize("brand", [ITERM2, FOOT])
def test_what_is_painted_is_painted_again_where_text_was_over_it(brand: Brand, opened: Opened) -> None:
    it = opened(brand, size=(120, 40), typed=b"j")
    it.until(lambda: is_shown(it, 1), "the second image")
    before = it.quiet()
    it.type("f")  # a note, away from the picture
    it.sees("No filter is saved")
    assert it.quiet() - before < 2_000
    whole_screen_and_dialogs(it)
    it.resize(90, 30)
    it.until(lambda: "number 2" in it.screen.text and is_shown(it, 2), "a smaller one")
    if brand is FOOT:
        suspended_and_back(it, 2)
    it.type("q")
    assert it.ended() == 0
    assert has_left(it)
    assert it.screen.text.strip() == ""


def whole_screen_and_dialogs(it: FakeTerminal) -> None:
    """From the second image to the third, seen in its pane."""
    it.type("?")
    it.sees("Keys here")
    it.until(lambda: it.screen.picture() is None or it.screen.brand is KITTY, "no picture over the dialog")
    it.type("\x1b")
    it.until(lambda: is_shown(it, 1), "the picture behind the dialog")
    it.type("\r")
    it.until(lambda: is_shown(it, 1) and it.screen.picture().width > 800, "it on the whole screen")
    it.type("l")
    it.until(lambda: is_shown(it, 2), "the next")
    it.type("\x1b")
    it.until(lambda: is_shown(it, 2) and it.screen.picture().width < 600, "in its pane")


@pytest.mark.parametrize("brand", [KITTY, ITERM2])
def test_the_grid_shows_pictures_and_a_move_sends_none(brand: Brand, opened: Opened) -> None:
    it = opened(brand, size=(80, 24))
    it.until(lambda: is_shown(it, 0), "the first")
    it.type("i")
    it.until(lambda: colours(it) == {0, 1, 2, 3}, "all four")
    before = it.quiet()
    it.type("l")
    it.sees("number 1")
    assert it.quiet() - before < 2_500
    it.type("y")  # the cell beside is written again, and what is painted left of it
    it.sees("+ 1")
    it.quiet()
    assert colours(it) == {0, 1, 2, 3}
    it.type("q")
    assert it.ended() == 0
    assert has_left(it)


def colours(it: FakeTerminal) -> set[int]:
    """The images of which a piece is seen, by their colours."""
    means = [np.asarray(piece, float).mean((0, 1)) for piece in it.screen.pictures().values()]
    hues = [np.array(each) / max(each) for each in COLOURS]
    near = [[np.abs(mean / max(mean.max(), 1) - hue).max() for hue in hues] for mean in means]
    return {int(np.argmin(each)) for each in near if min(each) < 0.1}


def suspended_and_back(it: FakeTerminal, number: int) -> None:
    it.type("\x1a")
    _, status = os.waitpid(it.child, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    it.until(lambda: has_left(it), "the shell's screen")
    os.kill(it.child, signal.SIGCONT)
    it.until(lambda: "number" in it.screen.text and is_shown(it, number), "the app again, with its picture")


def test_a_crash_and_signals_leave_no_picture(opened: Opened) -> None:
    """Nothing can be done of kill -9; the shell's `reset` helps there."""
    code = (
        "from curator.tui.screens.images.browse import BrowseScreen as B; from curator.cli.main import main\n"
    )
    boom = "B.action_crop = lambda _: 1 / 0; import sys; main(sys.argv[1:])"
    it = opened(KITTY, code=code + boom)
    it.until(lambda: is_shown(it, 0), "the first")
    it.type("c")
    assert it.ended() == 70
    assert has_left(it)
    it = opened(KITTY)
    it.until(lambda: is_shown(it, 0), "the first")
    os.kill(it.child, signal.SIGTERM)
    assert it.ended() == 0
    assert has_left(it)


def test_blocks_where_a_terminal_says_nothing_and_keys_stay_in_order(opened: Opened, folder: Path) -> None:
    it = opened(SILENT)
    it.until(lambda: it.asked == 0 and "\x1b[c" in it.last, "the question")
    it.type("G")  # while it is waited for an answer
    it.sees("0.png")
    it.until(lambda: "number 3" in it.screen.text, "the last image")
    it.until(lambda: set("▀▘▝▖▌▞▛▗▚▐▜▄▙▟█") & set(it.screen.text), "blocks")
    it.type("\x1bP>|kitty(0.1)\x1b\\\x1b[?62;4c" + "y")  # too late: no keys, but y is
    it.sees("+ ")
    it.type("q")
    assert it.ended() == 0
    assert has_left(it)
    assert "Gi=31" not in it.screen.text
    with Session.open(folder) as session:
        rows = session.images.rows(session.images.select("").ids.tolist())
        assert [row.mark for row in rows] == [0, 0, 0, 1]


def test_a_way_that_is_chosen_is_taken_and_remembered_for_such_terminals(opened: Opened) -> None:
    it = opened(KITTY, "--pictures", "blocks")
    it.until(lambda: set("▀▘▝▖▌▞▛▗▚▐▜▄▙▟█🬀🬂🬋") & set(it.screen.text), "blocks")
    assert it.screen.images.sent == 0
    it.type("\x1bOS")  # F4
    it.sees("what kitty said it can: kitty")
    it.type("sixel\r")
    it.until(lambda: is_shown(it, 0), "sixel")
    assert it.screen.images.sent == 0
    it.type("q")
    assert it.ended() == 0
    it = opened(KITTY)
    it.until(lambda: is_shown(it, 0), "sixel again")
    assert it.screen.images.sent == 0
    it.type("\x1bOSnone\r")
    it.sees("images are switched off")
    it.type("q")
    assert it.ended() == 0
    assert has_left(it)


def test_a_theme_is_chosen_for_once_or_for_such_terminals_and_a_move_stays_small(opened: Opened) -> None:
    it = opened(KITTY, "--pictures", "none", "--theme", "light", size=(120, 40))
    it.sees("0.png")
    it.until(lambda: grounds(it) == {True}, "a light ground")
    it.quiet(0.5)
    it.type("\x1bOR")  # F3
    it.sees("what suits kitty: dark")
    it.type("dark\r")
    it.until(lambda: grounds(it) == {False}, "a dark ground")
    before = it.quiet(0.5)
    it.type("jk" * 10)
    it.sees("0.png")
    assert 0 < it.quiet(0.5) - before < 20 * 450 + 2_500  # and what is told of the image at rest
    it.type("q")
    assert it.ended() == 0
    it = opened(KITTY, "--pictures=none")
    it.sees("0.png")
    it.until(lambda: grounds(it) == {False}, "a dark ground again")
    it.type("q")
    assert it.ended() == 0


def grounds(it: FakeTerminal) -> set[bool]:
    """Whether the ground of the lines of the list is light."""
    return {sum(row[30].back) > 3 * 128 for row in it.screen.cells[10:20]}


def test_a_line_that_froze_and_is_lost_ends_the_app(opened: Opened) -> None:
    """What it would still draw has nowhere to go, and waits for no room."""
    it = opened(SILENT, size=(120, 40))
    it.sees("number 0")
    it.freeze("jk" * 60)
    assert it.ended() == 0
