"""A run that gives up its device goes on as one that was never stopped; requests that came too late are said."""

from __future__ import annotations

import time

from safetensors.torch import load_file

from curator.contract.run.event_log import EventLog
from curator.contract.run.events import (
    CheckpointSaved,
    Evaluated,
    Paused,
    RequestMissed,
    RunEnded,
    StateSaved,
    StepDone,
)
from tests.train.states.test_exact_resume import assert_equal, weights


def test_a_suspended_run_ends_with_its_state_and_goes_on_exactly(
    make_run, work, start_worker, events_of
) -> None:
    """B09: asked for in a pause, too; the process is gone, and with it all it held of the device."""
    whole = make_run("length.steps=60", "adapter.dropout=0.2", name="whole")
    assert work(whole) == 0
    run = make_run("length.steps=60", "adapter.dropout=0.2", name="suspended")
    process = start_worker(run)
    deadline = time.monotonic() + 300

    def wait_for(kind: type) -> None:
        while not any(isinstance(event, kind) for event in events_of(run)):
            assert time.monotonic() < deadline
            assert process.poll() is None, run.log_path.read_text()
            time.sleep(0.02)

    wait_for(StepDone)
    run.request("pause")
    wait_for(Paused)
    run.request("suspend")
    assert process.wait() == 4
    assert run.status() == "suspended"
    events = events_of(run)
    saved, ended = (
        next(e for e in reversed(events) if isinstance(e, kind)) for kind in (StateSaved, RunEnded)
    )
    assert (ended.how, ended.step) == ("suspended", saved.step)
    assert saved.step < 60
    assert work(run) == 0
    assert_equal(weights(whole), weights(run))
    assert load_file(run.output_dir / "suspended.safetensors")


def test_what_was_asked_too_late_is_said(make_run, work, events_of, monkeypatch) -> None:
    """B09: of a worker that died before it heard, behind the last step, and with the last words."""
    run = make_run("evaluate.images=1")
    (run.requests_dir / "00000000000000000001-stop").touch()
    original = EventLog.write

    def write(self, event) -> None:
        original(self, event)
        if isinstance(event, CheckpointSaved):
            (run.requests_dir / "00000000000000000002-pause").touch()
            (run.requests_dir / "00000000000000000003-save").touch()
        if isinstance(event, Evaluated) and event.step:
            (run.requests_dir / "00000000000000000004-sample").touch()

    monkeypatch.setattr(EventLog, "write", write)
    assert work(run) == 0
    missed = [event.action for event in events_of(run) if isinstance(event, RequestMissed)]
    assert missed == ["stop", "pause", "save", "sample"]
    assert run.requests() == []
