"""Pictures that the terminal keeps: sent once, the oldest unseen makes room, all taken away and brought back."""

from __future__ import annotations

import pytest
from textual.widget import Widget

from curator.tui.drawing.picture_request import Picture, Upload
from curator.tui.terminal import kitty, shown_pictures
from curator.tui.terminal.detection import Terminal
from curator.tui.terminal.shown_pictures import Placed, ShownPictures
from tests.terminal.screen import KITTY, Screen

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"


class Shown:
    """What an app shows in a terminal of kitty's kind."""

    def __init__(self) -> None:
        self.screen = Screen(80, 24, KITTY)
        self.pictures = ShownPictures(self.screen.feed)
        self.pictures.use(Terminal("kitty"))

    def put(self, widget: Widget, *pictures: Picture) -> None:
        self.pictures.put(widget, [Placed(each) for each in pictures])

    @property
    def kept(self) -> int:
        return len(self.screen.images.kept)


def picture(size: int = 4) -> Picture:
    return Picture(upload=Upload(1, 1, "f=100", DOT, size))


def test_a_picture_is_sent_once() -> None:
    shown, one, other = Shown(), picture(), picture()
    widget, second = Widget(), Widget()
    for each in (one, other, one, other):
        shown.put(widget, each)
    shown.put(second, one)
    assert shown.screen.images.sent == 2
    assert shown.kept == 2


def test_the_oldest_that_is_not_seen_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_pictures, "_KEPT", 3)
    shown, seen, widget = Shown(), picture(), Widget()
    other = Widget()
    shown.put(other, seen)
    for _ in range(300):  # more than there are numbers
        shown.put(widget, picture())
    assert shown.kept == 3
    assert shown.screen.images.sent == 301
    shown.put(other, seen)
    assert shown.screen.images.sent == 301
    monkeypatch.setattr(shown_pictures, "_KEPT_BYTES", 10)
    shown.put(widget, picture(8))
    assert shown.kept == 2


def test_nothing_is_left_and_what_is_seen_comes_back() -> None:
    shown, one, other = Shown(), picture(), picture()
    widget = Widget()
    shown.put(widget, one)
    before = list(shown.screen.images.kept)
    shown.put(widget, other)
    shown.screen.feed(shown.pictures.taken_away())
    assert shown.kept == 0
    shown.screen.feed(shown.pictures.brought_back())
    assert shown.kept == 1
    assert list(shown.screen.images.kept) != before
    shown.put(widget, one)
    assert shown.kept == 2
    shown.pictures.use(Terminal("blocks"))
    assert shown.kept == 0


def test_numbers_are_colours_that_no_theme_changes_and_marks_that_take_no_room() -> None:
    assert min(kitty.LOW_BYTES) == 16
    assert len(set(kitty.DIACRITICS)) == 129
    strips = kitty.cells(Upload(9, 3, "", "", 0), 100, 16)
    assert [strip.cell_length for strip in strips] == [9, 9, 9]
    assert all(sum(len(each.text) for each in strip) == 9 + 3 for strip in strips)
