"""Copies of images: groups side by side, the best kept, everything taken back (B16)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from curator.index.changes.edits import AddTags, SetMark
from curator.session.session import Session
from curator.tui.background import AbandonedError
from curator.tui.screens.images.copies import CopiesScreen
from curator.tui.text.copy_groups import Likeness, about_copy, look_for, shown_copies
from tests.inside import inside

SIZES = [(80, 24), (120, 40)]


def _drawn(seed: int) -> Image.Image:
    chance = random.Random(seed)
    image = Image.new("RGB", (192, 160), (chance.randrange(256), 40, 90))
    for _ in range(25):
        x, y, r = chance.randrange(192), chance.randrange(160), chance.randrange(8, 50)
        ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=(chance.randrange(256), r * 4, y))
    return image


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    for seed in (1, 2):
        whole = _drawn(seed)
        whole.save(folder / f"{seed}-whole.png")
        (folder / f"{seed}-whole.txt").write_text("cat, animal, [b]big[/b]")
        (folder / f"{seed}-again.png").write_bytes((folder / f"{seed}-whole.png").read_bytes())
        (folder / f"{seed}-again.txt").write_text("cat, animal")
        whole.resize((96, 80)).save(folder / f"{seed}-small.jpg", quality=80)
    return folder


@pytest.fixture
def session(tmp_path: Path, copies: Path):
    with Session.create(tmp_path / "set") as session:
        session.images.scan(copies)
        yield session


def marks(session: Session) -> dict[str, int]:
    return {row.name: row.mark for row in session.images.rows(session.images.select("").ids.tolist())}


def nothing(_done: int, _total: int) -> None:
    pass


async def opened(it) -> CopiesScreen:
    await it.press("D")
    await it.sees("group 1 of 2")
    screen = it.app.screen
    assert isinstance(screen, CopiesScreen)
    return screen


@pytest.mark.parametrize("size", SIZES)
async def test_groups_are_side_by_side_with_what_differs(drive, session, size):
    async with drive(size) as it:
        screen = await opened(it)
        await it.sees("2 copies   the same file")
        assert [each.how for each in screen.copies] == ["best", "same file"]
        assert "192x160" in it.text
        await it.sees("[b]big[/b]")
        await it.press("plus", "plus", "plus")
        await it.sees("4 copies   alike to 4 of 64 bits")
        assert [each.row.width for each in screen.copies] == [192, 192, 96]
        columns = [each for each in screen.query(".copy") if each.display]
        assert len(columns) == (2 if size[0] == 80 else 3)
        await it.press("l", "l")
        await it.sees(">3 ")
        await it.sees("96x80")


@pytest.mark.parametrize("size", SIZES)
async def test_the_best_or_the_chosen_one_is_kept_and_undo_takes_it_back(drive, session, size):
    async with drive(size) as it:
        screen = await opened(it)
        before = marks(session)
        chosen = screen.copies[1].row.name
        await it.press("l", "y")
        await it.sees("group 2 of 2")
        rejected = [name for name, mark in marks(session).items() if mark == -1]
        assert len(rejected) == 1
        assert chosen not in rejected
        best = screen.copies[0].row.name
        await it.press("b")
        await it.until(lambda: sum(mark == -1 for mark in marks(session).values()) == 2)
        assert marks(session)[best] == 0
        await it.sees("same file  reject")
        await it.press("u", "u")
        await it.until(lambda: marks(session) == before)
        await it.press("escape")
        await it.sees("6 images")


async def test_all_groups_at_once_after_a_question(drive, session):
    """A group somebody decided otherwise, and what is marked to keep, stay as they are."""
    async with drive() as it:
        screen = await opened(it)
        await it.press("l", "y", "B")  # the best of the first group is rejected
        await it.sees("Reject 1 image?")
        await it.press("y")
        await it.until(lambda: sum(mark == -1 for mark in marks(session).values()) == 2)
        kept = [copy.row.id for copy in screen.copies if copy.row.mark != -1]
        await it.press("B")
        await it.until(lambda: "Nothing is left to reject" in it.notices)
        assert kept


async def test_words_of_the_rejected_are_carried_over_where_asked(drive, session):
    session.edits.apply(
        AddTags(("extra", "more")), [session.images.select("name:again name:1").ids.tolist()[0]]
    )
    async with drive() as it:
        screen = await opened(it)
        await it.press("w")
        await it.sees("words carried over")
        best = screen.copies[0].row.id
        await it.press("b")
        await it.until(lambda: -1 in marks(session).values())
        assert "[b]big[/b]" in [tag.name for tag in session.images.tags_of(best)]
        await it.press("u")
        await it.until(lambda: -1 not in marks(session).values())
        assert "[b]big[/b]" not in [tag.name for tag in session.images.tags_of(best)]
        assert session.memory.recall("copies.words") is True


def test_what_is_marked_to_keep_is_never_rejected(session):
    groups = look_for(session, "", Likeness(4), nothing)
    copy = groups[0].copies[0].image
    session.edits.apply(SetMark(1), [copy])
    rejected = session.copies.keep_best(groups).rejected
    assert copy not in rejected
    assert groups[0].best in rejected  # what a person keeps is the best
    assert len(rejected) == 4


async def test_looking_can_be_stopped_and_goes_on(drive, session, monkeypatch):
    """Escape stops; what was looked at is kept, so r has less to do."""
    from curator.tui.screens.images import copies as screen

    looked: list[int] = []

    def stuck(reader, text, likeness, progress):
        looked.append(1)
        if len(looked) == 1:
            raise AbandonedError
        return look_for(reader, text, likeness, progress)

    monkeypatch.setattr(screen, "look_for", stuck)
    async with drive() as it:
        await it.press("D")
        await it.sees("looking; esc stops")
        await it.press("escape")
        await it.sees("stopped; r goes on")
        await it.press("r")
        await it.sees("group 1 of 2")


async def test_without_copies_the_way_on_is_said(drive, session):
    session.memory.keep("filter", "name:small")
    async with drive() as it:
        await it.press("D")
        await it.sees("no two are the same: + looks for images less alike")
        await it.press("y", "b", "x", "B", "j", "l", "enter")
        assert set(marks(session).values()) == {0}


def test_the_order_of_what_is_best_is_remembered_and_obeyed(session):
    by_bytes = look_for(session, "", Likeness(4, "bytes"), nothing)
    sizes = [[each.row.file_bytes for each in shown_copies(session, group)] for group in by_bytes]
    assert all(each[0] == max(each) for each in sizes)
    inside(session).scores.write("nice", [(by_bytes[0].best, 0.1)])
    after_bytes = Likeness(4, "bytes").next_order(session.copies.orders())
    assert after_bytes == Likeness(4, "score(nice)")
    assert look_for(session, "", after_bytes, nothing)[0].best == by_bytes[0].best
    assert after_bytes.next_order(session.copies.orders()) == Likeness(4, "size")
    assert Likeness(4, "score(gone)").next_order(session.copies.orders()) == Likeness(4, "size")
    assert Likeness().nearer(-1) == Likeness()
    assert Likeness(10).nearer(1) == Likeness(10)


def test_a_column_says_what_is_known(session):
    copy = shown_copies(session, look_for(session, "", Likeness(), nothing)[0])[1]
    said = "\n".join(line.plain for line in about_copy(copy, 30, number=2, is_current=True))
    assert ">2 same file" in said
    assert f"{copy.row.file_bytes:,} bytes" in said
    assert "no score" in said
