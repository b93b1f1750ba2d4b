"""Freeze: findings lead to the images; a name gives a manifest and its digest."""

from __future__ import annotations

import pytest

from curator.index.changes.edits import AddTags
from curator.index.tables.rows import Subset


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_findings_are_shown_and_open_their_pictures(drive, session, size):
    async with drive(size) as it:
        await it.press("4")
        await it.sees("WARN")
        findings = it.app.screen.report.findings
        place = next(at for at, each in enumerate(findings) if each.filter)
        await it.press(*["j"] * place, "enter")
        await it.sees("[1 Browse]")
        await it.until(lambda: it.images.count == len(session.images.select(findings[place].filter)))


async def test_escape_comes_back_from_the_pictures_of_a_finding(drive, session):
    """The filter one had is there again, and a filter typed meanwhile is one's own."""
    session.memory.keep("filter", "cat")
    async with drive() as it:
        await it.press("4")
        await it.sees("WARN")
        findings = it.app.screen.report.findings
        place = next(at for at, each in enumerate(findings) if each.filter)
        await it.press(*["j"] * place, "enter")
        await it.sees("untagged -has:caption")
        await it.sees("06 blank")
        await it.press("space", "escape")
        assert "[1 Browse]" in it.text
        await it.press("escape")
        await it.sees("[4 Freeze]")
        await it.press("1")
        await it.sees("1 image")
        assert it.shown("FilterInput").value == "cat"
        await it.press("4")
        await it.sees("WARN")
        await it.press(*["j"] * place, "enter")
        await it.sees("untagged -has:caption")
        await it.sees("06 blank")
        await it.press("slash", "ctrl+u")
        await it.type("dog")
        await it.press("enter", "escape", "escape")
        await it.sees("[1 Browse]")
        await it.sees("1 image")


async def test_a_finding_that_stops_is_said_before_a_name_is_asked(drive, session):
    session.subsets.save(Subset("none", "nothing_has_this_tag"))
    async with drive() as it:
        await it.press("4")
        await it.sees("STOP")
        await it.press("n")
        await it.until(lambda: it.notices)
        assert not it.app.screen.is_modal


async def test_a_name_freezes_and_the_digest_is_shown(drive, session):
    async with drive() as it:
        await it.press("4")
        await it.until(lambda: it.app.screen.report)
        await it.press("n")
        await it.type("set1")
        await it.press("enter")
        await it.until(session.freezing.manifests)
        (manifest,) = session.freezing.manifests()
        await it.sees(manifest.digest[:16])
        assert manifest.images == 6
        await it.press("n")
        await it.type("set1")
        await it.press("enter")
        await it.sees("there is a manifest named set1")


async def test_a_manifest_tells_what_it_holds_and_what_has_changed_since(drive, session):
    session.subsets.save(Subset("beasts", "animal", repeats=3))
    session.freezing.write("first")
    async with drive((120, 40)) as it:
        await it.press("4")
        await it.sees("as it is now")
        await it.sees("2 images, 6 samples an epoch")
        await it.sees("2 x 3")
        session.edits.apply(AddTags(("animal",)), [3])
        await it.sees("changed since: 1 edit")
        await it.press("tab", "d")
        await it.sees("+ 1 image: added")
        await it.sees("03 car.jpg")
        await it.press("escape")
        assert not list(session.folder.glob("*/*.manifest-journal"))
        session.edits.undo()
        await it.sees("as it is now")
