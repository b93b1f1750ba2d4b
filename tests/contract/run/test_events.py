from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.run.event_log import EventLog, read_events
from curator.contract.run.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    ImageQuarantined,
    Paused,
    PhaseStarted,
    Progress,
    RequestMissed,
    RequestTaken,
    Resumed,
    RunEnded,
    RunFailed,
    RunStarted,
    SampleMade,
    StateSaved,
    StepDone,
    Uploaded,
    Warned,
    from_line,
    to_line,
)

EVENTS: list[Event] = [
    RunStarted(1.0, 0, 100, 4, False, 42, "cpu", 1),
    PhaseStarted(1.5, "caching latents", 20),
    PhaseStarted(1.5, "loading"),
    Progress(1.6, "caching latents", 3, 20),
    StepDone(2.0, 1, 0, 0.12, {"unet": 1e-4, "text": 5e-5}, 0.7, 4, 0.25, 10**9),
    Evaluated(2.5, 1, 0.5, 8),
    SampleMade(3.0, 1, "samples/0.png", "a \x1b[31m\nprompt", 5),
    CheckpointSaved(3.5, 1, "output/x.safetensors", "ab" * 32),
    StateSaved(3.6, 1, "state/step-00000001"),
    ImageQuarantined(3.7, "caf\udce9.png", "it is cut short"),
    Warned(3.8, "what", "hint"),
    Uploaded(3.0, "a.safetensors", "me/a", "https://hub/me/a/commit/1"),
    RequestTaken(3.9, "pause"),
    RequestMissed(3.95, "save"),
    Paused(4.0, 1),
    Resumed(5.0, 1),
    RunFailed(6.0, "what", "hint"),
    RunEnded(7.0, "failed", 1),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_its_line(event: Event) -> None:
    line = to_line(event)
    assert "\n" not in line
    assert from_line(line) == event


def test_every_kind_is_tried_above() -> None:
    assert {event.kind for event in EVENTS} == {kind.kind for kind in Event.__args__}


def test_a_loss_that_is_no_number_stays_valid_json() -> None:
    line = to_line(StepDone(2.0, 1, 0, math.nan, {}, math.inf, 4, 0.25, 1))
    assert "NaN" not in line
    again = from_line(line)
    assert isinstance(again, StepDone)
    assert math.isnan(again.loss)


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert from_line('{"kind": "moon_phase", "at": 1}') is None
    assert from_line('{"kind": "paused", "at": 1.0, "step": 2, "why": "lunch"}') == Paused(1.0, 2)


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"at": 1}', '{"kind": "paused"}'])
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(UserError):
        from_line(line)


def test_a_reader_follows_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_events(path)[:2] == ([], 0)
    log = EventLog(path)
    log.write(EVENTS[0])
    first, offset, *_ = read_events(path)
    log.write(EVENTS[1])
    second, end, *_ = read_events(path, offset)
    assert first + second == EVENTS[:2]
    assert end == path.stat().st_size


def test_a_half_line_waits_and_is_ended_by_the_next_worker(tmp_path: Path) -> None:
    """A worker killed in mid-write loses that line only."""
    path = tmp_path / "events.jsonl"
    EventLog(path).write(EVENTS[0])
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"kind": "step_do')
    assert read_events(path)[:2] == ([EVENTS[0]], whole)
    EventLog(path).write(EVENTS[1])
    assert read_events(path)[0] == EVENTS[:2]


def test_what_threads_tell_at_once_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two caches that find the disk full at the same time do."""
    really = os.write

    def slow(file: int, data: bytes) -> int:
        written = really(file, data)
        time.sleep(0.01)
        return written

    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    monkeypatch.setattr(os, "write", slow)
    said = [Warned(float(number), f"cache {number}", "") for number in range(8)]
    with ThreadPoolExecutor(len(said)) as threads:
        list(threads.map(log.write, said))
    found = read_events(path)
    assert found.damaged == 0
    assert sorted(each.at for each in found.events) == [each.at for each in said]
