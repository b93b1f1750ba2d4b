"""Requests to a run: those it can still heed, and none that would lie in wait for the next worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.run.event_log import EventLog
from curator.contract.run.events import Paused, RequestTaken
from curator.contract.run.run_folder import RunFolder
from curator.runs.requests import request


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    made = RunFolder.create(tmp_path, "r", "", tmp_path / "m", "d")
    with made.hold():
        yield made


def say(run: RunFolder, *events: Paused | RequestTaken) -> None:
    log = EventLog(run.events_path)
    for event in events:
        log.write(event)


def test_a_run_that_is_not_paused_cannot_resume(run: RunFolder) -> None:
    with pytest.raises(UserError, match="is not paused"):
        request(run, "resume")
    assert run.requests() == []
    request(run, "pause")
    request(run, "resume")
    assert run.requests() == ["pause", "resume"]


@pytest.mark.parametrize("is_taken", [False, True])
@pytest.mark.parametrize("action", ["resume", "pause", "save", "sample"])
def test_a_run_that_is_stopping_is_left_alone(run: RunFolder, action: str, is_taken: bool) -> None:
    request(run, "pause")
    request(run, "stop")
    if is_taken:
        say(run, *(RequestTaken(time.time(), each) for each in run.take_requests()))
    before = run.requests()
    with pytest.raises(UserError, match="is stopping"):
        request(run, action)
    assert run.requests() == before
