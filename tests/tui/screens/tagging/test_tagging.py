"""Tagging: jobs of tag models watched and stopped, their proposals accepted image by image, at any threshold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.contract.tagging.job import TaggingJob, write_job
from curator.contract.tagging.zoo import ModelRow
from curator.session.session import Session
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.lists.line_list import LineList
from tests.tui.answered_job import answered_job

LABELS = (
    ("general", "rating", 0.2),
    ("sensitive", "rating", 0.8),
    ("cat", "general", 0.95),
    ("long [b]tail", "general", 0.7),
    ("whiskers", "general", 0.36),
    ("tom", "character", 0.9),
    ("a,b", "general", 0.6),
)


@pytest.fixture
def job(session: Session) -> RunFolder:
    """A job that is over: it answered for all images but the last."""
    return answered_job(session, "tagger", LABELS, bad="06 blank.png")


@pytest.fixture
def living(session: Session) -> Iterator[EventLog]:
    """A job whose worker is this test."""
    folder = session.folder / "proposals" / "2026-01-02-slow"
    write_job(folder, TaggingJob("slow", "/nowhere", ModelRow("onnx-tagger"), 50), [])
    run = RunFolder(folder)
    with run.hold():
        log = EventLog(run.events_path)
        log.write(ev.RunStarted(1000.0, 0, 50, 0, False, 1, "cpu", 1))
        log.write(ev.Progress(1002.0, "tagging", 10, 50))
        yield log


def tags_of(session: Session, image: int) -> list[str]:
    return [tag.name for tag in session.images.tags_of(image)]


def lines(it) -> list[str]:
    """The tags that are shown; none while the screen is on its way."""
    found = it.app.screen.query("#tags").results(LineList)
    return [shown.render_line(y).text.strip() for shown in found for y in range(shown.count)]


def said(it, selector) -> str:
    shown = it.shown(selector)
    return shown.plain if isinstance(shown, PanelTitle) else shown.render().plain


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_job_is_followed_and_stopped(drive, living, session, size):
    async with drive(size) as it:
        await it.press("9")
        await it.sees("10/50")
        await it.sees("on cpu, 5.0 images/s")
        await it.sees("0:08 left")
        living.write(ev.Progress(1004.0, "tagging", 40, 50))
        await it.sees("40/50")
        await it.press("x")
        await it.sees("Stop the job 2026-01-02-slow?")
        await it.press("y")
        run = session.proposals.find_job("slow")
        await it.until(lambda: run.requests() == ["stop"])


@pytest.mark.usefixtures("job", "living")
async def test_what_a_job_could_not_use_is_told_and_a_stop_of_a_job_that_is_over_refused(drive):
    async with drive() as it:
        await it.press("9")
        await it.sees("slow")
        await it.press("j")
        await it.sees("06 blank.png: [red]no image")
        await it.press("x", "y")
        await it.until(lambda: "is stopped, so there is nothing to stop" in it.notices)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.usefixtures("job")
async def test_images_are_accepted_and_rejected_one_by_one(drive, session, size):
    first, second = session.images.select("").ids.tolist()[:2]
    async with drive(size) as it:
        await it.press("9")
        await it.sees("tagger")
        await it.press("enter")
        await it.until(lambda: len(lines(it)) == 5)
        assert lines(it)[:2] == ["= 0.95  cat", "+ 0.90  tom  character"]
        assert "+ 0.36  whiskers" in lines(it)
        await it.press("x")  # the first is left as it is
        await it.until(lambda: "2/6" in said(it, "#about"))
        assert lines(it)[0] == "+ 0.95  cat"
        await it.press("j", "space")
        await it.until(lambda: lines(it)[1].startswith("- "))
        await it.press("y")
        await it.until(lambda: "3/6" in said(it, "#about"))
        assert said(it, "#effect").endswith("accepted 1, rejected 1")
        assert set(tags_of(session, second)) == {
            "dog",
            "animal",
            "outdoors",
            "cat",
            "long [b]tail",
            "whiskers",
        }
        assert tags_of(session, first) == ["cat", "animal", "indoors"]
        await it.press("u")
        await it.until(lambda: tags_of(session, second) == ["dog", "animal", "outdoors"])


@pytest.mark.usefixtures("job")
async def test_the_threshold_moves_without_asking_the_model_again(drive, session):
    """B04: what would be added to all is counted as it moves."""
    async with drive((80, 24)) as it:
        await it.press("9")
        await it.sees("tagger")
        await it.press("enter")
        await it.until(lambda: "all 6: 5 answered, 19 tags to add, of 4 kinds" in said(it, "#effect"))
        await it.press("plus")
        await it.until(lambda: "tags above 0.40, characters above 0.85" in said(it, "#thresholds"))
        await it.until(lambda: "14 tags to add, of 3 kinds" in said(it, "#effect"))
        assert "+ 0.36  whiskers" not in lines(it)
        await it.press("greater_than_sign")
        await it.until(lambda: "9 tags to add, of 2 kinds" in said(it, "#effect"))
        await it.press("minus", "less_than_sign")
        await it.until(lambda: "19 tags to add" in said(it, "#effect"))
        await it.press("A")
        await it.sees("Accept for all of 6 images?")
        await it.press("y")
        await it.until(lambda: "0 tags to add, of 0 kinds" in said(it, "#effect"))
        assert all(line.startswith(("= ", "! 0.60  a,b  cannot be a tag")) for line in lines(it))


@pytest.mark.usefixtures("job")
async def test_an_image_that_the_model_has_not_seen_says_so(drive):
    async with drive() as it:
        await it.press("9")
        await it.sees("tagger")
        await it.press("enter")
        await it.until(lambda: "1/6" in said(it, "#about"))
        for place in range(2, 7):
            await it.press("n")
            await it.until(lambda place=place: f"{place}/6" in said(it, "#about"))
        assert lines(it) == []
        await it.sees("the model has not seen it")
        await it.press("escape")
        await it.sees("2026-01-01-tagger")


async def test_without_jobs_it_says_how_to_start_one(drive):
    async with drive((80, 24)) as it:
        await it.press("9")
        await it.sees("none yet: n asks a tag model")
        await it.press("x", "r", "enter")
        assert "Traceback" not in it.text
