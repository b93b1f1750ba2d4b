"""The first five minutes: a folder without an index, what lies in it, the index made and looked at meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PIL import Image

from curator.scan.scan import ScanProgress
from curator.session.images.exchange import Exchange
from curator.session.images.images import Images
from curator.session.session import Session
from curator.tui import scanning
from curator.tui.app import FriezeApp
from curator.tui.offer_app import OfferApp
from curator.tui.widgets.lists.line_list import LineList
from tests.tui.conftest import Driven


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("10_myflower", "cats", "[b]evil\x1b[31m"):
        (tmp_path / name).mkdir()
        for at in range(3):
            Image.new("RGB", (64, 64), (40 * at, 90, 90)).save(tmp_path / name / f"{at}.png")
        (tmp_path / name / "0.txt").write_text("red, flower")
    Image.new("RGB", (64, 64)).save(tmp_path / "cats" / "3.jpg")
    (tmp_path / "cats" / "multiply.txt").write_text("2.5\n")
    return tmp_path


async def test_what_lies_there_is_counted_and_signs_are_taken_or_left(folder):
    app = OfferApp(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        it = Driven(app, pilot)
        await it.sees("10 images in 3 folders: 9 png, 1 jpeg")
        await it.sees("3 sidecars: 3 .txt")
        await it.sees("10_myflower: 10 repeats of kohya")
        await it.sees("cats/multiply.txt: 2.5")
        await it.sees("[x] everydream")
        await it.press("G", "space")
        await it.sees("[ ] everydream")
        await it.press("enter")
        await it.until(lambda: app.return_value is not None)
    assert [offer.layout for offer in app.return_value] == ["kohya-folders"]
    app = OfferApp(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape")
    assert app.return_value is None


async def test_the_app_is_useful_while_a_new_index_is_made_and_signs_become_subsets(folder, monkeypatch):
    may_end, plain = threading.Event(), Images.scan
    monkeypatch.setattr(scanning, "_TELL_EVERY_S", 0)
    monkeypatch.setattr(scanning, "_GROW_EVERY_S", 0)

    def slow(self, root=None, progress=None, **options):
        report = plain(self, root, progress, **options)
        at = 10
        while not may_end.wait(0.05):
            at += 1
            progress(scanning_at(at, 2 * at))
        return report

    monkeypatch.setattr(Images, "scan", slow)
    offers = Exchange.first_look(folder).offers
    with Session.create(folder) as session:
        app = FriezeApp(session, offers=offers)
        async with app.run_test(size=(120, 40)) as pilot:
            it = Driven(app, pilot)
            await it.until(lambda: app.screen.query("ImageList") and it.images.count == 10)  # as they come
            await it.sees(", esc stops")
            assert "████████████ " in it.text  # half of the bar
            await it.press("j", "y")
            await it.until(lambda: session.images.rows([2])[0].mark == 1)
            may_end.set()
            await it.until(lambda: "3 subsets" in it.notices)
            repeats = {each.name: each.repeats for each in session.subsets.all()}
            assert repeats["10_myflower"] == 10
            assert repeats["cats"] == 2.5
            app._look_at_notes()
            await it.until(lambda: f"Subsets {len(repeats)}" in it.text)  # among the tabs
            await it.press("colon")
            await it.type("sidecar")
            await it.sees("scan a folder for images")
            await it.press("escape", "colon", "pagedown", "ctrl+d", "ctrl+u", "end")
            lines = app.screen.query_one(LineList)
            assert lines.cursor == lines.count - 1 > 20


async def test_escape_stops_a_scan_and_what_was_read_stays(folder, monkeypatch):
    begun, plain = threading.Event(), Images.scan

    def endless(self, root=None, progress=None, **options):
        plain(self, root, progress, **options)
        begun.set()
        while True:
            progress(scanning_at(1, 10))

    monkeypatch.setattr(Images, "scan", endless)
    with Session.create(folder) as session:
        app = FriezeApp(session, offers=())
        async with app.run_test(size=(80, 24)) as pilot:
            it = Driven(app, pilot)
            await it.until(begun.is_set)
            await it.press("escape")
            await it.until(lambda: "Stopped" in it.notices)
            await it.until(lambda: it.images.count == 10)
            await it.until(lambda: not app.progress)
            await it.press("colon")
            await it.type("cull")
            await it.sees("mark keep, next image")


def scanning_at(done: int, total: int) -> ScanProgress:
    return ScanProgress(done, total, "")
